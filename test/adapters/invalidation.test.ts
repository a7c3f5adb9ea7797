// P2 through the middleware: what a successful request invalidates, for whom, and from when on.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Cache, InvalidateSpec, Receipt } from 'respcache';
import { describe, expect, it, vi } from 'vitest';
import { COMBINATIONS, Gate, IN_FRONT, NEWEST, numbered, OF_KOA, ON_REDIS, stream, useBench } from './bench.js';
import { type Handler, type Host, Layer, raw, type Source } from './hosts.js';
import { nextEvent, told } from './traffic.js';

const bench = useBench();

const of = (tenant: string | undefined) => (tenant === undefined ? {} : { headers: { 'X-Client-Id': tenant } });
const done: Handler = () => ({ body: 'done' });

/** Data that grows, a route that shows it, and one that changes it. */
function versions(host: Host, spec: Parameters<Host['invalidating']>[0], tags: string[] = []) {
  const state = { version: 0 };
  host.get('/version', { key: 'version', tags }, () => ({ body: String(state.version) }));
  host.post('/version/next', host.invalidating(spec), () => {
    state.version++;
    return { body: String(state.version) };
  });
  return state;
}

describe.each(NEWEST)('invalidation: $label', (combination) => {
  describe('reaches', () => {
    it.each<[string, string | string[] | InvalidateSpec<Source>]>([
      ['a key', 'a:list'],
      ['one of several keys', ['nothing', 'a:list']],
      ['keys', { keys: 'a:list' }],
      ['a path', { keys: ['/a'] }],
      ['a tag', { tags: 'letter-a' }],
      ['one of several tags', { tags: ['letter-z', 'letter-a'] }],
      ['a glob', { patterns: 'a:*' }],
      ['a glob over paths', { patterns: '/[a]' }],
      ['a place in the hierarchy', { patterns: ['a'] }],
      ['a function of the request', { keys: () => 'a:list', tags: () => ['nothing'] }],
      ['several at once', { keys: 'nothing', tags: 'nothing', patterns: 'a:l?st' }],
    ])('%s, and nothing else', async (_, spec) => {
      const host = await bench.start(combination);
      host.get('/a', { key: 'a:list', tags: ['letter-a', 'letter'] }, numbered());
      host.get('/b', { key: 'b:list', tags: ['letter-b', 'letter'] }, numbered());
      host.post('/change', host.invalidating(spec), done);
      const asked = async () => [
        ...(await host.texts('/a', 1)),
        ...(await host.texts('/a?q=1', 1)),
        ...(await host.texts('/b', 1)),
      ];
      expect(await asked()).toEqual(['run 1', 'run 2', 'run 1']);
      expect(await host.ask('/change', { method: 'POST' })).toMatchObject({ status: 200, text: 'done' });
      expect(await asked()).toEqual(['run 3', 'run 4', 'run 1']);
    });

    it('by a tag that a function gave, whatever becomes of its list', async () => {
      const host = await bench.start(combination);
      const list = ['a'];
      host.get('/a', { tags: () => list }, numbered());
      host.post('/change', host.invalidating({ tags: 'a' }), done);
      expect(await host.texts('/a', 2)).toEqual(['run 1', 'run 1']);
      list[0] = 'b';
      await host.ask('/change', { method: 'POST' });
      expect(await host.texts('/a', 1)).toEqual(['run 2']);
    });

    it.each<[string, (cache: Cache) => Promise<Receipt>]>([
      ['a key', (cache) => cache.invalidateKey('a:list', null)],
      ['a path', (cache) => cache.invalidateKey('/a', null)],
      ['a pattern', (cache) => cache.invalidatePattern('a:*', null)],
      ['a tag', (cache) => cache.invalidateByTags(['letter-a'], null)],
      ['all', (cache) => cache.invalidateTenant(null)],
      ['all, which is deleted', (cache) => cache.invalidateTenant(null, { erase: true })],
    ])('what belongs to no client, by the programmatic API: %s', async (_, invalidate) => {
      const host = await bench.start(combination);
      host.get('/a', { key: 'a:list', tags: ['letter-a'] }, numbered());
      const asked = async () => [
        ...(await host.texts('/a', 1)),
        ...(await host.texts('/a', 1, of('null'))),
        ...(await host.texts('/a', 1, of('undefined'))),
      ];
      expect(await asked()).toEqual(['run 1', 'run 2', 'run 3']);
      expect(await invalidate(host.cache)).toMatchObject({ durable: true });
      expect(await asked()).toEqual(['run 4', 'run 2', 'run 3']);
      expect(host.cache.getStats(null)).toMatchObject({ misses: 2, deletes: 1 });
    });

    it('one query of a path alone, in any order of its names', async () => {
      const host = await bench.start(combination);
      host.get('/a', {}, numbered());
      host.post('/change', host.invalidating('/a?y=2&x=1'), done);
      const asked = async () => [...(await host.texts('/a?x=1&y=2', 1)), ...(await host.texts('/a?x=1', 1))];
      expect(await asked()).toEqual(['run 1', 'run 2']);
      await host.ask('/change', { method: 'POST' });
      expect(await asked()).toEqual(['run 3', 'run 2']);
    });

    it.each<[string, InvalidateSpec<Source>]>([
      ['key', { keys: '/users/7' }],
      ['key, as a handler has its parameters', { keys: '/caf\u00e9 7' }],
      ['place in the hierarchy', { patterns: ['/users', '/caf\u00e9 7'] }],
      ['glob', { patterns: ['/users/[7]', '/caf\u00e9*'] }],
      ['glob that has a sign for what is escaped', { patterns: ['/c*f[e\u00e9]?7'] }],
      ['glob that begins with a sign', { patterns: ['*f\u00e9 7'] }],
    ])('a path however it is written: by %s', async (_, spec) => {
      const host = await bench.start(combination);
      const path = JSON.stringify(spec).includes('/users') ? '/users/%37' : '/caf%c3%a9%207';
      host.get('/users/:id', {}, numbered());
      host.get('/:id', {}, numbered());
      host.post('/change', host.invalidating(spec), done);
      expect(await host.texts(path, 2)).toEqual(['run 1', 'run 1']);
      await host.ask('/change', { method: 'POST' });
      expect(await host.texts(path, 1)).toEqual(['run 2']);
    });

    it.each<[string, InvalidateSpec<Source>]>([
      ['key', { keys: ({ params }) => `/files/${encodeURIComponent(params.name!)}` }],
      ['key, as a handler has it', { keys: ({ params }) => `/files/${params.name}` }],
      ['place in the hierarchy', { patterns: ({ params }) => `/files/${encodeURIComponent(params.name!)}` }],
      ['glob', { patterns: ({ params }) => `/f*/${encodeURIComponent(params.name!)}*` }],
    ])('a path with signs that clients escape or not: by %s', async (_, spec) => {
      const host = await bench.start(combination);
      host.get('/files/:name', {}, numbered());
      host.put('/files/:name/change', host.invalidating(spec), done);
      const escaped = encodeURIComponent('C++ a@b|[1];"x".pdf');
      // As a browser writes it.
      const sent = new URL('http://h.test/files/C++ a@b|[1];"x".pdf').pathname;
      let runs = 0;
      for (const path of [`/files/${escaped}`, sent]) {
        expect(await host.texts(path, 2)).toEqual([`run ${runs + 1}`, `run ${runs + 1}`]);
        await host.ask(`/files/${escaped}/change`, { method: 'PUT' });
        expect(await host.texts(path, 1)).toEqual([`run ${runs + 2}`]);
        runs += 2;
      }
    });

    it('what the parameters of the route name', async () => {
      const host = await bench.start(combination);
      host.get('/users/:id', { tags: ({ params }) => [`user:${params.id}`] }, numbered());
      const tags = ({ params }: Source) => [`user:${params.id}`];
      host.put('/users/:id/name', host.invalidating({ tags }), done);
      const asked = async () => [...(await host.texts('/users/1', 1)), ...(await host.texts('/users/2', 1))];
      expect(await asked()).toEqual(['run 1', 'run 2']);
      await host.ask('/users/2/name', { method: 'PUT' });
      expect(await asked()).toEqual(['run 1', 'run 3']);
    });

    it('negative answers', async () => {
      const host = await bench.start(combination);
      let status = 404;
      host.get('/a', { tags: ['a'] }, () => ({ status, body: String(status) }));
      host.post('/change', host.invalidating({ tags: 'a' }), () => {
        status = 200;
        return {};
      });
      expect(await host.texts('/a', 1)).toEqual(['404']);
      await host.ask('/change', { method: 'POST' });
      expect(await host.texts('/a', 1)).toEqual(['200']);
    });
  });

  describe('is for the tenant of the request', () => {
    const TENANTS = ['a', 'ab', 'a*', '*', 'b', undefined];
    const asked = async (host: Host) => {
      const found: Record<string, string> = {};
      for (const tenant of TENANTS) found[String(tenant)] = (await host.ask('/x', of(tenant))).text;
      return found;
    };
    const all = (text: string) => Object.fromEntries(TENANTS.map((tenant) => [String(tenant), text]));
    /** A handler whose answer counts its own tenant's runs. */
    const counting = (): Handler => {
      const runs: Record<string, number> = {};
      return ({ headers }) => {
        const tenant = String(headers['x-client-id']);
        runs[tenant] = (runs[tenant] ?? 0) + 1;
        return { body: `run ${runs[tenant]}` };
      };
    };

    it.each<[string, InvalidateSpec<Source>]>([
      ['a key', { keys: 'x' }],
      ['a tag', { tags: 'x' }],
      ['a glob', { patterns: '*' }],
    ])('and no other: %s', async (_, spec) => {
      const host = await bench.start(combination);
      host.get('/x', { key: 'x', tags: ['x'] }, counting());
      host.post('/change', host.invalidating(spec), done);
      expect(await asked(host)).toEqual(all('run 1'));
      let expected = all('run 1');
      for (const tenant of ['*', 'a', undefined]) {
        await host.ask('/change', { method: 'POST', ...of(tenant) });
        expected = { ...expected, [String(tenant)]: 'run 2' };
        expect(await asked(host)).toEqual(expected);
      }
    });

    it("but for tags that are said to be everybody's", async () => {
      const host = await bench.start(combination);
      host.get('/x', { tags: ['x'] }, counting());
      host.post('/change', host.invalidating({ tags: 'x', allTenants: true }), done);
      await asked(host);
      await host.ask('/change', { method: 'POST', ...of('a') });
      expect(await asked(host)).toEqual(all('run 2'));
    });

    it('but for clear(), which is for all', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, counting());
      host.post('/change', host.clearing(), done);
      await asked(host);
      await host.ask('/change', { method: 'POST', ...of('a') });
      expect(await asked(host)).toEqual(all('run 2'));
    });

    it('found by the rule of the mount around it', async () => {
      const host = await bench.start(combination);
      host.use({ tenant: 'X-Org' });
      host.get('/x', { tags: ['x'] }, ({ headers }) => ({ body: `${headers['x-org']} ${++runs}` }));
      host.post('/change', host.invalidating({ tags: 'x' }), done);
      let runs = 0;
      const org = (name: string) => ({ headers: { 'X-Org': name } });
      expect([...(await host.texts('/x', 1, org('a'))), ...(await host.texts('/x', 1, org('b')))]).toEqual([
        'a 1',
        'b 2',
      ]);
      await host.ask('/change', { method: 'POST', ...org('a') });
      expect([...(await host.texts('/x', 1, org('a'))), ...(await host.texts('/x', 1, org('b')))]).toEqual([
        'a 3',
        'b 2',
      ]);
    });

    it('and of nobody where it cannot be found', async () => {
      const host = await bench.start(combination, { tenant: { required: true } });
      host.get('/x', { tags: ['x'] }, numbered());
      host.post('/change', host.invalidating({ tags: 'x' }), done);
      await host.texts('/x', 1, of('a'));
      expect(await host.ask('/change', { method: 'POST' })).toMatchObject({ status: 200, text: 'done' });
      expect(await host.texts('/x', 1, of('a'))).toEqual(['run 1']);
    });

    it('but of all where none is needed: tags of all tenants, and clear()', async () => {
      const host = await bench.start(combination, { tenant: { required: true } });
      host.get('/x', { tags: ['x'] }, numbered());
      host.post('/all', host.invalidating({ tags: 'x', allTenants: true }), done);
      host.post('/clear', host.clearing(), done);
      await host.texts('/x', 1, of('a'));
      await host.ask('/all', { method: 'POST' });
      expect(await host.texts('/x', 2, of('a'))).toEqual(['run 2', 'run 2']);
      await host.ask('/clear', { method: 'POST' });
      expect(await host.texts('/x', 1, of('a'))).toEqual(['run 3']);
    });
  });

  it('clear() leaves the caches with other prefixes alone', async () => {
    const host = await bench.start(combination);
    const other = await bench.start(combination);
    other.get('/x', {}, numbered());
    host.post('/change', host.clearing(), done);
    await other.texts('/x', 1);
    await host.ask('/change', { method: 'POST' });
    expect(await other.texts('/x', 1)).toEqual(['run 1']);
  });

  describe('happens', () => {
    it.each([200, 201, 204, 302, 303])('after a %i', async (status) => {
      const host = await bench.start(combination);
      host.get('/x', { tags: ['x'] }, numbered());
      host.post('/change', host.invalidating({ tags: 'x' }), () => ({ status }));
      await host.texts('/x', 1);
      expect((await host.ask('/change', { method: 'POST' })).status).toBe(status);
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
    });

    it.each<[string, Handler]>([
      ['a 400', () => ({ status: 400 })],
      ['a 404', () => ({ status: 404 })],
      ['a 500', () => ({ status: 500 })],
      [
        'an error',
        () => {
          throw Object.assign(new Error('no'), { expose: false });
        },
      ],
    ])('not after %s', async (_, handler) => {
      const host = await bench.start(combination);
      host.get('/x', { key: 'x', tags: ['x'] }, numbered());
      host.use({});
      host.post('/change', host.invalidating({ tags: 'x', keys: 'x', patterns: '*' }), host.clearing(), handler);
      host.put('/x', handler);
      await host.texts('/x', 1);
      expect((await host.ask('/change', { method: 'POST' })).status).toBeGreaterThanOrEqual(400);
      expect((await host.ask('/x', { method: 'PUT' })).status).toBeGreaterThanOrEqual(400);
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
    });

    it('with requests that carry credentials, as writers do', async () => {
      const host = await bench.start(combination);
      const state = versions(host, 'version');
      await host.texts('/version', 1);
      await host.ask('/version/next', { method: 'POST', headers: { Authorization: 'a', Cookie: 'b=1' } });
      expect(await host.texts('/version', 1)).toEqual([String(state.version)]);
    });

    it('by a GET too, if it is asked to', async () => {
      const host = await bench.start(combination);
      host.get('/x', { tags: ['x'] }, numbered());
      host.get('/refresh', host.invalidating({ tags: 'x' }), { when: () => false }, done);
      host.get('/other', { when: () => false }, host.invalidating({ tags: 'x' }), done);
      await host.texts('/x', 1);
      await host.ask('/refresh');
      expect(await host.texts('/x', 1)).toEqual(['run 2']);
      await host.ask('/other');
      expect(await host.texts('/x', 1)).toEqual(['run 3']);
    });

    it('before the answer leaves: whoever has it sees what it did', async () => {
      const host = await bench.start(combination);
      versions(host, { tags: 'version' }, ['version']);
      for (let i = 1; i <= 40; i++) {
        await host.texts('/version', 1);
        const answer = await host.begin('/version/next', { method: 'POST' });
        // As soon as the head is here, whether or not the body is.
        expect(await host.texts('/version', 1)).toEqual([String(i)]);
        await answer.rest();
      }
    });

    describe.each<[string, (host: Host, handler: Layer) => void]>([
      ['a mount', (host, handler) => host.post('/x', {}, handler)],
      ['a rule', (host, handler) => host.post('/x', host.invalidating({ tags: 'x' }), handler)],
      ['a rule inside a mount', (host, handler) => host.post('/x', {}, host.invalidating({ tags: 'x' }), handler)],
    ])('where the handler answers by itself, past Koa, behind %s', (_, mount) => {
      async function written(write: (res: ServerResponse, change: () => void) => unknown) {
        const host = await bench.start(combination);
        let version = 1;
        host.get('/x', { tags: ['x'] }, () => ({ body: `version ${version}` }));
        mount(
          host,
          raw((res) => write(res, () => version++)),
        );
        expect(await host.texts('/x', 1)).toEqual(['version 1']);
        return host;
      }

      it('before it returns', async () => {
        const gate = new Gate();
        const host = await written((res, change) => {
          change();
          res.end('done');
          return gate.opened;
        });
        expect((await host.ask('/x', { method: 'POST' })).text).toBe('done');
        expect(await host.texts('/x', 1)).toEqual(['version 2']);
        gate.open();
        // And not once more as it returns.
        await host.ask('/x', { method: 'HEAD' });
        expect(told(await host.ask('/x'))).toMatchObject({ hit: true });
      });

      it('after it has returned', async () => {
        const [begun, gate] = [new Gate(), new Gate()];
        const host = await written((res, change) => {
          void gate.opened.then(change).then(() => res.end('done'));
          begun.open();
        });
        const answer = host.ask('/x', { method: 'POST' });
        await begun.opened;
        // What is made meanwhile is the old one.
        await vi.waitFor(async () => expect(told(await host.ask('/x'))).toMatchObject({ hit: true }));
        gate.open();
        expect((await answer).text).toBe('done');
        expect(await host.texts('/x', 1)).toEqual(['version 2']);
      });

      it('not where it has failed', async () => {
        const host = await written((res) => {
          res.statusCode = 500;
          res.end('failed');
        });
        expect((await host.ask('/x', { method: 'POST' })).status).toBe(500);
        expect(told(await host.ask('/x'))).toMatchObject({ hit: true });
      });
    });

    it('and stores a stream that is the answer to a GET', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, host.invalidating({ tags: 'other' }), () => ({ body: stream(['a', 'b']) }));
      expect((await host.ask('/x')).text).toBe('ab');
      await vi.waitFor(async () => expect(told(await host.ask('/x'))).toMatchObject({ hit: true }));
    });

    it('not where a layer outside has answered for a handler that failed', async () => {
      const host = await bench.start(combination);
      host.get('/x', { tags: ['x'] }, numbered());
      const onward = new Layer(
        (_req, _res, next) => next(),
        (ctx, next) => next().catch(() => ctx.redirect('/sorry')),
      );
      host.use(onward);
      const failing: Handler = () => {
        throw new Error('no');
      };
      host.post('/a', host.invalidating({ tags: 'x' }), failing);
      host.post('/b', {}, host.invalidating({ tags: 'x' }), failing);
      await host.texts('/x', 1);
      for (const path of ['/a', '/b']) await host.ask(path, { method: 'POST' });
      expect(await host.texts('/x', 1)).toEqual(['run 1']);
    });
  });

  describe('in the middle of a fill', () => {
    async function filling(host: Host) {
      const [begun, go] = [new Gate(), new Gate()];
      const state = { version: 1 };
      let first = true;
      host.get('/x', { tags: ['x'] }, async () => {
        const { version } = state;
        if (first) {
          first = false;
          begun.open();
          await go.opened;
        }
        return { body: String(version) };
      });
      host.post('/change', host.invalidating({ tags: 'x' }), () => {
        state.version++;
        return {};
      });
      const early = host.ask('/x');
      await begun.opened;
      await host.ask('/change', { method: 'POST' });
      return { early, finish: go.open };
    }

    it('keeps what was being made from being served afterwards', async () => {
      const host = await bench.start(combination);
      const { early, finish } = await filling(host);
      finish();
      expect((await early).text).toBe('1');
      expect(await host.texts('/x', 2)).toEqual(['2', '2']);
    });

    it('keeps what is still being made from those who ask afterwards', async () => {
      const host = await bench.start(combination);
      const { early, finish } = await filling(host);
      const arrived = once(await host.server(), 'request');
      const late = host.ask('/x');
      await arrived;
      finish();
      expect((await late).text).toBe('2');
      expect((await early).text).toBe('1');
      expect(await host.texts('/x', 1)).toEqual(['2']);
    });

    it.each<[by: string, purge: (cache: Cache) => Promise<Receipt>]>([
      ['its tenant', (cache) => cache.invalidateTenant('a')],
      ['its path', (cache) => cache.invalidateKey('/x', 'a')],
      ['its name', (cache) => cache.invalidateKey('named', 'a')],
    ])('has nobody wait for that who asks afterwards, where %s says that it will be dead', async (_, purge) => {
      const host = await bench.start(combination, { collapseTimeout: 60_000 });
      const go = new Gate();
      const handler = numbered();
      host.get('/x', { key: 'named' }, async (asked) => {
        const said = handler(asked);
        await go.opened;
        return said;
      });
      const ask = () => host.ask('/x', { headers: { 'X-Client-Id': 'a' } });
      const early = ask();
      await expect.poll(() => handler.runs).toBe(1);
      await purge(host.cache);
      const late = ask();
      await expect.poll(() => handler.runs).toBe(2);
      go.open();
      expect([(await early).text, (await late).text]).toEqual(['run 1', 'run 2']);
    });

    it('lets one of those who have waited for that run the handler again, and one of those who come then', async () => {
      const host = await bench.start(combination);
      const [begun, come, go] = [new Gate(), new Gate(), new Gate()];
      const handler = numbered();
      host.get('/x', { tags: ['x'] }, async (asked) => {
        const said = handler(asked);
        begun.open();
        if (handler.runs === 1) await go.opened;
        return said;
      });
      const server = await host.server();
      const leader = host.ask('/x');
      await begun.opened;
      let arrived = 0;
      server.on('request', () => {
        if (++arrived === 4) come.open();
      });
      const waiting = Array.from({ length: 4 }, () => host.ask('/x'));
      await come.opened;
      await host.cache.invalidateByTags(['x']);
      go.open();
      expect((await leader).text).toBe('run 1');
      for (const { text } of await Promise.all(waiting)) expect(text).toBe('run 2');
      await host.cache.invalidateByTags(['x']);
      const crowd = await Promise.all(Array.from({ length: 4 }, () => host.ask('/x')));
      for (const { text } of crowd) expect(text).toBe('run 3');
    });
  });

  describe('by an unsafe method reaches', () => {
    /** Asks for paths, runs a request, asks again: which of the paths were made anew. */
    async function renewed(
      host: Host,
      paths: string[],
      change: () => Promise<unknown>,
      tenant?: string,
    ): Promise<string[]> {
      const before: string[] = [];
      for (const path of paths) before.push((await host.ask(path, of(tenant))).text);
      await change();
      const found: string[] = [];
      for (const [i, path] of paths.entries()) {
        if ((await host.ask(path, of(tenant))).text !== before[i]) found.push(path);
      }
      return found;
    }

    const paths = ['/a', '/a?x=1&y=2', '/b', '/b?x=1', '/c/d'];

    async function changing(said: ReturnType<Handler>, below = ''): Promise<Host> {
      const host = await bench.start(combination);
      let runs = 0;
      const handler: Handler = ({ method }) =>
        method === 'GET' || method === 'OPTIONS' ? { body: `run ${++runs}` } : said;
      if (below === '') host.use({}, handler);
      else host.mount(below, {}, handler);
      return host;
    }

    it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'LOCK'])('its own URL: %s', async (method) => {
      const host = await changing({ body: 'done' });
      expect(await renewed(host, paths, () => host.ask('/a', { method }))).toEqual(['/a']);
      const sorted = await renewed(host, paths, () => host.ask('/a?y=2&x=1', { method }));
      expect(sorted).toEqual(['/a?x=1&y=2']);
    });

    it('its own URL, where it passes no mount of the cache but an invalidate() of something else', async () => {
      const host = await bench.start(combination);
      host.get('/a', {}, numbered());
      host.get('/b', host.invalidating('something:else'), numbered());
      host.post('/a', host.invalidating('something:else'), done);
      expect(await host.texts('/a', 2)).toEqual(['run 1', 'run 1']);
      await host.ask('/b');
      expect(await host.texts('/a', 1)).toEqual(['run 1']);
      await host.ask('/a', { method: 'POST' });
      expect(await host.texts('/a', 1)).toEqual(['run 2']);
    });

    it('its own URL, written in another way', async () => {
      const host = await changing({ body: 'done' });
      const on = (name: string) => ({ headers: { Host: name } });
      for (const [asked, changed] of [
        ['/~a', '/%7Ea'],
        ['/%7ea?b=%2f', '/~a?b=%2F'],
        ['/b', 'http://h.test/b'],
        // Handlers go by the path, and by Host.
        ['/c', 'https://h.test/c'],
        ['/d?e', 'http://other.test/d?e#f'],
        ['/e', '/e#f'],
        ['/', 'http://h.test'],
        ['/Users?A', '/users/?A'],
        // Clients escape these or not.
        ['/u/a@b.c', '/u/a%40b.c'],
        ['/C%2B%2B?x=%7C', '/C++?x=|'],
      ] as const) {
        const before = await host.ask(asked, on('h.test'));
        await host.ask(changed, { method: 'POST', ...on('h.test:80') });
        expect((await host.ask(asked, on('h.test'))).text).not.toBe(before.text);
      }
    });

    it('its own URL, where a mount that it does not pass leaves parameters out of the key', async () => {
      const host = await bench.start(combination);
      host.use({});
      host.get('/a', { query: { ignore: ['utm_*'] } }, numbered());
      host.post('/a', done);
      expect(await host.texts('/a?x=1&utm_x=1', 1)).toEqual(['run 1']);
      expect(await host.texts('/a?utm_y=2&x=1', 1)).toEqual(['run 1']);
      await host.ask('/a?x=2&utm_x=1', { method: 'POST' });
      expect(await host.texts('/a?x=1', 1)).toEqual(['run 1']);
      await host.ask('/a?utm_x=1&x=1', { method: 'POST' });
      expect(await host.texts('/a?x=1', 1)).toEqual(['run 2']);
    });

    it('nothing, if it is a safe one', async () => {
      const host = await changing({ body: 'done' });
      expect(await renewed(host, paths, () => host.ask('/a', { method: 'OPTIONS' }))).toEqual([]);
    });

    it('nothing of another tenant', async () => {
      const host = await changing({ body: 'done' });
      expect(await renewed(host, paths, () => host.ask('/a', { method: 'POST', ...of('t') }))).toEqual([]);
      expect(await renewed(host, paths, () => host.ask('/a', { method: 'POST', ...of('t') }), 't')).toEqual(['/a']);
    });

    it('its URL below a mount', async () => {
      const host = await changing({ body: 'done' }, '/below');
      const below = paths.map((path) => `/below${path}`);
      expect(await renewed(host, below, () => host.ask('/below/a', { method: 'POST' }))).toEqual(['/below/a']);
    });

    it.each<[string, InvalidateSpec<Source>]>([
      ['its name', { keys: '/caf\u00e9 %37' }],
      ['its name and a query', { keys: '/caf\u00e9 %37?b=%31&a' }],
      ['a place in the hierarchy', { patterns: '/caf\u00e9 %37' }],
      ['a glob', { patterns: '/caf\u00e9 *' }],
    ])('a route that is named like a path, by %s', async (_, spec) => {
      const host = await bench.start(combination);
      host.get('/x', { key: '/caf\u00e9 %37' }, numbered());
      host.post('/change', host.invalidating(spec), done);
      expect(await host.texts('/x?a&b=1', 2)).toEqual(['run 1', 'run 1']);
      await host.ask('/change', { method: 'POST' });
      expect(await host.texts('/x?a&b=1', 1)).toEqual(['run 2']);
    });

    it.each<[string, Record<string, string>, string[], asked?: Record<string, string>]>([
      ['Location', { Location: '/b' }, ['/b']],
      ['a relative Location', { Location: 'd' }, ['/c/d']],
      ['a Location with a query', { Location: '/b?x=1' }, ['/b?x=1']],
      ['Content-Location', { 'Content-Location': '/b' }, ['/b']],
      ['both', { Location: '/a', 'Content-Location': '/b' }, ['/a', '/b']],
      ['a Location of the same origin', { Location: 'http://h.test/b#part' }, ['/b']],
      ['not a Location of another host', { Location: 'http://other.test/b' }, []],
      ['not a Location of another scheme', { Location: 'https://h.test/b' }, []],
      ['not a Location of another port', { Location: 'http://h.test:81/b' }, []],
      ['not a Location that begins with two slashes', { Location: '//other.test/b' }, []],
      ['not a Location that is none', { Location: 'http://[' }, []],
      [
        'a Location of the scheme that a proxy tells',
        { Location: 'https://h.test/b' },
        ['/b'],
        { 'X-Forwarded-Proto': 'https' },
      ],
      [
        'a Location below the prefix that a proxy takes off',
        { Location: '/shop/b', 'Content-Location': '/shopping/a' },
        ['/b'],
        { 'X-Forwarded-Prefix': '/shop' },
      ],
      [
        'a Location of the host that a proxy tells',
        { Location: 'https://shop.test/b' },
        ['/b'],
        { Forwarded: 'for=10.0.0.1;host=shop.test;proto=https' },
      ],
    ])('%s', async (_, headers, expected, asked = {}) => {
      const host = await changing({ status: 201, headers, body: 'done' });
      const all = { headers: { Host: 'h.test', ...asked } };
      for (const path of paths) await host.ask(path, all);
      await host.ask('/c/e', { method: 'POST', ...all });
      const missed: string[] = [];
      for (const path of paths) {
        if (!/; hit/.test((await host.ask(path, all)).header('cache-status') ?? '')) missed.push(path);
      }
      expect(missed).toEqual(expected);
    });
  });

  it('that goes wrong is no reason to fail the request', async () => {
    const host = await bench.start(combination);
    const errors: string[] = [];
    host.cache.on('error', ({ operation }) => errors.push(operation));
    host.get('/x', { tags: ['x'] }, numbered());
    const fails = () => {
      throw new Error('no name');
    };
    host.post('/change', host.invalidating({ tags: fails }), host.invalidating({ tags: ['x'] }), done);
    await host.texts('/x', 1);
    expect(await host.ask('/change', { method: 'POST' })).toMatchObject({ status: 200, text: 'done' });
    expect(errors).toEqual(['invalidate']);
    // The other rule holds all the same.
    expect(await host.texts('/x', 1)).toEqual(['run 2']);
  });

  it.each<[string, (host: Host) => Promise<unknown>]>([
    ['a key', (host) => host.cache.invalidateKey('version', 't')],
    ['a path', (host) => host.cache.invalidateKey('/version', 't')],
    ['tags', (host) => host.cache.invalidateByTags(['version'], 't')],
    ['tags of all tenants', (host) => host.cache.invalidateByTags(['version'])],
    ['a pattern', (host) => host.cache.invalidatePattern('vers*', 't')],
    ['a tenant', (host) => host.cache.invalidateTenant('t')],
    ['everything', (host) => host.cache.clear()],
  ])('by a call for %s reaches responses too', async (_, call) => {
    const host = await bench.start(combination);
    const state = versions(host, 'version', ['version']);
    await host.texts('/version', 1, of('t'));
    state.version = 7;
    expect(await host.texts('/version', 1, of('t'))).toEqual(['0']);
    await call(host);
    expect(await host.texts('/version', 1, of('t'))).toEqual(['7']);
  });
});

describe.each(ON_REDIS)('invalidation between processes: $label', (combination) => {
  it.each([
    ['no tier in memory', { l1: false }],
    ['a tier in memory that asks for the ledger first', { l1: true, consistency: 'strong' as const }],
  ])('is seen by the others as soon as the answer is here, with %s', async (_, options) => {
    const writer = await bench.start(combination, options);
    const state = versions(writer, { tags: 'version' });
    const reader = await bench.beside(combination, writer, options);
    reader.get('/version', { tags: ['version'] }, () => ({ body: String(state.version) }));
    for (let i = 1; i <= 40; i++) {
      await reader.texts('/version', 1);
      await writer.ask('/version/next', { method: 'POST' });
      expect(await reader.texts('/version', 1)).toEqual([String(i)]);
    }
    expect(reader.cache.getStats().errors).toBe(0);
  });

  it('lets the others serve what one has stored', async () => {
    const one = await bench.start(combination);
    const other = await bench.beside(combination, one);
    const [here, there] = [numbered(), numbered({ body: 'never' })];
    one.get('/x', {}, here);
    other.get('/x', {}, there);
    const ask = { headers: { Host: 'h.test' } };
    const stored = nextEvent(one.cache, 'set');
    const first = await one.ask('/x', ask);
    await stored;
    const second = await other.ask('/x', ask);
    expect([second.text, second.header('etag')]).toEqual(['run 1', first.header('etag')]);
    expect(second.header('cache-status')).toBe('respcache; hit; ttl=300');
    expect(there.runs).toBe(0);
  });
});

describe.each([...OF_KOA])('invalidation: $label', (combination) => {
  it('lets the answer of a handler that gives it past Koa leave as it is', async () => {
    const host = await bench.start(combination);
    host.post(
      '/x',
      {},
      raw((res) => res.writeHead(201, { 'Content-Length': 4 }).end('done')),
    );
    const answer = await host.ask('/x', { method: 'POST' });
    expect([answer.status, answer.text, answer.header('cache-status')]).toEqual([201, 'done', undefined]);
  });
});

describe.each([...COMBINATIONS, ...IN_FRONT.filter(({ framework }) => framework.startsWith('express'))])(
  'invalidation behind a timeout: $label',
  (combination) => {
    const late = async (answer: (res: ServerResponse) => unknown) => {
      const host = await bench.start(combination);
      const [over, done] = [new Gate(), new Gate()];
      const fails = { status: 503, body: 'too late' };
      host.use(
        new Layer(
          (req, res, next) => {
            if (req.method === 'POST') void over.opened.then(() => res.status(fails.status).send(fails.body));
            next();
          },
          async (ctx, next) => {
            const waiting = ctx.method === 'POST' && over.opened.then(() => Object.assign(ctx, fails));
            await Promise.race([next(), ...(waiting ? [waiting] : [])]);
          },
        ),
      );
      let version = 0;
      host.get('/version', { tags: ['version'] }, () => ({ body: `version ${version}` }));
      host.post(
        '/next',
        host.invalidating({ tags: 'version' }),
        new Layer(
          async (_req, res) => {
            over.open();
            await done.opened;
            version++;
            await answer(res);
          },
          async (ctx) => {
            over.open();
            await done.opened;
            version++;
            ctx.body = 'done';
          },
        ),
      );
      expect(await host.texts('/version', 1)).toEqual(['version 0']);
      expect((await host.ask('/next', { method: 'POST' })).status).toBe(503);
      expect(host.cache.getStats().deletes).toBe(0);
      const purged = nextEvent(host.cache, 'purge');
      done.open();
      await purged;
      expect(await host.texts('/version', 1)).toEqual(['version 1']);
      expect(host.cache.getStats().deletes).toBe(1);
    };

    const ways: [what: string, answer: (res: ServerResponse) => unknown][] = [
      ['as frameworks do', (res) => expect(() => res.setHeader('Content-Type', 'text/plain')).toThrow()],
      ['in one piece', (res) => res.end('done')],
      [
        'by pieces',
        (res) => {
          for (const piece of ['do', 'ne']) res.write(piece, () => {});
        },
      ],
      ['by its head', (res) => expect(() => res.writeHead(200)).toThrow()],
    ];

    // Koa has one way.
    it.each(combination.framework.startsWith('koa') ? ways.slice(0, 1) : ways)(
      'that has answered in its handler’s place follows what that changes, which answers too late: %s',
      (_, answer) => late(answer),
    );
  },
);
