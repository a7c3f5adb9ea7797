import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { UnavailableError } from '../errors.js';
import { loadPeer } from '../peer.js';

/** A client of the caller's own: ioredis 5 or 6, a single server, Sentinel or a Cluster. */
export type RedisClient = Redis | Cluster;

/**
 * How to reach Redis: a URL, ioredis options (Sentinel's too), the nodes of a Cluster, or a client of your own, which
 * stays yours: it is never closed.
 */
export type RedisTarget =
  | string
  | RedisOptions
  | { readonly cluster: readonly ClusterNode[]; readonly options?: ClusterOptions }
  | RedisClient;

/** Whether it is a client, and so its maker's to close. */
export function isClient(target: RedisTarget): target is RedisClient {
  return typeof target === 'object' && 'status' in target && typeof (target as Redis).duplicate === 'function';
}

/** The options of a Cluster; `undefined` where it is none. */
function clusterOptions(target: RedisTarget): ClusterOptions | undefined {
  if (typeof target === 'string') return undefined;
  if (isClient(target)) return (target as Cluster).isCluster ? (target as Cluster).options : undefined;
  return 'cluster' in target ? target.options : undefined;
}

/** How a target asks for reads from replicas, in words; `undefined`: it does not. */
export function replicaReads(target: RedisTarget): { readonly held: string; readonly takes: string } | undefined {
  const scaleReads = clusterOptions(target)?.scaleReads ?? 'master';
  if (scaleReads !== 'master')
    return { held: `a Cluster with scaleReads: ${String(scaleReads)}`, takes: "a Cluster with scaleReads: 'master'" };
  if (typeof target === 'string') return undefined;
  const role = ((isClient(target) ? target.options : target) as RedisOptions).role ?? 'master';
  if (role === 'master') return undefined;
  return { held: `Sentinels that are asked for role: ${role}`, takes: "Sentinels that are asked for role: 'master'" };
}

/** On the request's way nothing waits for a connection: a command without one fails at once. */
const FAIL_FAST = { enableOfflineQueue: false, enableAutoPipelining: true } as const;
/** The pause before another attempt to connect, ms. */
export const retry = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 1000);

/** A client of our own. */
export function connect(target: Exclude<RedisTarget, RedisClient>): RedisClient {
  const { default: Redis, Cluster } = loadIoredis();
  const options = {
    ...FAIL_FAST,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2000,
    disconnectTimeout: 100,
    retryStrategy: retry,
    reconnectOnError: onceDemoted(),
  };
  if (typeof target === 'string') return keptToDatabase(neverSilent(new Redis(target, options)));
  if (!('cluster' in target)) return keptToDatabase(neverSilent(new Redis({ ...options, ...target })));
  const cluster = { ...FAIL_FAST, clusterRetryStrategy: retry, ...target.options };
  // Of a node's URL ioredis takes who signs in, and not that it asks for TLS: the password would be sent in the clear.
  const secured = target.cluster.some((node) => typeof node === 'string' && /^rediss:/i.test(node));
  const redisOptions = { ...options, ...(secured && { tls: {} }), ...target.options?.redisOptions };
  return new Cluster([...target.cluster], { ...cluster, redisOptions });
}

/** What a replica refuses. Of what a script was refused, Redis before 7 says first that there is an error in that. */
const READONLY = /(?:^|^ERR .* -)READONLY /;

/**
 * After a failover the old master answers READONLY until the connection is made anew. That is said once for all that it
 * refuses at a time: for each, ioredis would end the connection again, and listen to it once more, until Node warns of a leak.
 */
function onceDemoted(): (error: Error) => boolean {
  let said = false;
  return (error) => {
    if (said || !READONLY.test(error.message)) return false;
    said = true;
    setImmediate(() => {
      said = false;
    });
    return true;
  };
}

/**
 * Has a client say so where a command's answer was lost with its connection. By other options than these two ioredis forgets such a
 * command without a word, and whoever waits for it waits for ever.
 */
function neverSilent(client: Redis): Redis {
  if (!client.options.autoResendUnfulfilledCommands) client.options.maxRetriesPerRequest = 0;
  return client;
}

/** The database that Redis has refused to give, if that is the error. */
function refusedDatabase(error: unknown): unknown {
  const { command } = Object(error) as {
    readonly command?: { readonly name: string; readonly args: readonly unknown[] };
  };
  return command?.name === 'select' ? command.args[0] : undefined;
}

/**
 * Has a client use the database that it was told, or none. ioredis would go on with database 0, where another application may
 * be at home: such a connection is given up, and the next one may have more luck.
 */
export function keptToDatabase(client: Redis): Redis {
  client.on('error', (error: unknown) => {
    if (refusedDatabase(error) !== undefined) client.disconnect(true);
  });
  return client;
}

/** An error of a client's, in words for whoever has configured it. */
export function understood(error: unknown): unknown {
  const database = refusedDatabase(error);
  if (database === undefined) return error;
  const held = `the database of the option redis, or of REDIS_DB, is ${database}`;
  const takes = `it takes one that Redis has, and lets its user have: ${(error as Error).message}`;
  return new UnavailableError(`${held}; ${takes}`, { cause: error });
}

/**
 * The two constructors, without the reply-mapping generics of version 6, which version 5 does not have. Before 5.2.5 the first has
 * no other name.
 */
interface Ioredis {
  default: new (target: string | RedisOptions, options?: object) => Redis;
  Cluster: new (nodes: ClusterNode[], options: object) => Cluster;
}

function loadIoredis(): Ioredis {
  return loadPeer('ioredis', 'option redis', 'ioredis 5 or 6') as Ioredis;
}
