// Hot sets: one key, ten thousand, a million, asked for by Zipf's law (exponent 1).

import { contender, respcache } from './define.js';

const SIZE = 1024;
const bare = (stack) => contender(stack, 'bare');

function scene(name, keys, about, entries) {
  const traffic = { keys };
  return {
    name,
    kind: 'rounds',
    title: `Hot set of ${keys.toLocaleString('en')} ${keys === 1 ? 'key' : 'keys'}`,
    about: `Keys by Zipf's law, exponent 1, seeded. ${about}`,
    size: SIZE,
    quick: false,
    extra: keys === 1,
    // A miss is a part of what is measured where the cache is smaller than the set: the column of hits says how many.
    entries: entries.map((entry) => ({ ...entry, traffic, counts: true })),
  };
}

const HIT = 'respcache; hit';
const ours = (stack, store, cacheOptions) =>
  respcache(stack, `respcache ${store}`, { store, cacheOptions, limit: `${stack} bare`, mark: HIT });

const few = (cacheOptions) => [
  bare('express'),
  ours('express', 'memory', cacheOptions),
  ours('express', 'tiers', cacheOptions),
  contender('express', 'apicache memory', { cache: 'apicache', store: 'memory', limit: 'express bare' }),
  bare('koa'),
  ours('koa', 'memory', cacheOptions),
];

export default [
  scene('keys-1', 1, 'All of it in memory.', few({})),
  scene(
    'keys-10k',
    10_000,
    'A cache of 20,000 entries: all of it in memory once it is warm.',
    few({ maxItems: 20_000 }),
  ),
  scene(
    'keys-1m',
    1_000_000,
    'L1 of 50,000 entries (64 MiB): memory alone evicts, and runs the handler again for the rest; both tiers have in Redis ' +
      'what was asked for since the start. The sequence has 262,144 draws, which are repeated.',
    [
      bare('express'),
      ours('express', 'memory', { maxItems: 50_000 }),
      ours('express', 'tiers', { maxItems: 50_000 }),
      bare('koa'),
      ours('koa', 'tiers', { maxItems: 50_000 }),
    ],
  ),
];
