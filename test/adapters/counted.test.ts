// What the load of test/stats has found to be counted wrongly, one by one.

import { once } from 'node:events';
import { request } from 'node:http';
import { PassThrough, pipeline } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { CacheEvents } from 'respcache';
import { ChaosStore, ManualClock } from 'respcache/testing';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/entry/entry.js';
import { type ClockedHost, Gate, NEWEST, numbered, stream, useBench } from './bench.js';
import { raw } from './hosts.js';
import { nextEvent, soon } from './traffic.js';

const bench = useBench();

/** Asks, hangs up when it is told to, and resolves when the server has noticed. */
async function askAndLeave(host: ClockedHost, path: string, leave: Promise<void>): Promise<void> {
  const server = await host.server();
  const came = once(server, 'request');
  const asking = request({ host: '127.0.0.1', port: await host.port(), path, agent: false });
  asking.on('error', () => {});
  asking.end();
  const [, response] = await came;
  const gone = once(response, 'close');
  await leave;
  asking.destroy();
  await gone;
}

/** What the store has takes as long to be found as the test says, once it is told to. */
class SlowStore extends ChaosStore {
  readonly #looking = new Gate();
  readonly #go = new Gate();
  #isSlow = false;

  get looking(): Promise<void> {
    return this.#looking.opened;
  }

  begin(): void {
    this.#isSlow = true;
  }

  end(): void {
    this.#isSlow = false;
    this.#go.open();
  }

  override async get(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    if (this.#isSlow) {
      this.#looking.open();
      await this.#go.opened;
    }
    return super.get(keys);
  }
}

describe.each(NEWEST)('counted: $label', (combination) => {
  it('a client that goes during the lookup, once, and nobody waits for its handler in vain', async () => {
    const host = await bench.start(combination, { collapseTimeout: 200 });
    const [looking, go] = [new Gate(), new Gate()];
    const tenant = async () => {
      looking.open();
      await go.opened;
      return 'acme';
    };
    host.use({ tenant });
    // It has nothing to say yet, and gives up with its client, without a word.
    const bodies = [new PassThrough(), stream(['a', 'b'])];
    const piping = raw((res) => void pipeline(bodies.shift()!, res, () => {}));
    host.get('/x', {}, combination.framework.startsWith('koa') ? () => ({ body: bodies.shift()! }) : piping);
    await askAndLeave(host, '/x', looking.opened);
    go.open();
    await soon(() => expect(host.cache.getStats().totalRequests).toBe(1));
    expect((await host.ask('/x')).text).toBe('ab');
    expect(host.cache.getStats().totalRequests).toBe(2);
  });

  it('no client that goes where there is nothing but an invalidation', async () => {
    const host = await bench.start(combination, { collapseTimeout: 20 });
    const [working, go] = [new Gate(), new Gate()];
    host.get('/write', host.invalidating('x'), async () => {
      working.open();
      await go.opened;
      return { body: 'done' };
    });
    // In Koa nothing is given up before its layers are done.
    const isGivenUp = combination.framework.startsWith('express');
    const unsaid = isGivenUp ? nextEvent(host.cache, 'purge') : pause(20);
    await askAndLeave(host, '/write', working.opened);
    await unsaid;
    const purged = nextEvent(host.cache, 'purge');
    go.open();
    await purged;
    await host.ask('/write');
    expect(host.cache.getStats()).toMatchObject({ totalRequests: 0, bypassed: 0, deletes: isGivenUp ? 3 : 2 });
  });

  describe('a client that goes during a lookup that takes longer than its handler would be waited for', () => {
    const slowly = async () => {
      const clock = new ManualClock();
      const slow = new SlowStore(clock);
      const host = await bench.start(combination, {
        collapseTimeout: 20,
        timeout: 10_000,
        redis: false,
        store: slow,
        clock,
      });
      return { host, slow };
    };

    it('once, where it finds an answer, and a mount around it has let the request pass', async () => {
      const { host, slow } = await slowly();
      host.use({ when: () => false });
      host.get('/x', { when: () => true }, numbered());
      const told: string[] = [];
      for (const kind of ['hit', 'miss', 'bypass'] as const) host.cache.on(kind, () => told.push(kind));
      const stored = nextEvent(host.cache, 'set');
      await host.ask('/x');
      await stored;
      expect(told).toEqual(['miss']);
      slow.begin();
      await askAndLeave(host, '/x', slow.looking);
      // Behind the exchange's own timer, as above.
      await pause(20);
      slow.end();
      expect((await host.ask('/x')).text).toBe('run 1');
      await soon(() => expect(told).toHaveLength(3));
      expect(host.cache.getStats().totalRequests).toBe(3);
    });

    it('once, where it finds nothing, and there was an invalidation before', async () => {
      const { host, slow } = await slowly();
      host.use(host.invalidating('other'));
      host.get('/x', {}, numbered());
      slow.begin();
      await askAndLeave(host, '/x', slow.looking);
      await pause(20);
      const purged = nextEvent(host.cache, 'purge');
      slow.end();
      await purged;
      await soon(() => expect(host.cache.getStats().totalRequests).toBe(1));
      // Nobody waits for what its handler makes.
      expect((await host.ask('/x')).text).toMatch(/^run [12]$/);
      expect(host.cache.getStats().totalRequests).toBe(2);
    });
  });

  it('runs in the background, by the name of what is stored', async () => {
    const host = await bench.start(combination);
    host.use({});
    host.get('/x', { ttl: 10, staleWhileRevalidate: 60, key: 'x:all' }, numbered());
    const stored = nextEvent(host.cache, 'set');
    await host.ask('/x', { headers: { 'X-Client-Id': 'acme' } });
    await stored;
    host.clock.forward(11);
    const [began, again] = [nextEvent(host.cache, 'refresh'), nextEvent(host.cache, 'set')];
    await host.ask('/x', { headers: { 'X-Client-Id': 'acme' } });
    expect(await began).toEqual({ tenant: 'acme', key: expect.stringContaining('/x'), route: 'x:all' });
    await again;
    expect(host.cache.getStats('acme')).toMatchObject({ refreshes: 1, stale: 1, misses: 1, totalRequests: 2 });
  });

  it('comparisons of shadow mode where a mount is inside another, by the share that was asked for', async () => {
    const host = await bench.start(combination);
    const seen: CacheEvents['shadow'][] = [];
    host.cache.on('shadow', (event) => seen.push(event));
    host.use({ shadow: 0.5 });
    const handler = numbered({ body: 'x' });
    host.get('/x', { key: 'x', ttl: 60 }, handler);
    for (let i = 0; i < 200; i++) await host.ask('/x');
    const { hits, misses, bypassed } = host.cache.getStats();
    expect([misses, hits + bypassed]).toEqual([1, 199]);
    expect(handler.runs).toBe(1 + bypassed);
    expect(seen).toHaveLength(bypassed);
    // A quarter, as it would be if both mounts drew lots, is out of it by chance less often than once in ten million times.
    expect(bypassed).toBeGreaterThan(64);
  });

  it('nothing in shadow mode where the inner mount says so', async () => {
    const host = await bench.start(combination);
    host.use({ shadow: 1 });
    const handler = numbered();
    host.get('/x', { shadow: 0 }, handler);
    expect(await host.texts('/x', 3)).toEqual(['run 1', 'run 1', 'run 1']);
    expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 1, bypassed: 0 });
  });
});
