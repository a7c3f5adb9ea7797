// What other caches had to be warned of, by number (LANDSCAPE.md), in both modes. What `safety`, `credentials`, `keys`, `outside`
// and `breaking` show already is not repeated: here are the strict mode, the validation, the stale and the coalesced.

import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { parse as parseQuery } from 'node:querystring';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { all, fates, Gate, NEWEST, numbered, START, stream, useBench } from './bench.js';
import type { Answer, Ask } from './client.js';
import { type Asked, type Handler, type Host, Layer, load, raw, type Said } from './hosts.js';
import { nextEvent, soon, Traffic, told } from './traffic.js';

const bench = useBench();

const onHeaders = load<(res: ServerResponse, listener: () => void) => void>('on-headers');

const http = (ms: number) => new Date(ms).toUTCString();
const FRESH = 'public, max-age=60';
const MODES = ['application', 'rfc9111'] as const;

/** The answers to several who ask at the same time, the first of whom runs the handler. */
async function together(host: Host, traffic: Traffic, gate: Gate, asks: readonly (readonly [string, Ask])[]) {
  const before = traffic.passages.length;
  const answers = [];
  for (const [i, [target, ask]] of asks.entries()) {
    answers.push(host.ask(target, ask));
    // One after the other, so that it is known who leads.
    await traffic.begun(before + i + 1);
  }
  gate.open();
  return Promise.all(answers);
}

const cookies = (answer: Answer) => answer.all('set-cookie');
const as = (name: string): Ask => ({ headers: { 'X-User': name } });

describe.each(NEWEST)('vulnerabilities: $label', (combination) => {
  describe.each(MODES)('mode %s', (mode) => {
    const start = () => bench.start(combination, { mode });

    describe('CVE-2026-6907: Vary with a star', () => {
      it('keeps an answer out, in whatever list and beside whatever else', async () => {
        const host = await start();
        const values = ['*', ' * ', 'accept, *', '*,accept', ['accept', '*'], '*, *', ',*'];
        const said = (value: string | string[]): Said => ({
          headers: { Vary: value, 'Cache-Control': FRESH, ETag: '"a"' },
        });
        expect(await fates(host, values, said)).toEqual(all(values, 'not stored'));
      });

      it('in a 304 is for its client alone, and in a new answer replaces nothing', async () => {
        const host = await start();
        const handler = numbered(({ headers }) => {
          const fields = { 'Cache-Control': 'max-age=10', ETag: '"a"' };
          if (headers['if-none-match'] === undefined) return { headers: fields };
          return handler.runs === 2
            ? { status: 304, headers: { ...fields, Vary: '*' }, body: '' }
            : { headers: { ...fields, ETag: '"b"', Vary: '*' } };
        });
        host.get('/x', {}, handler);
        await host.ask('/x');
        host.clock.forward(10);
        const confirmed = await host.ask('/x');
        expect(confirmed).toMatchObject({ status: 200, text: 'run 1' });
        expect(told(confirmed)).toMatchObject({ 'fwd-status': 304, detail: 'vary-star' });
        expect((await host.ask('/x')).text).toBe('run 3');
        expect((await host.ask('/x')).text).toBe('run 4');
      });
    });

    describe('CVE-2026-48587: white space in Vary', () => {
      it.each(['Accept-Language , X-User', '\tX-User\t', 'X-User ,', ' ,X-User', 'Accept ,\t X-User', 'x-user  '])(
        '%j is read as what it says',
        async (vary) => {
          const host = await start();
          host.get('/x', {}, ({ headers }) => ({
            headers: { Vary: vary, 'Cache-Control': FRESH },
            body: `for ${headers['x-user']}`,
          }));
          for (const name of ['one', 'two', 'one', 'two'])
            expect((await host.ask('/x', as(name))).text).toBe(`for ${name}`);
          expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 2 });
        },
      );
    });

    it('CVE-2026-8404: case and white space in Cache-Control', async () => {
      const host = await start();
      const values = [
        ...['Private', 'PRIVATE, max-age=60', 'No-Store', 'NO-STORE, MAX-AGE=60', 'max-age=60, Private', 'pRiVaTe'],
        ...[
          'max-age=60 ,\tprivate',
          'max-age=60,No-Store',
          'Public, No-Store',
          'private=, max-age=60',
          'private="", max-age=60',
        ],
        ['Max-Age=60', 'PRIVATE'],
      ];
      const found = await fates(host, values, (value) => ({ headers: { 'Cache-Control': value } }));
      expect(found).toEqual(all(values, 'not stored'));
      const stale = await start();
      const handler = numbered({
        headers: { 'Cache-Control': 'Max-Age=10, Must-Revalidate, Stale-While-Revalidate=60' },
      });
      stale.get('/x', {}, handler);
      await stale.ask('/x');
      stale.clock.forward(10);
      expect((await stale.ask('/x')).text).toBe('run 2');
    });

    describe('CVE-2026-44457: Vary on credentials', () => {
      it.each(['Authorization', 'Cookie', 'cookie, authorization', 'Accept, COOKIE'])(
        '%s: nobody is given what was made for another',
        async (vary) => {
          const host = await start();
          const name = /cookie/i.test(vary) ? 'Cookie' : 'Authorization';
          host.get('/x', {}, ({ headers }) => ({
            headers: { Vary: vary, 'Cache-Control': 'max-age=60', ETag: '"a"' },
            body: `for ${headers[name.toLowerCase()]}`,
          }));
          for (const value of ['one', 'two', undefined, 'one', 'three', undefined, 'two']) {
            const ask = value === undefined ? {} : { headers: { [name]: value } };
            expect((await host.ask('/x', ask)).text).toBe(`for ${value}`);
          }
        },
      );

      it('an Authorization without more is stored for nobody, though the answer is fresh', async () => {
        const host = await start();
        const handler = numbered({ headers: { 'Cache-Control': 'max-age=60' } });
        host.get('/x', {}, handler);
        const headers = { Authorization: 'Bearer one' };
        for (let i = 1; i < 4; i++) expect((await host.ask('/x', { headers })).text).toBe(`run ${i}`);
        expect((await host.ask('/x')).text).toBe('run 4');
        expect((await host.ask('/x', { headers })).text).toBe('run 5');
      });
    });

    it('aspnetcore#67763: no sign in a query makes strangers one another, coalesced or not', async () => {
      const host = await start();
      const [traffic, gate] = [new Traffic(), new Gate()];
      host.use(traffic.layer, {});
      host.use(async ({ url }) => {
        await gate.opened;
        return { headers: { 'Cache-Control': FRESH }, body: url };
      });
      const signs = ['%1E', '%1F', '%00', '%0A', '%0D%0A', '%7F', '%C2%9E', '%', '%1', '~', '%7E', '|', ''];
      const targets = signs.flatMap((sign) => ['one', 'two'].map((user) => `/me?q=${sign}&user=${user}`));
      const answers = await together(
        host,
        traffic,
        gate,
        [...targets, '/me'].map((target) => [target, {}]),
      );
      expect(answers.map(({ body }) => body.toString('utf8'))).toEqual(
        [...targets, '/me'].map((target) => Buffer.from(target).toString('utf8')),
      );
      for (const target of targets) expect((await host.ask(target)).text).toBe(target);
      expect(host.cache.getStats().collapsed).toBe(0);
      expect(host.cache.getStats().hits).toBe(targets.length);
    });

    it.each([
      ['empty ones', '', {}, {}],
      ['those that are ignored', 'utm_', { query: { ignore: ['utm_*'] } }, {}],
      ['those that are not named', 'x', { query: { only: ['id'] } }, {}],
      ['those of which the answer says so', 'x', {}, { 'No-Vary-Search': 'params, except=("id")' }],
    ])('parameters behind the thousandth, which parsers leave out: not by %s', async (_, name, options, fields) => {
      const host = await start();
      host.get('/item', options, ({ url }) => ({
        headers: { 'Cache-Control': FRESH, ...fields },
        body: `item ${parseQuery(url.slice('/item?'.length)).id}`,
      }));
      // What is known of the path by now is heard of, too.
      expect((await host.ask('/item?id=1')).text).toBe('item 1');
      expect((await host.ask(`/item?${`${name}&`.repeat(1000)}id=2`)).text).toBe('item undefined');
      expect((await host.ask('/item?id=2')).text).toBe('item 2');
      expect((await host.ask(`/item?${`${name}&`.repeat(999)}id=2`)).text).toBe('item 2');
      expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 3 });
    });

    it("a Host in capitals, which a handler may not know: its answer is nobody else's, but dies with theirs", async () => {
      const host = await start();
      const sites: Readonly<Record<string, string>> = { 'shop.example': 'the shop' };
      host.use({}, ({ headers, method }) => ({
        headers: method === 'GET' ? { 'Cache-Control': FRESH } : {},
        body: sites[headers.host!] ?? 'no such site',
      }));
      const at = (name: string, method = 'GET') => host.ask('/', { method, headers: { Host: name } });
      expect((await at('SHOP.example')).text).toBe('no such site');
      expect((await at('shop.example')).text).toBe('the shop');
      for (const name of ['SHOP.example', 'shop.example']) expect(told(await at(name))).toMatchObject({ hit: true });
      await at('shop.example', 'PUT');
      for (const name of ['SHOP.example', 'shop.example'])
        expect(told(await at(name))).toMatchObject({ fwd: 'uri-miss' });
    });

    it('a target that no client of Node would send is no key of anybody else', async () => {
      const host = await start();
      host.use({}, ({ url }) => ({ headers: { 'Cache-Control': FRESH }, body: `at ${url}` }));
      await host.ask('/secret');
      const port = await host.port();
      for (const target of [
        '//h.test/secret',
        'http://h.test/secret',
        'HTTP://127.0.0.1/secret',
        '/secret\x1e',
        '/a/../secret',
      ]) {
        const answer = await spoken(
          port,
          `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
        );
        expect(answer).not.toMatch(/respcache; hit/);
      }
    });

    describe('aspnetcore#56427: truncated answers', () => {
      /** Says it will send ten bytes, and breaks off behind the fourth. */
      const truncated = (length: boolean) =>
        raw(async (res) => {
          res.writeHead(200, { 'Cache-Control': FRESH, ...(length ? { 'Content-Length': '10' } : {}) });
          res.write('0123');
          await turn();
          res.destroy();
        });

      it.each([true, false])('are for nobody, with a length or without (%s)', async (length) => {
        const host = await start();
        let broken = true;
        const well = numbered({ headers: { 'Cache-Control': FRESH } });
        const breaking = truncated(length);
        host.get(
          '/x',
          {},
          new Layer(
            (req, res, next) => (broken ? breaking.express(req, res, next) : next()),
            (ctx, next) => (broken ? breaking.koa(ctx, next) : next()),
          ),
          well,
        );
        for (let i = 0; i < 2; i++) {
          const { text, complete } = await host.ask('/x');
          expect({ text, complete }).toEqual({ text: '0123', complete: false });
        }
        broken = false;
        expect(await host.ask('/x')).toMatchObject({ text: 'run 1', complete: true });
        expect(await host.ask('/x')).toMatchObject({ text: 'run 1', complete: true });
      });

      it('are not given to those who wait', async () => {
        const host = await start();
        const [traffic, running, gate] = [new Traffic(), new Gate(), new Gate()];
        let runs = 0;
        host.use(traffic.layer, {});
        host.get('/x', async () => {
          if (++runs > 1) return { headers: { 'Cache-Control': FRESH }, body: '0123456789' };
          running.open();
          await gate.opened;
          const body = stream(['0123'], new Error('broken'));
          return { headers: { 'Cache-Control': FRESH, 'Content-Length': '10' }, body };
        });
        // Koa 2 lets the client of a source that breaks wait for ever.
        host.ask('/x').catch(() => undefined);
        // It is this one whose handler breaks, and none of those who wait.
        await running.opened;
        const others = Promise.all([2, 3, 4].map(() => host.ask('/x').catch(() => undefined)));
        await traffic.begun(4);
        gate.open();
        for (const answer of await others) expect(answer).toMatchObject({ text: '0123456789', complete: true });
        expect(await host.ask('/x')).toMatchObject({ text: '0123456789', complete: true });
      });

      it('confirm nothing, and stand in for nothing', async () => {
        const host = await start();
        const handler = numbered(({ headers }) =>
          headers['if-none-match'] === undefined || handler.runs > 2
            ? { headers: { 'Cache-Control': 'max-age=10, stale-if-error=60', ETag: `"${handler.runs}"` } }
            : {
                headers: { 'Cache-Control': FRESH, ETag: '"new"', 'Content-Length': '10' },
                body: stream(['0123'], new Error('broken')),
              },
        );
        host.get('/x', {}, handler);
        await host.ask('/x');
        host.clock.forward(10);
        if (combination.framework !== 'koa 2') {
          expect(
            await host.ask('/x').then(
              ({ complete }) => complete,
              () => false,
            ),
          ).toBe(false);
          const after = await host.ask('/x');
          expect([after.complete, after.header('etag')]).toEqual([true, '"3"']);
        }
      });
    });

    it('web cache deception: a private page under the name of a file is kept for nobody', async () => {
      const host = await start();
      const account: Handler = ({ headers }) => ({
        headers: { 'Content-Type': 'text/css', ...(mode === 'rfc9111' ? { 'Last-Modified': http(START - 1e9) } : {}) },
        body: headers.authorization === undefined ? 'please log in' : `account of ${headers.authorization}`,
      });
      host.use({}, account);
      for (const path of [
        '/account/x.css',
        '/account%2Fx.css',
        '/account;x.css',
        '/account/..%2fstatic%2fx.css',
        '/account%00x.css',
      ]) {
        for (const user of ['victim', undefined, 'attacker', undefined]) {
          const ask = user === undefined ? {} : { headers: { Authorization: user } };
          const expected = user === undefined ? 'please log in' : `account of ${user}`;
          expect((await host.ask(path, ask)).text, path).toBe(expected);
        }
      }
    });

    it.each([
      ['Host', ['a.test', 'b.test', 'A.test:81', 'a.test.']],
      ['X-Forwarded-Host', ['a.test', 'evil.test', 'a.test, evil.test']],
      ['X-Forwarded-Proto', ['http', 'https']],
      ['X-Forwarded-Port', ['80', '81']],
      ['Forwarded', ['host=a.test', 'host="evil.test";proto=https']],
    ])('unkeyed input: %s is in the key, also of who waits and of what is stale', async (name, values) => {
      const host = await start();
      const [traffic, gate] = [new Traffic(), new Gate()];
      const lower = name.toLowerCase();
      host.use(traffic.layer, {});
      host.get('/x', async ({ headers }) => {
        await gate.opened;
        return {
          headers: {
            'Cache-Control': 'max-age=10, stale-while-revalidate=60',
            ETag: `"${values.indexOf(String(headers[lower]))}"`,
          },
          body: `at ${headers[lower]}`,
        };
      });
      const asks = values.map((value) => ['/x', { headers: { [name]: value } }] as const);
      const answers = await together(host, traffic, gate, asks);
      expect(answers.map(({ text }) => text)).toEqual(values.map((value) => `at ${value}`));
      for (const round of ['fresh', 'stale', 'made anew']) {
        if (round === 'stale') host.clock.forward(10);
        for (const value of values) {
          const answer = await host.ask('/x', { headers: { [name]: value } });
          expect(answer.text, round).toBe(`at ${value}`);
          expect(told(answer)).toMatchObject({ hit: true });
        }
      }
    });

    describe('a private answer', () => {
      it('in place of what is stale is for its client, and those who wait have their own', async () => {
        const host = await start();
        const [traffic, gate] = [new Traffic(), new Gate()];
        const user = ({ headers }: Asked) => String(headers['x-user']);
        host.use(traffic.layer, {});
        host.get('/x', async (asked) => {
          if (user(asked) === 'nobody')
            return { headers: { 'Cache-Control': 'max-age=10', ETag: '"a"' }, body: 'for all' };
          await gate.opened;
          return { headers: { 'Cache-Control': 'private', ETag: `"${user(asked)}"` }, body: `for ${user(asked)}` };
        });
        await host.ask('/x', as('nobody'));
        host.clock.forward(10);
        const names = ['one', 'two', 'three'];
        const answers = await together(
          host,
          traffic,
          gate,
          names.map((name) => ['/x', as(name)] as const),
        );
        for (const [i, name] of names.entries()) {
          expect([answers[i]?.text, answers[i]?.header('etag')]).toEqual([`for ${name}`, `"${name}"`]);
        }
        expect((await host.ask('/x', as('four'))).text).toBe('for four');
      });

      it.each(['private', 'no-store', 'private, max-age=60'])(
        'that is a 304 (%s) is for its client alone',
        async (value) => {
          const host = await start();
          const [traffic, gate] = [new Traffic(), new Gate()];
          host.use(traffic.layer, {});
          host.get('/x', async ({ headers }) => {
            if (headers['if-none-match'] === undefined)
              return { headers: { 'Cache-Control': 'max-age=10', ETag: '"a"', 'X-For': 'all' }, body: 'body' };
            await gate.opened;
            return {
              status: 304,
              headers: { 'Cache-Control': value, ETag: '"a"', 'X-For': String(headers['x-user']) },
            };
          });
          await host.ask('/x');
          host.clock.forward(10);
          const names = ['one', 'two', 'three'];
          const answers = await together(
            host,
            traffic,
            gate,
            names.map((name) => ['/x', as(name)] as const),
          );
          for (const [i, name] of names.entries()) {
            expect(answers[i]).toMatchObject({ status: 200, text: 'body' });
            expect([answers[i]?.header('x-for'), answers[i]?.header('cache-control')]).toEqual([name, value]);
            expect(told(answers[i]!)).not.toHaveProperty('stored');
          }
          expect((await host.ask('/x', as('four'))).header('x-for')).toBe('four');
        },
      );

      it('in part keeps that part to its client, in a 304 too', async () => {
        const host = await start();
        host.get('/x', {}, ({ headers }) => {
          const fields = {
            'Cache-Control': 'max-age=10, private="x-for", no-cache="x-fresh"',
            ETag: '"a"',
            'X-For': String(headers['x-user']),
            'X-Fresh': String(headers['x-user']),
            'X-All': 'all',
          };
          return headers['if-none-match'] === undefined
            ? { headers: fields, body: 'body' }
            : { status: 304, headers: fields };
        });
        const of = (answer: Answer) => ['x-for', 'x-fresh', 'x-all'].map((name) => answer.header(name));
        expect(of(await host.ask('/x', as('one')))).toEqual(['one', 'one', 'all']);
        expect(of(await host.ask('/x', as('two')))).toEqual([undefined, undefined, 'all']);
        host.clock.forward(10);
        const confirmed = of(await host.ask('/x', as('three')));
        expect([undefined, 'three']).toContain(confirmed[0]);
        expect(of(await host.ask('/x', as('four')))).toEqual([undefined, undefined, 'all']);
      });
    });
  });

  describe("somebody's session cookie (pain 1)", () => {
    const session = ({ headers }: Asked) => `sid=${headers['x-user']}`;

    it('is not given to those who wait for the same', async () => {
      const host = await bench.start(combination);
      const [traffic, gate] = [new Traffic(), new Gate()];
      host.use(traffic.layer, {});
      host.get('/x', async (asked) => {
        await gate.opened;
        return { headers: { 'Set-Cookie': session(asked), 'Cache-Control': FRESH }, body: 'x' };
      });
      const names = ['one', 'two', 'three'];
      const answers = await together(
        host,
        traffic,
        gate,
        names.map((name) => ['/x', as(name)] as const),
      );
      expect(answers.map(cookies)).toEqual(names.map((name) => [`sid=${name}`]));
      expect(cookies(await host.ask('/x', as('four')))).toEqual(['sid=four']);
    });

    it('that comes with a 304 is given to its client alone', async () => {
      const host = await bench.start(combination);
      const [traffic, gate] = [new Traffic(), new Gate()];
      host.use(traffic.layer, {});
      host.get('/x', async (asked) => {
        const fields = { 'Cache-Control': 'max-age=10', ETag: '"a"' };
        if (asked.headers['if-none-match'] === undefined) return { headers: fields, body: 'body' };
        await gate.opened;
        return { status: 304, headers: { ...fields, 'Set-Cookie': session(asked) } };
      });
      await host.ask('/x');
      host.clock.forward(10);
      const names = ['one', 'two', 'three'];
      const answers = await together(
        host,
        traffic,
        gate,
        names.map((name) => ['/x', as(name)] as const),
      );
      for (const [i, name] of names.entries()) {
        expect(answers[i]).toMatchObject({ status: 200, text: 'body' });
        // Its own, or none: never another's.
        expect([[], [`sid=${name}`]]).toContainEqual(cookies(answers[i]!));
      }
      expect([[], ['sid=four']]).toContainEqual(cookies(await host.ask('/x', as('four'))));
    });

    it('that is set by a run in the background is given to nobody, nor what came with it', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      const handler = numbered((asked) => ({
        headers: handler.runs === 1 ? {} : { 'Set-Cookie': session(asked) },
      }));
      host.use(traffic.layer, { ttl: 10, staleWhileRevalidate: 60 });
      host.get('/x', handler);
      const stored = nextEvent(host.cache, 'set');
      await host.ask('/x', as('one'));
      await stored;
      host.clock.forward(10);
      expect((await host.ask('/x', as('two'))).text).toBe('run 1');
      await traffic.ended(3);
      await soon(() => expect(handler.runs).toBe(2));
      const answer = await host.ask('/x', as('three'));
      expect([answer.text, cookies(answer)]).toEqual(['run 1', []]);
    });

    it('set outside is on what is confirmed, on hits and on what stands in, each its own', async () => {
      const host = await bench.start(combination);
      const visits = new Layer(
        (req, res, next) => {
          onHeaders(res, () => res.setHeader('Set-Cookie', `sid=${req.headers['x-user']}`));
          next();
        },
        async (ctx, next) => {
          await next();
          ctx.set('Set-Cookie', `sid=${ctx.headers['x-user']}`);
        },
      );
      let failing = false;
      host.use(visits, { ttl: 10, staleIfError: 60 }, ({ headers }) => {
        if (failing) return { status: 500, headers: { 'X-Failed': '1' }, body: 'broken' };
        return headers['if-none-match'] === '"a"'
          ? { status: 304, headers: { ETag: '"a"' } }
          : { headers: { ETag: '"a"' }, body: 'body' };
      });
      const visit = async (name: string) => {
        const answer = await host.ask('/x', as(name));
        expect([answer.status, answer.text, cookies(answer)]).toEqual([200, 'body', [`sid=${name}`]]);
        return told(answer);
      };
      expect(await visit('one')).toMatchObject({ fwd: 'uri-miss', stored: true });
      host.clock.forward(10);
      expect(await visit('two')).toMatchObject({ 'fwd-status': 304, stored: true });
      expect(await visit('three')).toMatchObject({ hit: true });
      host.clock.forward(10);
      failing = true;
      expect(await visit('four')).toMatchObject({ detail: 'stale-if-error' });
    });
  });

  it('strangers are not one where credentials and validation meet', async () => {
    const host = await bench.start(combination);
    host.get('/x', { ttl: 10, identity: ({ headers }) => headers['x-user'] as string }, ({ headers }) => {
      const name = headers['x-user'];
      return headers['if-none-match'] === `"${name}"`
        ? { status: 304, headers: { ETag: `"${name}"`, 'X-For': String(name) } }
        : { headers: { ETag: `"${name}"`, 'X-For': String(name) }, body: `for ${name}` };
    });
    for (const round of [1, 2, 3]) {
      for (const name of ['one', 'two']) {
        const answer = await host.ask('/x', { headers: { 'X-User': name, Cookie: `sid=${name}` } });
        expect([answer.text, answer.header('x-for')], `${round}`).toEqual([`for ${name}`, name]);
      }
      host.clock.forward(10);
    }
    // A tag that is another's is answered for what it is to this one.
    const answer = await host.ask('/x', { headers: { 'X-User': 'one', Cookie: 'sid=one', 'If-None-Match': '"two"' } });
    expect(answer).toMatchObject({ status: 200, text: 'for one' });
  });
});

/** What comes back for a request written by hand. */
function spoken(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request, 'latin1'));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}
