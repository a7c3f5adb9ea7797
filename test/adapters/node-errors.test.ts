// What a wrapped listener throws or rejects with goes where it would have gone without the cache.

import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { type Listener, withCache } from 'respcache/node';
import { describe, expect, it, vi } from 'vitest';
import { STORES, useNode, type Wrapped } from './node-host.js';

const bench = useNode();
const failure = new Error('the listener has failed');

const FAILS: [string, () => unknown][] = [
  [
    'throws',
    () => {
      throw failure;
    },
  ],
  ['rejects', () => Promise.reject(failure)],
  [
    'rejects with a promise of another kind',
    () => Object.fromEntries([['then', (_: unknown, no: (error: unknown) => void) => no(failure)]]),
  ],
];

/** Serves what stands between Node and the wrapped listener: it hears of what comes out of it. */
async function caught(
  store: (typeof STORES)[number],
  listener: Listener,
  options = {},
): Promise<{ host: Wrapped; errors: unknown[] }> {
  const errors: unknown[] = [];
  const host = await bench.serve(store, (cache) => {
    const wrapped = withCache(listener, { cache, ...options });
    return async (req, res) => {
      try {
        await wrapped(req, res);
      } catch (error) {
        errors.push(error);
        if (!res.headersSent) Object.assign(res, { statusCode: 500 }).end('as the application says it');
      }
    };
  });
  return { host, errors };
}

describe.each(STORES)('a listener behind the cache on %s', (store) => {
  describe.each(FAILS)('that %s', (_, fail) => {
    it('is heard of, and nothing is stored', async () => {
      const { host, errors } = await caught(store, fail);
      for (let i = 1; i < 3; i++) {
        expect(await host.ask('/a')).toMatchObject({ status: 500, text: 'as the application says it' });
        expect(errors).toEqual(Array(i).fill(failure));
      }
      expect(host.cache.getStats()).toMatchObject({ sets: 0, totalRequests: 2 });
    });

    it('after a part of its answer is heard of, and the part is not stored', async () => {
      let runs = 0;
      const { host, errors } = await caught(store, (_req, res) => {
        if (++runs > 1) return res.end('whole');
        res.write('part');
        setImmediate(() => res.destroy());
        return fail();
      });
      expect((await host.ask('/a')).complete).toBe(false);
      expect(errors).toEqual([failure]);
      expect(await host.texts('/a', 2)).toEqual(['whole', 'whole']);
    });

    it('lets those go who wait for it', async () => {
      let runs = 0;
      let leaders = 0;
      let go = () => {};
      const meanwhile = new Promise<void>((resolve) => {
        go = resolve;
      });
      const { host } = await caught(store, async (_req, res) => {
        if (++runs > 1) return res.end('whole');
        leaders++;
        await meanwhile;
        return fail();
      });
      const first = host.ask('/a');
      await vi.waitFor(() => expect(leaders).toBe(1));
      const others = [host.ask('/a'), host.ask('/a')];
      go();
      expect((await first).status).toBe(500);
      for (const answer of await Promise.all(others)) expect(answer).toMatchObject({ status: 200, text: 'whole' });
    });

    it('is stood in for by what is stale, and heard of all the same', async () => {
      let fine = true;
      const { host, errors } = await caught(store, (_req, res) => (fine ? res.end('good') : fail()), {
        ttl: 10,
        staleIfError: 60,
      });
      await host.ask('/a');
      host.clock.forward(20);
      fine = false;
      const answer = await host.ask('/a');
      expect(answer).toMatchObject({ status: 200, text: 'good' });
      expect(answer.header('cache-status')).toContain('detail=stale-if-error');
      expect(errors).toEqual([failure]);
    });

    it('and answers all the same has what it changed invalidated', async () => {
      let value = 1;
      const host = await bench.serve(store, (cache) => {
        const wrapped = withCache(
          (req, res) => {
            if (req.method === 'GET') return res.end(String(value));
            value++;
            setImmediate(() => res.end('done'));
            return fail();
          },
          { cache },
        );
        // A host that goes on whatever its listeners do.
        return async (req, res) => {
          try {
            await wrapped(req, res);
          } catch (error) {
            expect(error).toBe(failure);
          }
        };
      });
      expect(await host.texts('/a', 2)).toEqual(['1', '1']);
      expect((await host.ask('/a', { method: 'POST' })).text).toBe('done');
      expect(await host.texts('/a', 1)).toEqual(['2']);
    });
  });

  it('that rejects is answered for by a server that captures rejections', async () => {
    const host = await bench.serve(store, (cache) => {
      EventEmitter.captureRejections = true;
      try {
        return createServer(withCache(() => Promise.reject(failure), { cache }));
      } finally {
        EventEmitter.captureRejections = false;
      }
    });
    expect(await host.ask('/a')).toMatchObject({ status: 500, text: 'Internal Server Error' });
  });

  it('whose client hangs up goes on for those who wait', async () => {
    let runs = 0;
    let go = () => {};
    const meanwhile = new Promise<void>((resolve) => {
      go = resolve;
    });
    const host = await bench.wrap(store, async (_req, res) => {
      runs++;
      await meanwhile;
      res.end('whole');
    });
    const controller = new AbortController();
    const gone = fetch(`http://127.0.0.1:${host.port}/a`, { signal: controller.signal }).catch(() => 'gone');
    await vi.waitFor(() => expect(runs).toBe(1));
    const other = host.ask('/a');
    controller.abort();
    expect(await gone).toBe('gone');
    go();
    expect((await other).text).toBe('whole');
    expect(await host.texts('/a', 1)).toEqual(['whole']);
  });
});

it('a listener is run though Redis is down', async () => {
  const host = await bench.serve('redis', (cache) => withCache((_req, res) => res.end('here'), { cache }), {
    redis: 'redis://127.0.0.1:1',
    timeout: 50,
  });
  expect(await host.texts('/a', 2)).toEqual(['here', 'here']);
});
