import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Position } from '../../src/entry/entry.js';
import { Run } from '../../src/fill/run.js';
import { PurgeTable } from '../../src/invalidation/purge-table.js';
import { RedisLedger } from '../../src/invalidation/redis-ledger.js';
import type { CacheOptions } from '../../src/options.js';
import { RedisStore } from '../../src/stores/redis.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { Model, type Operation, operations, StaleAnswer, type World } from './model.js';

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
/** Seconds for each property; `npm run soak` gives more. */
const SECONDS = Number(process.env.RACES_SECONDS ?? 5);

async function holds(of: World, faults: boolean, numRuns = 1000): Promise<void> {
  const run = (list: Operation[]) => new Model(of).run(list);
  await fc.assert(fc.asyncProperty(operations(faults), run), {
    numRuns,
    interruptAfterTimeLimit: SECONDS * 1000,
    markInterruptAsFailure: false,
  });
}

/** Whether the model finds something older served than may be, within some hundred runs. */
async function finds(of: World): Promise<boolean> {
  const run = async (list: Operation[]) => {
    await new Model(of).run(list);
  };
  const details = await fc.check(fc.asyncProperty(operations(false), run), {
    numRuns: 200,
    endOnFailure: true,
    interruptAfterTimeLimit: 30_000,
  });
  if (details.failed && !(details.errorInstance instanceof StaleAnswer)) throw details.errorInstance;
  return details.failed;
}

describe('nothing older is served after a durable invalidation', { timeout: 120_000 }, () => {
  it('in memory', () => holds({ redis: undefined, proxies: [], options: {} }, false));
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
    const newest = watchPositions();
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
    const newest = watchPositions();
    const validate = Run.prototype.validate;
    vi.spyOn(Run.prototype, 'validate').mockImplementation(function (this: Run, stale, ...rest) {
      return validate.call(this, { ...stale, asOf: newest(stale.asOf) }, ...rest);
    });
    expect(await finds(world({ l1: false }))).toBe(true);
  });

  it('when a lookup does not ask for the head', async () => {
    vi.spyOn(RedisLedger.prototype, 'sync').mockImplementation(async function (this: RedisLedger) {
      if (this.position() === undefined) await sync.call(this);
    });
    expect(await finds(world({ l1: false }))).toBe(true);
  });
});

const { sync, stands, position } = RedisLedger.prototype;

/** The newest position that any process knows, of the epoch of a given one. */
function watchPositions(): (of: Position) => Position {
  const ledgers = new Set<RedisLedger>();
  vi.spyOn(RedisLedger.prototype, 'position').mockImplementation(function (this: RedisLedger) {
    ledgers.add(this);
    return position.call(this);
  });
  return (of) => {
    const known = [...ledgers].map((ledger) => position.call(ledger)).filter((each) => each?.epoch === of.epoch);
    return known.sort((a, b) => b!.sequence - a!.sequence)[0] ?? of;
  };
}

function standsUnlessStoring(this: RedisLedger, ...[subject, asOf]: Parameters<typeof stands>): boolean {
  return /^ +at put /m.test(new Error().stack ?? '') || stands.call(this, subject, asOf);
}
