// A master and its replica behind one address, which a failover leads from the one to the other.

import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis } from './redis.js';
import { startProxy, type TcpProxy } from './tcp-proxy.js';

export interface RedisPair {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** The address for clients. */
  readonly url: string;
  /** Milliseconds each way on the clients' connections. */
  latency: number;
  /** Waits until the replica has all that the master has. */
  inStep(): Promise<void>;
  /** From now on the replica hears nothing more of the master. */
  part(): void;
  /** Kills the master; clients lose their connections and get no new ones. */
  fail(): Promise<void>;
  /** Makes the replica a master, but does not lead the clients there yet. */
  promote(): Promise<void>;
  /** Leads the clients to the replica. */
  lead(): void;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const DEADLINE = 15_000;
const POLL = 5;
const MARK = 'respcache.test:mark';

export async function startPair(): Promise<RedisPair> {
  // Replicas that come later could share a transfer; here none does, and the one need not wait for them.
  const config = { 'repl-diskless-sync-delay': '0' };
  const [master, replica] = await Promise.all([startRedis({ config }), startRedis({ config })]);
  const [wire, front] = await Promise.all([startProxy(master.port), startProxy(master.port)]);
  const pair = new Pair(master, replica, wire, front);
  try {
    await replica.command('REPLICAOF', HOST, String(wire.port));
    await pair.inStep();
    return pair;
  } catch (error) {
    await pair.stop();
    throw error;
  }
}

class Pair implements RedisPair {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** Between the two servers. */
  readonly #wire: TcpProxy;
  readonly #front: TcpProxy;
  #marks = 0;

  constructor(master: RedisServer, replica: RedisServer, wire: TcpProxy, front: TcpProxy) {
    this.master = master;
    this.replica = replica;
    this.#wire = wire;
    this.#front = front;
  }

  get url(): string {
    return `redis://${HOST}:${this.#front.port}`;
  }

  get latency(): number {
    return this.#front.latency;
  }

  set latency(ms: number) {
    this.#front.latency = ms;
  }

  /** What was written before a mark has arrived when the mark has. */
  async inStep(): Promise<void> {
    const mark = String(++this.#marks);
    await this.master.command('SET', MARK, mark);
    const deadline = Date.now() + DEADLINE;
    while ((await this.replica.command('GET', MARK).catch(() => null)) !== mark) {
      if (Date.now() > deadline) throw new Error('the replica does not follow its master');
      await sleep(POLL);
    }
  }

  part(): void {
    this.#wire.cut();
  }

  async fail(): Promise<void> {
    await this.master.kill();
    this.#front.cut();
  }

  async promote(): Promise<void> {
    await this.replica.command('REPLICAOF', 'NO', 'ONE');
  }

  lead(): void {
    this.#front.target = this.replica.port;
    this.#front.restore();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#wire.close(), this.#front.close()]);
    await Promise.all([this.master.stop(), this.replica.stop()]);
  }
}
