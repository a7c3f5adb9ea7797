import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ConfigError, UnavailableError } from '../../src/errors.js';
import type { RedisClient, RedisTarget } from '../../src/stores/redis-client.js';
import { RedisLink } from '../../src/stores/redis-link.js';
import { script } from '../../src/stores/script.js';
import { type RedisCluster, type RedisServer, startCluster, startRedis } from '../support/redis.js';
import { startProxy } from '../support/tcp-proxy.js';
import { startSentinel } from './sentinel.js';

let server: RedisServer;
let socket: string;
const links: RedisLink[] = [];
const clients: RedisClient[] = [];

function linkTo(target: RedisTarget, onError: (error: unknown) => void = () => {}): RedisLink {
  const link = new RedisLink(target, onError);
  links.push(link);
  return link;
}

function keep<C extends RedisClient>(client: C): C {
  clients.push(client);
  return client;
}

/** What the server at the other end of a link says of itself. */
async function portOf(link: RedisLink): Promise<number> {
  await link.ready();
  return Number(/tcp_port:(\d+)/.exec(await (link.client as Redis).info('server'))?.[1]);
}

beforeAll(async () => {
  server = await startRedis({ config: { unixsocket: 'redis.sock' } });
  const [, dir] = (await server.command('CONFIG', 'GET', 'dir')) as string[];
  socket = join(String(dir), 'redis.sock');
});

afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
  for (const client of clients.splice(0)) client.disconnect();
});

afterAll(async () => {
  await server.stop();
});

it('says of a command whose connection was lost that it was, and not what ioredis makes of it', async () => {
  const proxy = await startProxy(server.port);
  onTestFinished(() => proxy.close());
  const link = linkTo(`redis://127.0.0.1:${proxy.port}`);
  await link.ready();
  proxy.blackhole();
  const asked = link.within(10_000, 'session', () => link.client.get('session'));
  await new Promise(setImmediate);
  proxy.cut();
  await expect(asked).rejects.toThrow(new UnavailableError('session: the connection to Redis was lost'));
});

it('says so, too, of one that was sent with others which have been answered', async () => {
  const link = linkTo(server.url);
  await link.ready();
  await server.command('CLIENT', 'PAUSE', '10000', 'WRITE');
  onTestFinished(async () => void (await server.command('CLIENT', 'UNPAUSE')));
  const asked = link.within(10_000, 'session', async () => {
    await Promise.all([link.client.get('session'), link.client.set('session', '{}')]);
  });
  asked.catch(() => {});
  // The first is answered, and the second held back.
  const held = async () => expect(await server.command('INFO', 'clients')).toMatch(/^blocked_clients:[1-9]/m);
  await vi.waitFor(held);
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
  await expect(asked).rejects.toThrow(new UnavailableError('session: the connection to Redis was lost'));
});

describe('RedisLink connects', () => {
  it.each<[what: string, target: () => RedisTarget]>([
    ['a URL', () => server.url],
    ['a URL with a database', () => `${server.url}/5`],
    ['ioredis options', () => ({ host: '127.0.0.1', port: server.port })],
    ['the path of a Unix socket', () => socket],
    ['the path of a Unix socket among options', () => ({ path: socket })],
    ['a client of ioredis 6', () => keep(new Redis(server.url))],
    ['a client of ioredis 5', () => keep(new Redis5(server.url) as unknown as Redis)],
    ['a client that connects when it is first used', () => keep(new Redis(server.url, { lazyConnect: true }))],
    ['options to connect when it is first used', () => ({ port: server.port, lazyConnect: true })],
  ])('by %s', { timeout: 5000 }, async (_, target) => {
    expect(await portOf(linkTo(target()))).toBe(server.port);
  });

  it('by a client that is connected already', async () => {
    const client = keep(new Redis(server.url));
    await client.ping();
    const link = linkTo(client);
    expect(link.connected).toBe(true);
    expect(link.ready()).toBeUndefined();
  });

  it('by a client that is left as it was, however often it is closed', async () => {
    const client = keep(new Redis(server.url));
    const found = [client.getMaxListeners(), client.listenerCount('error')];
    const link = linkTo(client);
    for (let i = 0; i < 2; i++) await link.close();
    expect([client.getMaxListeners(), client.listenerCount('error')]).toEqual(found);
  });

  it('to the database that a URL names', async () => {
    const link = linkTo(`${server.url}/5`);
    await link.ready();
    expect(await link.client.client('INFO')).toContain(' db=5 ');
  });

  it.each<[what: string, to: string, because: string]>([
    ['is not there', '/99', 'ERR DB index is out of range'],
    ['is not there, by options', '99', 'ERR DB index is out of range'],
    ['it may not choose', '/3', 'NOPERM'],
  ])('to no other database where the one that it names %s', async (_, path, because) => {
    await server.command('ACL', 'SETUSER', 'bounded', 'on', 'nopass', '~*', '+@all', '-select');
    const user = path === '/3' ? 'bounded:x@' : '';
    const errors: Error[] = [];
    const { port } = server;
    const target = path === '99' ? { port, db: 99 } : `redis://${user}127.0.0.1:${port}${path}`;
    const link = linkTo(target, (error) => errors.push(error as Error));
    const readies = vi.fn();
    link.onReady(readies);
    await expect(async () => link.ready()).rejects.toThrow(UnavailableError);
    expect(errors[0]).toBeInstanceOf(UnavailableError);
    expect(errors[0]!.message).toContain(`REDIS_DB, is ${path.replace('/', '')}`);
    expect(errors[0]!.message).toContain(because);
    const twin = keep(link.duplicate());
    twin.on('ready', readies).on('error', () => {});
    await new Promise((resolve) => twin.once('close', resolve));
    // It tries again: somebody may have changed the server.
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(1), { timeout: 5000 });
    expect(readies).not.toHaveBeenCalled();
    if (path !== '/3') return;
    await server.command('ACL', 'SETUSER', 'bounded', '+select');
    await vi.waitFor(() => expect(readies).toHaveBeenCalled());
  });

  it('with the password of a URL', async () => {
    const locked = await startRedis({ config: { requirepass: 's3cret' } });
    const link = linkTo(`redis://:s3cret@127.0.0.1:${locked.port}`);
    await link.ready();
    expect(await link.client.ping()).toBe('PONG');
    await link.close();
    await locked.stop();
  });

  it('through a Sentinel', async () => {
    const sentinel = await startSentinel(server.port);
    const link = linkTo({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'mymaster' });
    expect(await portOf(link)).toBe(server.port);
    await link.close();
    await sentinel.stop();
  });
});

describe('RedisLink', () => {
  it('waits for the first connection, and for no other', async () => {
    const link = linkTo(server.url);
    expect(link.connected).toBe(false);
    expect(link.ready()).toBeInstanceOf(Promise);
    await link.ready();
    expect(link.connected).toBe(true);
    const closed = once(link.client, 'close');
    link.client.disconnect(true);
    await closed;
    expect(() => link.ready()).toThrow(UnavailableError);
  });

  it('fails with the first connection, and tells why', async () => {
    const gone = await startRedis();
    await gone.stop();
    const errors: unknown[] = [];
    const link = linkTo(gone.url, (error) => errors.push(error));
    await expect(link.ready()).rejects.toThrow(UnavailableError);
    expect(String(errors[0])).toContain('ECONNREFUSED');
    expect(() => link.ready()).toThrow(UnavailableError);
  });

  it.each<[what: string, target: (url: string) => RedisTarget]>([
    ['', (url) => url],
    [', by a client that connects when it is first used', (url) => keep(new Redis(url, { lazyConnect: true }))],
  ])('leaves no rejection behind when nobody waits for its first connection%s', async (_, target) => {
    const gone = await startRedis();
    await gone.stop();
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const link = linkTo(target(gone.url));
    await new Promise<void>((resolve) => link.client.once('close', resolve));
    await new Promise(setImmediate);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('comes back by itself, and says so', async () => {
    const proxy = await startProxy(server.port);
    const link = linkTo(`redis://127.0.0.1:${proxy.port}`);
    await link.ready();
    const closed = once(link.client, 'close');
    proxy.cut();
    await closed;
    const ready = new Promise<void>((resolve) => link.onReady(resolve));
    expect(link.connections).toBe(1);
    proxy.restore();
    await ready;
    expect(link.connected).toBe(true);
    expect(link.connections).toBe(2);
    expect(await link.client.ping()).toBe('PONG');
    await link.close();
    await proxy.close();
  });

  it('never queues what it is given without a connection', async () => {
    const gone = await startRedis();
    await gone.stop();
    const link = linkTo(gone.url);
    await expect(link.ready()).rejects.toThrow();
    await expect(link.client.get('k')).rejects.toThrow();
    await expect(linkTo(server.url).client.get('k')).rejects.toThrow('enableOfflineQueue');
  });

  it('ends a connection of its own', async () => {
    const link = linkTo(server.url);
    await link.ready();
    const ended = once(link.client, 'end');
    await link.close();
    await ended;
    expect(link.client.status).toBe('end');
  });

  it('ends its attempts to connect, too', async () => {
    const gone = await startRedis();
    await gone.stop();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const link = linkTo(gone.url);
    await expect(link.ready()).rejects.toThrow();
    const again = new Promise<void>((resolve) => link.client.once('connecting', resolve));
    vi.advanceTimersByTime(1000);
    await again;
    const connecting = vi.fn();
    link.client.on('connecting', connecting);
    await link.close();
    vi.advanceTimersByTime(3_600_000);
    await new Promise(setImmediate);
    expect(connecting).not.toHaveBeenCalled();
  });

  it("leaves the caller's client alone", async () => {
    const client = keep(new Redis(server.url));
    const link = linkTo(client);
    await link.ready();
    await link.close();
    expect(client.status).toBe('ready');
    expect(await client.ping()).toBe('PONG');
  });

  it('can be closed while its server does not answer', { timeout: 5000 }, async () => {
    const proxy = await startProxy(server.port);
    onTestFinished(async () => {
      proxy.cut();
      await proxy.close();
    });
    const link = new RedisLink(`redis://127.0.0.1:${proxy.port}`, () => {});
    await link.ready();
    proxy.blackhole();
    await link.close();
  });

  it.each([true, false])(
    'what may not be read is not what is not there, be it read at once or not: %s',
    async (atOnce) => {
      await server.command('ACL', 'SETUSER', 'blind', 'on', 'nopass', '~*', '+@all', '-mget');
      const link = linkTo(`redis://blind:x@127.0.0.1:${server.port}`);
      await link.ready();
      await expect(link.strings(['k'], atOnce)).rejects.toThrow('NOPERM');
    },
  );

  it('gives up a connection of its own for another', async () => {
    const link = linkTo(server.url);
    await link.ready();
    link.renew();
    await once(link.client, 'ready');
    expect(link.connections).toBe(2);
  });

  it('gives up one that has been made, and was never answered', async () => {
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.close());
    proxy.blackhole();
    const link = linkTo(`redis://127.0.0.1:${proxy.port}`);
    await once(link.client, 'connect');
    const closed = once(link.client, 'close');
    link.renew();
    await closed;
    proxy.restore();
    await once(link.client, 'ready');
  });

  it("gives up none of the caller's", async () => {
    const client = keep(new Redis(server.url));
    const link = linkTo(client);
    await link.ready();
    link.renew();
    expect(await client.ping()).toBe('PONG');
    expect(link.connections).toBe(1);
  });

  it('has no connection any more once it is closed, though the first one was still being made', async () => {
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.close());
    proxy.blackhole();
    const link = linkTo(`redis://127.0.0.1:${proxy.port}`);
    expect(link.ready()).toBeInstanceOf(Promise);
    const work = vi.fn();
    await expect(link.within(10, 'session', work)).rejects.toThrow('session took longer than 10 ms');
    const waiting = Promise.resolve(link.ready());
    await Promise.all([expect(waiting).rejects.toThrow(UnavailableError), link.close()]);
    expect(() => link.ready()).toThrow(UnavailableError);
    expect(work).not.toHaveBeenCalled();
  });

  it('leaves a client without a bound of its listeners without one', async () => {
    const client = keep(new Redis(server.url)).setMaxListeners(0);
    const link = linkTo(client);
    expect(client.getMaxListeners()).toBe(0);
    await link.close();
    expect(client.getMaxListeners()).toBe(0);
  });

  it("does not change the caller's options", () => {
    const options = Object.freeze({ host: '127.0.0.1', port: server.port });
    expect(() => linkTo(options)).not.toThrow();
  });

  it.each<[what: string, prefix: string, client: () => RedisClient]>([
    ['none', '', () => new Redis(server.url)],
    ['of ioredis 6', 'p:', () => new Redis(server.url, { keyPrefix: 'p:' })],
    ['of ioredis 5', 'p:', () => new Redis5(server.url, { keyPrefix: 'p:' }) as unknown as Redis],
  ])('knows the keyPrefix of a client: %s', (_, prefix, client) => {
    expect(linkTo(keep(client())).keyPrefix).toBe(prefix);
  });
});

describe('RedisLink.run', () => {
  const what = script("return {KEYS[1], ARGV[1], redis.call('PING')['ok']}");

  it('runs a script that the server does not know, and then by its digest', async () => {
    const link = linkTo(server.url);
    await link.ready();
    await server.command('SCRIPT', 'FLUSH');
    expect(await link.run(what, ['k'], ['a'])).toEqual(['k', 'a', 'PONG']);
    expect(await server.command('SCRIPT', 'EXISTS', what.sha)).toEqual([1]);
    expect(await link.run(what, ['k'], ['b'])).toEqual(['k', 'b', 'PONG']);
    await server.command('SCRIPT', 'FLUSH');
    expect(await link.run(what, ['k'], ['c'])).toEqual(['k', 'c', 'PONG']);
  });

  it('runs a script before what is sent after it, where the server does not know it, on each connection', async () => {
    const put = script("return redis.call('SET', KEYS[1], ARGV[1])");
    const link = linkTo(server.url);
    await link.ready();
    for (const value of ['a', 'b']) {
      await server.command('SCRIPT', 'FLUSH');
      const [done, read] = await Promise.all([link.run(put, ['in-order'], [value]), link.string('in-order')]);
      expect([done, String(read)]).toEqual(['OK', value]);
      const again = once(link.client, 'ready');
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
      await again;
    }
  });

  it('runs a script when the server is out of memory', async () => {
    const full = await startRedis({ config: { maxmemory: '1' } });
    const link = linkTo(full.url);
    await link.ready();
    await expect(link.client.set('k', 'v')).rejects.toThrow('OOM');
    expect(await link.run(script("return redis.call('SET', KEYS[1], ARGV[1])"), ['k'], ['v'])).toBe('OK');
    await link.close();
    await full.stop();
  });

  it('asks a server of before Redis 7 once for each script, and not thrice', async () => {
    const client = keep(new Redis(server.port));
    const send = client.sendCommand.bind(client);
    const asked: string[] = [];
    client.sendCommand = (command, ...rest) => {
      asked.push(command.name);
      if (!String(command.args[0]).startsWith('#!')) return send(command, ...rest);
      command.reject(new Error("ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'"));
      return command.promise;
    };
    const link = linkTo(client);
    await link.ready();
    asked.length = 0;
    const what = script("return redis.call('INCR', KEYS[1])");
    for (let run = 1; run <= 3; run++) expect(await link.run(what, ['old'], [])).toBe(run);
    expect(asked).toEqual(['eval', 'eval', 'evalsha', 'evalsha']);
    client.emit('ready');
    await link.run(what, ['old'], []);
    expect(asked.slice(4)).toEqual(['eval', 'eval']);
  });

  it('passes the errors of a script on', async () => {
    const link = linkTo(server.url);
    await link.ready();
    await expect(link.run(script("return redis.call('INCR', KEYS[1], 1, 2)"), ['k'], [])).rejects.toThrow();
    // Nor is it tried for ever, by its first line and without it, where it is no script at all.
    await expect(link.run(script('this is none'), ['k'], [])).rejects.toThrow(/compiling script/i);
  });
});

describe('RedisLink over a Cluster', () => {
  let cluster: RedisCluster;
  let nodes: RedisCluster['startupNodes'];

  beforeAll(async () => {
    cluster = await startCluster();
    nodes = cluster.startupNodes;
  });

  afterAll(async () => {
    await cluster.stop();
  });

  it('connects by its nodes', async () => {
    const link = linkTo({ cluster: nodes });
    await expect(link.client.get('k')).rejects.toThrow('enableOfflineQueue');
    await link.ready();
    expect(await link.client.set('k', 'v')).toBe('OK');
    expect(link.masters()).toHaveLength(3);
  });

  it('connects by one of its nodes, and with options', async () => {
    const link = linkTo({ cluster: nodes.slice(0, 1), options: { redisOptions: { connectionName: 'respcache' } } });
    await link.ready();
    expect(await link.client.set('k', 'v')).toBe('OK');
  });

  it.each<[name: string, connect: () => RedisClient]>([
    ['ioredis 6', () => new Cluster(nodes)],
    ['ioredis 5', () => new Cluster5(nodes) as unknown as RedisClient],
  ])('tells a question that was asked again, over another connection to a node: %s', async (_name, connect) => {
    const link = linkTo(keep(connect()));
    await link.ready();
    await link.client.set('k', 'v');
    const { connections } = link;
    const lost = once(link.client, '-node');
    for (const node of cluster.nodes) await node.command('CLIENT', 'KILL', 'TYPE', 'normal');
    await lost;
    expect(await link.client.get('k')).toBe('v');
    expect(link.connections).toBeGreaterThan(connections);
  });

  it('runs scripts on the node that has the key', async () => {
    const link = linkTo({ cluster: nodes });
    await link.ready();
    const what = script("return redis.call('SET', KEYS[1], ARGV[1])");
    const keys = Array.from({ length: 20 }, (_, i) => `key:${i}`);
    expect(await Promise.all(keys.map((key) => link.run(what, [key], ['v'])))).toEqual(keys.map(() => 'OK'));
  });

  it.each<[what: string, connect: () => Promise<RedisClient>]>([
    [
      'of a client that is connected already',
      async () => {
        const client = keep(new Cluster(nodes));
        await once(client, 'ready');
        return linkTo(client).client;
      },
    ],
    ['that are met later', async () => linkTo({ cluster: nodes }).client],
    ['of another connection', async () => keep(linkTo({ cluster: nodes }).duplicate())],
  ])('lets no node end the process, whose connection ends before it has been ASKING: %s', async (_what, connect) => {
    const client = (await connect()) as Cluster;
    if (client.status !== 'ready') await once(client, 'ready');
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => void process.off('unhandledRejection', unhandled));
    for (const node of client.nodes('all')) {
      // As ioredis does before a command that was redirected.
      void node.asking();
      node.disconnect();
    }
    await once(client, '-node');
    await new Promise(setImmediate);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('gives up its connections to all nodes for others', async () => {
    const link = linkTo({ cluster: nodes });
    await link.ready();
    const closed = (link.client as Cluster).nodes('all').map((node) => once(node, 'close'));
    link.renew();
    await Promise.all(closed);
    await vi.waitFor(async () => expect(await link.client.set('k', 'v')).toBe('OK'));
  });

  it('ends its connections', async () => {
    const link = linkTo({ cluster: nodes });
    await link.ready();
    const ended = once(link.client, 'end');
    await link.close();
    await ended;
    expect(link.client.status).toBe('end');
  });

  it.each([
    ['none', '', {}],
    ['its own', 'p:', { keyPrefix: 'p:' }],
    ["its nodes'", 'p:', { redisOptions: { keyPrefix: 'p:' } }],
  ])('knows the keyPrefix: %s', (_, prefix, options) => {
    expect(linkTo(keep(new Cluster(nodes, options))).keyPrefix).toBe(prefix);
    expect(linkTo({ cluster: nodes, options }).keyPrefix).toBe(prefix);
  });

  it.each(['slave', 'all'] as const)('refuses a client that reads from replicas: %s', (scaleReads) => {
    const client = keep(new Cluster(nodes, { scaleReads, lazyConnect: true }));
    expect(() => linkTo(client)).toThrow(ConfigError);
    expect(() => linkTo(client)).toThrow(/scaleReads.* it takes .*'master'/);
  });

  it('refuses what asks Sentinel for a replica', () => {
    const options = { sentinels: [{ host: '127.0.0.1', port: 1 }], name: 'mymaster', role: 'slave' as const };
    const client = keep(new Redis({ ...options, lazyConnect: true }));
    for (const target of [client, { ...options, lazyConnect: true }]) {
      expect(() => linkTo(target)).toThrow(ConfigError);
      expect(() => linkTo(target)).toThrow(/role: slave.* it takes .*'master'/);
    }
  });

  it('does not take some of the masters for all of them: those that are down have keys, too', async () => {
    const link = linkTo({ cluster: nodes });
    await link.ready();
    const { client } = link as { client: Cluster };
    await Promise.all(Array.from({ length: 20 }, (_, i) => client.set(`key:${i}`, 'v')));
    expect(link.masters()).toHaveLength(3);
    await cluster.nodes[2]!.kill();
    try {
      await vi.waitFor(() => expect(client.nodes('master')).toHaveLength(2), { timeout: 5000, interval: 1 });
      expect(() => link.masters()).toThrow(UnavailableError);
    } finally {
      await cluster.nodes[2]!.restart();
      await cluster.ready();
    }
  });

  it.each([0, 8000, 16_383])('nor where no master has a slot: its keys may be there again later: %i', async (slot) => {
    const link = linkTo({ cluster: nodes });
    await link.ready();
    const { slots } = link.client as Cluster;
    if (slot === slots.length - 1) slots.pop();
    else delete slots[slot];
    expect(() => link.masters()).toThrow(new UnavailableError(`no master of the Cluster has slot ${slot}`));
  });

  it.each(['rediss://me:pw@', 'REDISS://'])('asks for TLS where the URL of a node does: %s', async (start) => {
    const first: number[] = [];
    const listener = createServer((client) => {
      client.once('data', (bytes) => {
        first.push(bytes[0]!);
        client.destroy();
      });
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    onTestFinished(() => void listener.close());
    linkTo({ cluster: [`${start}127.0.0.1:${(listener.address() as AddressInfo).port}`] });
    // A handshake, and not the password.
    await expect.poll(() => first[0]).toBe(0x16);
  });

  it('leaves no connection behind of options that it refuses', () => {
    const connect = vi.spyOn(Cluster.prototype, 'connect');
    expect(() => linkTo({ cluster: nodes, options: { scaleReads: 'slave' } })).toThrow(ConfigError);
    const left = connect.mock.contexts.filter((client) => (client as Cluster).status !== 'end');
    connect.mockRestore();
    for (const client of left) keep(client as Cluster);
    expect(left).toEqual([]);
  });
});
