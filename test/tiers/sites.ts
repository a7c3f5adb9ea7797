// What two tiers are tried on: a server or a Cluster, over ioredis 5 and 6, and a network in front that can be cut.

import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import type { RedisClient } from 'respcache';
import { type RedisServer, startCluster, startRedis } from '../support/redis.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const HOST = '127.0.0.1';

/** Of ioredis. */
export type Version = 5 | 6;

/** Servers with a proxy before each. */
export interface Site {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** A client as an application has it. `far`: its way leads through the proxies. */
  connect(version: Version, far: boolean): RedisClient;
  readonly servers: readonly RedisServer[];
  /** No client that is far has a connection, until `restore()`. */
  cut(): void;
  restore(): void;
}

interface Started {
  readonly servers: readonly RedisServer[];
  stop(): Promise<unknown>;
}

type Connect = (version: Version, servers: readonly RedisServer[], proxies?: readonly TcpProxy[]) => RedisClient;

function site(startServers: () => Promise<Started>, connect: Connect): Site {
  let started: Started = { servers: [], stop: async () => {} };
  let proxies: readonly TcpProxy[] = [];
  return {
    start: async () => {
      started = await startServers();
      proxies = await Promise.all(started.servers.map(({ port }) => startProxy(port)));
    },
    stop: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await started.stop();
    },
    connect: (version, far) => connect(version, started.servers, far ? proxies : undefined),
    get servers() {
      return started.servers;
    },
    cut: () => {
      for (const proxy of proxies) proxy.cut();
    },
    restore: () => {
      for (const proxy of proxies) proxy.restore();
    },
  };
}

export function oneServer(): Site {
  const start = async () => {
    const server = await startRedis();
    return { servers: [server], stop: () => server.stop() };
  };
  return site(start, (version, [server], proxies) => {
    const options = { host: HOST, port: (proxies?.[0] ?? server!).port, retryStrategy: () => 20 };
    return version === 6 ? new Redis(options) : (new Redis5(options) as unknown as RedisClient);
  });
}

export function oneCluster(): Site {
  const start = async () => {
    const cluster = await startCluster({ masters: 3 });
    return { servers: cluster.nodes, stop: () => cluster.stop() };
  };
  return site(start, (version, servers, proxies) => {
    const nodes = (proxies ?? servers).map(({ port }) => ({ host: HOST, port }));
    // The servers tell their own addresses: behind the proxies they are translated.
    const natMap = Object.fromEntries(servers.map(({ port }, i) => [`${HOST}:${port}`, nodes[i]!]));
    const options = { clusterRetryStrategy: () => 20, natMap };
    return version === 6 ? new Cluster(nodes, options) : (new Cluster5(nodes, options) as unknown as RedisClient);
  });
}
