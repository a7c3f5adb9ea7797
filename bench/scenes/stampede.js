// One key that nobody has, and a crowd that asks for it at once.

import { contender, respcache } from './define.js';
import { peers } from './peers.js';

const does = 'stampede';
const processes = (store) => (store === 'memory' ? 1 : 2);
const ours = (stack, store, more = {}) =>
  respcache(stack, `respcache ${store}`, { store, does, processes: processes(store), ...more });

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
      ...peers((store, cache) => ({
        does,
        processes: processes(store),
        quick: cache === 'apicache' && store === 'memory',
      })),
    ],
  },
];
