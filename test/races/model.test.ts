import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Position } from '../../src/entry/entry.js';
import { Run } from '../../src/fill/run.js';
import { MemoryLedger } from '../../src/invalidation/memory-ledger.js';
import { PurgeTable } from '../../src/invalidation/purge-table.js';
import { RedisLedger } from '../../src/invalidation/redis-ledger.js';
import type { CacheOptions } from '../../src/options.js';
import { RedisStore } from '../../src/stores/redis.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { Model, type Operation, operations, Site, StaleAnswer, type World } from './model.js';

// Small tables: a fault makes everybody load one, which takes longer than all else. And few patterns: they overflow.
vi.mock('../../src/invalidation/purge-table.js', async (original) => ({
  ...(await original<typeof import('../../src/invalidation/purge-table.js')>()),
  GEOMETRY: { rows: 4, bits: 10, patterns: 4 },
}));

let redis: RedisServer;
let proxies: TcpProxy[];
let client: Redis;

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port);
  proxies = await Promise.all([0, 1, 2].map(() => startProxy(redis.port)));
});

afterEach(() => vi.restoreAllMocks());

afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await client.quit();
  await redis.stop();
});

const world = (options: CacheOptions): World => ({ redis: client, proxies, options });
const IN_MEMORY: World = { redis: undefined, proxies: [], options: {} };
/** Seconds for each property; `npm run soak` gives more. */
const SECONDS = Number(process.env.RACES_SECONDS ?? 1);

async function holds(of: World, faults: boolean): Promise<void> {
  const site = new Site(of);
  let runs = 0;
  const run = (list: Operation[]) => {
    runs++;
    return new Model(site).run(list);
  };
  try {
    await fc.assert(fc.asyncProperty(operations(faults), run), {
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: SECONDS * 1000,
      markInterruptAsFailure: false,
    });
  } finally {
    await site.close();
  }
  // A soak says how much it has tried.
  if (process.env.RACES_SECONDS !== undefined) console.info(`${runs} runs`, of.options, faults ? 'with faults' : '');
  // A model that waits for itself finds nothing. On a machine with much else to do a run takes half a second.
  expect(runs).toBeGreaterThan(SECONDS / 2);
}

/** Whether the model finds something older served than may be, within some thousand runs. */
async function finds(of: World): Promise<boolean> {
  const site = new Site(of);
  const run = (list: Operation[]) => new Model(site).run(list);
  const details = await fc.check(fc.asyncProperty(operations(false), run), {
    numRuns: 3000,
    endOnFailure: true,
    interruptAfterTimeLimit: 30_000,
  });
  await site.close();
  if (details.failed && !(details.errorInstance instanceof StaleAnswer)) throw details.errorInstance;
  return details.failed;
}

describe('nothing older is served after a durable invalidation', { timeout: SECONDS * 1000 + 60_000 }, () => {
  it('in memory', () => holds(IN_MEMORY, false));
  it('from Redis alone', () => holds(world({ l1: false }), false));
  it('from Redis alone, with links cut, ledgers lost and rolled back', () => holds(world({ l1: false }), true));
  it('from memory before Redis, as the pushes arrive', () => holds(world({}), false));
  it('from memory before Redis, with links cut, ledgers lost and rolled back', () => holds(world({}), true));
  it('from memory before Redis, at once, when consistency is strong', () =>
    holds(world({ consistency: 'strong' }), true));
});

describe('the model finds the bug', { timeout: 120_000 }, () => {
  it('when the table says of everything that it stands', async () => {
    vi.spyOn(PurgeTable.prototype, 'stands').mockReturnValue(true);
    expect(await finds(world({ l1: false }))).toBe(true);
  });

  it('when entries are stamped as they are stored, not as their making begins', async () => {
    const newest = watchPositions(RedisLedger.prototype);
    const set = RedisStore.prototype.set;
    vi.spyOn(RedisStore.prototype, 'set').mockImplementation(function (this: RedisStore, items) {
      const late = items.map(({ key, entry }) => ({ key, entry: { ...entry, asOf: newest(entry.asOf) } }));
      return set.call(this, late);
    });
    // Our own check before storing would hide it.
    vi.spyOn(RedisLedger.prototype, 'stands').mockImplementation(standsUnlessStoring);
    expect(await finds(world({ l1: false }))).toBe(true);
  });

  it('when what a handler confirms is stamped with its word', async () => {
    const newest = watchPositions(MemoryLedger.prototype);
    const validate = Run.prototype.validate;
    vi.spyOn(Run.prototype, 'validate').mockImplementation(function (this: Run, stale, ...rest) {
      return validate.call(this, { ...stale, asOf: newest(stale.asOf) }, ...rest);
    });
    // It takes some hundred runs, which memory goes through in a moment.
    expect(await finds(IN_MEMORY)).toBe(true);
  });

  it('when a lookup does not ask for the head', async () => {
    vi.spyOn(RedisLedger.prototype, 'meet').mockImplementation(async function (this: RedisLedger, head, asked) {
      head.catch(() => {});
      if (this.position() === undefined) await meet.call(this, head, asked);
    });
    expect(await finds(world({ l1: false }))).toBe(true);
  });
});

const { meet, stands } = RedisLedger.prototype;

/** The newest position that any process knows, of the epoch of a given one. `ledger`: the prototype of theirs. */
function watchPositions(ledger: { position(): Position | undefined }): (of: Position) => Position {
  const { position } = ledger;
  const ledgers = new Set<object>();
  vi.spyOn(ledger, 'position').mockImplementation(function (this: object) {
    ledgers.add(this);
    return position.call(this);
  });
  return (of) => {
    const known = [...ledgers].map((each) => position.call(each)).filter((each) => each?.epoch === of.epoch);
    return known.sort((a, b) => b!.sequence - a!.sequence)[0] ?? of;
  };
}

function standsUnlessStoring(this: RedisLedger, ...[subject, asOf]: Parameters<typeof stands>): boolean {
  return /^ +at put /m.test(new Error().stack ?? '') || stands.call(this, subject, asOf);
}
