import { spawn } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Cluster as Cluster6, Redis } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis5';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Reaper } from './reaper.js';
import { type RedisCluster, type RedisServer, startCluster, startRedis } from './redis.js';
import { startProxy, type TcpProxy } from './tcp-proxy.js';

const cleanups: (() => unknown)[] = [];

/** Has it done after the test, the last first. */
function atEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (let cleanup = cleanups.pop(); cleanup !== undefined; cleanup = cleanups.pop()) await cleanup();
});

/** Unlike `once` of node:events it is not rejected by an error that comes first. */
function happens(emitter: EventEmitter, name: string): Promise<void> {
  return new Promise((resolve) => emitter.once(name, () => resolve()));
}

function client(port: number, commandTimeout?: number): Redis {
  const redis = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 5, commandTimeout });
  redis.on('error', () => {});
  atEnd(() => redis.disconnect());
  return redis;
}

describe('startRedis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis({ config: { 'notify-keyspace-events': 'KEA', 'client-query-buffer-limit': '2mb' } });
  });

  afterAll(() => server.stop());

  it('starts a server of its own', async () => {
    const info = String(await server.command('INFO', 'server'));
    expect(info).toContain(`process_id:${server.pid}`);
    expect(info).toContain(`tcp_port:${server.port}`);
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`);
  });

  it('answers commands parsed, and as bytes', async () => {
    expect(await server.command('SET', 'bytes', 'ä')).toBe('OK');
    expect(await server.command('STRLEN', 'bytes')).toBe(2);
    expect(await server.commandBuffer('GET', 'bytes')).toEqual(Buffer.from('ä'));
    await expect(server.command('NOSUCH')).rejects.toThrow(/unknown command/);
  });

  it('keeps nothing on disk unless told to', async () => {
    expect(await server.command('CONFIG', 'GET', 'save')).toEqual(['save', '']);
    expect(await server.command('CONFIG', 'GET', 'appendonly')).toEqual(['appendonly', 'no']);
    expect(await server.command('CONFIG', 'GET', 'client-query-buffer-limit')).toContain('2097152');
  });

  it('does not take another server for its own', async () => {
    await expect(startRedis({ port: server.port })).rejects.toThrow(/another process answers|Failed listening/);
    expect(await server.command('PING')).toBe('PONG');
  });

  it('does not take any other listener for its own', async () => {
    const other = await echoServer();
    await expect(startRedis({ port: portOf(other) })).rejects.toThrow(/another process answers|Failed listening/);
  });

  it('says why a server did not start', async () => {
    await expect(startRedis({ config: { 'no-such-directive': '1' } })).rejects.toThrow(/no-such-directive/);
  });

  it('is killed and comes back on its port, with its config and without its data', async () => {
    const redis = client(server.port);
    await redis.set('key', 'value');
    const { pid } = server;
    const closed = happens(redis, 'close');
    await server.kill();
    await closed;
    await expect(server.command('PING')).rejects.toThrow(/ECONNREFUSED/);
    const ready = happens(redis, 'ready');
    await server.restart();
    await ready;
    expect(server.pid).not.toBe(pid);
    expect(await redis.get('key')).toBeNull();
    expect(await server.command('CONFIG', 'GET', 'client-query-buffer-limit')).toContain('2097152');
  });

  it('restarts a running server', async () => {
    const { pid } = server;
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  it('stands still between pause and resume', async () => {
    const redis = client(server.port, 100);
    await redis.ping();
    await server.pause();
    await expect(redis.set('while', 'paused')).rejects.toThrow(/timed out/);
    await server.resume();
    // The command was in the socket all the time: it is late, not lost.
    expect(await redis.get('while')).toBe('paused');
  });

  it('is killed and stopped also while paused', async () => {
    const own = await startRedis();
    await own.pause();
    await own.kill();
    await own.restart();
    await own.pause();
    await own.stop();
    expect(() => process.kill(own.pid, 0)).toThrow(/ESRCH/);
    await expect(own.pause()).rejects.toThrow(/does not run/);
  });

  it('keeps its data over a restart with an append-only file, and removes its directory in the end', async () => {
    const own = await startRedis({ config: { appendonly: 'yes', appendfsync: 'always' } });
    const dir = String(((await own.command('CONFIG', 'GET', 'dir')) as string[])[1]);
    await own.command('SET', 'key', 'value');
    await own.kill();
    await own.restart();
    expect(await own.command('GET', 'key')).toBe('value');
    expect(existsSync(dir)).toBe(true);
    await own.stop();
    await own.stop();
    expect(existsSync(dir)).toBe(false);
  });

  it('is protected by a password, if the config says so, and still answers the test', async () => {
    const own = await startRedis({ config: { requirepass: 'secret' } });
    atEnd(() => own.stop());
    expect(await own.command('PING')).toBe('PONG');
    await expect(client(own.port).ping()).rejects.toThrow(/NOAUTH/);
  });

  it('starts many at once on different ports', async () => {
    const servers = await Promise.all(Array.from({ length: 5 }, () => startRedis()));
    atEnd(() => Promise.all(servers.map((one) => one.stop())));
    expect(new Set(servers.map(({ port }) => port)).size).toBe(5);
  });

  it('is killed, paused or not, by one listener when the process exits', async () => {
    const servers = await Promise.all([startRedis(), startRedis()]);
    await servers[0].pause();
    const listeners = process.listeners('exit').filter(({ name }) => name === 'killRedisChildren');
    expect(listeners).toHaveLength(1);
    // The listener ends the shared server too, as it must: that one is started again.
    listeners[0]?.call(process, 0);
    await Promise.all([...servers.map((one) => one.stop()), server.restart()]);
    for (const { pid } of servers) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });
});

describe('Reaper', () => {
  it('ends what runs when its parent has gone, with the directories, and leaves alone what had exited', async () => {
    const reaper = new Reaper();
    const dirs = await Promise.all(
      ['exited', 'runs', 'late'].map((name) => mkdtemp(join(tmpdir(), `reaper ${name}-`))),
    );
    atEnd(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))));
    const children = dirs.map(() => spawn('sleep', ['60'], { stdio: 'ignore' }));
    atEnd(() => children.map((child) => child.kill('SIGKILL')));
    const [exited, ...others] = children.map((child) => once(child, 'exit'));
    for (const [i, child] of children.entries()) reaper.runs(child, dirs[i]!);
    children[0]!.kill('SIGTERM');
    await exited;
    reaper.hasExited(children[0]!);
    const bare = spawn('sleep', ['60'], { stdio: 'ignore' });
    reaper.runs(bare, '');
    reaper.reap();
    expect(await Promise.all([...others, once(bare, 'exit')])).toEqual(Array(3).fill([null, 'SIGKILL']));
    await expect.poll(() => dirs.map((dir) => existsSync(dir))).toEqual([true, false, false]);
  });
});

describe('startCluster', () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startCluster();
  }, 40_000);

  afterAll(() => cluster.stop());

  it('is whole in the eyes of every node', async () => {
    expect(cluster.nodes).toHaveLength(3);
    expect(cluster.startupNodes.map(({ port }) => port)).toEqual(cluster.nodes.map(({ port }) => port));
    for (const node of cluster.nodes) {
      const info = String(await node.command('CLUSTER', 'INFO'));
      expect(info).toContain('cluster_state:ok');
      expect(info).toContain('cluster_known_nodes:3');
      expect(info).toContain('cluster_size:3');
    }
  });

  it.each([
    ['ioredis 5', () => new Cluster5(cluster.startupNodes)],
    ['ioredis 6', () => new Cluster6(cluster.startupNodes)],
  ])('takes writes to all masters through %s', async (name, create) => {
    const redis = create();
    atEnd(() => redis.disconnect());
    // Three tags whose slots lie in the first, the second and the last third.
    const keys = ['{b}', '{c}', '{a}'].map((tag) => `${name}:${tag}`);
    for (const key of keys) expect(await redis.set(key, `value of ${key}`)).toBe('OK');
    for (const key of keys) expect(await redis.get(key)).toBe(`value of ${key}`);
    const held = await Promise.all(cluster.nodes.map((node) => node.command('KEYS', `${name}:*`)));
    expect(held).toEqual(keys.map((key) => [key]));
  });

  it('is whole again after a node was restarted', async () => {
    const [node] = cluster.nodes;
    await node?.kill();
    await node?.restart();
    await cluster.ready();
    expect(await node?.command('CLUSTER', 'INFO')).toContain('cluster_state:ok');
  }, 40_000);
});

describe('startProxy', () => {
  let echo: Server;
  let proxy: TcpProxy;

  beforeEach(async () => {
    echo = await echoServer();
    proxy = await startProxy(portOf(echo));
    atEnd(() => proxy.close());
  });

  it('forwards, and counts the connections', async () => {
    const socket = await open(proxy.port);
    expect(await roundTrip(socket, 'hello')).toBe('hello');
    expect(proxy.connections).toBe(1);
    socket.end('bye');
    expect(await text(socket)).toBe('bye');
    await expect.poll(() => proxy.connections, { interval: 1 }).toBe(0);
  });

  it('forwards a large body whole', async () => {
    const socket = await open(proxy.port);
    const body = 'x'.repeat(5_000_000);
    socket.end(body);
    expect(await text(socket)).toBe(body);
  });

  it('delays each direction, and keeps the order when the latency changes', async () => {
    const socket = await open(proxy.port);
    proxy.latency = 30;
    const start = performance.now();
    await roundTrip(socket, 'slow');
    expect(performance.now() - start).toBeGreaterThanOrEqual(60);
    const numbers = Array.from({ length: 20 }, (_, index) => `${index} `);
    for (const [index, number] of numbers.entries()) {
      proxy.latency = numbers.length - index;
      socket.write(number);
      // Lets the proxy read each on its own.
      await nextTurn();
    }
    socket.end();
    expect(await text(socket)).toBe(numbers.join(''));
  });

  it('cuts what is open and refuses what is new, until it is restored', async () => {
    const socket = await open(proxy.port);
    await roundTrip(socket, 'hello');
    const closed = happens(socket, 'close');
    proxy.cut();
    await closed;
    expect(proxy.connections).toBe(0);
    const refused = connect(proxy.port, '127.0.0.1').on('error', () => {});
    await happens(refused, 'close');
    proxy.restore();
    expect(await roundTrip(await open(proxy.port), 'again')).toBe('again');
  });

  it('leads new connections to another server when it is told to', async () => {
    const other = await startRedis();
    atEnd(() => other.stop());
    const before = await open(proxy.port);
    proxy.target = other.port;
    expect(await roundTrip(before, 'still the echo')).toBe('still the echo');
    expect(await client(proxy.port).config('GET', 'port')).toContain(String(other.port));
  });

  it('swallows everything as a black hole and delivers it when restored', async () => {
    const socket = await open(proxy.port);
    await roundTrip(socket, 'hello');
    proxy.blackhole();
    socket.end('held');
    const late = await open(proxy.port);
    late.write('late');
    await roundTrip(await open(portOf(echo)), 'the server itself is there');
    expect(socket.readableLength + late.readableLength).toBe(0);
    expect(proxy.connections).toBe(2);
    proxy.restore();
    expect(await text(socket)).toBe('held');
    expect(String((await once(late, 'data'))[0])).toBe('late');
  });

  it('passes on what a client sent before it gave up', async () => {
    const received = once(echo, 'received');
    proxy.blackhole();
    const socket = await open(proxy.port);
    socket.end('too late');
    await once(socket, 'finish');
    socket.destroy();
    await happens(socket, 'close');
    proxy.restore();
    expect(String((await received)[0])).toBe('too late');
  });

  it('closes the client when the server is not there', async () => {
    echo.close();
    const socket = await open(proxy.port);
    await happens(socket, 'close');
    await expect.poll(() => proxy.connections, { interval: 1 }).toBe(0);
  });

  it('closes with connections open, and twice', async () => {
    const socket = await open(proxy.port);
    proxy.latency = 60_000;
    socket.write('never arrives');
    const closed = happens(socket, 'close');
    await proxy.close();
    await proxy.close();
    await closed;
    expect(proxy.connections).toBe(0);
    await expect(open(proxy.port)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('lets a Redis client reconnect after a cut', async () => {
    const server = await startRedis();
    atEnd(() => server.stop());
    const own = await startProxy(server.port);
    atEnd(() => own.close());
    const redis = client(own.port);
    await redis.set('key', 'value');
    const closed = happens(redis, 'close');
    own.cut();
    await closed;
    const ready = happens(redis, 'ready');
    own.restore();
    await ready;
    expect(await redis.get('key')).toBe('value');
  });
});

/** Sends back what it gets; tells of it by the event `received`. */
async function echoServer(): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => server.emit('received', bytes));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  atEnd(() => socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

async function roundTrip(socket: Socket, message: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(message);
  return String((await answer)[0]);
}
