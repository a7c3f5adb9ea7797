// A Redis server of the bench's own, which ends with it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';

const HOST = '127.0.0.1';
const ATTEMPTS = 5;
const PATIENCE = 5000;
// Only entries expire, so that only they, and of them those of the misses first, are evicted; ledgers stay.
const CONFIG = ['--bind', HOST, '--save', '', '--maxmemory', '256mb', '--maxmemory-policy', 'volatile-ttl'];

/** Ends the server as soon as its input does: when the bench closes it, or is no more, whatever killed it. */
const KEEPER = '"$0" "$@" >/dev/null 2>&1 & echo $!; read -r line; kill -9 $!; wait';

/** `more`: further arguments of the server's. */
export async function startRedis(more = []) {
  const binary = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0);
  if (binary === undefined) throw new Error('no redis-server or valkey-server on PATH: run node test/setup.mjs');
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await freePort();
    const args = ['-c', KEEPER, binary, '--port', String(port), ...CONFIG, ...more];
    // In a session of its own Ctrl-C does not reach the keeper, which has work to do then.
    const keeper = spawn('sh', args, { stdio: ['pipe', 'pipe', 'inherit'], cwd: tmpdir(), detached: true });
    const stop = async () => {
      keeper.stdin.end();
      if (keeper.exitCode === null) await once(keeper, 'exit');
    };
    const [pid] = await once(createInterface(keeper.stdout), 'line');
    const { process_id, redis_version } = await info(port);
    if (process_id === pid) return { port, version: redis_version, stop };
    // Somebody else was faster to take the port.
    await stop();
  }
  throw new Error('no free port for Redis');
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

export async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
