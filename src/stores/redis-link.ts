import type { ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { withDeadline } from '../deadline.js';
import { ConfigError, UnavailableError } from '../errors.js';
import { lossOr } from './loss.js';
import { Overdue } from './overdue.js';
import { followed, mind, type Send, sent } from './redirects.js';
import {
  connect,
  isClient,
  keptToDatabase,
  type RedisClient,
  type RedisTarget,
  replicaReads,
  retry,
  understood,
} from './redis-client.js';
import { type Script, ScriptRunner } from './script.js';

/** How long a farewell to the server may take, ms. */
const CLOSE_DEADLINE = 500;

/** How many keys one command asks for. */
const MOST_AT_ONCE = 100;

/** How many slots a Cluster's keys are in. */
const SLOTS = 16_384;

/** How many listeners of ours a client may have at a time. */
const LISTENERS = 8;

/** The connection to Redis: made here or the caller's. It never waits in a client's offline queue. */
export class RedisLink {
  readonly client: RedisClient;
  readonly #owned: boolean;
  readonly #listeners: [event: string, listener: (...args: unknown[]) => void][] = [];
  readonly #scripts: ScriptRunner;
  readonly #overdue: Overdue = new Overdue(() => this.renew());
  #settled = false;
  #firstConnect: Promise<void> | undefined;
  #giveUpConnecting = (): void => {};
  #connections = 0;
  #closing: Promise<void> | undefined;

  constructor(target: RedisTarget, onError: (error: unknown) => void) {
    this.#owned = !isClient(target);
    // A replica may not know the newest purge.
    const refused = replicaReads(target);
    if (refused !== undefined) throw new ConfigError('option redis', refused.held, refused.takes);
    this.client = isClient(target) ? target : connect(target);
    this.#scripts = new ScriptRunner(this.client);
    if (this.client.status === 'wait') this.client.connect().catch(() => {});
    // Several caches may share the caller's client; each brings some listeners, and takes them away again.
    this.#allow(LISTENERS);
    this.#listen('error', (error) => onError(understood(error)));
    const connected = () => {
      this.#connections++;
      this.#scripts.forget();
    };
    for (const made of ['ready', '+node']) this.#listen(made, connected);
    if ('nodes' in this.client) for (const node of this.client.nodes('all')) mind(node);
    this.#listen('+node', (node) => mind(node as Redis));
    this.#firstConnect = this.#settle();
  }

  /** How many connections have been made so far: to a server, or to one of a Cluster. */
  get connections(): number {
    return this.#connections;
  }

  /** Whether commands reach a server at present. */
  get connected(): boolean {
    return this.client.status === 'ready';
  }

  /** Keys of a `SCAN` come with the client's own `keyPrefix`, which its other commands add by themselves. */
  get keyPrefix(): string {
    const { options } = this.client as Redis;
    return options.keyPrefix ?? (options as ClusterOptions).redisOptions?.keyPrefix ?? '';
  }

  /**
   * Nothing if commands can be sent, a promise while the first connection is still being made.
   * @throws {UnavailableError} if there is no connection
   */
  ready(): void | Promise<void> {
    if (this.connected) return;
    if (!this.#settled && this.#firstConnect !== undefined) return this.#firstConnect;
    throw new UnavailableError(`Redis is not connected (${this.client.status})`);
  }

  /**
   * Runs commands within `ms`, for callers that do not go by the store's guard: none, while too many before have had no answer.
   * @throws {UnavailableError} if Redis does not answer, or refuses
   */
  async within<T>(ms: number, operation: string, work: () => Promise<T>): Promise<T> {
    this.#overdue.check(operation);
    const asked = performance.now();
    try {
      await withDeadline(Promise.resolve(this.ready()), ms, operation);
      return await this.#overdue.wait(work(), ms, operation);
    } catch (error) {
      if (this.client.status === 'connect') this.#overdue.unheard(asked);
      if (error instanceof UnavailableError) throw error;
      const cause = lossOr(error);
      throw new UnavailableError(`${operation}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  /**
   * The bytes under keys, in their order; `null` for those that are free, or hold something else: by one command for many where
   * there is one server; on a Cluster they live in different slots. `atOnce`: the command leaves now, before those that the
   * client may be holding back to send them together.
   */
  async strings(keys: readonly string[], atOnce = false): Promise<(Buffer | null)[]> {
    const { client } = this;
    if ('nodes' in client) return Promise.all(keys.map((key) => this.string(key)));
    const parts: (readonly string[])[] = [];
    for (let at = 0; at < keys.length; at += MOST_AT_ONCE) parts.push(keys.slice(at, at + MOST_AT_ONCE));
    if (!atOnce) return (await Promise.all(parts.map((part) => client.mgetBuffer([...part])))).flat();
    const pipeline = client.pipeline();
    for (const part of parts) pipeline.mgetBuffer([...part]);
    const replies = await pipeline.exec();
    // Nothing read is not the same as nothing there.
    if (replies === null) throw new UnavailableError('Redis has not answered');
    return replies.flatMap(([error, values]) => {
      if (error !== null) throw error;
      return values as (Buffer | null)[];
    });
  }

  /** The same for one key. */
  string(key: string): Promise<Buffer | null> {
    const { client } = this;
    const get: Send<Buffer | null> = (to) => to.getBuffer(key);
    // In one step: a lookup needs no promise more for what hardly ever happens.
    return get(client).catch((error) => followed(client, get, error).catch(nothingOfAnotherType));
  }

  /** Sends one command, wherever its key is by now. */
  send<T>(command: Send<T>): Promise<T> {
    return sent(this.client, command);
  }

  /** Calls back whenever a connection has been made. */
  onReady(listener: () => void): void {
    this.#listen('ready', listener);
  }

  /** Runs a script. `raw`: texts come as bytes. Numbers come as texts where the caller's client has it so (`stringNumbers`). */
  run(what: Script, keys: string[], args: (string | number | Buffer)[], raw = false): Promise<unknown> {
    return this.#scripts.run(what, { keys, args, raw });
  }

  /**
   * Asks a Cluster which of its servers has which slots, and gives that as a text: a client hears of others only as one of its commands is
   * sent on. Nothing where there is one server.
   * @throws {UnavailableError} if none of them says so
   */
  async owners(): Promise<string> {
    const { client } = this;
    if (!('nodes' in client)) return '';
    await new Promise<void>((resolve, reject) => {
      client.refreshSlotsCache((error) => (error ? reject(lossOr(error)) : resolve()));
    }).catch((cause) => {
      throw new UnavailableError('no server of the Cluster tells where its keys are', { cause });
    });
    return client.slots.map((nodes) => nodes?.[0]).join();
  }

  /**
   * The servers that hold keys: one, or a Cluster's masters.
   * @throws {UnavailableError} if one of them is down, or there is none for some keys: a scan would take those of the rest for all
   */
  masters(): Redis[] {
    const { client } = this;
    if (!('nodes' in client)) return [client];
    const masters = client.nodes('master');
    const known = new Set(masters.map(({ options: { host, port } }) => `${host}:${port}`));
    for (let slot = 0; slot < SLOTS; slot++) {
      const nodes = client.slots[slot];
      if (nodes === undefined) throw new UnavailableError(`no master of the Cluster has slot ${slot}`);
      // Of a node that tells no name of its own the place is not known.
      const [owner] = nodes;
      if (owner === undefined || known.has(owner)) continue;
      throw new UnavailableError(`a master of the Cluster is not connected (${owner})`);
    }
    return masters;
  }

  /**
   * Gives up connections that nothing is heard of any more, or that have been made and were never answered, and makes new
   * ones. The caller's own are left alone.
   */
  renew(): void {
    if (!this.#owned || !(this.connected || this.client.status === 'connect')) return;
    for (const each of 'nodes' in this.client ? this.client.nodes('all') : [this.client]) each.disconnect(true);
  }

  /** Another connection to the same servers, for reads that block. Whoever asks for it closes it. */
  duplicate(more: Partial<RedisOptions> = {}): RedisClient {
    const options = {
      enableOfflineQueue: false,
      enableAutoPipelining: false,
      maxRetriesPerRequest: 0,
      retryStrategy: retry,
      disconnectTimeout: 100,
      // The caller's are for commands that are answered at once.
      commandTimeout: undefined,
      socketTimeout: undefined,
      stringNumbers: false,
      ...more,
    };
    const { client } = this;
    if (!('nodes' in client)) {
      const twin = client.duplicate(options);
      return this.#owned ? keptToDatabase(twin) : twin;
    }
    const redisOptions = { ...client.options.redisOptions, ...options };
    const { enableOfflineQueue } = options;
    const twin = client.duplicate([], { enableOfflineQueue, enableAutoPipelining: false, redisOptions } as object);
    return twin.on('+node', mind);
  }

  /** Takes our listeners off, and ends the connection if it was made here; once, however often it is asked to. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#settled = true;
    this.#giveUpConnecting();
    for (const [event, listener] of this.#listeners) this.client.off(event, listener);
    this.#allow(-LISTENERS);
    if (!this.#owned) return;
    this.client.on('error', () => {});
    try {
      if (this.connected) return void (await withDeadline(this.client.quit(), CLOSE_DEADLINE, 'quit'));
    } catch {
      // A server that hangs, or has just gone, is not waited for.
    }
    this.client.disconnect();
  }

  /** Resolves when the first connection stands, rejects when the first attempt has failed. */
  #settle(): Promise<void> | undefined {
    if (this.connected) return undefined;
    const { client } = this;
    const settled = new Promise<void>((resolve, reject) => {
      const end = (done: () => void) => () => {
        this.#settled = true;
        this.#firstConnect = undefined;
        for (const [event, listener] of pairs) client.off(event, listener);
        done();
      };
      const fail = end(() => reject(new UnavailableError('Redis is not connected')));
      this.#giveUpConnecting = fail;
      const pairs: [string, () => void][] = [
        ['ready', end(resolve)],
        ['close', fail],
        ['end', fail],
      ];
      for (const [event, listener] of pairs) this.#listen(event, listener);
    });
    settled.catch(() => {});
    return settled;
  }

  /** So many listeners more than before; 0 is no bound. */
  #allow(more: number): void {
    const most = this.client.getMaxListeners();
    if (most > 0) this.client.setMaxListeners(most + more);
  }

  #listen(event: string, listener: (...args: unknown[]) => void): void {
    this.client.on(event, listener);
    this.#listeners.push([event, listener]);
  }
}

/** Where somebody has put something else in the place of one of our keys, there is nothing of ours. */
export function nothingOfAnotherType(error: Error): null {
  if (isOfAnotherType(error)) return null;
  throw error;
}

/** Whether Redis refused a command as its key holds another type. */
export function isOfAnotherType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE');
}
