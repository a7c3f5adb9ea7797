// What is varied, one thing at a time, around a site that is the same each time.

import { GEOMETRY } from '../../build/src/invalidation/purge-table.js';

const MIB = 1_048_576;
const bits = (bits) => ({ ...GEOMETRY, bits });

/**
 * `traffic`, `setup` and `body` say what is other than usual; `paper`: it is too large to be simulated; `same`: the formulas
 * know nothing of what is other, so that they are asked about usual traffic.
 */
const vary = (name, heading, about, rows) => ({ name, heading, about, rows });

export const SCENARIOS = [
  vary('memory', 'Size of memory', '`maxItems` of each process; the site has 50,000 pages', [
    { label: '250', setup: { maxItems: 250 } },
    { label: '1,000 (default)' },
    { label: '4,000', setup: { maxItems: 4000 } },
    { label: '16,000', setup: { maxItems: 16_000 } },
    { label: '50,000, all of them', setup: { maxItems: 50_000, maxBytes: 512 * MIB } },
    {
      label: '8 MiB by `maxBytes`, bodies of all sizes',
      setup: { maxItems: 50_000, maxBytes: 8 * MIB },
      body: { spread: 1 },
    },
  ]),
  vary('tiers', 'Tiers and consistency', 'the same site', [
    { label: 'both, pushed (default)' },
    { label: "both, `consistency: 'strong'`", setup: { strong: true } },
    { label: '`l1: false`', setup: { tiers: 'redis' } },
    { label: '`redis: false`', setup: { tiers: 'memory' } },
    { label: '`sweepInterval: false`', setup: { sweeps: false } },
  ]),
  vary('processes', 'Number of processes', 'the same traffic, dealt out to more of them', [
    { label: '1', traffic: { processes: 1 } },
    { label: '2', traffic: { processes: 2 } },
    { label: '4', traffic: { processes: 4 } },
    { label: '16', traffic: { processes: 16 } },
    { label: '64', traffic: { processes: 64 } },
  ]),
  vary('popularity', 'Popularity', "the exponent of Zipf's law, of tenants and of pages", [
    { label: '0.6', traffic: { exponent: 0.6, tenantExponent: 0.6 } },
    { label: '0.8', traffic: { exponent: 0.8, tenantExponent: 0.8 } },
    { label: '1.0', traffic: { exponent: 1, tenantExponent: 1 } },
    { label: '1.2', traffic: { exponent: 1.2, tenantExponent: 1.2 } },
  ]),
  vary('size', 'Tenants and pages', 'tenants × pages of each', [
    { label: '10 × 500', traffic: { tenants: 10 } },
    { label: '100 × 50', traffic: { pages: 50 } },
    { label: '100 × 500', traffic: {} },
    { label: '1,000 × 500', traffic: { tenants: 1000 } },
    { label: '10,000 × 500', traffic: { tenants: 10_000 }, paper: true },
  ]),
  vary('rate', 'Rate and lifetime', 'requests a second, `ttl` in seconds', [
    { label: '25/s, 300 s', traffic: { rate: 25 } },
    { label: '250/s, 30 s', setup: { ttl: 30 } },
    { label: '250/s, 300 s' },
    { label: '250/s, 3,600 s', setup: { ttl: 3600 }, paper: true },
    { label: '2,500/s, 300 s', traffic: { rate: 2500 }, paper: true },
    { label: '25,000/s, 300 s, 64 processes', traffic: { rate: 25_000, processes: 64 }, paper: true },
  ]),
  vary('writes', 'Writes', 'their share of all requests, and what each one invalidates', [
    { label: 'none', traffic: { writes: 0 } },
    { label: '1 %, its URL', traffic: { writes: 0.01 } },
    { label: '10 %, its URL', traffic: { writes: 0.1 } },
    { label: '1 %, a tag of 20 pages', setup: { kind: 'tag' } },
    { label: '10 %, a tag of 20 pages', traffic: { writes: 0.1 }, setup: { kind: 'tag' } },
    { label: 'the same, no sweeps', traffic: { writes: 0.1 }, setup: { kind: 'tag', sweeps: false } },
    { label: '1 %, a pattern of 20 pages', setup: { kind: 'pattern' } },
    { label: '0.1 %, a pattern of 20 pages', traffic: { writes: 0.001 }, setup: { kind: 'pattern' } },
    { label: '0.1 %, its tenant', traffic: { writes: 0.001 }, setup: { kind: 'tenant' } },
    { label: '1 %, its tenant', setup: { kind: 'tenant' } },
  ]),
  vary('table', 'The purge table', 'buckets a row; 10 % writes, each invalidates its URL: two tags', [
    { label: '2^10', traffic: { writes: 0.1 }, setup: { geometry: bits(10) } },
    { label: '2^12', traffic: { writes: 0.1 }, setup: { geometry: bits(12) } },
    { label: '2^14', traffic: { writes: 0.1 }, setup: { geometry: bits(14) } },
    { label: '2^16 (as built)', traffic: { writes: 0.1 } },
    { label: '2^18', traffic: { writes: 0.1 }, setup: { geometry: bits(18) } },
  ]),
  vary('traffic', 'Traffic that is not so even', 'the formulas know nothing of it: they are asked about even traffic', [
    { label: 'even', traffic: {} },
    { label: 'tenants of the day and of the night, a day in 300 s', traffic: { day: 300 }, same: true },
    { label: 'every 30 s other pages are popular', traffic: { drift: { seconds: 30, pages: 100 } }, same: true },
    {
      label: 'for 60 s half of all reads are for one page',
      traffic: { crowd: { from: 700, to: 760, share: 0.5 } },
      same: true,
    },
    { label: 'a tenth of all reads is a crawler', traffic: { crawl: 0.1 }, same: true },
  ]),
];

/** What is checked against real processes: small enough for a machine that is busy with other things. */
export const CHECK = {
  traffic: { seed: 7, seconds: 14, rate: 400, processes: 3, tenants: 10, pages: 200, writes: 0.03 },
  setup: { ttl: 4, maxItems: 200, sweeps: false, publication: 0 },
  bytes: 2048,
  from: 5,
  rows: [
    { label: 'both tiers; writes reach their URL' },
    { label: "`consistency: 'strong'`; a tag", setup: { strong: true, kind: 'tag' } },
    { label: '`l1: false`; a pattern', setup: { tiers: 'redis', kind: 'pattern' } },
    { label: '`redis: false`; their URL', setup: { tiers: 'memory' } },
    { label: 'both tiers on a Cluster of three', shards: 3 },
  ],
};
