// A client that goes while its handler is at work: what the handler has changed is invalidated all the same, and what it
// makes is for those who wait for it.

import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RequestHandler } from 'express';
import type { CachedResponse } from 'respcache/node';
import { describe, expect, it, vi } from 'vitest';
import { type ClockedHost, COMBINATIONS, IN_FRONT, useBench } from './bench.js';
import { type Handler, Layer, notHere, type Part, raw } from './hosts.js';

const bench = useBench();

/** A handler that begins, and ends when it is told to. */
class Work {
  runs = 0;
  #begun: (() => void)[] = [];
  #ends: (() => void)[] = [];

  /** When the next run begins. */
  begun(): Promise<void> {
    return new Promise((resolve) => this.#begun.push(resolve));
  }

  run = async (): Promise<{ body: string }> => {
    const text = `run ${++this.runs}`;
    for (const begun of this.#begun.splice(0)) begun();
    await new Promise<void>((resolve) => this.#ends.push(resolve));
    return { body: text };
  };

  end(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}

/** Asks, and hangs up once the handler is at work and the server has noticed. */
async function askAndLeave(host: ClockedHost, work: Work, path: string, method = 'GET'): Promise<void> {
  const server = await host.server();
  const gone = new Promise<void>((resolve) => {
    server.once('request', (_req, res) => res.once('close', resolve));
  });
  const { port } = server.address() as { port: number };
  const begun = work.begun();
  const asking = request({ host: '127.0.0.1', port, path, method, agent: false });
  asking.on('error', () => {});
  asking.end();
  await begun;
  asking.destroy();
  await gone;
}

/** What changes something as it runs. */
type Write = (work: Work, change: () => void) => Handler | Layer;

/**
 * Has a client go that has asked for a change: what shows it is shown anew, once. `outside`: what is outside of the invalidation;
 * `meanwhile`: what is waited for before the handler is done.
 */
async function changedAlone(
  host: ClockedHost,
  write: Write,
  { outside = [], meanwhile = async () => {} }: { outside?: Part[]; meanwhile?: () => Promise<void> } = {},
): Promise<void> {
  const work = new Work();
  let version = 1;
  const change = () => {
    version++;
  };
  host.get('/x', { tags: ['x'] }, () => ({ body: `version ${version}` }));
  host.post('/x/write', ...outside, host.invalidating({ tags: ['x'] }), write(work, change));
  expect((await host.ask('/x')).text).toBe('version 1');
  await askAndLeave(host, work, '/x/write', 'POST');
  await meanwhile();
  work.end();
  await vi.waitFor(() => expect(host.cache.getStats().deletes).toBe(1));
  expect((await host.ask('/x')).text).toBe('version 2');
}

/** What another client is given that asks while the handler still works for one that has gone. */
async function textForWhoWaits(host: ClockedHost, work: Work, path: string): Promise<string> {
  await askAndLeave(host, work, path);
  const waiting = host.ask(path);
  await once(await host.server(), 'request');
  work.end();
  return (await waiting).text;
}

describe.each([...COMBINATIONS, ...IN_FRONT])('a client that goes: $label', (combination) => {
  it('leaves what its handler makes to the store', async () => {
    const host = await bench.start(combination);
    const work = new Work();
    host.get('/x', {}, work.run);
    await askAndLeave(host, work, '/x');
    work.end();
    await vi.waitFor(async () => {
      expect(host.cache.getStats().sets).toBe(1);
    });
    expect((await host.ask('/x')).text).toBe('run 1');
    expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 1, totalRequests: 2 });
  });

  it('leaves it to those who wait for it', async () => {
    const host = await bench.start(combination);
    const work = new Work();
    host.get('/x', {}, work.run);
    await askAndLeave(host, work, '/x');
    const waiting = host.ask('/x');
    await once(await host.server(), 'request');
    work.end();
    const answer = await waiting;
    expect(answer.text).toBe('run 1');
    expect(work.runs).toBe(1);
  });

  it('leaves a stream that is broken off with it to one of those who wait', async () => {
    const host = await bench.start(combination);
    const first = new PassThrough();
    first.write('a piece');
    let runs = 0;
    host.get('/x', {}, () => (++runs === 1 ? { body: first } : { body: `run ${runs}` }));
    const server = await host.server();
    const { port } = server.address() as { port: number };
    const leader = request({ host: '127.0.0.1', port, path: '/x', agent: false }).end();
    const [begun] = await once(leader, 'response');
    await once(begun, 'data');
    let arrived = 0;
    const allThere = new Promise<void>((resolve) => {
      server.on('request', () => ++arrived === 3 && resolve());
    });
    const waiting = [1, 2, 3].map(() => host.ask('/x'));
    await allThere;
    begun.destroy();
    for (const { text } of await Promise.all(waiting)) expect(text).toBe('run 2');
    expect(runs).toBe(2);
  });

  it('leaves what it has taken as a whole to the store, whether or not its stream has ended by then', async () => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const body = new PassThrough();
    body.write('whole');
    let runs = 0;
    host.get('/x', {}, () => {
      runs++;
      return { headers: { 'Content-Length': '5' }, body };
    });
    const server = await host.server();
    const gone = new Promise<void>((resolve) => {
      server.once('request', (_req, res) => res.once('close', resolve));
    });
    const { port } = server.address() as { port: number };
    const asking = request({ host: '127.0.0.1', port, path: '/x', agent: false }).end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    expect((await answer.toArray()).join('')).toBe('whole');
    await gone;
    await vi.waitFor(() => {
      expect(host.cache.getStats().sets).toBe(1);
    });
    expect((await host.ask('/x')).text).toBe('whole');
    expect(runs).toBe(1);
  });

  it('does not leave it to the store where the handler still forbids it before it ends', async () => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const ended = new Promise<void>((resolve) => {
      const handler = raw((res) => {
        res.setHeader('Content-Length', 5);
        res.write('whole');
        res.once('close', () => {
          // Under Koa it is `ctx.cache`; who writes past Koa is not stored anyway.
          (res as Partial<CachedResponse>).cache?.noStore();
          res.end();
          resolve();
        });
      });
      host.get('/x', {}, handler);
    });
    const { port } = (await host.server()).address() as { port: number };
    const asking = request({ host: '127.0.0.1', port, path: '/x', agent: false }).end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    expect((await answer.toArray()).join('')).toBe('whole');
    await ended;
    expect(host.cache.getStats().sets).toBe(0);
  });

  describe.each<[what: string, body: () => string | object]>([
    ['a text', () => '{"whole":true}'],
    ['an object', () => ({ whole: true })],
    ['a stream', () => Readable.from(['{"whole":', 'true}'])],
    ['a long stream', () => Readable.from(['{"whole":', ' '.repeat(50_000), ' '.repeat(50_000), 'true}'])],
  ])('never leaves less than the whole to others: of %s', (_, body) => {
    it.each<[where: string, mounts: object[]]>([
      ['around the application', []],
      ['on the route', [{}]],
      ['on the route, twice', [{}, {}]],
    ])('%s', async (_where, mounts) => {
      // A stream that is piped into a response that has gone stands still without a word: it is not waited for.
      const host = await bench.start(combination, { collapseTimeout: 60_000 });
      const work = new Work();
      if (mounts.length === 0 && combination.front === undefined) host.use({});
      host.get('/x', ...mounts, async () => {
        if (work.runs === 0) await work.run();
        return { body: body() };
      });
      await askAndLeave(host, work, '/x');
      const waiting = host.ask('/x');
      await once(await host.server(), 'request');
      work.end();
      const whole = '{"whole":true}';
      const text = async (answer: Promise<{ text: string }>) => (await answer).text.replaceAll(' ', '');
      expect(await text(waiting)).toBe(whole);
      for (let i = 0; i < 2; i++) expect(await text(host.ask('/x'))).toBe(whole);
    });
  });

  it('does not leave to others what a layer inside the cache still forbids, or has not finished', async () => {
    const host = await bench.start(combination);
    const work = new Work();
    // Between the route's mount and one around the application, where there is one.
    if (combination.front === undefined) host.use({});
    host.use(
      new Layer(
        (_req, res, next) => {
          res.setHeader('Cache-Control', 'private');
          next();
        },
        async (ctx, next) => {
          await next();
          ctx.set('Cache-Control', 'private');
        },
      ),
    );
    host.get('/x', {}, async () => (work.runs === 0 ? work.run() : { body: `run ${++work.runs}` }));
    expect(await textForWhoWaits(host, work, '/x')).toBe('run 2');
    expect((await host.ask('/x')).text).toBe('run 3');
    expect(host.cache.getStats().sets).toBe(0);
  });

  it.each<[string, (res: ServerResponse) => unknown]>([
    ['that is piped', (res) => Readable.from(['a', 'b']).pipe(res)],
    ['of a pipeline', (res) => pipeline(Readable.from(['a', 'b']), res, () => {})],
    [
      'written by a handler that waits for the drain',
      (res) => {
        if (res.write('a')) res.end('b');
        else res.once('drain', () => res.end('b'));
      },
    ],
  ])('has nobody wait for what stands still: %s', async (_, write) => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const work = new Work();
    const handler = raw(async (res) => {
      if (work.runs === 0) await work.run();
      await write(res);
    });
    host.get('/x', {}, handler);
    expect(await textForWhoWaits(host, work, '/x')).toBe('ab');
  });

  it('keeps what a handler writes on to the end that waits for no drain', async () => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    const work = new Work();
    let runs = 0;
    const handler = raw(async (res) => {
      if (++runs === 1) await work.run();
      res.write('a');
      await nextTurn();
      await nextTurn();
      res.end('b');
    });
    host.get('/x', {}, handler);
    expect(await textForWhoWaits(host, work, '/x')).toBe('ab');
    // A handler that writes past Koa is not waited for there.
    expect(runs).toBe(combination.label.startsWith('koa') && combination.front === undefined ? 2 : 1);
  });

  it('does not keep what its handler has changed from being invalidated', async () => {
    const host = await bench.start(combination);
    await changedAlone(host, (work, change) => async () => {
      change();
      return work.run();
    });
  });

  it('does not do so either where its handler takes longer than anybody would wait', async () => {
    const host = await bench.start(combination, { collapseTimeout: 20 });
    const write: Write = (work, change) => async () => {
      change();
      return work.run();
    };
    const meanwhile = async () => {
      // In Express it is counted when it is given up; in Koa nothing is, before its layers are done.
      if (combination.framework.startsWith('express'))
        await vi.waitFor(() => expect(host.cache.getStats().reasons.method).toBe(1));
    };
    await changedAlone(host, write, { outside: [{}], meanwhile });
  });

  it('does not do so either where the stream that it answers with first stands still', async () => {
    const host = await bench.start(combination);
    await changedAlone(host, (work, change) =>
      raw(async (res) => {
        change();
        new PassThrough().pipe(res);
        const { body } = await work.run();
        res.end(body);
      }),
    );
  });

  it.each<[string, (res: ServerResponse) => unknown]>([
    ['a pipeline', (res) => pipeline(new PassThrough(), res, () => {})],
    ['a stream that is piped', (res) => new PassThrough().pipe(res)],
  ])('does not do so either where nothing comes of what it answers with: %s', async (_, answer) => {
    const host = await bench.start(combination);
    await changedAlone(host, (work, change) =>
      raw(async (res) => {
        await work.run();
        change();
        answer(res);
      }),
    );
  });

  it('does not do so in the end either where its handler says nothing any more', async () => {
    const host = await bench.start(combination, { collapseTimeout: 50 });
    await changedAlone(host, (work, change) =>
      raw(async () => {
        change();
        await work.run();
      }),
    );
  });

  it('is waited for no longer than anybody would wait, if its handler gives up with it', async () => {
    const host = await bench.start(combination, { collapseTimeout: 200 });
    const work = new Work();
    host.get('/x', {}, work.run);
    await askAndLeave(host, work, '/x');
    const begun = work.begun();
    const other = host.ask('/x');
    await begun;
    work.end();
    expect((await other).text).toMatch(/^run [12]$/);
  });

  it('is not waited for where it has closed the connection itself', async () => {
    const host = await bench.start(combination, { collapseTimeout: 60_000 });
    host.get(
      '/x',
      {},
      raw((res) => res.req.socket.destroy()),
    );
    for (let i = 0; i < 2; i++) await expect(host.ask('/x')).rejects.toThrow();
  });
});

describe.each([...COMBINATIONS, ...IN_FRONT].filter(({ framework }) => framework.startsWith('express')))(
  'a client that goes before a timeout: $label',
  (combination) => {
    it('does not keep what its handler changes from being invalidated, in whose place nobody was told of a failure', async () => {
      const host = await bench.start(combination);
      const timeout: RequestHandler = ({ method }, res, next) => {
        if (method === 'POST') res.once('close', () => res.status(503).end());
        next();
      };
      host.use(new Layer(timeout, notHere));
      await changedAlone(host, (work, change) =>
        raw(async (res) => {
          await work.run();
          change();
          res.end('done');
        }),
      );
    });
  },
);
