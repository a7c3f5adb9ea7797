import { once } from 'node:events';
import { createServer } from 'node:http';
import { createCache } from 'respcache';
import { createDatabase } from '../data/store.js';
import { createApp as createExpress } from '../express/app.js';
import { createApp as createKoa } from '../koa/app.js';
import { removeKeys } from './redis.js';

const FRAMEWORKS = [
  { name: 'Express', listener: (services) => createExpress(services) },
  { name: 'Koa', listener: (services) => createKoa(services).callback() },
];

/**
 * Starts both applications on the loopback interface, each with a cache and a database of its own.
 *
 * @param {object} options
 * @param {string | undefined} options.url of Redis
 * @param {string} options.prefix
 * @param {number} [options.latency] ms that each call of the database takes
 * @param {number[]} [options.ports] what is taken already is replaced by a free one
 */
export async function startAll({ url, prefix, latency, ports = [] }) {
  const running = [];
  for (const [index, framework] of FRAMEWORKS.entries()) {
    running.push(await start(framework, { url, prefix, latency, port: ports[index] ?? 0 }));
  }
  return running;
}

/** Ends what `startAll` has started, and leaves nothing in the Redis of `url`. */
export async function stopAll(applications, { url, prefix }) {
  await Promise.all(applications.map(stop));
  // A Redis that has gone away meanwhile takes its keys with it, or lets most of them expire.
  if (url !== undefined) await removeKeys(url, prefix).catch(() => {});
}

/** What the environment says is left to the cache, whose errors name the variable. */
function redisAt(url) {
  if (url === undefined) return { redis: false };
  return url === process.env.REDIS_URL?.trim() ? {} : { redis: url };
}

async function start({ name, listener }, { url, prefix, latency, port }) {
  const cache = createCache({
    ...redisAt(url),
    prefix: `${prefix}${name.toLowerCase()}:`,
    // More than the usual 50 ms, so that a busy computer is not shown as a Redis that does not answer.
    timeout: 250,
  });
  const database = createDatabase({ latency });
  const server = createServer(listener({ cache, database }));
  await listen(server, port);
  return { name, cache, database, server, port: server.address().port };
}

async function stop({ server, cache }) {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), 3000);
  await closed;
  clearTimeout(late);
  await cache.clear();
  await cache.close();
}

async function listen(server, port) {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (port === 0 || error.code !== 'EADDRINUSE') throw error;
    await listen(server, 0);
  }
}
