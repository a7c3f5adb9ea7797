// P7 under load: whatever becomes of a request, it is counted once, and every sum of the statistics is the same one.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Cache, createCache, type Report, type Stats } from 'respcache';
import * as ofExpress from 'respcache/express';
import * as ofKoa from 'respcache/koa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { Book, expressApplication, figures, koaApplication } from './application.mjs';
import { agent, ask, askAnything } from './traffic.js';

/** To each of the three processes, so many at a time. */
const REQUESTS = 900;
const AT_ONCE = 40;
const GETS = 50;
/** Whose clients have gone is counted, if its handler says nothing, when others would no longer wait for it. */
const COMMON = {
  ...{ prefix: 'fleet:', collapseTimeout: 500, publishInterval: 3600 },
  // What the load alone makes late is no reason to go on without Redis, and after the pause it is soon asked again.
  ...{ timeout: 300, breaker: { failures: 5, openFor: 100 } },
};

const OF_REQUESTS = [
  'method',
  'target',
  'tenant',
  'when',
  'precondition',
  'cookie',
  'authorization',
  'request',
  'shadow',
];
const OF_ANSWERS = ['private', 'set-cookie', 'too-large', 'head', 'only-if-cached', 'aborted'];

interface Member {
  readonly port: number;
  figures(): Promise<ReturnType<typeof figures>>;
  publish(): Promise<unknown>;
  close(): Promise<void>;
}

let redis: RedisServer;
let members: readonly [Member & { cache: Cache }, Member & { cache: Cache }, Member];

beforeAll(async () => {
  redis = await startRedis();
  const options = { ...COMMON, redis: redis.url };
  members = await Promise.all([
    inProcess(options, (cache, book) => expressApplication(cache, book, ofExpress) as RequestListener),
    inProcess(options, (cache, book) => koaApplication(cache, book, ofKoa) as RequestListener),
    inChild(options),
  ]);
});

afterAll(async () => {
  await Promise.all(members.map((member) => member.close()));
  await redis.stop();
});

async function inProcess(options: object, application: (cache: Cache, book: Book) => RequestListener) {
  const cache = createCache(options);
  const book = new Book(cache);
  const server = book.watch(createServer(application(cache, book))).listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), cache.health()]);
  return {
    cache,
    port: (server.address() as AddressInfo).port,
    figures: async () => figures(cache, book),
    publish: () => cache.statistics.publish(),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await cache.close();
    },
  };
}

async function inChild(options: object): Promise<Member> {
  const env = { ...process.env, OPTIONS: JSON.stringify(options) };
  const child: ChildProcess = fork(fileURLToPath(new URL('process.mjs', import.meta.url)), { env, execArgv: [] });
  const answer = async () => (await once(child, 'message'))[0];
  const asked = (question: string) => {
    child.send(question);
    return answer();
  };
  const { port } = await answer();
  return {
    port,
    figures: () => asked('figures'),
    publish: () => asked('publish'),
    close: async () => {
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  };
}

/** All requests to one process, some at a time; beside them the programmatic API is asked, where it can be reached. */
async function load({ port, cache }: Member & { cache?: Cache }): Promise<void> {
  let next = 0;
  const client = async () => {
    while (next < REQUESTS) await askAnything(port, next++);
  };
  const gets = Array.from({ length: cache === undefined ? 0 : GETS }, async (_, i) => {
    await cache!.getOrSet(`value:${i % 5}`, () => i, 'acme');
  });
  await Promise.all([...Array.from({ length: AT_ONCE }, client), ...gets]);
}

const sumOf = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
const total = ({ outcomes }: Pick<Stats, 'outcomes'>) => sumOf(Object.values(outcomes));

/** What must be so of any figures, whoever's they are. */
function isConsistent(stats: Stats): void {
  const { fresh, stale, collapsed, miss, revalidated, bypass } = stats.outcomes;
  expect(stats.totalRequests).toBe(total(stats));
  expect([stats.hits, stats.misses, stats.bypassed]).toEqual([fresh + stale + collapsed, miss + revalidated, bypass]);
  expect(sumOf(Object.values(stats.tiers)) + collapsed).toBeLessThanOrEqual(stats.hits);
}

/** `named`: how many of the requests have a tenant, and how many a route. */
function addsUp(report: Report, named: { tenants: number; routes: number }): void {
  isConsistent(report);
  for (const kind of ['tenants', 'routes'] as const) {
    const parts = [...Object.values(report[kind]!), report.other![kind]];
    for (const part of parts) isConsistent(part);
    expect(sumOf(parts.map(total)), kind).toBe(named[kind]);
  }
  for (const outcome of Object.keys(report.outcomes) as (keyof Report['outcomes'])[])
    expect(sumOf(report.timeline.slots.map(({ outcomes }) => outcomes[outcome])), outcome).toBe(
      report.outcomes[outcome],
    );
}

describe('the statistics of three processes on one Redis', { timeout: 60_000 }, () => {
  it('count each of some thousand requests once, however it ends', async () => {
    const loads = members.map(load);
    await vi.waitFor(async () => expect((await members[0].figures()).requests).toBeGreaterThan(REQUESTS / 4), 20_000);
    await redis.pause();
    await vi.waitFor(async () => expect(members[0].cache.getStats().errors).toBeGreaterThan(0), 10_000);
    await redis.resume();
    await Promise.all(loads);
    // Of those whose clients gave up, some may still wait to be accepted: not once a later connection has been answered.
    agent.destroy();
    await Promise.all(members.map(({ port }) => ask(port, { path: '/stats', headers: { Connection: 'close' } })));
    for (const [i, member] of members.entries()) {
      // Clients that gave up leave requests to be read and handlers behind, which may end a little later.
      await vi.waitFor(async () => {
        const { open, wrong } = await member.figures();
        expect({ open, wrong }, `process ${i}`).toEqual({ open: 0, wrong: [] });
      }, 10_000);
      const { requests, strangers, stats, latency } = await member.figures();
      expect(stats.totalRequests).toBe(requests + strangers);
      expect(requests).toBeGreaterThan(REQUESTS * 0.8);
      expect(strangers).toBe(i === 2 ? 0 : GETS);
      expect(latency).toEqual({ hit: stats.hits, miss: stats.misses, set: stats.sets });
    }
  });

  it('have come to every end that there is', async () => {
    for (const member of members) {
      const { reasons } = (await member.figures()).stats;
      expect([...OF_REQUESTS, ...OF_ANSWERS].filter((reason) => !(reason in reasons))).toEqual([]);
    }
    // Of what depends on who was there first, one process may have had nothing.
    const all = (await Promise.all(members.map((member) => member.figures()))).map(({ stats }) => stats);
    for (const outcome of Object.keys(all[0]!.outcomes) as (keyof Stats['outcomes'])[])
      expect(sumOf(all.map(({ outcomes }) => outcomes[outcome])), outcome).toBeGreaterThan(0);
    expect(sumOf(all.map(({ shadow }) => shadow.compared))).toBeGreaterThan(0);
    expect(sumOf(all.map(({ refreshes }) => refreshes))).toBeGreaterThan(0);
  });

  it('come to the same sum by tenant, by route, and over time, for each process and for all', async () => {
    const all = await Promise.all(members.map((member) => member.figures()));
    for (const [i, { cache }] of [members[0], members[1]].entries()) {
      const report = await cache.statistics.report('process', true);
      expect(report.totalRequests).toBe(all[i]!.requests + GETS);
      addsUp(report, { tenants: all[i]!.withTenant, routes: all[i]!.withRoute });
    }
    await Promise.all(members.map((member) => member.publish()));
    const fleet = await members[0].cache.statistics.report('fleet', true);
    expect(fleet).toMatchObject({ scope: 'fleet', processes: 3 });
    expect(fleet.totalRequests).toBe(sumOf(all.map(({ requests, strangers }) => requests + strangers)));
    addsUp(fleet, {
      tenants: sumOf(all.map(({ withTenant }) => withTenant)),
      routes: sumOf(all.map(({ withRoute }) => withRoute)),
    });
    expect(Object.keys(fleet.tenants!).sort()).toEqual(['', 'acme', 'globex']);
  });

  it('do so, too, while more is asked', async () => {
    const [{ cache }] = members;
    const reporting = cache.statistics.report('fleet', true);
    const newcomers = ['new-1', 'new-2', 'new-3'];
    // Nothing is kept of these in the process: each is a question to Redis, and the report takes several.
    await Promise.all(newcomers.map((tenant) => cache.get('none', tenant)));
    const { tenants, other, ...report } = await reporting;
    const unnamed = (await Promise.all(members.map((member) => member.figures()))).map(
      ({ stats, withTenant }) => stats.totalRequests - withTenant,
    );
    expect(sumOf([...Object.values(tenants!), other!.tenants].map(total))).toBe(report.totalRequests - sumOf(unnamed));
    expect(Object.keys(tenants!)).toEqual(expect.arrayContaining(newcomers));
  });
});
