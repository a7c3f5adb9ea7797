// Stale answers while the application makes them anew in the background (RFC 5861 §3): at once, once, and through all of it.

import { Agent } from 'node:http';
import type { RouteOptions } from 'respcache';
import { ChaosStore, ManualClock } from 'respcache/testing';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/entry/entry.js';
import { Gate, NEWEST, numbered, ON_REDIS, useBench } from './bench.js';
import type { Ask } from './client.js';
import { type Asked, FAILURES, type Handler, type Host, Layer, type Said, type Source } from './hosts.js';
import { nextEvent, soon, Traffic, told } from './traffic.js';

const bench = useBench();

/** To one place, whichever process is asked. */
const AT_H = { headers: { Host: 'h.test' } };
/** Ten seconds fresh, then stale for so many more. */
const swr = (seconds: number) => ({ 'Cache-Control': `max-age=10, stale-while-revalidate=${seconds}` });
const SWR_60: RouteOptions<Source> = { ttl: 10, staleWhileRevalidate: 60 };

/** A handler that can be held from its second run on. */
function held(said: (asked: Asked, run: number) => Said = () => ({})) {
  const state = { runs: 0, gate: new Gate(), begun: new Gate() };
  const handler: Handler = async (asked) => {
    const run = ++state.runs;
    if (run > 1) {
      state.begun.open();
      await state.gate.opened;
    }
    return { body: `run ${run}`, ...said(asked, run) };
  };
  return Object.assign(state, { handler });
}

/** Asks, and waits until what this has brought is stored: the answer's own, or that of the run in the background. */
async function storing(host: Host, ask: string | (() => Promise<unknown>)): Promise<void> {
  const stored = nextEvent(host.cache, 'set');
  await (typeof ask === 'string' ? host.ask(ask) : ask());
  await stored;
}

/** What it has read for one lookup is heard of when the test says so. */
class LateStore extends ChaosStore {
  readonly #go = new Gate();
  #held: Gate | undefined;

  /** Settled when the next lookup has been read. */
  holdNext(): Promise<void> {
    this.#held = new Gate();
    return this.#held.opened;
  }

  letGo(): void {
    this.#go.open();
  }

  override async get(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    const held = this.#held;
    this.#held = undefined;
    const found = await super.get(keys);
    if (held !== undefined) {
      held.open();
      await this.#go.opened;
    }
    return found;
  }
}

describe.each(NEWEST)('stale-while-revalidate: $label', (combination) => {
  describe.each<[string, RouteOptions<Source>, Record<string, string>]>([
    ['by option', SWR_60, {}],
    ['by header', {}, swr(60)],
    ['by header, mode rfc9111', { mode: 'rfc9111' }, swr(60)],
  ])('%s', (_, options, headers) => {
    it('answers at once with what is stale, runs the handler once beside it, and is fresh then', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      const model = held(() => ({ headers }));
      host.use(traffic.layer);
      host.get('/x', options, model.handler);
      await traffic.watch(host);
      await storing(host, '/x');
      host.clock.forward(10);
      const stored = nextEvent(host.cache, 'set');
      for (let i = 0; i < 3; i++) {
        const stale = await host.ask('/x');
        expect(stale).toMatchObject({ status: 200, text: 'run 1' });
        expect(told(stale)).toEqual({ name: 'respcache', hit: true, ttl: 0 });
        expect(stale.header('age')).toBe('10');
      }
      await model.begun.opened;
      model.gate.open();
      await stored;
      const fresh = await host.ask('/x');
      expect(fresh.text).toBe('run 2');
      expect(told(fresh)).toEqual({ name: 'respcache', hit: true, ttl: 10 });
      await traffic.ended(6);
      expect(model.runs).toBe(2);
      // Five from clients, one from nobody, and not through a socket.
      expect([traffic.passages.length, traffic.connections]).toEqual([6, 5]);
    });

    it('lasts as long as it is said to, from when it is no longer fresh', async () => {
      const host = await bench.start(combination, { maxRefreshes: 1 });
      const model = held(() => ({ headers }));
      host.get('/x', options, model.handler);
      await storing(host, '/x');
      host.clock.forward(10 + 59);
      const stale = await host.ask('/x');
      expect([stale.text, stale.header('age'), told(stale).ttl]).toEqual(['run 1', '69', -59]);
      await model.begun.opened;
      host.clock.forward(1);
      model.gate.open();
      expect((await host.ask('/x')).text).not.toBe('run 1');
    });
  });

  it("the handler's window outranks that of the options", async () => {
    const host = await bench.start(combination);
    host.get('/x', SWR_60, numbered({ headers: swr(5) }));
    host.get('/none', SWR_60, numbered({ headers: swr(0) }));
    for (const path of ['/x', '/none']) await storing(host, path);
    host.clock.forward(10 + 4);
    await storing(host, async () => expect((await host.ask('/none')).text).toBe('run 2'));
    await storing(host, async () => expect((await host.ask('/x')).text).toBe('run 1'));
    host.clock.forward(10 + 5);
    expect((await host.ask('/x')).text).toBe('run 3');
  });

  it('where the clock is put back, what was stored before is stale', async () => {
    const host = await bench.start(combination);
    host.get('/x', {}, numbered());
    expect(await host.texts('/x', 4)).toEqual(['run 1', 'run 1', 'run 1', 'run 1']);
    host.clock.forward(-60.1);
    const answer = await host.ask('/x');
    expect(answer.text).toBe('run 2');
    expect(told(answer)).toEqual({ name: 'respcache', fwd: 'stale', 'fwd-status': 200, stored: true });
    expect(await host.texts('/x', 2)).toEqual(['run 2', 'run 2']);
  });

  it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=10', 'S-MaxAge="10", max-age=99'])(
    '%s forbids it, whatever else is said',
    async (value) => {
      const host = await bench.start(combination);
      const headers = { 'Cache-Control': `max-age=10, ${value}, stale-while-revalidate=60` };
      host.get('/x', SWR_60, numbered({ headers }));
      await storing(host, '/x');
      host.clock.forward(100);
      host.clock.forward(-89.9);
      const answer = await host.ask('/x');
      expect(answer.text).toBe('run 2');
      expect(told(answer)).not.toHaveProperty('hit');
    },
  );

  it('no-cache forbids it where such answers are stored', async () => {
    const host = await bench.start(combination, { mode: 'rfc9111' });
    const headers = { 'Cache-Control': 'no-cache, max-age=10, stale-while-revalidate=60', ETag: '"a"' };
    host.get('/x', SWR_60, numbered({ headers }));
    await host.ask('/x');
    expect(told(await host.ask('/x'))).toMatchObject({ fwd: 'stale' });
  });

  describe('the run in the background', () => {
    it('is the request that came, through all layers, without what asks for less', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      const asked: Asked[] = [];
      const auth = new Layer(
        (req, res, next) => {
          if (req.headers['x-api-key'] === 'secret') return next();
          res.status(403).end();
        },
        (ctx, next) => {
          if (ctx.headers['x-api-key'] === 'secret') return next();
          ctx.status = 403;
        },
      );
      host.use(traffic.layer, auth, { ttl: 5 });
      host.get('/x/:id', SWR_60, (each) => {
        asked.push({ ...each, headers: { ...each.headers } });
        return { headers: { ETag: `"${asked.length}"` }, body: `${each.headers['x-client-id']} ${asked.length}` };
      });
      const headers = { 'X-Client-Id': 'a', 'X-Api-Key': 'secret', 'X-Mixed': 'Case', Host: 'h.test' };
      await storing(host, () => host.ask('/x/7?b=1&a=2', { headers }));
      host.clock.forward(10);
      await storing(host, () =>
        host.ask('/x/7?b=1&a=2', {
          headers: {
            ...headers,
            Range: 'bytes=0-0',
            'If-None-Match': '"c"',
            'If-Modified-Since': 'x',
            'If-Range': '"c"',
          },
        }),
      );
      await traffic.ended(3);
      const [, , run] = traffic.passages;
      expect(run?.headers).toEqual({ 'x-client-id': 'a', 'x-api-key': 'secret', 'x-mixed': 'Case', host: 'h.test' });
      expect(run?.rawHeaders).toContain('X-Mixed');
      expect(run?.req.socket.remoteAddress).toBe('127.0.0.1');
      const [first, second] = asked;
      expect(second?.params).toEqual({ id: '7' });
      expect([second?.method, second?.url, second?.query]).toEqual([first?.method, first?.url, first?.query]);
      // What is stale has a validator: it is validated.
      expect(second?.headers['if-none-match']).toBe('"1"');
      expect((await host.ask('/x/7?a=2&b=1', { headers })).text).toBe('a 2');
      const others = await host.ask('/x/7?a=2&b=1', { headers: { ...headers, 'X-Client-Id': 'b' } });
      expect(others.text).toBe('b 3');
    });

    it('takes a 304 as the confirmation of what is stale', async () => {
      const host = await bench.start(combination);
      const asked: unknown[] = [];
      host.get('/x', SWR_60, ({ headers }) => {
        asked.push(headers['if-none-match']);
        return headers['if-none-match'] === '"a"'
          ? { status: 304, headers: { ETag: '"a"', 'X-A': 'new' } }
          : { headers: { ETag: '"a"', 'X-A': 'old' }, body: 'body' };
      });
      await storing(host, '/x');
      host.clock.forward(10);
      await storing(host, async () => expect((await host.ask('/x')).header('x-a')).toBe('old'));
      const hit = await host.ask('/x');
      expect([hit.status, hit.text, hit.header('x-a'), told(hit).ttl]).toEqual([200, 'body', 'new', 10]);
      expect(asked).toEqual([undefined, '"a"']);
    });

    it('that fails leaves what is stale as it is, also where that is not to be stored', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      host.use(traffic.layer);
      const handler = numbered(({ cache }) => {
        if (handler.runs === 1) return {};
        cache.noStore();
        return { status: 500 };
      });
      host.get('/x', SWR_60, handler);
      await storing(host, '/x');
      host.clock.forward(10);
      expect((await host.ask('/x')).text).toBe('run 1');
      await traffic.ended(3);
      expect(handler.runs).toBe(2);
      expect((await host.ask('/x')).text).toBe('run 1');
    });

    it('is for the variant that was asked for', async () => {
      const host = await bench.start(combination);
      const handler = numbered(({ headers }) => ({
        headers: { Vary: 'Accept-Language' },
        body: `${headers['accept-language']} ${handler.runs}`,
      }));
      host.get('/x', SWR_60, handler);
      const by = (language: string) => host.ask('/x', { headers: { 'Accept-Language': language } });
      for (const language of ['de', 'en']) await storing(host, () => by(language));
      host.clock.forward(10);
      await storing(host, async () => expect((await by('en')).text).toBe('en 2'));
      expect((await by('en')).text).toBe('en 3');
      await storing(host, async () => expect((await by('de')).text).toBe('de 1'));
      expect((await by('de')).text).toBe('de 4');
    });

    it('that varies no more takes the place of what did, for those whom that was meant for', async () => {
      const host = await bench.start(combination);
      const handler = numbered(() => (handler.runs === 1 ? { headers: { Vary: 'Accept-Language' } } : {}));
      host.get('/x', SWR_60, handler);
      const german = () => host.ask('/x', { headers: { 'Accept-Language': 'de' } });
      await storing(host, german);
      host.clock.forward(10);
      await storing(host, async () => expect((await german()).text).toBe('run 1'));
      expect((await german()).text).toBe('run 2');
      expect(handler.runs).toBe(2);
    });

    it('is one, however many ask at the same time', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      const model = held();
      host.use(traffic.layer);
      host.get('/x', SWR_60, model.handler);
      await storing(host, '/x');
      host.clock.forward(10);
      const stored = nextEvent(host.cache, 'set');
      const answers = await Promise.all(Array.from({ length: 8 }, () => host.ask('/x')));
      expect(answers.map(({ text }) => text)).toEqual(Array(8).fill('run 1'));
      await model.begun.opened;
      model.gate.open();
      await stored;
      expect(await host.texts('/x', 2)).toEqual(['run 2', 'run 2']);
      expect(traffic.passages.length).toBe(12);
    });

    it('brings no other with it, even where its own answer is stale as it comes', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      host.use(traffic.layer);
      host.get('/x', {}, numbered({ headers: { 'Cache-Control': 'max-age=0, stale-while-revalidate=60' } }));
      await storing(host, '/x');
      for (const run of [1, 2, 3]) {
        await storing(host, async () => expect((await host.ask('/x')).text).toBe(`run ${run}`));
        await traffic.ended(1 + 2 * run);
      }
      expect(traffic.passages.length).toBe(7);
    });

    it('is not counted as a request', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      host.use(traffic.layer);
      host.get('/x', SWR_60, numbered());
      host.get('/broken', SWR_60, ({ headers }) =>
        headers['x-first'] === undefined ? { status: 500 } : { body: 'x' },
      );
      await host.ask('/broken', { headers: { 'X-First': '1' } });
      await storing(host, '/x');
      host.clock.forward(10);
      await storing(host, () => host.ask('/x'));
      await host.ask('/broken');
      await traffic.ended(6);
      await host.ask('/x');
      const { hits, misses, stale, bypassed, totalRequests, reasons } = host.cache.getStats();
      expect({ hits, misses, stale, bypassed, totalRequests, reasons }).toEqual({
        hits: 3,
        misses: 2,
        stale: 2,
        bypassed: 0,
        totalRequests: 5,
        reasons: {},
      });
    });

    it('is not begun where so many are under way', async () => {
      const host = await bench.start(combination, { maxRefreshes: 2 });
      const traffic = new Traffic();
      const gate = new Gate();
      const runs: string[] = [];
      host.use(traffic.layer);
      host.get('/:name', SWR_60, async ({ path }) => {
        runs.push(path);
        if (runs.length > 3) await gate.opened;
        return { body: `${path} ${runs.length}` };
      });
      const paths = ['/1', '/2', '/3'];
      for (const path of paths) await host.ask(path);
      host.clock.forward(10);
      for (const path of paths) await host.ask(path);
      await traffic.begun(8);
      expect((await host.ask('/3')).text).toBe('/3 3');
      expect(runs.slice(3).sort()).toEqual(['/1', '/2']);
      gate.open();
      await traffic.ended(9);
      // When there is room again, the next one begins it.
      await soon(async () => {
        await host.ask('/3');
        expect(runs.length).toBe(6);
      });
      expect(runs[5]).toBe('/3');
    });

    it.each<[string, (asked: Asked) => Promise<Said> | Said]>([
      ['answers 500', () => ({ status: 500, body: 'broken' })],
      ['answers 404, where none is kept', () => ({ status: 404, body: 'gone' })],
      [
        'throws',
        () => {
          throw new Error('broken');
        },
      ],
      ['rejects', () => Promise.reject(new Error('broken'))],
      [
        'hangs up',
        ({ res }) => {
          res.destroy();
          return new Promise<never>(() => {});
        },
      ],
      ['hangs', () => new Promise<never>(() => {})],
    ])('that %s leaves what is stale until its time is over', async (_, failing) => {
      const host = await bench.start(combination, { refreshTimeout: 40 });
      const traffic = new Traffic();
      let [runs, broken] = [0, false];
      host.use(traffic.layer);
      host.get('/x', { ...SWR_60, negativeTtl: 0 }, (asked) => {
        runs++;
        return broken ? failing(asked) : { body: `run ${runs}` };
      });
      await storing(host, '/x');
      host.clock.forward(10);
      broken = true;
      expect((await host.ask('/x')).text).toBe('run 1');
      await traffic.ended(3);
      host.clock.forward(20);
      if (combination.store === 'memory') {
        // Not again at once, but some time later. (Redis goes by its own clock.)
        await soon(async () => {
          expect((await host.ask('/x')).text).toBe('run 1');
          expect(runs).toBe(3);
        });
      }
      expect((await host.ask('/x')).text).toBe('run 1');
      host.clock.forward(40);
      broken = false;
      expect((await host.ask('/x')).text).toBe(`run ${runs}`);
    });

    it.each(['no-store', 'private', 'private, max-age=60'])(
      'that says %s ends what is stale: it is made of what is no longer so',
      async (value) => {
        const host = await bench.start(combination);
        const traffic = new Traffic();
        const handler = numbered(() => (handler.runs === 1 ? {} : { headers: { 'Cache-Control': value } }));
        host.use(traffic.layer);
        host.get('/x', SWR_60, handler);
        await storing(host, '/x');
        host.clock.forward(10);
        await storing(host, async () => expect((await host.ask('/x')).text).toBe('run 1'));
        await traffic.ended(3);
        expect(await host.texts('/x', 2)).toEqual(['run 3', 'run 4']);
      },
    );

    it.each<[string, (host: Host) => Promise<unknown>]>([
      ['of the key', (host) => host.cache.delete('/x', 'a')],
      ['by name', (host) => host.cache.delete('the name', 'a')],
      ['by tag', (host) => host.cache.invalidateByTags(['tag'], 'a')],
      ['by pattern', (host) => host.cache.invalidatePattern('/x*', 'a')],
      ['of the tenant', (host) => host.cache.invalidateTenant('a')],
      ['of everything', (host) => host.cache.clear()],
    ])('is overtaken by a purge %s: neither the old nor what was being made is served', async (_, purge) => {
      const host = await bench.start(combination);
      const [traffic, model] = [new Traffic(), held()];
      const ask = () => host.ask('/x', { headers: { 'X-Client-Id': 'a' } });
      host.use(traffic.layer);
      host.get('/x', { ...SWR_60, key: 'the name', tags: ['tag'] }, model.handler);
      await storing(host, ask);
      host.clock.forward(10);
      const skipped = nextEvent(host.cache, 'skip');
      expect((await ask()).text).toBe('run 1');
      await model.begun.opened;
      await purge(host);
      const after = ask();
      await traffic.begun(4);
      model.gate.open();
      expect((await after).text).toBe('run 3');
      expect(await skipped).toMatchObject({ reason: 'invalidated' });
      expect((await ask()).text).toBe('run 3');
    });

    it('goes on when its client has gone', async () => {
      const host = await bench.start(combination);
      const model = held();
      host.get('/x', SWR_60, model.handler);
      await storing(host, '/x');
      host.clock.forward(10);
      const stored = nextEvent(host.cache, 'set');
      const agent = new Agent({ keepAlive: true });
      await host.ask('/x', { agent });
      await model.begun.opened;
      agent.destroy();
      model.gate.open();
      await stored;
      expect((await host.ask('/x')).text).toBe('run 2');
    });

    it('keeps no server from closing', async () => {
      const host = await bench.start(combination);
      const model = held();
      host.get('/x', SWR_60, model.handler);
      await storing(host, '/x');
      host.clock.forward(10);
      await host.ask('/x');
      await model.begun.opened;
      await host.close();
      model.gate.open();
    });
  });

  describe('a request', () => {
    it.each<[string, Ask, object]>([
      ['HEAD', { method: 'HEAD' }, { status: 200, text: '' }],
      ['with a condition', { headers: { 'If-None-Match': '"a"' } }, { status: 304, text: '' }],
      ['for a part', { headers: { Range: 'bytes=0-2' } }, { status: 206, text: 'run' }],
      ['for a part that is not there', { headers: { Range: 'bytes=99-' } }, { status: 416, text: '' }],
    ])('%s is answered of what is stale, and has all of it made anew', async (_, ask, expected) => {
      const host = await bench.start(combination);
      const handler = numbered(() => ({ headers: { ETag: handler.runs === 1 ? '"a"' : '"b"' } }));
      host.all('/x', SWR_60, handler);
      await storing(host, '/x');
      host.clock.forward(10);
      await storing(host, async () => expect(await host.ask('/x', ask)).toMatchObject(expected));
      const hit = await host.ask('/x');
      expect(hit).toMatchObject({ status: 200, text: 'run 2' });
      expect(told(hit)).toMatchObject({ hit: true, ttl: 10 });
    });

    it.each(['Authorization', 'Cookie'])('with %s is answered of what is stale, and has it made anew', async (name) => {
      const host = await bench.start(combination);
      host.get('/x', {}, numbered({ headers: { 'Cache-Control': 'public, max-age=10, stale-while-revalidate=60' } }));
      await storing(host, '/x');
      host.clock.forward(10);
      await storing(host, async () => expect((await host.ask('/x', { headers: { [name]: 'a' } })).text).toBe('run 1'));
      expect((await host.ask('/x', { headers: { [name]: 'b' } })).text).toBe('run 2');
      expect((await host.ask('/x')).text).toBe('run 2');
    });

    it.each<[string, (name: string) => RouteOptions<Source>]>([
      ['vary', (name) => ({ vary: [name] })],
      ['identity', (name) => ({ identity: ({ headers }) => String(headers[name.toLowerCase()]) })],
      ['key', (name) => ({ key: ({ headers }) => String(headers[name.toLowerCase()]) })],
    ])('whose credentials are told apart by %s has its own answer made anew', async (_, options) => {
      for (const name of ['Authorization', 'Cookie']) {
        const host = await bench.start(combination);
        const handler = numbered((asked) => ({ body: `${asked.headers[name.toLowerCase()]} ${handler.runs}` }));
        host.get('/x', { ...SWR_60, ...options(name) }, handler);
        const by = (value: string) => host.ask('/x', { headers: { [name]: value } });
        await storing(host, () => by('one'));
        await storing(host, () => by('two'));
        host.clock.forward(10);
        await storing(host, async () => expect((await by('two')).text).toBe('two 2'));
        expect((await by('two')).text).toBe('two 3');
        expect((await by('one')).text).toBe('one 1');
        await soon(async () => expect((await by('one')).text).toBe('one 4'));
      }
    });

    it.each(['Authorization', 'Cookie'])(
      'with %s is not given what is stale, where it may not have what is fresh',
      async (name) => {
        const host = await bench.start(combination);
        const handler = numbered((asked) => ({ body: `for ${asked.headers[name.toLowerCase()]}` }));
        host.get('/x', SWR_60, handler);
        await storing(host, '/x');
        host.clock.forward(10);
        expect((await host.ask('/x', { headers: { [name]: 'a' } })).text).toBe('for a');
        expect(handler.runs).toBe(2);
      },
    );

    it('that cannot be run beside itself runs the handler in its own stead, and the others have what is stale', async () => {
      const host = await bench.start(combination);
      const model = held();
      host.get('/x', SWR_60, model.handler);
      await storing(host, '/x');
      host.clock.forward(10);
      // A field of the connection that the application might have read: nobody could say what it meant.
      const own = host.ask('/x', { headers: { Connection: 'close, X-Mine', 'X-Mine': '1' } });
      await model.begun.opened;
      expect(await host.texts('/x', 2)).toEqual(['run 1', 'run 1']);
      model.gate.open();
      const answer = await own;
      expect(answer.text).toBe('run 2');
      expect(told(answer)).toMatchObject({ fwd: 'stale' });
      expect((await host.ask('/x')).text).toBe('run 2');
    });

    it.each<[string, Ask]>([
      ['HEAD', { method: 'HEAD' }],
      ['one with credentials', { headers: { Authorization: 'Basic b' } }],
      ['one that wants what is stored, or nothing', { headers: { 'Cache-Control': 'only-if-cached' } }],
    ])('that cannot be run beside itself leaves it to others, if it is %s', async (_, { headers, ...ask }) => {
      const host = await bench.start(combination);
      const handler = numbered({ headers: { 'Cache-Control': 'public, max-age=10, stale-while-revalidate=60' } });
      host.all('/x', { requestDirectives: 'honor' }, handler);
      await storing(host, '/x');
      host.clock.forward(10);
      const alone = { ...headers, Connection: 'close, X-Mine', 'X-Mine': '1' };
      expect(told(await host.ask('/x', { ...ask, headers: alone }))).toMatchObject({ hit: true, ttl: 0 });
      expect(handler.runs).toBe(1);
      await storing(host, '/x');
      expect((await host.ask('/x')).text).toBe('run 2');
    });

    it.each(FAILURES)('is given what it would have been, where its handler fails: %s', async (_, fail) => {
      const host = await bench.start(combination);
      host.use({});
      let runs = 0;
      const handler: Handler = (asked) => (++runs % 2 === 0 ? fail(asked) : { body: `run ${runs}` });
      const slowly: Handler = (asked) => {
        const until = performance.now() + 3;
        while (performance.now() < until);
        return handler(asked);
      };
      host.get('/stale', SWR_60, handler);
      host.get('/fresh', { ttl: 10, earlyRefresh: 1e9 }, slowly);
      const alone = { headers: { Connection: 'close, X-Mine', 'X-Mine': '1' } };
      for (const [path, ttl, fwd] of [
        ['/stale', 0, 'stale'],
        ['/fresh', 10, 'miss'],
      ] as const) {
        runs = 0;
        await storing(host, path);
        if (ttl === 0) host.clock.forward(10);
        const answer = await host.ask(path, alone);
        expect([answer.status, answer.text, runs], path).toEqual([200, 'run 1', 2]);
        expect(told(answer), path).toMatchObject({ fwd, ttl });
      }
      expect(host.cache.getStats()).toMatchObject({ hits: 2, stale: 1, misses: 2 });
    });

    it('says nothing of what is stale where it wants what is fresh, if it is heard', async () => {
      const host = await bench.start(combination);
      host.get('/x', { ...SWR_60, requestDirectives: 'honor' }, numbered());
      await storing(host, '/x');
      host.clock.forward(10);
      const answer = await host.ask('/x', { headers: { 'Cache-Control': 'max-age=5' } });
      expect(answer.text).toBe('run 2');
    });
  });

  describe('the cache may stand', () => {
    it('below a mount, once or twice, with options of its own at each', async () => {
      const host = await bench.start(combination);
      const traffic = new Traffic();
      host.use(traffic.layer);
      host.mount('/once', SWR_60, numbered());
      host.use({ ttl: 5 });
      host.mount('/twice', { ttl: 10 }, { staleWhileRevalidate: 60, tags: ['tag'] }, numbered());
      host.get('/route', { ...SWR_60, key: 'the name' }, numbered());
      host.get('/apart', { ...SWR_60, identity: () => 'me', tags: ['tag'] }, numbered());
      for (const [i, path] of ['/once/x?a=1', '/twice/x', '/route', '/apart'].entries()) {
        await storing(host, path);
        host.clock.forward(10);
        await storing(host, async () => expect((await host.ask(path)).text, path).toBe('run 1'));
        const hit = await host.ask(path);
        expect([hit.text, told(hit).ttl], path).toEqual(['run 2', 10]);
        expect(traffic.passages.length).toBe(4 * (i + 1));
      }
      await host.cache.invalidateByTags(['tag']);
      for (const path of ['/twice/x', '/apart']) expect((await host.ask(path)).text, path).toBe('run 3');
      expect((await host.ask('/route')).text).toBe('run 2');
    });

    it('behind layers whose fields are their own, then too', async () => {
      const host = await bench.start(combination);
      let ids = 0;
      const identified = new Layer(
        (_req, res, go) => {
          res.setHeader('X-Id', String(++ids));
          go();
        },
        (ctx, go) => {
          ctx.set('X-Id', String(++ids));
          return go();
        },
      );
      host.use(identified, SWR_60);
      host.get('/x', numbered());
      await storing(host, '/x');
      host.clock.forward(10);
      await storing(host, async () => expect((await host.ask('/x')).header('x-id')).toBe('2'));
      expect((await host.ask('/x')).header('x-id')).toBe('4');
    });
  });

  it('an early refresh answers with what is still fresh, and makes it anew beside that', async () => {
    const host = await bench.start(combination, { ttl: 10, earlyRefresh: 1e9 });
    const traffic = new Traffic();
    host.use(traffic.layer);
    const handler = numbered();
    host.get('/x', {}, (asked) => {
      const until = performance.now() + 3;
      while (performance.now() < until);
      return handler(asked);
    });
    await traffic.watch(host);
    await storing(host, '/x');
    await storing(host, async () => {
      const early = await host.ask('/x');
      expect(early.text).toBe('run 1');
      expect(told(early)).toEqual({ name: 'respcache', hit: true, ttl: 10 });
    });
    expect(handler.runs).toBe(2);
    expect([traffic.passages.length, traffic.connections]).toEqual([3, 2]);
    expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 1, stale: 0, totalRequests: 2 });
  });

  it('is made anew each time, also where one hears that it is stale when that is done already', async () => {
    const clock = new ManualClock();
    const store = new LateStore(clock);
    const host = await bench.start(combination, { redis: false, store, clock, collapseTimeout: 60_000 });
    const handler = numbered();
    host.get('/x', SWR_60, handler);
    await storing(host, '/x');
    clock.forward(10);
    const read = store.holdNext();
    const late = host.ask('/x');
    await read;
    await storing(host, '/x');
    store.letGo();
    expect((await late).text).toBe('run 1');
    for (const run of [2, 3]) {
      expect(await host.texts('/x', 2)).toEqual([`run ${run}`, `run ${run}`]);
      clock.forward(10);
      await storing(host, '/x');
    }
    expect(handler.runs).toBe(4);
  });

  it("a client's fields cannot make its request one of the background", async () => {
    const host = await bench.start(combination);
    host.get('/x', SWR_60, numbered());
    await host.ask('/x');
    const headers = { 'respcache.refreshing': '1', Refreshing: '1', 'X-Respcache-Refreshing': '1' };
    expect(told(await host.ask('/x', { headers }))).toMatchObject({ hit: true });
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 2 });
  });
});

describe.each(ON_REDIS)('stale-while-revalidate between processes: $label', (combination) => {
  it('is one run for each time that it is stale, whenever who asks has looked', async () => {
    const host = await bench.start(combination);
    const handler = numbered();
    host.get('/x', SWR_60, handler);
    await storing(host, '/x');
    for (let run = 2; run < 12; run++) {
      host.clock.forward(10);
      await soon(async () => expect((await host.ask('/x')).text).not.toBe(`run ${run - 1}`));
      expect(await host.texts('/x', 2)).toEqual([`run ${run}`, `run ${run}`]);
    }
    expect(handler.runs).toBe(11);
  });

  it('is one run for all of them', async () => {
    const one = await bench.start(combination);
    const two = await bench.beside(combination, one);
    const [traffic, model] = [new Traffic(), held()];
    for (const host of [one, two]) {
      host.use(traffic.layer);
      host.get('/x', SWR_60, model.handler);
    }
    await storing(one, () => one.ask('/x', AT_H));
    one.clock.forward(10);
    const stored = nextEvent(one.cache, 'set');
    expect((await one.ask('/x', AT_H)).text).toBe('run 1');
    await model.begun.opened;
    for (let i = 0; i < 3; i++) {
      for (const host of [one, two]) expect((await host.ask('/x', AT_H)).text).toBe('run 1');
    }
    model.gate.open();
    await stored;
    for (const host of [one, two]) expect((await host.ask('/x', AT_H)).text).toBe('run 2');
    expect(model.runs).toBe(2);
    expect(traffic.passages.length).toBe(11);
  });

  it('is overtaken by a purge in another process', async () => {
    const one = await bench.start(combination);
    const two = await bench.beside(combination, one);
    const [traffic, model] = [new Traffic(), held()];
    for (const host of [one, two]) {
      host.use(traffic.layer);
      host.get('/x', { ...SWR_60, tags: ['tag'] }, model.handler);
    }
    await storing(one, () => one.ask('/x', AT_H));
    one.clock.forward(10);
    expect((await one.ask('/x', AT_H)).text).toBe('run 1');
    await model.begun.opened;
    await two.cache.invalidateByTags(['tag']);
    const after = [one.ask('/x', AT_H), two.ask('/x', AT_H)];
    await traffic.begun(5);
    model.gate.open();
    for (const answer of await Promise.all(after)) expect(answer.text).not.toMatch(/run [12]$/);
    for (const host of [one, two]) expect((await host.ask('/x', AT_H)).text).not.toMatch(/run [12]$/);
  });
});
