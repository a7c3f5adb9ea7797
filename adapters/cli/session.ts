import { type Cache, createCache } from '../../src/cache.js';
import { withDeadline } from '../../src/deadline.js';
import { ConfigError } from '../../src/errors.js';
import { type CacheOptions, resolveSettings, type Settings } from '../../src/options.js';
import { lossOr } from '../../src/stores/loss.js';
import { isClient, type RedisTarget } from '../../src/stores/redis-client.js';
import { RedisLink } from '../../src/stores/redis-link.js';
import { EXIT, Failure } from './failure.js';
import { clusterOf } from './seeds.js';
import { type Streams, Terminal } from './terminal.js';

/** What every command takes. */
export interface GlobalOptions {
  readonly redis?: string;
  readonly cluster?: string;
  readonly prefix?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly yes?: boolean;
}

/** What a command works with. */
export interface Session {
  readonly cache: Cache;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly yes: boolean;
  /** Why Redis has not taken the first invalidation that it has not taken; `undefined` if there is none. */
  refusal(): string | undefined;
}

/** A command takes its time: Redis may, too, ms. */
const PATIENCE = 5000;

/**
 * Opens the cache that the applications share, for one command, and closes it at its end. It keeps nothing in memory,
 * sweeps nothing, and is counted nowhere.
 *
 * @throws {Failure} where no Redis is named, or it cannot be reached
 */
export async function withCache(
  streams: Streams,
  options: GlobalOptions,
  signal: AbortSignal,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const terminal = new Terminal(streams, options);
  const cache = open(options);
  let refused: unknown;
  cache.on('error', ({ operation, error }) => {
    if (operation === 'purge') refused ??= error;
  });
  const refusal = () => (refused === undefined ? undefined : messageOf(refused));
  try {
    await reach(cache);
    await work({ cache, terminal, signal, yes: options.yes ?? false, refusal });
  } finally {
    await cache.close();
  }
}

/**
 * Connects to that Redis and does nothing else there: not even a ledger is begun where there is none. `ill`: also to a Cluster that
 * says of itself that it is down.
 *
 * @throws {Failure} where no Redis is named, or it cannot be reached
 */
export async function withLink(
  streams: Streams,
  options: GlobalOptions,
  signal: AbortSignal,
  work: (link: RedisLink, prefix: string, terminal: Terminal, signal: AbortSignal) => Promise<void>,
  ill = false,
): Promise<void> {
  const settings = settingsOf(options);
  let last: unknown;
  const link = new RedisLink(ill ? asItIs(settings.redis!) : settings.redis!, (error) => {
    last ??= error;
  });
  try {
    try {
      await withDeadline(Promise.resolve(link.ready()), PATIENCE, 'connecting');
    } catch (error) {
      throw new Failure(`Redis cannot be reached: ${messageOf(last ?? error)}`);
    }
    await work(link, settings.prefix, new Terminal(streams, options), signal);
  } finally {
    await link.close();
  }
}

/** Of a Cluster that says of itself that it is down ioredis makes no connection at all: what is wrong with it could not be looked at. */
function asItIs(target: RedisTarget): RedisTarget {
  if (typeof target === 'string' || isClient(target) || !('cluster' in target)) return target;
  return { ...target, options: { ...target.options, enableReadyCheck: false } };
}

function open(options: GlobalOptions): Cache {
  settingsOf(options);
  return createCache(cacheOptions(options));
}

function cacheOptions({ redis, cluster, prefix }: GlobalOptions): CacheOptions {
  const target = cluster === undefined ? redis : clusterOf(cluster);
  return {
    ...(target === undefined ? {} : { redis: target }),
    ...(prefix === undefined ? {} : { prefix }),
    l1: false,
    sweepInterval: false,
    publishInterval: false,
    timeout: PATIENCE,
    breaker: { failures: 1_000_000 },
  };
}

/** What the options and the environment come to. @throws {Failure} where no Redis is named */
function settingsOf(options: GlobalOptions): Settings {
  let settings: Settings;
  try {
    settings = resolveSettings(cacheOptions(options));
  } catch (error) {
    if (error instanceof ConfigError) throw new Failure(withoutPassword(error.message), EXIT.usage);
    throw error;
  }
  if (settings.redis !== undefined) return settings;
  throw new Failure('Which Redis? Set REDIS_URL or REDIS_HOST, or say --redis <url> or --cluster <nodes>.', EXIT.usage);
}

async function reach(cache: Cache): Promise<void> {
  let last: unknown;
  const off = cache.on('error', ({ error }) => {
    last ??= error;
  });
  try {
    await cache.services.backend.sync();
  } catch (error) {
    const why = messageOf(last ?? error);
    throw new Failure(`Redis cannot be reached: ${why}`);
  } finally {
    off();
  }
}

/** What an error says, in one line, and without what nobody should read over a shoulder. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  // Of a Cluster none of whose nodes will do, the last of them says why.
  const { lastNodeError } = Object(error) as { readonly lastNodeError?: unknown };
  if (lastNodeError instanceof Error) return messageOf(lastNodeError);
  const told = lossOr(error);
  const text = told instanceof Error ? told.message || (told as NodeJS.ErrnoException).code || told.name : String(told);
  return withoutPassword(text.split('\n')[0]!);
}

/** A text in which URLs may stand, of Redis or of an application, without their passwords. */
export function withoutPassword(text: string): string {
  return text.replace(/([a-z][a-z\d+.-]*:\/\/[^:@/\s]*):[^@/\s]*@/gi, '$1:***@');
}

/** What a command has come to that did not end well, as a sentence and an exit code. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ConfigError || error instanceof TypeError) return new Failure(messageOf(error), EXIT.usage);
  // What Redis and the system say of a failure is for the reader; where it came up is for those who mend a mistake of ours.
  const mistake = error instanceof RangeError || error instanceof ReferenceError || error instanceof SyntaxError;
  return new Failure(mistake ? (error.stack ?? error.message) : messageOf(error));
}
