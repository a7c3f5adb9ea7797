// The other caches, each with the stores that it can have.

import { contender } from './define.js';

const PEERS = [
  ['express', 'apicache', ['memory', 'redis']],
  ['express', 'cache-express', ['memory']],
  ['express', 'route-cache', ['memory', 'redis']],
  ['express', 'ocache', ['memory', 'redis']],
  ['express', 'bentocache', ['memory', 'redis']],
  ['express', 'cacheable', ['memory', 'redis']],
  ['nest', 'cache-manager', ['memory', 'redis']],
  ['koa', 'koa-cash', ['memory', 'redis']],
];

/** All of them as contenders. `settings`: what a scene wants of one, by the store. */
export function peers(settings) {
  return PEERS.flatMap(([stack, cache, stores]) =>
    stores.map((store) => contender(stack, `${cache} ${store}`, { cache, store, ...settings(store, cache) })),
  );
}
