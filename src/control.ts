import { aboveZero, texts } from './check.js';

/** How a handler speaks to the cache, and to others around it: `res.cache` under Express, `ctx.cache` under Koa. */
export interface CacheControl {
  /** Adds names that the response can be invalidated by. @throws {ConfigError} if one of them is no text, or empty */
  tag(...tags: string[]): this;
  /**
   * Seconds that this cache keeps the response fresh, whatever lifetime `Cache-Control` tells others. What `no-store`, `private` and
   * `no-cache` forbid stays forbidden.
   *
   * @throws {ConfigError} if that is no number above 0
   */
  ttl(seconds: number): this;
  /** The response is not stored. `reason`: why, in your words; the events `miss` or `skip`, and so the log, tell it. */
  noStore(reason?: string): this;
  /** What became of the request so far. */
  readonly status: 'hit' | 'miss' | 'bypass';
}

/** Where the answer was at hand: no handler runs that could say anything. */
export const SERVED: CacheControl = Object.freeze({
  status: 'hit',
  tag: () => SERVED,
  ttl: () => SERVED,
  noStore: () => SERVED,
});

/** Most handlers name none: no list is made for those. */
const NONE: readonly string[] = [];

/** What a handler has said. */
export class Control implements CacheControl {
  status: 'hit' | 'miss' | 'bypass' = 'bypass';
  #tags: string[] | undefined;
  seconds: number | undefined;
  refused = false;
  /** Why it has refused, in its own words. */
  because: string | undefined;
  /** That of another cache around this one: what a handler says is for both, and it knows the inner one alone. */
  around: Control | undefined;

  tag(...tags: string[]): this {
    const more = texts('cache.tag()', tags);
    this.#add(more);
    this.passOn(more);
    return this;
  }

  /** Tells the caches around this one by which names can be invalidated what they are given. */
  passOn(tags: readonly string[]): void {
    for (let to = this.around; to !== undefined; to = to.around) to.#add(tags);
  }

  #add(tags: readonly string[]): void {
    this.#tags ??= [];
    for (const tag of tags) this.#tags.push(tag);
  }

  get tags(): readonly string[] {
    return this.#tags ?? NONE;
  }

  ttl(seconds: number): this {
    this.seconds = aboveZero('cache.ttl()', seconds, 'seconds');
    this.around?.ttl(seconds);
    return this;
  }

  noStore(reason?: string): this {
    this.refused = true;
    if (typeof reason === 'string') this.because = reason;
    this.around?.noStore(reason);
    return this;
  }
}
