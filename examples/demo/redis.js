import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

const PATIENCE = 2000;

/** Host and port of a Redis URL; never its password. */
export function describe(url) {
  if (!URL.canParse(url)) return 'the address in REDIS_URL';
  const { hostname, port } = new URL(url);
  return `${hostname || 'localhost'}:${port || 6379}`;
}

/** Why Redis does not answer; `undefined` if it does. */
export async function silence(url) {
  try {
    await connected(url, (redis) => redis.ping());
    return undefined;
  } catch (error) {
    return error.code ?? error.message;
  }
}

/**
 * Removes all keys under a prefix: the entries, and the ledger of invalidations beside them, which outlives `clear()`
 * as it must. An application has no use for this; a demo should leave nothing behind.
 */
export function removeKeys(url, prefix) {
  return connected(url, async (redis) => {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 500 })) {
      if (keys.length > 0) await redis.unlink(...keys);
    }
  });
}

/** Hands out a connection that does not try twice, and ends it afterwards. */
async function connected(url, use) {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: PATIENCE,
    disconnectTimeout: 100,
  });
  // What connect() rejects with says that the connection is closed; this says why.
  let reason;
  redis.on('error', (error) => {
    reason = error;
  });
  const late = new AbortController();
  const tooLate = sleep(PATIENCE, undefined, { signal: late.signal }).then(() => {
    throw new Error(`nothing within ${PATIENCE} ms`);
  });
  try {
    return await Promise.race([redis.connect().then(() => use(redis)), tooLate]);
  } catch (error) {
    throw reason ?? error;
  } finally {
    late.abort();
    tooLate.catch(() => {});
    redis.disconnect();
  }
}
