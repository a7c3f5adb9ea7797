import { randomBytes } from 'node:crypto';
import { describe } from './redis.js';

/** Where the demo's caches keep what they store. Keys of one run are its own: others on that Redis stay untouched. */
export function config(env = process.env) {
  const url = env.REDIS_URL?.trim() || undefined;
  const prefix = `respcache-demo:${randomBytes(3).toString('hex')}:`;
  const store = url === undefined ? "embedded, in this process' memory" : `Redis at ${describe(url)}, keys ${prefix}*`;
  return { url, prefix, store };
}
