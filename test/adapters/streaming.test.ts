// P4 and P6: answers in pieces: each piece at once, none lost, nothing left behind.

import { once } from 'node:events';
import { Agent } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { COMBINATIONS, compare, Gate, numbered, OF_EXPRESS, pair, stream, useBench } from './bench.js';
import { type Handler, type Host, raw } from './hosts.js';

const bench = useBench();

/** A body that waits in its middle. */
function slow(end: Gate): Readable {
  async function* pieces() {
    yield 'slo';
    await end.opened;
    yield 'w';
  }
  return Readable.from(pieces());
}

describe.each(COMBINATIONS)('streaming: $label', (combination) => {
  it('sends the first bytes before there are others', async () => {
    const host = await bench.start(combination);
    const body = new PassThrough();
    host.get('/x', {}, () => ({ body }));
    body.write('first');
    const arriving = await host.begin('/x');
    expect(String(await arriving.next())).toBe('first');
    body.end('second');
    const answer = await arriving.rest();
    expect(answer).toMatchObject({ text: 'firstsecond', complete: true });
    expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss');
    expect((await host.ask('/x')).text).toBe('firstsecond');
    expect(host.cache.getStats()).toMatchObject({ hits: 1, sets: 1 });
  });

  it.each([
    ['GET', 'at once', 1],
    ['POST', 'at once', 1],
    ['POST', 'more than once', 2],
  ])('sends the head of a %s as soon as the handler flushes it, %s', async (method, _, times) => {
    const host = await bench.start(combination);
    const gate = new Gate();
    host.all(
      '/x',
      {},
      host.invalidating('key'),
      raw(async (res) => {
        for (let i = 0; i < times; i++) res.flushHeaders();
        await gate.opened;
        res.end('x');
      }),
    );
    const late = new Promise((resolve) => setTimeout(resolve, 2000, 'no head'));
    const begun = host.begin('/x', { method });
    expect(await Promise.race([begun.then(({ head }) => head.status), late])).toBe(200);
    gate.open();
    expect((await (await begun).rest()).text).toBe('x');
  });

  it('answers several at once, each whole, while none is stored yet', async () => {
    const host = await bench.start(combination);
    const gate = new Gate();
    let runs = 0;
    host.get('/x', { collapse: false }, async () => {
      if (++runs === 3) gate.open();
      await gate.opened;
      return { body: stream(['a', 'b', 'c']) };
    });
    const answers = await Promise.all([host.ask('/x'), host.ask('/x'), host.ask('/x')]);
    expect(answers.map(({ text }) => text)).toEqual(['abc', 'abc', 'abc']);
    expect((await host.ask('/x')).header('cache-status')).toMatch(/; hit;/);
  });

  it('answers several at once by one run of the handler, each whole', async () => {
    const host = await bench.start(combination);
    const begun = new Gate();
    const handler = numbered(() => {
      begun.open();
      return { body: stream(['a', 'b', 'c']) };
    });
    host.get('/x', {}, async (asked) => {
      const said = await handler(asked);
      await nobodyElse;
      return said;
    });
    let waiting = 0;
    const all = new Gate();
    const nobodyElse = all.opened;
    const ask = async () => {
      if (++waiting === 3) setImmediate(all.open);
      return host.ask('/x');
    };
    const answers = await Promise.all([ask(), begun.opened.then(ask), begun.opened.then(ask)]);
    expect(answers.map(({ text }) => text)).toEqual(['abc', 'abc', 'abc']);
    expect(handler.runs).toBe(1);
  });

  it('that goes on for long leaves what another run has said and stored meanwhile, and is stored where there is none', async () => {
    const host = await bench.start(combination);
    const end = new Gate();
    let runs = 0;
    const handler: Handler = ({ headers }) => {
      runs++;
      return { body: headers['x-slow'] === undefined ? 'newer' : slow(end) };
    };
    for (const path of ['/x', '/alone']) host.get(path, { collapse: false, ttl: 60 }, handler);
    const begun = await Promise.all(['/x', '/alone'].map((path) => host.begin(path, { headers: { 'X-Slow': '1' } })));
    for (const each of begun) await each.next();
    host.clock.forward(20);
    expect((await host.ask('/x')).text).toBe('newer');
    end.open();
    for (const each of begun) await each.rest();
    for (let i = 0; i < 3; i++) expect((await host.ask('/x')).text).toBe('newer');
    await expect.poll(() => host.cache.getStats().sets).toBe(2);
    const hit = await host.ask('/alone');
    expect([hit.text, hit.header('age'), runs]).toEqual(['slow', '20', 3]);
  });

  it('that goes on for longer than it is fresh is not stored, and not counted as if it were', async () => {
    const host = await bench.start(combination);
    const end = new Gate();
    host.get('/x', { ttl: 10 }, () => ({ body: slow(end) }));
    const begun = await host.begin('/x');
    await begun.next();
    host.clock.forward(20);
    end.open();
    expect((await begun.rest()).text).toBe('slow');
    expect((await host.ask('/x')).header('cache-status')).toBe('respcache; fwd=uri-miss');
    const stats = { misses: 2, sets: 1, reasons: { 'not-fresh': 1 } };
    await expect.poll(() => host.cache.getStats()).toMatchObject(stats);
  });

  it('lets go who waits for it as soon as its head says that nothing of it may be shared', async () => {
    const host = await bench.start(combination);
    const [begun, said, rest] = [new Gate(), new Gate(), new Gate()];
    const pieces = async function* () {
      yield 'a';
      await rest.opened;
      yield 'b';
    };
    let runs = 0;
    host.get('/x', {}, async () => {
      if (++runs > 1) return { headers: { 'Cache-Control': 'no-store' }, body: 'other' };
      begun.open();
      await said.opened;
      return { headers: { 'Cache-Control': 'no-store' }, body: Readable.from(pieces()) };
    });
    const first = host.ask('/x');
    await begun.opened;
    const second = host.ask('/x');
    await pause(100);
    expect(runs).toBe(1);
    said.open();
    const late = pause(2000).then(() => ({ text: 'nothing' }));
    expect((await Promise.race([second, late])).text).toBe('other');
    rest.open();
    expect((await first).text).toBe('ab');
  });

  it('is no answer to who comes meanwhile and wants none that was made for others', async () => {
    const host = await bench.start(combination, { requestDirectives: 'honor' });
    const [begun, said] = [new Gate(), new Gate()];
    let runs = 0;
    host.get('/x', {}, async () => {
      const run = ++runs;
      begun.open();
      await said.opened;
      return { body: `run ${run}` };
    });
    const first = host.ask('/x');
    await begun.opened;
    const others = [{}, { 'Cache-Control': 'no-cache' }].map((headers) => host.ask('/x', { headers }));
    await pause(100);
    said.open();
    expect((await Promise.all([first, ...others])).map(({ text }) => text)).toEqual(['run 1', 'run 1', 'run 2']);
  });

  it('keeps the bytes of a Buffer that is written over after the answer', async () => {
    const host = await bench.start(combination);
    const body = Buffer.from('mine');
    host.get('/x', {}, () => ({ body }));
    expect((await host.ask('/x')).text).toBe('mine');
    body.fill('z');
    expect((await host.ask('/x')).text).toBe('mine');
  });

  it('passes on early hints', async () => {
    const hosts = await pair(bench, combination, (host) =>
      host.get('/x', {}, ({ res }) => {
        res.writeEarlyHints({ link: '</style.css>; rel=preload' });
        // Hints are no part of what is stored: to be compared they have to come from the handler each time.
        return { headers: { 'Cache-Control': 'no-store' }, body: 'x' };
      }),
    );
    const { plain, stored } = await compare(hosts, '/x');
    expect(plain.hints).toEqual([{ status: 103, lines: [['Link', '</style.css>; rel=preload']] }]);
    expect(stored).toBe(false);
  });

  it('stores an answer that had early hints', async () => {
    const host = await bench.start(combination);
    host.get('/x', {}, ({ res }) => {
      res.writeEarlyHints({ link: '</style.css>; rel=preload' });
      return { body: 'x' };
    });
    expect((await host.ask('/x')).hints).toHaveLength(1);
    expect(await host.ask('/x')).toMatchObject({ text: 'x', hints: [] });
  });

  it('leaves no listeners behind on a connection that many requests share', async () => {
    const counts = async (host: Host) => {
      const found: Record<string, number>[] = [];
      host.use({}, {}, ({ req, url }) => {
        const of = (emitter: NodeJS.EventEmitter) =>
          Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));
        found.push(of(req.socket));
        return { body: url.endsWith('stream') ? stream(['a', 'b']) : 'whole' };
      });
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let i = 0; i < 15; i++) {
        for (const path of [`/${i}`, `/${i}`, `/${i}-stream`, `/${i}-stream`]) await host.ask(path, { agent });
      }
      agent.destroy();
      return found;
    };
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    const plain = await counts(bench.bare(combination));
    const cached = await counts(await bench.start(combination));
    process.off('warning', warn);
    expect(cached).toHaveLength(30);
    expect(cached.at(-1)).toEqual(cached[1]);
    expect(cached.at(-1)).toEqual(plain.at(-1));
    expect(warnings).toEqual([]);
  });

  it('adds a bounded number of listeners to a response, however often it is mounted', async () => {
    const listeners = async (mounts: number) => {
      const host = await bench.start(combination);
      for (let i = 0; i < mounts; i++) host.use({});
      let count = 0;
      host.get('/x', ({ req, res }) => {
        for (const emitter of [req, res]) for (const name of emitter.eventNames()) count += emitter.listenerCount(name);
        return { body: 'x' };
      });
      await host.ask('/x');
      return count;
    };
    expect(await listeners(12)).toBe(await listeners(1));
  });
});

describe.each(OF_EXPRESS)('streaming: $label', (combination) => {
  it('sends each write at once', async () => {
    const host = await bench.start(combination);
    const gate = new Gate();
    host.get(
      '/x',
      {},
      raw(async (res) => {
        res.write('first');
        await gate.opened;
        res.end('second');
      }),
    );
    const arriving = await host.begin('/x');
    expect(String(await arriving.next())).toBe('first');
    gate.open();
    await arriving.rest();
    expect((await host.ask('/x')).text).toBe('firstsecond');
    expect(host.cache.getStats()).toMatchObject({ hits: 1, sets: 1 });
  });

  it('tells a handler that writes too fast, and when to go on', async () => {
    const told = async (host: Host) => {
      const found: unknown[] = [];
      host.get(
        '/x',
        {},
        raw(async (res) => {
          for (const bytes of [1, 200_000, 200_000]) {
            const more = res.write(Buffer.alloc(bytes));
            found.push(more);
            if (!more) await once(res, 'drain');
          }
          res.end();
        }),
      );
      await host.ask('/x');
      return found;
    };
    expect(await told(await bench.start(combination))).toEqual(await told(bench.bare(combination)));
  });

  it('keeps the bytes of a buffer that is reused after the callback of its write', async () => {
    const host = await bench.start(combination);
    host.get(
      '/x',
      {},
      raw(async (res) => {
        const buffer = Buffer.from('aaaa');
        await new Promise<unknown>((done) => res.write(buffer, done));
        buffer.write('bbbb');
        await new Promise<unknown>((done) => res.end(buffer, () => done(undefined)));
        buffer.fill('z');
      }),
    );
    await host.ask('/x');
    const hit = await host.ask('/x');
    expect(hit.header('cache-status')).toMatch(/; hit;/);
    expect(hit.text).toBe('aaaabbbb');
  });

  it('streams on after the head was held back for an invalidation', async () => {
    const host = await bench.start(combination);
    const gate = new Gate();
    host.post(
      '/x',
      host.invalidating('key'),
      raw(async (res) => {
        if (!res.write('first')) await once(res, 'drain');
        await gate.opened;
        res.end('second');
      }),
    );
    const arriving = await host.begin('/x', { method: 'POST' });
    expect(String(await arriving.next())).toBe('first');
    gate.open();
    expect((await arriving.rest()).text).toBe('firstsecond');
  });

  it('passes on a large answer that was held back for an invalidation', async () => {
    const bytes = Buffer.alloc(3_000_000, 'abc');
    const host = await bench.start(combination);
    host.post('/x', host.invalidating('key'), () => ({
      body: stream(Array.from({ length: 30 }, (_, i) => bytes.subarray(i * 100_000, (i + 1) * 100_000))),
    }));
    const answer = await host.ask('/x', { method: 'POST' });
    expect(answer.body.equals(bytes)).toBe(true);
  });
});
