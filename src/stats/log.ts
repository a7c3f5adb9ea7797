import type { Clock } from '../clock.js';
import type { CacheEvents, Events } from '../events.js';
import { remember } from '../remember.js';

/** Whoever keeps the log: pino, and whatever else has these methods and takes an object and a text; `console` too. */
export interface Logger {
  /** Hits, misses, what is stored: many. */
  debug(details: object, message: string): void;
  /** What an operator may like to know. */
  info(details: object, message: string): void;
  /** What an operator should look at. */
  warn(details: object, message: string): void;
  /** Failures; `details.err` is the error. */
  error(details: object, message: string): void;
  /** Whether it keeps what is of a level: then nothing is made that is not kept. */
  isLevelEnabled?(level: string): boolean;
}

/** For how long, ms, an operation's errors are not told after one that was; their number is told with the next. */
const QUIET = 10_000;
/** Of how many operations is remembered when they were last told of. */
const MOST = 100;
/** What would begin another line where a message is written as it is, or drive the terminal that shows it. */
const CONTROL: RegExp = /[\p{Cc}\p{Zl}\p{Zp}]/gu;

/**
 * Tells a logger what the cache does: `HIT`, `MISS`, `SET` and the like at `debug`, what an operator should know of at
 * `info` and `warn`, errors at `error`, of which one operation's are told once in ten seconds. A logger that throws is no
 * concern of a request's, nor is one that rejects: what it gives goes back to `Events`, which drops the rejection.
 */
export function logTo(logger: Logger, events: Events, clock: Clock): void {
  const wanted = (level: 'debug' | 'info') => logger.isLevelEnabled?.(level) ?? true;
  const debug = <K extends 'hit' | 'miss' | 'bypass' | 'set' | 'compress' | 'skip' | 'refresh'>(
    kind: K,
    title: Title<K>,
  ) =>
    events.on(kind, (event) => {
      if (wanted('debug')) return logger.debug(detailsOf(kind, event), inOneLine(`${title(event)}${spentOn(event)}`));
    });
  debug('hit', ({ key, stale, collapsed }) => `${stale ? 'STALE' : collapsed ? 'COLLAPSED' : 'HIT'} ${key}`);
  debug('miss', ({ key, revalidated }) => `${revalidated ? 'REVALIDATED' : 'MISS'} ${key}`);
  debug('bypass', ({ reason, route }) => `BYPASS ${route ?? ''} (${reason})`);
  debug('set', ({ key, bytes }) => `SET ${key} (${bytes} bytes)`);
  debug(
    'compress',
    ({ key, codings, bytes, plainBytes }) => `COMPRESS ${key} (${codings.join(', ')}: ${bytes} of ${plainBytes} bytes)`,
  );
  debug('skip', ({ key, reason }) => `SKIP ${key} (${reason})`);
  debug('refresh', ({ key }) => `REFRESH ${key}`);
  events.on('purge', (event) => {
    const { tags, patterns, durable } = event;
    const what = `INVALIDATE ${tags} tags, ${patterns} patterns${durable ? '' : ', not durable yet'}`;
    return durable ? logger.debug(detailsOf('purge', event), what) : logger.warn(detailsOf('purge', event), what);
  });
  events.on('persist', (event) => {
    const { key, handler, dead } = event;
    if (dead !== undefined)
      return logger.warn(detailsOf('persist', event), inOneLine(`DEAD ${key} (${handler}): ${dead}`));
    if (wanted('debug'))
      return logger.debug(detailsOf('persist', event), inOneLine(`PERSIST ${key} (${handler})${spentOn(event)}`));
  });
  events.on('shadow', (event) => {
    if (event.differences.length === 0) return;
    const what = event.differences.map((each) => each.what).join(', ');
    const told = `SHADOW ${event.key} differs (${event.suspect}): ${what}`;
    return logger.warn(detailsOf('shadow', event), inOneLine(told));
  });
  events.on('breaker', (event) => {
    if (event.state === 'open')
      return logger.warn({ event: 'breaker', ...event }, 'respcache: goes on without its store');
    return logger.info({ event: 'breaker', ...event }, 'respcache: its store is back');
  });
  const told = new Seldom(clock);
  events.on('error', ({ operation, error }) => {
    const untold = told.next(operation);
    if (untold === undefined) return;
    const more = untold === 0 ? '' : ` (and ${untold} more since the last time)`;
    return logger.error({ event: 'error', operation, err: error, untold }, `respcache: ${operation} failed${more}`);
  });
}

type Title<K extends keyof CacheEvents> = (event: CacheEvents[K]) => string;

/** A key may be made of what clients send; in the details it stands as it is. */
function inOneLine(message: string): string {
  return message.replace(CONTROL, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Without the request, which holds what is not for a log: credentials. */
function detailsOf(kind: keyof CacheEvents, event: object): object {
  const { request: _request, ...details } = event as { request?: unknown };
  return { event: kind, ...details };
}

function spentOn(event: object): string {
  const { ms } = event as { ms?: number };
  return ms === undefined ? '' : ` ${ms.toFixed(2)} ms`;
}

/** Says of repeated things whether it is time to speak of one again. */
class Seldom {
  readonly #clock: Clock;
  readonly #told = new Map<string, { at: number; untold: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many have gone untold since the last; `undefined`: this one, too, is not told. */
  next(name: string): number | undefined {
    const now = this.#clock.now();
    const last = this.#told.get(name);
    // Not where the clock has been put back: nobody would hear of anything until it is there again.
    if (last !== undefined && last.at <= now && now - last.at < QUIET) {
      last.untold++;
      return undefined;
    }
    remember(this.#told, name, { at: now, untold: 0 }, MOST);
    return last?.untold ?? 0;
  }
}
