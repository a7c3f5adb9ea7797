// What an entry takes beyond its body.

import { respcache } from './define.js';
import { peers } from './peers.js';

const does = 'memory';
const cacheOptions = { maxItems: 1_000_000, maxBytes: 4e9 };
const fresh = { traffic: { fresh: true } };
const ours = (stack, store, more) =>
  respcache(stack, `respcache ${store}`, { store, does, cacheOptions, ...fresh, ...more });

export default [
  {
    name: 'memory',
    kind: 'memory',
    title: 'Memory of an entry, a body of 1,024 bytes',
    about:
      'Bytes beyond the body, each of 10,000 answers under a URL of its own (3,000 of apicache, whose misses grow), measured after 1,000 others; in process ' +
      'after forced garbage collection (heap and external), in Redis by `used_memory`. Peers that keep the value instead of its text have its ' +
      'objects counted. A shorter body than its JSON would have is why a figure can be below zero.',
    size: 1024,
    quick: true,
    entries: [
      ours('express', 'memory', { quick: true }),
      ours('express', 'redis', { quick: true }),
      ours('koa', 'memory'),
      ...peers(() => ({ does, ...fresh })),
    ],
  },
];
