import { ask, atOnce } from '../ask.js';
import { type Cache, chosenCache } from '../cache.js';
import { anObject } from '../check.js';
import type { Events } from '../events.js';
import { tenantInTime } from '../request/tenant.js';
import type { Fields, MaybePromise } from '../types.js';
import { clientName, limitSpace } from './client.js';
import { exceeded, type LimitFields, limitField, type Problem, policyField, seconds, UNAVAILABLE } from './fields.js';
import { type Count, type Flexible, type Limiter, loadFlexible } from './flexible.js';
import { emptyWindows, memoryLimiter, type Windows } from './memory-limiter.js';
import { type LimitRule, type RateLimitOptions, resolveLimit } from './options.js';
import { redisLimiter } from './redis-limiter.js';

/** A request, as a limit sees it. */
export interface LimitVisit {
  readonly headers: Fields;
  readonly ip: string | undefined;
  /** What functions of the options are called with. */
  readonly source: unknown;
}

/** What becomes of a request. */
export interface Verdict {
  readonly fields: LimitFields;
  /** What is answered in the handler's place. */
  readonly refusal?: Problem;
  /** The cache has answered: gives back what that does not cost. Never rejects. */
  readonly onHit?: () => Promise<void>;
}

const UNCOUNTED: Verdict = { fields: [] };
const memories = new WeakMap<Cache, Windows>();

/** A rate limit, whatever the framework. */
export class Limit {
  readonly rule: LimitRule;
  readonly #events: Events;
  readonly #limiter: Limiter;
  readonly #Res: Flexible['RateLimiterRes'];
  readonly #policy: string;
  /** ms that a request waits for its tenant's name. */
  readonly #patience: number;
  /** Seconds after which Redis is tried again. */
  readonly #retryAfter: string;

  constructor(rule: LimitRule, cache: Cache) {
    const flexible = loadFlexible();
    const { events, settings } = cache.services;
    this.rule = rule;
    this.#events = events;
    this.#limiter = limiterOf(flexible, rule, cache);
    this.#Res = flexible.RateLimiterRes;
    this.#policy = policyField(rule);
    this.#patience = settings.collapseTimeout;
    this.#retryAfter = String(Math.max(1, Math.ceil(settings.breaker.openFor / 1000)));
  }

  /** Counts a request, and says what becomes of it. Never rejects. */
  async check(visit: LimitVisit): Promise<Verdict> {
    const { rule } = this;
    const { source } = visit;
    if (ask(this.#events, 'limit.skip', false, () => atOnce('option skip', rule.skip?.(source)) === true))
      return UNCOUNTED;
    const cost = ask(this.#events, 'limit.cost', 1, () => rule.cost(source));
    if (cost === 0) return UNCOUNTED;
    const client = await this.#clientOf(visit);
    try {
      const count = await this.#limiter.consume(client, cost);
      return { fields: this.#told(count), ...this.#hit(client, cost, count) };
    } catch (refused) {
      if (!(refused instanceof this.#Res)) return this.#unavailable();
      const fields = [...this.#told(refused), ['Retry-After', String(seconds(refused))] as const];
      return { fields, refusal: exceeded(rule) };
    }
  }

  #told(count: Count): LimitFields {
    return [
      ['RateLimit-Policy', this.#policy],
      ['RateLimit', limitField(this.rule, count)],
    ];
  }

  #hit(client: string, cost: number, { msBeforeNext }: Count): Pick<Verdict, 'onHit'> {
    const back = cost - this.rule.hitCost;
    if (!(back > 0)) return {};
    const over = performance.now() + msBeforeNext;
    const giveBack = async () => {
      // The points of a window that is over are nobody's.
      if (performance.now() < over) await this.#limiter.reward(client, back);
    };
    return { onHit: () => giveBack().catch(() => {}) };
  }

  /** Redis does not answer, and nobody may be let through uncounted. The event `error` has told why. */
  #unavailable(): Verdict {
    return { fields: [['Retry-After', this.#retryAfter]], refusal: UNAVAILABLE };
  }

  async #clientOf(visit: LimitVisit): Promise<string> {
    const { by } = this.rule;
    const { ip, source } = visit;
    if (typeof by === 'function') {
      const text = ask<unknown>(this.#events, 'limit.by', undefined, () => atOnce('option by', by(source)));
      if (typeof text === 'string' && text !== '') return clientName('f', { text });
    }
    if (by === 'ip') return clientName('i', { ip });
    const tenant = await this.#tenantOf(visit);
    return by === 'tenant' ? clientName('t', { tenant }) : clientName('b', { tenant, ip });
  }

  /** Those whose tenant cannot be told are counted together. */
  #tenantOf(visit: LimitVisit): MaybePromise<string | undefined> {
    return tenantInTime(this.rule.tenant, visit, this.#events, this.#patience);
  }
}

/** Makes the limit of a middleware. @throws {ConfigError} for an option that cannot be used */
export function limitOf<S>(options: RateLimitOptions<S>): { readonly limit: Limit; readonly cache: Cache } {
  anObject('the options of rateLimit()', options);
  const cache = chosenCache(options.cache);
  return { limit: new Limit(resolveLimit(options, cache.settings.route), cache), cache };
}

function limiterOf(flexible: Flexible, { points, duration, block, name, denies }: LimitRule, cache: Cache): Limiter {
  const { backend, settings } = cache.services;
  const keyPrefix = limitSpace(settings.prefix, name);
  const common = { points, duration, keyPrefix };
  const memory = memoryLimiter(flexible, windowsOf(cache), settings.clock, { ...common, blockDuration: block });
  const { link } = backend;
  if (link === undefined) return memory;
  const limiter = redisLimiter(
    flexible,
    { backend, link },
    { ...common, block, insurance: denies ? undefined : memory },
  );
  // The package gives the insurance the blocks of the other, which are the script's.
  memory.blockDuration = block;
  return limiter;
}

function windowsOf(cache: Cache): Windows {
  const windows = memories.get(cache) ?? emptyWindows();
  memories.set(cache, windows);
  return windows;
}
