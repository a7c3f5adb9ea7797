// Values in a handler.

import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisDriver } from 'bentocache/drivers/redis';

export function open({ store, redis: port, slug, prefix, entries = 100_000 }) {
  const connection = { host: '127.0.0.1', port, enableAutoPipelining: true };
  const driver =
    store === 'redis'
      ? bentostore().useL2Layer(redisDriver({ connection }))
      : bentostore().useL1Layer(memoryDriver({ maxItems: entries }));
  return new BentoCache({ default: 'only', stores: { only: driver }, prefix: prefix ?? slug });
}

export function value(wanted, make) {
  const cache = open(wanted);
  return (key) => cache.getOrSet({ key, factory: make, ttl: '1h' });
}
