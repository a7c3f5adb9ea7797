// A Redis server of the bench's own, which ends with it.

import { Redis } from 'ioredis';
import { freePort, HOST, installed, startChild } from './children.js';

const ATTEMPTS = 5;
const PATIENCE = 5000;
// Only entries expire, so that only they, and of them those of the misses first, are evicted; ledgers stay.
const CONFIG = ['--bind', HOST, '--save', '', '--maxmemory', '3gb', '--maxmemory-policy', 'volatile-ttl'];

/** `more`: further arguments of the server's; `left`: a file that it writes. */
export async function startRedis(more = [], left = '') {
  const binary = installed(['redis-server', 'valkey-server'], '--version');
  if (binary === undefined) throw new Error('no redis-server or valkey-server on PATH: run node test/setup.mjs');
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await freePort();
    const { pid, stop } = await startChild(binary, ['--port', String(port), ...CONFIG, ...more], left);
    const { process_id, redis_version } = await info(port);
    if (process_id === pid) return opened(port, redis_version, stop);
    // Somebody else was faster to take the port.
    await stop();
  }
  throw new Error('no free port for Redis');
}

/** The server, and a client of the bench's own. */
function opened(port, version, stopServer) {
  const client = new Redis({ host: HOST, port });
  const stop = () => {
    client.disconnect();
    return stopServer();
  };
  return { port, version, client, stop };
}

async function info(port) {
  const redis = new Redis({ host: HOST, port, retryStrategy: () => 50, commandTimeout: PATIENCE });
  redis.on('error', () => {});
  try {
    const text = await redis.info('server');
    return Object.fromEntries([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]));
  } catch {
    return {};
  } finally {
    redis.disconnect();
  }
}
