// What the formulas say of a whole site: hits by tier, and what is asked of Redis.

import { GEOMETRY } from '../../build/src/invalidation/purge-table.js';
import { bins, characteristicTime, collision, inRedis, sharesAlone, sharesOf, tailOf } from './che.js';
import { BLOCK, loadOf, NOTHING_DONE, PUBLISH, SCAN_STEP, SWEEP } from './operations.js';
import { Zipf } from './random.js';
import { FOLDER } from './site.js';

/**
 * How the processes are set up.
 * @typedef {object} Setup
 * @property {'both' | 'redis' | 'memory'} tiers
 * @property {boolean} strong whether each lookup asks for the ledger's head
 * @property {number} maxItems of a process' memory
 * @property {number} maxBytes of the same
 * @property {number} ttl seconds
 * @property {number} fill how long the handler takes, seconds
 * @property {'key' | 'tag' | 'pattern' | 'tenant'} kind what a write invalidates
 * @property {import('../../src/invalidation/purge-table.ts').Geometry} geometry of the purge table
 * @property {boolean} sweeps whether dead entries are looked for
 * @property {number} publication bytes of a process' figures; 0: it publishes none
 */
/** @type {Setup} */
export const SETUP = {
  ...{ tiers: 'both', strong: false, maxItems: 1000, maxBytes: 67_108_864, ttl: 300, fill: 0.005, kind: 'key' },
  ...{ geometry: GEOMETRY, sweeps: true, publication: 40_000 },
};

/**
 * What becomes of a site's reads: shares of them that find their answer in memory, in Redis, wait for another's run, and run
 * the handler; what is done in Redis, and what that comes to, a second; how many entries it holds.
 * @typedef {object} Figures
 * @property {number} memory
 * @property {number} redis
 * @property {number} collapsed
 * @property {number} miss
 * @property {Record<string, number>} done
 * @property {import('./operations.js').Load} load
 * @property {number} entries
 */

/** Purge tags that a page of `site.js` has: all, its tenant, its name, its URL, and its one tag twice. */
const OWN_TAGS = 6;
/** Purge tags that a write raises. */
const RAISED = { key: 2, tag: 1, pattern: 0, tenant: 1 };

/** Classes of pages: how many, how often each is asked for, and the writes that reach it, of all requests. */
function classesOf({ tenants, tenantExponent, pages, exponent, writes }, kind) {
  const pageOf = new Zipf(pages, exponent);
  const ofPage = bins(pages, exponent).map(({ count, share, middle }) => {
    const from = Math.floor(middle / FOLDER) * FOLDER;
    const reach = { key: share, tag: pageOf.share(from, from + FOLDER), tenant: 1 };
    return { count, share, reaching: (reach[kind] ?? reach.tag) * writes };
  });
  return bins(tenants, tenantExponent).flatMap((tenant) =>
    ofPage.map(({ count, share, reaching }) => ({
      count: tenant.count * count,
      share: tenant.share * share * (1 - writes),
      tenant: tenant.share * writes,
      reaching: tenant.share * reaching,
    })),
  );
}

/** What is purged, as often as it is: `count` things at a rate each, a second. */
function purgedOf({ tenants, tenantExponent, pages, exponent, writes, rate }, kind) {
  const folders = new Zipf(pages, exponent);
  const within = {
    key: () => bins(pages, exponent),
    tenant: () => [{ count: 1, share: 1 }],
  };
  const perFolder = () =>
    Array.from({ length: Math.ceil(pages / FOLDER) }, (_, i) => ({
      count: 1,
      share: folders.share(i * FOLDER, (i + 1) * FOLDER),
    }));
  const things = (within[kind] ?? perFolder)();
  return bins(tenants, tenantExponent).flatMap((tenant) =>
    things.map((each) => ({ count: tenant.count * each.count, rate: tenant.share * each.share * writes * rate })),
  );
}

/**
 * Which share of a page's entries is still alive at an age, as far as purges go. Patterns stand in a list that keeps the
 * last used, as a cache does: what falls out of it purges its tenant, as of when it came in.
 */
function survivals(traffic, { kind, geometry }) {
  const purged = purgedOf(traffic, kind);
  const listed = kind === 'pattern' ? characteristicTime(purged, geometry.patterns) : Number.POSITIVE_INFINITY;
  const folded = purged.reduce((sum, { count, rate }) => sum + count * rate * Math.exp(-rate * listed), 0);
  const writes = traffic.rate * traffic.writes;
  const raised = RAISED[kind];
  const table = remembered((age) => {
    const distinct = purged.reduce((sum, { count, rate }) => sum - count * Math.expm1(-rate * age), 0);
    return 1 - collision(raised * distinct, OWN_TAGS, geometry);
  });
  return ({ reaching, tenant }) => {
    const perSecond = reaching * traffic.rate;
    // Of all that fall out of the list, those of this tenant.
    const falls = writes === 0 || listed === Number.POSITIVE_INFINITY ? 0 : (folded * tenant * traffic.rate) / writes;
    return (age) => table(age) * Math.exp(-perSecond * age - falls * Math.max(0, age - listed));
  };
}

function remembered(f) {
  const known = new Map();
  return (age) => {
    const value = known.get(age) ?? f(age);
    known.set(age, value);
    return value;
  };
}

/**
 * The shares of hits, and per second what is done in Redis.
 * @param {import('./trace.js').Traffic} traffic
 * @param {Setup} setup
 * @param {{ weight: number, frame: number, key: number, record: number }} average what entries are like (`site.js`)
 * @returns {Figures}
 */
export function predict(traffic, setup, average) {
  const { rate, processes } = traffic;
  const { tiers, ttl, fill } = setup;
  const near = tiers === 'redis' ? 0 : Math.min(setup.maxItems, setup.maxBytes / average.weight);
  const classes = classesOf(traffic, setup.kind);
  const perProcess = classes.map(({ count, share }) => ({ count, rate: (share * rate) / processes }));
  const kept = near === 0 ? 0 : characteristicTime(perProcess, near);
  const alone = tiers === 'memory';
  // Without Redis a process hears of its own writes only.
  const survivalOf = survivals(alone ? { ...traffic, rate: rate / processes } : traffic, setup);
  const sum = { memory: 0, redis: 0, collapsed: 0, miss: 0, dead: 0, removed: 0 };
  let entries = 0;
  for (const each of classes) {
    const survival = survivalOf(each);
    const own = { rate: (each.share * rate) / (alone ? processes : 1), processes, kept, fill, survival, ttl };
    const shares = alone ? sharesAlone(own) : sharesOf(own);
    const asked = each.count * each.share;
    sum.memory += asked * (near === 0 ? 0 : shares.memory);
    sum.redis += asked * (shares.living - (near === 0 ? 0 : shares.memory));
    sum.collapsed += asked * shares.waits;
    sum.miss += asked * shares.runs;
    if (alone) continue;
    const stored = inRedis({ ...own, sweep: setup.sweeps ? SWEEP : Number.POSITIVE_INFINITY });
    entries += each.count * stored.share;
    sum.dead += asked * shares.runs * stored.dead;
    sum.removed += asked * shares.runs * stored.removed;
  }
  const reads = 1 - traffic.writes;
  for (const name of Object.keys(sum)) sum[name] /= reads;
  const done = alone ? { ...NOTHING_DONE } : doneIn(traffic, setup, sum, entries);
  const load = loadOf(done, sizesOf(setup, average));
  return { ...sum, done, load, entries, kept };
}

/** What is done in Redis in a second. */
function doneIn({ rate, writes, processes }, { tiers, strong, sweeps, publication }, shares, entries) {
  const reads = rate * (1 - writes);
  const purges = rate * writes;
  const { memory, redis, collapsed, miss, dead, removed } = shares;
  const follows = tiers === 'both' && !strong;
  const { records, silences } = follows ? tailOf(purges, BLOCK / 1000) : { records: 0, silences: 0 };
  // Who does not follow the log reads it when a lookup, any of its own, finds that there is news.
  const asking = (reads * (strong ? 1 : redis + collapsed + miss)) / processes;
  // Its own purges it knows.
  const foreign = follows ? 0 : purges * (1 - 1 / processes);
  return {
    ...NOTHING_DONE,
    // Once more for who gets a lease.
    lookup: reads * (redis + collapsed + 2 * miss),
    head: reads * (strong ? memory : 0) + processes * silences,
    entry: reads * (redis + 2 * dead),
    nothing: reads * (collapsed + 2 * (miss - dead)),
    take: reads * miss,
    release: reads * miss,
    put: reads * miss,
    purge: purges,
    record: processes * records,
    silence: processes * silences,
    catchUp: (processes * asking * foreign) / (asking + foreign || 1),
    caught: processes * foreign,
    publish: publication > 0 ? processes / PUBLISH : 0,
    sweep: sweeps ? 1 / SWEEP : 0,
    // Nothing is looked for where nothing was purged.
    scan: sweeps && purges > 0 ? entries / SCAN_STEP / SWEEP : 0,
    look: sweeps && purges > 0 ? entries / SWEEP : 0,
    remove: reads * removed,
  };
}

/** How large things are that go to Redis and come from there. */
export function sizesOf({ kind, publication }, { frame, key, record }) {
  const purged = { tags: RAISED[kind], patterns: kind === 'pattern' ? 1 : 0 };
  return { frame, key, purged, publication, record };
}
