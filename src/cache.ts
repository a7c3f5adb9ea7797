import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { Backend, type Services } from './backend.js';
import { type BackupOptions, type BackupReport, backup } from './backup/backup.js';
import { type RestoreOptions, type RestoreReport, restore } from './backup/restore.js';
import { aFunction, oneOf } from './check.js';
import { Compressor } from './compress/compressor.js';
import { PlainEntries } from './compress/plain.js';
import { Engine } from './engine.js';
import { ConfigError } from './errors.js';
import { type CacheEvents, EVENT_KINDS, Events, type Listener } from './events.js';
import { Explainer } from './explain/explainer.js';
import type { ExplainRequest, Explanation } from './explain/explanation.js';
import { Comparisons } from './fill/comparisons.js';
import type { Receipt } from './invalidation/ledger.js';
import { type CacheOptions, resolveSettings, type Settings } from './options.js';
import { QueryRules } from './request/query.js';
import type { RouteOptions } from './route-options.js';
import { CacheService, type EraseOptions } from './service/cache-service.js';
import type { GetOrSetOptions } from './service/get-or-set.js';
import type { IncrementOptions } from './service/increment.js';
import { ownerOf } from './service/place.js';
import { type SetOptions, Values } from './service/values.js';
import type { WriteThroughOptions } from './service/write-through.js';
import { Counters } from './stats/counters.js';
import type { Stats } from './stats/figures.js';
import { ErrorWindow, type Health } from './stats/health.js';
import { logTo } from './stats/log.js';
import { Statistics } from './stats/statistics.js';
import type { WarmOptions } from './warm/options.js';
import { type KeepWarmOptions, Warmer, type WarmReport } from './warm/warm.js';
import type { DeadLetter, HandlerOptions, PersistRequest } from './write-behind/write.js';
import { WriteBehind, type WriteBehindOptions } from './write-behind/write-behind.js';

/**
 * A cache: the middleware's responses and your own values, per client (tenant). Made by {@link createCache}.
 *
 * Nothing here rejects because Redis fails: reads are misses, writes are dropped and counted as errors, and an
 * invalidation's receipt says whether it is durable. Except where the result would be a lie: `increment`, `invalidateTenant` with
 * `erase`, `backup`, `restore`, and durable writes behind with their dead letters.
 */
export class Cache {
  /** What the adapters drive. Not for applications. @internal */
  readonly engine: Engine;
  /** The options, checked and complete. @internal */
  readonly settings: Settings;
  /** What the statistics' router shows. @internal */
  readonly statistics: Statistics;
  readonly #backend: Backend;
  readonly #events = new Events();
  /** What the command line works with. @internal */
  readonly services: Services;
  readonly #service: CacheService;
  readonly #writeBehind: WriteBehind;
  readonly #warmer: Warmer;
  readonly #onClose: (() => void)[] = [];
  readonly #explainer: Explainer;
  #closed: Promise<void> | undefined;

  constructor(options: CacheOptions = {}) {
    this.settings = resolveSettings(options);
    const { clock, errorWindow } = this.settings;
    // Before the backend is made, whose first words are heard.
    const counters = new Counters(this.#events, clock);
    const errors = new ErrorWindow(clock, this.#events, errorWindow);
    const { logger } = this.settings;
    if (logger !== undefined) logTo(logger, this.#events, clock);
    this.#backend = new Backend(this.settings, this.#events);
    this.services = {
      settings: this.settings,
      backend: this.#backend,
      events: this.#events,
      queries: new QueryRules(),
      comparisons: new Comparisons(),
      compressor: new Compressor(this.#backend, this.#events),
      plain: new PlainEntries(),
    };
    // A process may invalidate what only others serve.
    this.services.queries.add(this.settings.route.query);
    this.statistics = new Statistics(counters, errors, this.services);
    this.engine = new Engine(this.services);
    const values = new Values(this.services);
    this.#service = new CacheService(this.services, values);
    try {
      this.#writeBehind = new WriteBehind(this.services, values);
    } catch (error) {
      // Whoever is told so (BullMQ is missing, say) has no cache to close.
      this.#leave().catch(() => {});
      throw error;
    }
    this.#warmer = new Warmer(this.services, this.statistics, () => this.tenantHeaders);
    this.#explainer = new Explainer(this.services, this.engine);
  }

  /**
   * The value under a key of a client's, a copy of its own; `undefined` if there is none, or Redis does not answer.
   *
   * @throws {TypeError} if the key or the client is empty
   * @example
   * ```ts
   * const users = await cache.get('users:list', 'client-123'); // undefined where there is none
   * ```
   */
  get<T>(key: string, clientId: string): Promise<T | undefined> {
    return this.#service.get(key, clientId);
  }

  /**
   * Stores a value. In Redis its key is `client:<clientId>:<key>`. Types are kept: Date, Map, Set, BigInt, Buffer,
   * `undefined`, NaN. `ttl` is in seconds (default: the cache's), `tags` are names to invalidate it by.
   *
   * @throws {TypeError} if the key or the client is empty; {ConfigError} for an option that cannot be used; an Error (“could
   * not be cloned”) for functions and symbols
   * @example
   * ```ts
   * await cache.set('users:list', users, 'client-123', { ttl: 300, tags: ['users', 'list'] });
   * ```
   */
  set(key: string, value: unknown, clientId: string, options?: SetOptions): Promise<void> {
    return this.#service.set(key, value, clientId, options);
  }

  /**
   * Invalidates a key, fills of it that are under way too, and says whether there was a value.
   *
   * @throws {TypeError} if the key or the client is empty
   * @example
   * ```ts
   * const was = await cache.delete('users:list', 'client-123'); // true, if there was a value
   * ```
   */
  delete(key: string, clientId: string): Promise<boolean> {
    return this.#service.delete(key, clientId);
  }

  /**
   * Whether there is a value under the key. It counts as neither hit nor miss.
   *
   * @throws {TypeError} if the key or the client is empty
   * @example
   * ```ts
   * if (!(await cache.has('users:list', 'client-123'))) console.log('not yet');
   * ```
   */
  has(key: string, clientId: string): Promise<boolean> {
    return this.#service.has(key, clientId);
  }

  /**
   * The values under several keys, in their order.
   *
   * @throws {TypeError} if the client is empty; {ConfigError} if the keys are no list of texts, or one of them is empty
   * @example
   * ```ts
   * const [list, count] = await cache.mget(['users:list', 'users:count'], 'client-123');
   * ```
   */
  mget<T>(keys: readonly string[], clientId: string): Promise<(T | undefined)[]> {
    return this.#service.mget(keys, clientId);
  }

  /**
   * Stores several values with the same options.
   *
   * @throws {TypeError} if a key or the client is empty, or the values are a Map; what {@link set} throws
   * @example
   * ```ts
   * await cache.mset({ 'users:list': users, 'users:count': users.length }, 'client-123', { ttl: 300 }); // s
   * ```
   */
  mset(entries: Readonly<Record<string, unknown>>, clientId: string, options?: SetOptions): Promise<void> {
    return this.#service.mset(entries, clientId, options);
  }

  /**
   * The value under a key, or what `factory` makes, which is then stored. Concurrent callers share one run of it, over all
   * processes; one that calls after an invalidation never shares a run that began before it. What `factory` throws is thrown, and
   * not stored, unless there is a stale value to stand in.
   *
   * @throws what `factory` throws; {TimeoutError} if it takes longer than `hardTimeout`; {TypeError} if the key or the client is
   * empty; {ConfigError} for an option that cannot be used; as {@link set} for what cannot be cloned
   * @example
   * ```ts
   * const users = await cache.getOrSet('users:list', () => db.users(), 'client-123', {
   *   ttl: 300, // s
   *   tags: ['users'],
   *   staleWhileRevalidate: 60, // s: returned at once, and made anew meanwhile
   *   staleIfError: 3600, // s: stands in for a factory that fails …
   *   softTimeout: 200, // ms: … or is too slow
   *   hardTimeout: 5000, // ms
   * });
   * ```
   */
  getOrSet<T>(key: string, factory: () => T | PromiseLike<T>, clientId: string, options?: GetOrSetOptions): Promise<T> {
    return this.#service.getOrSet(key, factory, clientId, options);
  }

  /**
   * Persists first, and then puts what `persist` returns into the cache, so that what can be read is what was persisted.
   * The key may be a function of that. The key is invalidated in any case, with what `invalidate` names: a failed `persist`
   * leaves nothing of it in the cache, as it may have been done in part. Where others write the same key at the same time,
   * nothing is stored: the next reader takes what the database says.
   *
   * @throws what `persist` throws; {TypeError} if the key or the client is empty; {ConfigError} for an option that cannot be used;
   * as {@link set} for what cannot be cloned, which has been persisted then
   * @example
   * ```ts
   * const user = await cache.writeThrough((made) => `users:${made.id}`, () => db.create(data), 'client-123', {
   *   ttl: 600, // s
   *   tags: ['users', 'detail'],
   *   invalidate: { keys: ['users:list'] },
   * });
   * ```
   */
  writeThrough<T>(
    key: string | ((value: T) => string),
    persist: () => T | PromiseLike<T>,
    clientId: string,
    options?: WriteThroughOptions,
  ): Promise<T> {
    return this.#service.writeThrough(key, persist, clientId, options);
  }

  /**
   * Registers the handler that persists the writes of {@link writeBehind} that name it. It is called for one write of a key at a time, in
   * the order in which they were written; again, after a pause, where it fails; and perhaps again where a process has ended
   * before it could say that it was done, so that it should do the same thing twice without harm (`id` tells). Returns the
   * function that takes it away, which resolves when what is at work is done.
   *
   * @throws {ConfigError} for a name that is taken, or an option that cannot be used
   * @example
   * ```ts
   * cache.onWriteBehind('users:save', ({ key, value }) => db.save(value), { coalesce: true });
   * ```
   */
  onWriteBehind<T>(
    name: string,
    persist: (write: PersistRequest<T>) => unknown,
    options: HandlerOptions = {},
  ): () => Promise<void> {
    return this.#writeBehind.handle(name, persist, options);
  }

  /**
   * Puts a value into the cache at once, and has it persisted later, by the handler that it names. Resolves when it is certain
   * to be persisted: in this process' queue, or with `writeBehind: { durable: true }` in Redis, where a process that is killed
   * loses nothing. Until then reads see the new value; afterwards what `invalidate` names is out of date. What is not persisted
   * after all attempts is a dead letter, and no longer in the cache.
   *
   * @throws {QueueFullError} if too many wait; {UnavailableError} if it is to be durable and Redis does not answer, or refuses;
   * {RespcacheError} if there is no such handler in this process, and the queue is: then nothing is in the cache; what {@link set}
   * throws
   * @example
   * ```ts
   * await cache.writeBehind('users:7', user, 'client-123', { handler: 'users:save', ttl: 600, tags: ['users'] });
   * ```
   */
  writeBehind(key: string, value: unknown, clientId: string, options: WriteBehindOptions): Promise<void> {
    return this.#writeBehind.write(key, value, clientId, options);
  }

  /**
   * Resolves when all that was written behind so far has been persisted, or has become a dead letter.
   *
   * @throws {UnavailableError} if Redis, which has what waits, does not answer
   * @example
   * ```ts
   * await cache.flush(); // before a test looks at the database, say
   * ```
   */
  flush(): Promise<void> {
    return this.#writeBehind.flush();
  }

  /**
   * Writes that were given up, the oldest first, `most` of them at the most: 100, if it does not say.
   *
   * @throws {UnavailableError} if Redis, which has them, does not answer; {ConfigError} if `most` is no whole number above 0
   * @example
   * ```ts
   * for (const { id, key, error } of await cache.deadLetters()) console.log(id, key, error);
   * ```
   */
  deadLetters(most?: number): Promise<DeadLetter[]> {
    return this.#writeBehind.deadLetters(most);
  }

  /**
   * Has dead letters (one by its id, or all) persisted after all, behind what waits for the same key; gives their number.
   * The cache is left as it is, and what they change in the database is invalidated once they are persisted.
   *
   * @throws {RespcacheError} once the cache is closed: they stay dead letters; {UnavailableError} if Redis, which has them, does
   * not answer: some of them may wait to be persisted then
   * @example
   * ```ts
   * const count = await cache.replayDeadLetters(); // all of them
   * ```
   */
  replayDeadLetters(id?: string): Promise<number> {
    return this.#writeBehind.replay(id);
  }

  /**
   * Forgets dead letters (one by its id, or all); gives their number.
   *
   * @throws {UnavailableError} if Redis, which has them, does not answer: some of them may be forgotten then
   * @example
   * ```ts
   * const count = await cache.discardDeadLetters(); // all of them
   * ```
   */
  discardDeadLetters(id?: string): Promise<number> {
    return this.#writeBehind.discard(id);
  }

  /**
   * Adds to a whole number in one atomic step over all processes, and returns the sum. A counter begins at 0 and does
   * not expire unless `ttl` says so when it begins.
   *
   * @throws {TypeError} if the key or the client is empty, or the value is no whole number; {RangeError} if `by` is none;
   * {RespcacheError} if the sum would be beyond `Number.MAX_SAFE_INTEGER`: then nothing is added; {UnavailableError} if Redis does
   * not answer, or refuses; {ConfigError} for an option that cannot be used
   * @example
   * ```ts
   * const views = await cache.increment('page:views', 1, 'client-123');
   * ```
   */
  increment(key: string, by: number, clientId: string, options?: IncrementOptions): Promise<number> {
    return this.#service.increment(key, by, clientId, options);
  }

  /**
   * Invalidates a key of one client: a value's, a route's name (all its queries and variants), or a path. `null` in place of
   * the client: of the responses that belong to none, as their requests named none, or the option `tenant` is `false`.
   *
   * @throws {TypeError} if the key or the client is empty
   * @example
   * ```ts
   * const { durable } = await cache.invalidateKey('users:list', 'client-123');
   * await cache.invalidateKey('/prices', null); // of requests that name no client
   * ```
   */
  invalidateKey(key: string, clientId: string | null): Promise<Receipt> {
    return this.#service.invalidateKey(key, clientId);
  }

  /**
   * Invalidates everything that has one of the tags: of one client, or without `clientId` of all. `null`: of the
   * responses that belong to no client.
   *
   * @throws {TypeError} if the client is empty; {ConfigError} if the tags are no list of texts, or one of them is empty
   * @example
   * ```ts
   * await cache.invalidateByTags(['users'], 'client-123'); // of one client
   * await cache.invalidateByTags(['prices']); // of all
   * ```
   */
  invalidateByTags(tags: readonly string[], clientId?: string | null): Promise<Receipt> {
    return this.#service.invalidateByTags(tags, clientId);
  }

  /**
   * Invalidates the keys of one client that a glob matches (`users:*`), or, without glob signs, a key and all below
   * it: `users:list` reaches `users:list` and `users:list:page:2`. It never reaches another client. `null`: the responses that
   * belong to no client.
   *
   * @throws {TypeError} if the pattern or the client is empty
   * @example
   * ```ts
   * await cache.invalidatePattern('users:*', 'client-123');
   * ```
   */
  invalidatePattern(pattern: string, clientId: string | null): Promise<Receipt> {
    return this.#service.invalidatePattern(pattern, clientId);
  }

  /**
   * Invalidates all that belongs to one client, or with `null` to none. With `{ erase: true }` (a client leaves) its entries are also deleted,
   * from Redis and from this process, before this resolves; `onProgress` is told how far it is, and `signal` ends it. Other
   * processes drop their copies as those are pushed out.
   *
   * @throws {UnavailableError} only with `erase`, if Redis does not answer, or refuses: then not all is deleted
   * @throws the reason of `signal`, if that says so before all is deleted
   * @throws {TypeError} if the client is empty; {ConfigError} for an option that cannot be used
   * @example
   * ```ts
   * await cache.invalidateTenant('client-123', { erase: true, onProgress: console.log });
   * ```
   */
  invalidateTenant(clientId: string | null, options?: EraseOptions): Promise<Receipt> {
    return this.#service.invalidateTenant(clientId, options);
  }

  /**
   * Invalidates everything in this cache's namespace; other keys in the same Redis stay. In Redis the entries are
   * removed in the background, in small steps.
   *
   * @example
   * ```ts
   * await cache.clear();
   * ```
   */
  clear(): Promise<Receipt> {
    return this.#service.clear();
  }

  /**
   * Writes all valid entries (responses, values, counters) into one compressed file, or into a `Writable`, which it ends.
   * A file is written under another name first, readable by its owner alone, and is there only when it is whole. Links are
   * followed; the path of something else than a file is refused. What is stored or invalidated meanwhile may be in it or
   * not; a restore finds out what was invalidated.
   *
   * @throws {BackupError} if the ledger is lost meanwhile; {UnavailableError} if Redis does not answer; what the
   * destination fails with; the reason of `signal`
   * @example
   * ```ts
   * const { entries, bytes } = await cache.backup('/backups/cache.bak', { tenants: ['client-123'] });
   * ```
   */
  backup(to: string | Writable, options?: BackupOptions): Promise<BackupReport> {
    return backup(this.services, to, options);
  }

  /**
   * Restores what {@link backup} has written, from a file or a `Readable`, after all of it has been verified. What is
   * newer in the store stays, what has expired stays away (times are absolute: a backup gives nothing a longer life), and
   * so does what was invalidated since. A restore that was interrupted can be repeated. Keys have no prefix in a backup:
   * it can be restored under another one, which is always `foreign`.
   *
   * @throws {BackupError} if the file is none, damaged, or of another ledger (see the options): then nothing was stored;
   * with `problem: 'interrupted'` something failed later; the reason of `signal`
   * @example
   * ```ts
   * const { restored } = await cache.restore('/backups/cache.bak', { foreign: 'adopt' });
   * ```
   */
  restore(from: string | Readable, options?: RestoreOptions): Promise<RestoreReport> {
    return restore(this.services, from, options);
  }

  /**
   * The figures since the start, of all or of one client; `null`: of requests that belong to none.
   *
   * @throws {TypeError} if the client is empty, or no text
   * @example
   * ```ts
   * const { hitRate, averageHitTime } = cache.getStats(); // %, ms
   * ```
   */
  getStats(clientId?: string | null): Stats {
    return this.statistics.stats(clientId === undefined ? undefined : ownerOf(clientId));
  }

  /**
   * How the cache is, the store asked just now. Never rejects.
   *
   * @example
   * ```ts
   * const { status } = await cache.health(); // 'healthy', 'degraded' or 'unhealthy'
   * ```
   */
  health(): Promise<Health> {
    return this.statistics.health();
  }

  /**
   * Fills the cache by running the application's handlers in this process, without clients: for a list of URLs, a
   * sitemap, or what was most requested in the last hour, for each of the tenants. What is fresh is left as it is, so that
   * it can be done again at any time. What cannot be stored is in the report, with the reason.
   *
   * @throws {ConfigError} for an option that cannot be used; {RespcacheError} for a sitemap that cannot be read
   * @example
   * ```ts
   * const report = await cache.warm({ app, urls: ['/users', '/prices?page=1'], tenants: ['client-123'] });
   * console.log(report.warmed, report.problems);
   * ```
   */
  warm(options: WarmOptions): Promise<WarmReport> {
    return this.#warmer.warm(options);
  }

  /**
   * Warms the cache now, and each `every` seconds from then on; what would expire before the next round is made anew.
   * Returns the function that ends it; `close()` ends it too.
   *
   * @example
   * ```ts
   * const end = cache.keepWarm({ app, urls: ['/users'], every: 300 }); // s
   * end();
   * ```
   */
  keepWarm(options: KeepWarmOptions): () => void {
    return this.#warmer.keepWarm(options);
  }

  /**
   * Says what would happen to a request, and why, step by step. No handler runs, nothing is stored or counted. By the
   * options, laid over the cache's; without them by those of the mount under which something is stored, else of the
   * first. Functions among them are called with `source`. Never rejects because Redis fails.
   *
   * @throws {TypeError} if it is no request; {ConfigError} for an option that cannot be used
   * @example
   * ```ts
   * const { outcome, steps } = await cache.explain({ url: 'https://example.com/users', headers: { 'x-client-id': 'a' } });
   * ```
   */
  explain<S = unknown>(request: ExplainRequest | IncomingMessage, options?: RouteOptions<S>): Promise<Explanation> {
    return this.#explainer.explain(request as ExplainRequest, options);
  }

  /**
   * Calls `listener` for each event of a kind; returns the function that ends it. What a listener throws, or rejects with,
   * is dropped.
   *
   * @throws {ConfigError} for an event that there is not, or a listener that is no function
   * @example
   * ```ts
   * const off = cache.on('purge', ({ tenant, durable }) => console.log(tenant, durable));
   * off();
   * ```
   */
  on<K extends keyof CacheEvents>(event: K, listener: Listener<K>): () => void {
    oneOf('event', event, EVENT_KINDS);
    return this.#events.on(event, aFunction(`the listener of ${event}`, listener));
  }

  /** The header fields by which whoever makes requests names the tenant. @internal */
  get tenantHeaders(): readonly string[] {
    return this.engine.mounts.tenantHeaders(this.settings.route);
  }

  /** Whether `close` was called. @internal */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Calls back as the cache is closed. @internal */
  onClose(listener: () => void): void {
    this.#onClose.push(listener);
  }

  /** Waits for what was written behind in this process, `closeTimeout` at the most. @internal */
  settle(): Promise<void> {
    return this.#writeBehind.settle();
  }

  /**
   * Ends background work and the connection, if this cache made it. A client that you gave stays open.
   *
   * @example
   * ```ts
   * await cache.close();
   * ```
   */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    for (const listener of this.#onClose) listener();
    this.#warmer.close();
    this.services.compressor.close();
    await this.#writeBehind.close();
    await this.#leave();
  }

  async #leave(): Promise<void> {
    await this.statistics.close();
    await this.#backend.close();
  }
}

/**
 * Makes a cache. Without options it takes Redis from the environment, and is in memory where there is none.
 *
 * @throws {ConfigError} for an option or environment variable that cannot be used
 * @example
 * ```ts
 * const cache = createCache({ redis: 'redis://localhost:6379', ttl: 60 });
 * const inMemory = createCache({ redis: false, maxItems: 500 });
 * ```
 */
export function createCache(options?: CacheOptions): Cache {
  return new Cache(options);
}

/** The cache that a middleware is to use: the given one, or the default. @throws {ConfigError} if it is none */
export function chosenCache(cache: Cache | undefined): Cache {
  if (cache === undefined) return defaultCache();
  if (cache instanceof Cache) return cache;
  throw new ConfigError('option cache', cache, 'a cache made by createCache() of the same copy of respcache');
}

let shared: Cache | undefined;

/**
 * The cache of all middleware that is given none, made from the environment when it is first asked for, and anew when the last one
 * has been closed.
 *
 * @throws {ConfigError} for an environment variable that cannot be used
 * @example
 * ```ts
 * const { store } = await defaultCache().health(); // 'redis', where REDIS_URL, REDIS_HOST or REDIS_PORT says so
 * ```
 */
export function defaultCache(): Cache {
  if (shared === undefined || shared.closed) shared = createCache();
  return shared;
}
