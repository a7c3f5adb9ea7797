// The bench of scale: that its chance is what it says, its traces are what they should be, and that its formulas and its
// simulation, which know nothing of each other, come to the same.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  bins,
  characteristicTime,
  collision,
  inRedis,
  nodes,
  sharesAlone,
  sharesOf,
  tailOf,
} from '../../bench/scaling/che.js';
import { loadOf, loadsOfShards, NOTHING_DONE } from '../../bench/scaling/operations.js';
import { predict, SETUP, type Setup, sizesOf } from '../../bench/scaling/paper.js';
import { generator, waiting, Zipf } from '../../bench/scaling/random.js';
import { simulate } from '../../bench/scaling/simulator.js';
import { Site } from '../../bench/scaling/site.js';
import { falselyPurged } from '../../bench/scaling/sketch.js';
import { TRAFFIC, type Traffic, trace } from '../../bench/scaling/trace.js';

const GEOMETRY = { rows: 4, bits: 10, patterns: 256 };
/** Small, and with all that the formulas know of: 2,000 pages, 60,000 requests, of which three fifths are counted. */
const SMALL = { ...TRAFFIC, rate: 300, seconds: 200, processes: 3, tenants: 10, pages: 200, writes: 0.02 };
const SITE = { ...SETUP, ttl: 40, maxItems: 200 };

function onPaper(traffic: Partial<Traffic> = {}, setup: Partial<Setup> = {}) {
  const [all, at] = [
    { ...SMALL, ...traffic },
    { ...SITE, ...setup },
  ];
  return predict(all, at, new Site().average(all, at.kind));
}

function simulated(traffic: Partial<Traffic> = {}, setup: Partial<Setup> = {}) {
  const all = { ...SMALL, ...traffic };
  return simulate(trace(all), all, { ...SITE, ...setup }, new Site());
}

describe('chance', () => {
  it('is the same for the same seed, another for another, and even', () => {
    const take = (seed: number) => Array.from({ length: 1000 }, generator(seed));
    expect(take(1)).toEqual(take(1));
    expect(take(1)).not.toEqual(take(2));
    const mean = take(3).reduce((a, b) => a + b) / 1000;
    // Its standard error is 0.009.
    expect(mean).toBeGreaterThan(0.46);
    expect(mean).toBeLessThan(0.54);
  });

  it('waits, on average, the inverse of the rate', () => {
    const random = generator(5);
    let sum = 0;
    for (let i = 0; i < 10_000; i++) sum += waiting(random, 4);
    // Its standard error is a hundredth of it.
    expect(sum / 10_000).toBeCloseTo(0.25, 2);
  });

  it("follows Zipf's law", () => {
    const zipf = new Zipf(1000, 0.8);
    expect(zipf.share(0) / zipf.share(99)).toBeCloseTo(100 ** 0.8, 8);
    expect(zipf.share(0, 1000)).toBeCloseTo(1, 12);
    expect([zipf.rank(0), zipf.rank(0.999_999_999)]).toEqual([0, 999]);
    // Each rank is where its share lies, to its borders.
    for (const rank of [0, 1, 17, 998]) {
      const [from, to] = [zipf.share(0, rank), zipf.share(0, rank + 1)];
      expect([zipf.rank(from + 1e-9), zipf.rank(to - 1e-9), zipf.rank(to + 1e-9)]).toEqual([rank, rank, rank + 1]);
    }
  });

  it('comes in bins that leave out nothing', () => {
    const all = bins(5000, 0.9);
    expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(5000);
    expect(all.reduce((sum, { count, share }) => sum + count * share, 0)).toBeCloseTo(1, 12);
    expect(all.length).toBeLessThan(100);
  });
});

describe('a trace', () => {
  const taken = (more = {}) => [...trace({ ...SMALL, ...more })];

  it('is in order of time, and as long, as dense and as wide as it should be', () => {
    const all = taken();
    expect(all.every(({ at }, i) => i === 0 || at >= all[i - 1]!.at)).toBe(true);
    expect(all.at(-1)!.at).toBeLessThan(SMALL.seconds);
    // 60,000 expected, with a standard deviation of 245.
    expect(Math.abs(all.length - 60_000)).toBeLessThan(1000);
    expect(all.filter(({ write }) => write).length / all.length).toBeCloseTo(0.02, 2);
    expect(new Set(all.map(({ process }) => process))).toEqual(new Set([0, 1, 2]));
    expect(new Set(all.map(({ tenant }) => tenant)).size).toBe(10);
    expect(Math.max(...all.map(({ page }) => page))).toBeLessThan(200);
    expect(taken()).toEqual(all);
    expect(taken({ seed: 2 })).not.toEqual(all);
  });

  it('asks for the first page as often as Zipf’s law says', () => {
    const all = taken();
    const share = all.filter(({ page }) => page === 0).length / all.length;
    // Some 7 % of 60,000: its standard error is 0.1 of a hundredth.
    expect(Math.abs(share - new Zipf(200, 0.8).share(0))).toBeLessThan(0.005);
  });

  it('has days and nights, crowds, drift and crawlers where they are asked for', () => {
    const even = ({ tenant }: { tenant: number }) => tenant % 2 === 0;
    const day = taken({ day: 200 });
    const noon = day.filter(({ at }) => at < 20 || at > 180);
    const midnight = day.filter(({ at }) => at > 80 && at < 120);
    expect(noon.filter(even).length / noon.length).toBeGreaterThan(0.9);
    expect(midnight.filter(even).length / midnight.length).toBeLessThan(0.2);

    const crowd = taken({ crowd: { from: 50, to: 60, share: 0.5 }, writes: 0 }).filter(({ at }) => at >= 50 && at < 60);
    const last = crowd.filter(({ tenant, page }) => tenant === 0 && page === 199).length / crowd.length;
    expect(Math.abs(last - 0.5)).toBeLessThan(0.05);

    const later = taken({ drift: { seconds: 100, pages: 50 } }).filter(({ at }) => at >= 100);
    expect(later.filter(({ page }) => page === 50).length).toBeGreaterThan(
      later.filter(({ page }) => page === 0).length * 3,
    );

    const crawled = taken({ crawl: 1, writes: 0 });
    expect(crawled.slice(0, 2000).map(({ tenant, page }) => tenant * 200 + page)).toEqual(
      Array.from({ length: 2000 }, (_, i) => i),
    );
  });
});

describe('the formulas', () => {
  it('integrate what can be integrated by hand', () => {
    const sum = (f: (x: number) => number, cut?: number) =>
      nodes(60, cut).reduce((all, { at, weight }) => all + weight * f(at), 0);
    expect(sum((x) => x ** 3, 7)).toBeCloseTo(60 ** 4 / 4, 3);
    expect(sum((x) => Math.exp(-5 * x))).toBeCloseTo(0.2, 4);
  });

  it('know a cache that has room for all, and one of which each page is as popular', () => {
    expect(characteristicTime([{ count: 10, rate: 1 }], 10)).toBe(Number.POSITIVE_INFINITY);
    // Half of 100 pages have room: half of all requests find theirs.
    const time = characteristicTime([{ count: 100, rate: 2 }], 50);
    expect(1 - Math.exp(-2 * time)).toBeCloseTo(0.5, 9);
    const alone = { rate: 2, kept: time, fill: 0, survival: () => 1, ttl: 1e6 };
    expect(sharesAlone(alone).memory).toBeCloseTo(0.5, 2);
  });

  it('give a page that never dies but by its lifetime the well-known share', () => {
    const page = { rate: 3, processes: 1, kept: Number.POSITIVE_INFINITY, fill: 0, survival: () => 1, ttl: 10 };
    const { memory, living, runs } = sharesOf(page);
    expect([memory, living, runs].map((share) => share.toFixed(6))).toEqual(
      [30 / 31, 30 / 31, 1 / 31].map((share) => share.toFixed(6)),
    );
    // With purges at a rate d a page lives (1 - e^(-d ttl)) / d.
    const lives = -Math.expm1(-0.5 * 10) / 0.5;
    expect(sharesOf({ ...page, survival: (age: number) => Math.exp(-0.5 * age) }).living).toBeCloseTo(
      (3 * lives) / (1 + 3 * lives),
      4,
    );
    expect(inRedis({ ...page, sweep: Number.POSITIVE_INFINITY }).share).toBeCloseTo(30 / 31, 6);
  });

  it('know that with more processes memory finds less, and all together no less', () => {
    const of = (processes: number) => sharesOf({ rate: 3, processes, kept: 5, fill: 0, survival: () => 1, ttl: 10 });
    const found = [1, 2, 4, 8].map(of);
    for (const [i, { memory, living }] of found.entries()) {
      expect(living).toBeCloseTo(found[0]!.living, 9);
      if (i > 0) expect(memory).toBeLessThan(found[i - 1]!.memory);
    }
  });

  it('add up', () => {
    for (const tiers of ['both', 'redis', 'memory'] as const) {
      const { memory, redis, collapsed, miss } = onPaper({}, { tiers });
      expect(memory + redis + collapsed + miss).toBeCloseTo(1, 9);
    }
  });
});

describe('the purge table', () => {
  // Of 50,000 tags some 75 to 28,000 are taken for purged: chance is a tenth of the first, and which tags were purged, some
  // hundredths of each.
  it.each([
    [205, 0.4],
    [410, 0.15],
    [1024, 0.15],
    [2048, 0.15],
  ])('of 4 × 1,024 buckets, after %i tags, errs as often as the formula says', (purged, near) => {
    const expected = collision(purged, 1, GEOMETRY);
    expect(Math.abs(falselyPurged(purged, 50_000, GEOMETRY) / expected - 1)).toBeLessThan(near);
  });

  it('errs for an entry with several tags as often as for one of them', () => {
    expect(collision(100, 3, GEOMETRY)).toBeCloseTo(1 - (1 - collision(100, 1, GEOMETRY)) ** 3, 12);
    expect(collision(0, 6, GEOMETRY)).toBe(0);
    expect(collision(1e9, 6, GEOMETRY)).toBe(1);
  });
});

describe('the load on Redis', () => {
  it('of a tail is one reading for each purge, and a few for silence', () => {
    expect(tailOf(0, 0.333)).toEqual({ records: 0, silences: 1 / 0.333 });
    expect(tailOf(100, 0.333).silences).toBeLessThan(1e-10);
    expect(tailOf(0.001, 0.333).silences).toBeCloseTo(3, 1);
  });

  it('is shared by the shards of a Cluster, but for the ledger', () => {
    const sizes = sizesOf(SITE, { frame: 2000, key: 60, record: 90 });
    const done = { ...NOTHING_DONE, lookup: 100, entry: 60, nothing: 40 };
    // One server reads head and entry by one command; on several, all heads are read where the ledger is.
    expect(loadsOfShards(done, 1, sizes).map(({ total }) => total)).toEqual([100]);
    const loads = loadsOfShards(done, 4, sizes);
    expect(loads.map(({ total }) => total)).toEqual([125, 25, 25, 25]);
    const whole = loadOf(done, { ...sizes, cluster: true });
    for (const figure of ['in', 'out'] as const)
      expect(loads.reduce((sum, load) => sum + load[figure], 0)).toBeCloseTo(whole[figure], 6);
  });

  it('counts commands inside scripts, too, and bytes as they go over the wire', () => {
    const sizes = sizesOf(SITE, { frame: 2000, key: 60, record: 90 });
    const one = (thing: string) => loadOf({ ...NOTHING_DONE, [thing]: 1 }, sizes);
    expect(one('take').commands).toMatchObject({ evalsha: 1, get: 1, set: 1 });
    // $60 …, and $2000 …: beside the MGET and the head, which are the lookup's.
    expect([one('entry').in, one('entry').out]).toEqual([5 + 60 + 2, 7 + 2000 + 2]);
    // *3 $4 MGET $16 {respcache}:head, and *2 with the head.
    expect([one('lookup').total, one('lookup').commands.mget, one('lookup').in]).toEqual([1, 1, 4 + 10 + 23]);
  });
});

describe('the simulation comes to what the formulas say', () => {
  // 36,000 requests are counted: a share's standard error is below 0.27 of a hundredth, and what is stored lives longer than
  // one request, so that neighbours are alike: some times that. Che's formula itself is off by less than one.
  const NEAR = 0.015;
  it.each<[string, Partial<Traffic>, Partial<Setup>]>([
    ['with the defaults', {}, {}],
    ['with more processes', { processes: 8 }, {}],
    ['with little memory', {}, { maxItems: 50 }],
    ['with memory bounded in bytes', {}, { maxItems: 1e6, maxBytes: 400_000 }],
    ['in strict step', {}, { strong: true }],
    ['without memory', {}, { tiers: 'redis' }],
    ['without Redis', {}, { tiers: 'memory' }],
    ['with purges of tags', {}, { kind: 'tag' }],
    [
      'with purges of patterns, more than the list has room for',
      { tenants: 60, writes: 0.1 },
      { kind: 'pattern', geometry: { ...GEOMETRY, bits: 16, patterns: 32 } },
    ],
    ['with purges of tenants', { writes: 0.002 }, { kind: 'tenant' }],
    ['with a purge table that is too small', { writes: 0.1 }, { geometry: { ...GEOMETRY, bits: 8 } }],
  ])('%s', (_name, traffic, setup) => {
    const [paper, found] = [onPaper(traffic, setup), simulated(traffic, setup)];
    expect(found.reads).toBeGreaterThan(30_000);
    for (const share of ['memory', 'redis', 'miss'] as const)
      expect(Math.abs(found[share] - paper[share]), share).toBeLessThan(NEAR);
    if (found.load.total === 0) return;
    for (const figure of ['total', 'in', 'out'] as const)
      expect(Math.abs(found.load[figure] / paper.load[figure] - 1), figure).toBeLessThan(0.06);
  });

  it('and its counts add up to the requests that were counted', () => {
    const found = simulated();
    const reads = [...trace(SMALL)].filter(({ at, write }) => at >= 2 * SITE.ttl && !write).length;
    expect(found.reads).toBe(reads);
    expect(found.done.put).toBeLessThanOrEqual(found.done.take!);
  });

  it('and sees what they cannot: popularity that moves', () => {
    const still = simulated();
    const moving = simulated({ drift: { seconds: 10, pages: 50 } });
    expect(moving.memory).toBeLessThan(still.memory - 0.02);
    expect(moving.miss).toBeGreaterThan(still.miss);
  });
});

describe('the page', () => {
  it('has a place for each table, with a table in it', () => {
    const page = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8');
    for (const name of [
      'memory',
      'tiers',
      'processes',
      'popularity',
      'size',
      'rate',
      'writes',
      'table',
      'traffic',
      'shards',
      'collisions',
      'capacity',
      'check',
    ])
      expect(page).toMatch(new RegExp(`<!-- ${name} -->\n\n\\|[^]*?\\|\n\n<!-- /${name} -->`));
  });
});
