// Hits from memory have a short way (src/lookup/recall.ts). Whatever requests and purges come, in whichever order, and however a
// host is built: a cache that may take it answers and counts like one that may not.

import { Agent } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Cache } from '../../src/index.js';
import type { Answer } from '../adapters/client.js';
import { STORES as BARE, useNode } from '../adapters/node-host.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { build, type Played, STORES, type Store, watchRefreshes } from './recall-hosts.js';
import { type Asking, type Client, type Play, type Purge, play, type Site, type Step } from './recall-plays.js';

/** For each store; `npm run fuzz` gives more. */
const RUNS = Number(process.env.RECALL_RUNS ?? 12);
const { serve } = useNode();
const agent = new Agent({ keepAlive: true });
let redis: RedisServer;
watchRefreshes();
// A server learns the script of a renewal by its first use, in two steps that a lookup may come between: the handler is asked once
// more then, by the one host and not by the other.
beforeAll(async () => {
  redis = await startRedis();
  const played = await build({ framework: 'koa 3', place: 'first', route: {} } as Site, 'redis', redis.url, true);
  await played.host.ask('/a');
  played.clock.forward(20);
  const renewed = async () => expect((await played.host.ask('/a')).header('cache-status')).toMatch(/; hit/);
  await vi.waitFor(renewed);
  await played.close();
});
afterAll(async () => {
  agent.destroy();
  await redis.stop();
});

async function take(played: Played, step: Step, { targets, clients }: Play): Promise<unknown> {
  const { cache, clock, says } = played;
  if (step.do === 'purge') return invalidate(cache, step).then(() => 'purged');
  if (step.do === 'wait') return clock.forward(step.ms / 1000);
  if (step.do === 'turn') return Object.assign(says, step.says);
  if (step.do === 'fill') return cache.set(step.key, 'value', 'one');
  return answers(played, step, targets[step.target % targets.length]!, clients[step.client % clients.length]!);
}

async function invalidate(cache: Cache, { by, tenant }: Purge): Promise<unknown> {
  if (by === 'tag') return cache.invalidateByTags(['users'], tenant);
  if (by === 'tag of all') return cache.invalidateByTags(['users']);
  if (by === 'key') return cache.invalidateKey('/a', tenant);
  if (by === 'pattern') return cache.invalidatePattern('/v*', tenant);
  return by === 'all' ? cache.clear() : cache.invalidateTenant(tenant, { erase: by === 'erase' });
}

async function answers(played: Played, { method, times }: Asking, target: string, asked: Client): Promise<unknown[]> {
  const said = Object.entries(asked).filter((each): each is [string, string | string[]] => each[1] !== undefined);
  // The port would be a part of the key.
  const headers = { ...Object.fromEntries(said), host: 'host.example' };
  const found: unknown[] = [];
  for (let i = 0; i < times; i++) {
    found.push(whatCounts(await played.host.ask(target, { method, headers, agent })));
    await played.settled();
  }
  return found;
}

/** What is to be the same: all but what a clock says that is not the manual one, and the connection's own. */
function whatCounts({ status, reason, lines, text }: Answer): unknown {
  const isStored = lines.some(([name, value]) => /^cache-status$/i.test(name) && value.includes('; hit'));
  const kept = lines.filter(([name]) => !(isStored ? OF_CONNECTION : OF_CONNECTION_OR_NOW).test(name));
  return {
    status,
    reason,
    text,
    lines: kept.map(([name, value]) => `${name.toLowerCase()}: ${withoutPlace(value)}`).sort(),
  };
}

const OF_CONNECTION = /^(?:connection|keep-alive)$/i;
const OF_CONNECTION_OR_NOW = /^(?:date|connection|keep-alive)$/i;

/** Each cache has a prefix of its own; and an index may have been swept, or have expired by Redis' clock, in one of them first. */
function withoutPlace(value: string): string {
  return value.replace(/play-\d+/g, '').replace(/(?:uri|vary)-miss/g, 'miss');
}

/** All that was counted, but for how long anything took. */
function figures({ cache, told }: Played, store: Store): unknown {
  const { latency, ...counted } = cache.statistics.counters.snapshot({ popular: 100 });
  const times = Object.values(latency).map(({ counts }) => counts.reduce((sum, n, i) => (i % 2 ? sum + n : sum), 0));
  // A process that is told of purges may be out of step for a moment, and then asks Redis.
  const uncertain = store === 'both' ? /Time$|^(?:memory|redis|tier)$/ : /Time$/;
  const text = JSON.stringify({ ...counted, times, told }, (name, value) => (uncertain.test(name) ? undefined : value));
  return JSON.parse(withoutPlace(text));
}

describe.each(STORES)('the short way of hits, from %s', (store) => {
  it('answers and counts as the whole way does', { timeout: 40_000 + RUNS * 4000 }, async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(play, async (played) => {
        const { site, steps } = played;
        const [short, whole] = [await build(site, store, redis.url, true), await build(site, store, redis.url, false)];
        try {
          for (const step of steps) expect(await take(short, step, played)).toEqual(await take(whole, step, played));
          // What is stored is counted when Redis has it.
          await vi.waitFor(() => expect(figures(short, store)).toEqual(figures(whole, store)));
          taken += short.taken;
        } finally {
          for (const each of [short, whole]) await each.close();
          if (store !== 'memory') await redis.command('FLUSHALL');
        }
      }),
      { numRuns: RUNS },
    );
    expect(taken).toBeGreaterThan(3);
  });
});

describe('the short way of hits', () => {
  it('is not tried again for what has gone from Redis', async () => {
    const { withCache } = await import('../../adapters/node/index.js');
    let stored = true;
    const host = await serve('redis', (cache) =>
      withCache(
        (_req, res) => {
          if (stored) res.cache.tag('users');
          else res.cache.noStore();
          res.end('x');
        },
        { cache, ttl: 60 },
      ),
    );
    await host.texts('/x', 3);
    stored = false;
    await host.cache.invalidateByTags(['users']);
    await host.ask('/x');
    const read = vi.spyOn(host.cache.services.backend, 'read');
    await host.ask('/x');
    expect(read).toHaveBeenCalledTimes(1);
  });

  it.each(BARE)('ends where the responses of the path begin to say which of the query matters: %s', async (store) => {
    const { withCache } = await import('../../adapters/node/index.js');
    let says: Record<string, string> = {};
    const host = await serve(store, (cache) =>
      withCache((req, res) => res.writeHead(200, says).end(`for ${req.url}`), { cache, ttl: 60 }),
    );
    expect(new Set(await host.texts('/x?a=1&b=2', 3))).toEqual(new Set(['for /x?a=1&b=2']));
    says = { 'No-Vary-Search': 'params=("b")' };
    await host.ask('/x?a=1');
    expect((await host.ask('/x?a=1&b=2')).text).toBe('for /x?a=1');
    // And where they say so no more.
    expect((await host.ask('/x?a=1')).text).toBe('for /x?a=1');
    says = {};
    await host.ask('/x?a=2');
    expect((await host.ask('/x?a=1&b=2')).text).toBe('for /x?a=1&b=2');
  });

  it.each(BARE)('ends where the responses of the URL begin to vary by something else: %s', async (store) => {
    const { withCache } = await import('../../adapters/node/index.js');
    let vary = 'accept';
    const host = await serve(store, (cache) =>
      withCache(
        (req, res) => {
          res.setHeader('Vary', vary);
          res.end(`by ${vary} for ${req.headers.accept}, ${req.headers['accept-language']}`);
        },
        { cache, ttl: 60 },
      ),
    );
    const german = { headers: { accept: 'text/html', 'accept-language': 'de' } };
    expect(new Set(await host.texts('/x', 3, german))).toEqual(new Set(['by accept for text/html, de']));
    vary = 'accept-language';
    host.clock.forward(2);
    await host.ask('/x', { headers: { accept: 'text/plain', 'accept-language': 'de' } });
    // The newest of those that match, by whichever fields (RFC 9111 §4.1).
    expect((await host.ask('/x', german)).text).toBe('by accept-language for text/plain, de');
  });
});
