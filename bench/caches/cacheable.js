// Values in a handler.

import KeyvRedis from '@keyv/redis';
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';

export function value({ store, redis: port, slug, prefix }, make) {
  // In its first place, so that every read is from Redis; in the second it would be read at a start only.
  const onRedis = () => new Keyv({ store: new KeyvRedis(`redis://127.0.0.1:${port}`), namespace: prefix ?? slug });
  const cache = new Cacheable({ ttl: '1h', ...(store === 'redis' ? { primary: onRedis() } : {}) });
  return (key) => cache.getOrSet(key, make);
}
