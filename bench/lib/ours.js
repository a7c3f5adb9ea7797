// respcache in a contender, from the built package.

import { projectModule } from './modules.js';
import { unavailable, wanted } from './serve.js';

/** Of a lookup, ms: the limits have none, and a machine that stands still for a moment is not what is measured. */
const DEADLINE = 10_000;

const load = (path) => import(`${wanted.dist}/${path}/index.js`);

/** The options of a scene that cannot be told as JSON. */
const OPTIONS = { bypass: { when: () => false } };

/** The connection that the cache makes by itself, or `client`: one of the user's own, of that version of ioredis. */
async function redisOption() {
  if (wanted.store === 'memory') return false;
  const at = { host: '127.0.0.1', port: wanted.redis };
  if (wanted.client === undefined) return at;
  const { Redis } = await projectModule(wanted.client);
  return new Redis({ ...at, enableAutoPipelining: true });
}

async function storeOptions() {
  const redis = await redisOption();
  return { redis, l1: wanted.store !== 'redis', prefix: `${wanted.prefix ?? wanted.slug}:`, timeout: DEADLINE };
}

export async function makeCache() {
  const { createCache } = await load('src');
  // Hits outlive the run; what is stored for a miss is asked for by nobody, and makes room.
  return createCache({ ...(await storeOptions()), ttl: wanted.does === 'miss' ? 10 : 3600, ...wanted.cacheOptions });
}

/** What one of its functions makes, or the end of this contender where the build knows no such function or option. */
async function made(adapter, name, ...rest) {
  const { [name]: make } = await load(`adapters/${adapter}`);
  if (make === undefined) return unavailable(`this build has no ${name}`);
  const options = { cache: await makeCache(), ...OPTIONS[wanted.does], ...wanted.options };
  try {
    return make(...rest, options);
  } catch (error) {
    if (error.name === 'ConfigError' && wanted.options?.compress) return unavailable('this build has no compress');
    throw error;
  }
}

export const middleware = (adapter) => made(adapter, 'cacheMiddleware');

/** What listens: the application alone, or with the cache in front of it. `app`: what the adapter takes. */
export function inFront(adapter, app, listener) {
  if (wanted.mount === 'withCache') return made('node', 'withCache', listener);
  if (wanted.mount === 'createServer') return made(adapter, 'createServer', app);
  return listener;
}
