// One key that nobody has, and a crowd that asks for it at once.

import { contender, respcache } from './define.js';

const does = 'stampede';
const peer = (stack, cache, store, more = {}) =>
  contender(stack, `${cache} ${store}`, { cache, store, does, processes: store === 'redis' ? 2 : 1, ...more });
const ours = (stack, store, more = {}) =>
  respcache(stack, `respcache ${store}`, { store, does, processes: store === 'memory' ? 1 : 2, ...more });

export default [
  {
    name: 'stampede',
    kind: 'stampede',
    title: 'Stampede: 200 requests at once for one cold key, a handler of 100 ms',
    about:
      'Over one process where the store is memory, over two where it is Redis. Runs: how often the handler ran; the median of three keys.',
    size: 1024,
    quick: true,
    entries: [
      ours('express', 'memory', { quick: true }),
      ours('express', 'tiers', { quick: true }),
      ours('koa', 'tiers'),
      contender('express', 'no cache', { does, processes: 1 }),
      peer('express', 'apicache', 'memory', { quick: true }),
      peer('express', 'apicache', 'redis'),
      peer('express', 'cache-express', 'memory'),
      peer('express', 'route-cache', 'memory'),
      peer('express', 'route-cache', 'redis'),
      peer('express', 'ocache', 'memory'),
      peer('express', 'ocache', 'redis'),
      peer('express', 'bentocache', 'memory'),
      peer('express', 'bentocache', 'redis'),
      peer('express', 'cacheable', 'memory'),
      peer('express', 'cacheable', 'redis'),
      peer('nest', 'cache-manager', 'memory'),
      peer('nest', 'cache-manager', 'redis'),
      peer('koa', 'koa-cash', 'memory'),
    ],
  },
];
