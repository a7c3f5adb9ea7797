// Real Redis servers for the tests, as child processes of the test run.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findOnPath, REDIS_SERVERS } from './executables.mjs';
import { Reaper } from './reaper.js';

export interface StartRedisOptions {
  /** A fixed port; without it a free one is found. */
  port?: number;
  /**
   * Directives as in redis.conf, each value written as it would be there (several words stay several arguments; an
   * empty value means `""`). They win over the defaults here.
   */
  config?: Record<string, string>;
  /** The working directory. One given here is left in place by `stop()`; the server's own temporary one is removed. */
  dir?: string;
}

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Of the running process, or of the last one. */
  readonly pid: number;
  /** SIGSTOP: connections stay open, nothing is answered. Resolves once the process stands still. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** SIGKILL, and waits for the exit. */
  kill(): Promise<void>;
  /** Starts again on the same port with the same config and directory (ends it first, if it still runs). */
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** One command over a connection of its own, closed afterwards. */
  command(...args: string[]): Promise<unknown>;
  commandBuffer(...args: string[]): Promise<unknown>;
}

export interface StartClusterOptions {
  masters?: number;
  /** Per master. */
  replicas?: number;
}

export interface RedisCluster {
  /** The masters first, then the replicas: replica `r` of master `m` is at `masters * (r + 1) + m`. */
  readonly nodes: RedisServer[];
  readonly startupNodes: { host: string; port: number }[];
  /** Waits until every node says the cluster is whole, as after the start; for tests that restart a node. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_DEADLINE = 15_000;
const CLUSTER_DEADLINE = 30_000;
const STOP_DEADLINE = 2000;
const PORT_ATTEMPTS = 10;
const POLL = 10;
const CLUSTER_POLL = 50;
const SLOTS = 16_384;
/** A node's cluster bus listens this far above its port. */
const BUS_OFFSET = 10_000;

const BASE_CONFIG: Record<string, string> = {
  bind: HOST,
  'protected-mode': 'no',
  daemonize: 'no',
  save: '',
  appendonly: 'no',
};

class PortTakenError extends Error {}

export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'respcache-redis-')));
  const ownsDir = options.dir === undefined;
  const config = { ...BASE_CONFIG, ...options.config, dir };
  try {
    return await startOnFreePort(options.port, config, ownsDir);
  } catch (error) {
    if (ownsDir) await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

async function startOnFreePort(fixed: number | undefined, config: Config, ownsDir: boolean): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = new Server(fixed ?? (await freePort(config['cluster-enabled'] === 'yes')), config, ownsDir);
    try {
      await server.launch();
      return server;
    } catch (error) {
      // Between our look and the server's bind somebody else may have taken the port.
      const again = error instanceof PortTakenError && fixed === undefined && attempt < PORT_ATTEMPTS;
      if (!again) throw error;
    }
  }
}

type Config = Record<string, string> & { dir: string };

class Server implements RedisServer {
  readonly port: number;
  readonly #config: Config;
  readonly #ownsDir: boolean;
  #child: ChildProcess | undefined;
  #pid = 0;

  constructor(port: number, config: Config, ownsDir: boolean) {
    this.port = port;
    this.#config = config;
    this.#ownsDir = ownsDir;
  }

  get url(): string {
    return `redis://${HOST}:${this.port}`;
  }

  get pid(): number {
    return this.#pid;
  }

  /** Starts the process and waits until it, and no other, answers on the port. */
  async launch(): Promise<void> {
    const child = await spawnServer(this.port, this.#config, this.#ownsDir ? this.#config.dir : '');
    this.#child = child;
    this.#pid = child.pid ?? 0;
    try {
      await this.#answers(child);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async #answers(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_DEADLINE;
    for (;;) {
      if (hasExited(child)) throw await this.#startError('exited');
      const answering = await this.#probe();
      if (answering === child.pid) return;
      // Somebody else listens there: our child cannot, and is about to say so and exit.
      if (answering !== undefined) throw new PortTakenError(`another process answers on port ${this.port}`);
      if (Date.now() > deadline) throw await this.#startError(`did not answer within ${START_DEADLINE} ms`);
      await sleep(POLL);
    }
  }

  /** The process id of the server that answers PING on the port; nothing as long as none does. */
  async #probe(): Promise<number | undefined> {
    try {
      return await this.#connected(async (redis) => {
        await redis.ping();
        const id = Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]);
        return Number.isInteger(id) ? id : -1;
      }, 1000);
    } catch {
      return undefined;
    }
  }

  async #startError(what: string): Promise<Error> {
    const log = await readFile(logFile(this.#config.dir), 'utf8').catch(() => '');
    const message = `redis on port ${this.port} ${what}:\n${log.split('\n').slice(-15).join('\n')}`;
    return /Address already in use|Failed listening/.test(log) ? new PortTakenError(message) : new Error(message);
  }

  async pause(): Promise<void> {
    this.#signal('SIGSTOP');
    await standsStill(this.pid, true);
  }

  async resume(): Promise<void> {
    this.#signal('SIGCONT');
    await standsStill(this.pid, false);
  }

  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill('SIGKILL');
    await exited(this.#child);
  }

  async restart(): Promise<void> {
    await this.#end();
    const deadline = Date.now() + START_DEADLINE;
    for (;;) {
      try {
        return await this.launch();
      } catch (error) {
        // It has to be this port: whoever took it meanwhile (an outgoing connection, say) may let go of it again.
        if (!(error instanceof PortTakenError) || Date.now() > deadline) throw error;
        await sleep(POLL);
      }
    }
  }

  async stop(): Promise<void> {
    // What will be removed need not be written first.
    if (!this.#ownsDir) return this.#end();
    await this.kill();
    await rm(this.#config.dir, { recursive: true, force: true });
  }

  /** SIGTERM lets it write what it has to; a server that takes its time (waiting for replicas) is killed. */
  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasExited(child)) return;
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const patience = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE);
    await exited(child);
    clearTimeout(patience);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child === undefined || hasExited(this.#child) || !this.#child.kill(signal)) {
      throw new Error(`redis on port ${this.port} does not run: no ${signal}`);
    }
  }

  command(...args: string[]): Promise<unknown> {
    return this.#connected((redis) => redis.call(...words(args)));
  }

  commandBuffer(...args: string[]): Promise<unknown> {
    return this.#connected((redis) => redis.callBuffer(...words(args)));
  }

  /** Hands out a connection that fails rather than retries, and closes it afterwards. */
  async #connected<T>(use: (redis: Redis) => Promise<T>, timeout = 10_000): Promise<T> {
    const redis = new Redis({
      host: HOST,
      port: this.port,
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
      disableClientInfo: true,
      connectTimeout: timeout,
      commandTimeout: timeout,
      password: this.#config.requirepass,
    });
    // The reason why the connection could not be made; what `connect()` rejects with only says that it is closed.
    let reason: Error | undefined;
    redis.on('error', (error: Error) => {
      reason = error;
    });
    try {
      await redis.connect().catch((error: unknown) => Promise.reject(reason ?? error));
      return await use(redis);
    } finally {
      redis.disconnect();
    }
  }
}

function words(args: string[]): [string, ...string[]] {
  const [name, ...rest] = args;
  if (name === undefined) throw new TypeError('a command has a name');
  return [name, ...rest];
}

/** Looks for a port that is free now, and for a cluster node one whose bus port is free too. */
async function freePort(cluster: boolean): Promise<number> {
  for (;;) {
    const port = await listenOnce(0);
    if (!cluster) return port;
    const bus = port + BUS_OFFSET;
    if (bus <= 65_535 && (await listenOnce(bus).catch(() => 0)) === bus) return port;
  }
}

async function listenOnce(port: number): Promise<number> {
  const server = createServer().listen(port, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

function logFile(dir: string): string {
  return join(dir, 'redis.log');
}

/** `ownDir` is the directory to be removed with the server, or empty. */
async function spawnServer(port: number, config: Config, ownDir: string): Promise<ChildProcess> {
  const file = join(config.dir, 'redis.conf');
  const lines = Object.entries({ ...config, port: String(port) }).map(([name, value]) => directive(name, value));
  await writeFile(file, `${lines.join('\n')}\n`);
  // A file, not a pipe: it cannot fill up unread, and holds no handle open in the test process.
  const log = openSync(logFile(config.dir), 'w');
  try {
    const child = spawn(serverBinary(), [file], { stdio: ['ignore', log, log] });
    // Without a process id it could not be started, which the wait reports.
    if (child.pid !== undefined) guard(child, ownDir);
    await once(child, 'spawn');
    return child;
  } finally {
    closeSync(log);
  }
}

function directive(name: string, value: string): string {
  if (value === '') return `${name} ""`;
  return name === 'dir' ? `${name} ${JSON.stringify(value)}` : `${name} ${value}`;
}

function serverBinary(): string {
  const found = findOnPath(REDIS_SERVERS);
  if (found === undefined) throw new Error('no redis-server or valkey-server on PATH: run node test/setup.mjs');
  return found;
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function exited(child: ChildProcess): Promise<void> {
  if (!hasExited(child)) await once(child, 'exit');
}

/** A stop signal works a moment after it was sent: waits for it, where the system tells (Linux). */
async function standsStill(pid: number, wanted: boolean): Promise<void> {
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined || /\) [Tt] /.test(stat) === wanted) return;
    await sleep(1);
  }
}

const RUNNING = Symbol.for('respcache.test.redis');

/** What one process has started, and who ends it when that process cannot. */
interface Running {
  readonly children: Set<ChildProcess>;
  readonly reaper: Reaper;
}

/**
 * The children that have not exited, and their reaper; killed when this process exits or loses the test runner that
 * started it. Kept with the process and not with the module: a runner may load the module many times, and there shall
 * be one listener, and one reaper: to start a process takes one as large as this long.
 */
function running(): Running {
  const holder = globalThis as { [RUNNING]?: Running };
  const known = holder[RUNNING];
  if (known !== undefined) return known;
  const children = new Set<ChildProcess>();
  const reaper = new Reaper();
  holder[RUNNING] = { children, reaper };
  process.on('exit', function killRedisChildren() {
    for (const child of children) child.kill('SIGKILL');
  });
  process.on('disconnect', () => reaper.reap());
  return holder[RUNNING];
}

function guard(child: ChildProcess, ownDir: string): void {
  const { children, reaper } = running();
  children.add(child);
  reaper.runs(child, ownDir);
  child.once('exit', () => {
    children.delete(child);
    reaper.hasExited(child);
  });
}

export async function startCluster(options: StartClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 0 } = options;
  const nodes = await startNodes(masters * (1 + replicas));
  const cluster: RedisCluster = {
    nodes,
    startupNodes: nodes.map(({ port }) => ({ host: HOST, port })),
    ready: () => allSee(nodes, (view) => isWhole(view, nodes.length, masters * replicas)),
    stop: () => stopAll(nodes),
  };
  try {
    await formCluster(nodes, masters);
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function startNodes(count: number): Promise<RedisServer[]> {
  const config = {
    'cluster-enabled': 'yes',
    'cluster-node-timeout': '2000',
    'cluster-announce-ip': HOST,
  };
  const starts = await Promise.allSettled(Array.from({ length: count }, () => startRedis({ config })));
  const nodes = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failure = starts.find((start) => start.status === 'rejected');
  if (failure === undefined) return nodes;
  await stopAll(nodes);
  throw failure.reason;
}

async function stopAll(nodes: RedisServer[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()));
}

async function formCluster(nodes: RedisServer[], masterCount: number): Promise<void> {
  const masters = nodes.slice(0, masterCount);
  await Promise.all(masters.map((node, index) => assignSlots(node, index, masterCount)));
  const [first, ...others] = nodes;
  if (first === undefined) throw new TypeError('a cluster has at least one master');
  await Promise.all(others.map(({ port }) => first.command('CLUSTER', 'MEET', HOST, String(port))));
  if (nodes.length > masterCount) await attachReplicas(nodes, masters);
}

async function assignSlots(node: RedisServer, index: number, masterCount: number): Promise<void> {
  const from = Math.floor((index * SLOTS) / masterCount);
  const to = Math.floor(((index + 1) * SLOTS) / masterCount);
  // One by one and not with ADDSLOTSRANGE, which servers before 7.0 lack.
  await node.command('CLUSTER', 'ADDSLOTS', ...Array.from({ length: to - from }, (_, slot) => String(from + slot)));
  // Distinct epochs from the start: nodes that have to sort out a collision first take longer to agree.
  await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
}

async function attachReplicas(nodes: RedisServer[], masters: RedisServer[]): Promise<void> {
  const ids = await Promise.all(masters.map((node) => node.command('CLUSTER', 'MYID')));
  // A node can only follow a master it has heard of.
  await allSee(nodes, (view) => view.healthy === nodes.length);
  const replicas = nodes.slice(masters.length);
  await Promise.all(
    replicas.map((node, index) => node.command('CLUSTER', 'REPLICATE', String(ids[index % ids.length]))),
  );
}

/** The cluster as one of its nodes sees it. */
interface NodeView {
  ok: boolean;
  known: number;
  /** How many of the known nodes are connected, past the handshake and not failing. */
  healthy: number;
  replicas: number;
  /** False for a replica that does not yet receive its master's writes. */
  inSync: boolean;
}

async function lookAt(node: RedisServer): Promise<NodeView> {
  const [info, list, replication] = await Promise.all([
    node.command('CLUSTER', 'INFO').then(String),
    node.command('CLUSTER', 'NODES').then(String),
    node.command('INFO', 'replication').then(String),
  ]);
  // A line: id, address, flags, master, ping sent, pong received, epoch, link state, slots.
  const lines = list
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  return {
    ok: info.includes('cluster_state:ok') && info.includes(`cluster_slots_ok:${SLOTS}`),
    known: lines.length,
    healthy: lines.filter((line) => line[7] === 'connected' && !/fail|handshake|noaddr/.test(line[2] ?? '')).length,
    replicas: lines.filter((line) => line[2]?.includes('slave')).length,
    inSync: !replication.includes('role:slave') || replication.includes('master_link_status:up'),
  };
}

function isWhole(view: NodeView, nodes: number, replicas: number): boolean {
  return view.ok && view.inSync && view.known === nodes && view.healthy === nodes && view.replicas === replicas;
}

/** Polls, as nodes tell nobody when they agree. */
async function allSee(nodes: RedisServer[], wanted: (view: NodeView) => boolean): Promise<void> {
  const deadline = Date.now() + CLUSTER_DEADLINE;
  for (;;) {
    const views = await Promise.all(nodes.map((node) => lookAt(node).catch((error: unknown) => String(error))));
    if (views.every((view) => typeof view !== 'string' && wanted(view))) return;
    if (Date.now() > deadline) throw new Error(`the cluster does not come together: ${JSON.stringify(views)}`);
    await sleep(CLUSTER_POLL);
  }
}
