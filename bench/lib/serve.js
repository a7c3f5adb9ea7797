// The contenders' side of the talk with the bench.

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Session } from 'node:inspector/promises';
import { Redis } from 'ioredis';
import { payload, target, URLS } from './traffic.js';

/** What the bench wants of this process; `bench/catalogue.js` says what it can be. */
export const wanted = JSON.parse(process.argv[2]);
export const body = payload(wanted.size);

/** Listens on a free port, tells it, and then does what the bench asks. `more`: questions of this contender's own. */
export function serve(listener, more = {}) {
  const questions = { ...QUESTIONS, ...more };
  const server = createServer(listener).listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  process.on('message', async (question) => process.send((await questions[question]()) ?? {}));
  // The bench is done, or gone.
  process.on('disconnect', () => process.exit());
}

let profiler;
const QUESTIONS = {
  /** CPU time of the whole process so far, in microseconds. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return { cpu: user + system };
  },
  async startProfile() {
    profiler = new Session();
    profiler.connect();
    await profiler.post('Profiler.enable');
    await profiler.post('Profiler.setSamplingInterval', { interval: 500 });
    await profiler.post('Profiler.start');
  },
  async writeProfile() {
    const { profile } = await profiler.post('Profiler.stop');
    writeFileSync(wanted.profile, JSON.stringify(profile));
  },
};

/** The adapter under test, from the built package, and what its middleware is to be given. */
export async function respcache(adapter) {
  const { createCache } = await import(`${wanted.dist}/src/index.js`);
  const { cacheMiddleware } = await import(`${wanted.dist}/adapters/${adapter}/index.js`);
  const cache = createCache({
    redis: wanted.store === 'redis' ? { host: '127.0.0.1', port: wanted.redis } : false,
    prefix: `${wanted.slug}:`,
    // Hits outlive the run; what is stored for a miss is asked for by nobody, and makes room.
    ttl: wanted.does === 'miss' ? 10 : 3600,
  });
  return cacheMiddleware(wanted.does === 'bypass' ? { cache, when: () => false } : { cache });
}

/** What a hit on Redis cannot do without: one read, sent together with those of other requests. */
export async function redisReader() {
  const redis = new Redis({ host: '127.0.0.1', port: wanted.redis, enableAutoPipelining: true });
  for (let page = 0; page < URLS; page++) await redis.set(`bare:${target(page)}`, body);
  return (url) => redis.getBuffer(`bare:${url}`);
}
