// What an entry takes beyond its body.

import { contender, respcache } from './define.js';
import { peers } from './peers.js';

const does = 'memory';
const cacheOptions = { maxItems: 1_000_000, maxBytes: 4e9 };
const fresh = { traffic: { fresh: true } };
const LIMITS = { memory: 'Map of key to Buffer', redis: 'SET key body EX ttl' };
const least = (store) => contender('http', LIMITS[store], { store, does, ...fresh, quick: true });
const limit = (store) => `http ${LIMITS[store]}`;
const ours = (stack, store, { what = `respcache ${store}`, ...more } = {}) =>
  respcache(stack, what, { store, does, cacheOptions, limit: limit(store), ...fresh, ...more });

export default [
  {
    name: 'memory',
    kind: 'memory',
    title: 'Memory of an entry, a body of 1,024 bytes',
    about:
      'Bytes beyond the body, each of 10,000 answers under a URL of its own (3,000 of apicache, whose misses grow), measured after 1,000 others; in process ' +
      'after forced garbage collection (heap and external), in Redis by `used_memory`. Peers that keep the value instead of its text have its ' +
      'objects counted. The limits keep the same body with nothing but a key: in a Map of Buffers, or by a plain SET with a time to live. A shorter body than its JSON would have is why a figure can be below zero; and that of `compress: true` is, whose entries keep their compressed forms in the place of the body. ' +
      'Redis’ allocator rounds up, for all alike: what takes 1,280 bytes here would take 1,024 with a body of 938.',
    size: 1024,
    quick: true,
    entries: [
      least('memory'),
      least('redis'),
      ours('express', 'memory', { quick: true }),
      ours('express', 'redis', { quick: true }),
      ours('express', 'redis', { what: 'respcache redis, compress', options: { compress: true } }),
      ours('koa', 'memory'),
      ...peers((store) => ({ does, limit: limit(store), ...fresh })),
    ],
  },
];
