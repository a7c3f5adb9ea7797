import { type SessionRecord, type SessionStoreOptions, Sessions } from '../../src/sessions/sessions.js';

export type { SessionStoreOptions } from '../../src/sessions/sessions.js';

/** What `koa-session` says of the request beside the session. */
export interface Asked {
  /** Koa's context. */
  readonly ctx?: object;
  /** Its option. Not looked at: of version 6 the types know nothing else, and TypeScript wants one thing in common. */
  readonly rolling?: boolean | undefined;
}

/** What the option `store` of `koa-session` takes. */
export interface SessionStore {
  /** The session of a key; `undefined` if there is none. */
  get(key: string, maxAge?: number | 'session', asked?: Asked): Promise<SessionRecord | undefined>;
  /** Keeps a session for `maxAge` ms. */
  set(key: string, session: object, maxAge?: number | 'session', asked?: Asked & { changed?: boolean }): Promise<void>;
  /** Ends a session. */
  destroy(key: string): Promise<void>;
}

/**
 * A store for `koa-session`, over the Redis or the memory of a cache. A session lives as long as its `maxAge`, or `ttl`
 * (seconds) where that is `'session'`. Nothing that clears or invalidates the cache reaches it. Where Redis does not answer
 * each call rejects, so that nobody is taken for logged out.
 *
 * @throws {ConfigError} for an option that cannot be used
 * @example
 * ```ts
 * app.use(session({ store: sessionStore({ cache }), rolling: true }, app));
 * ```
 */
export function sessionStore(options: SessionStoreOptions = {}): SessionStore {
  const sessions = new Sessions(options);
  /** Under which key a request has found its session. */
  const found = new WeakMap<object, string>();
  return {
    async get(key, _maxAge, asked) {
      const session = await sessions.get(key);
      if (session !== undefined && asked?.ctx !== undefined) found.set(asked.ctx, key);
      return session;
    },
    set(key, session, maxAge, { ctx, changed } = {}) {
      // Only its time is new: if it was destroyed meanwhile, it must not come back.
      const renewed = changed === false && ctx !== undefined && found.get(ctx) === key;
      return sessions.set(key, session, typeof maxAge === 'number' ? maxAge : sessions.life, renewed);
    },
    destroy: (key) => sessions.destroy(key),
  };
}
