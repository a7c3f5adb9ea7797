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
  /** Under which key a request has found its session, and with what data. */
  const found = new WeakMap<object, { readonly key: string; readonly data: string }>();
  return {
    async get(key, _maxAge, asked) {
      const session = await sessions.get(key);
      if (session !== undefined && asked?.ctx !== undefined) found.set(asked.ctx, { key, data: dataOf(session) });
      return session;
    },
    set(key, session, maxAge, { ctx, changed } = {}) {
      const life = typeof maxAge === 'number' ? maxAge : sessions.life;
      const had = changed === false && ctx !== undefined ? found.get(ctx) : undefined;
      if (had?.key !== key) return sessions.set(key, session, life);
      // Only its time is new: what others have changed meanwhile stays, and what they have destroyed must not come back.
      if (had.data === dataOf(session)) return sessions.renew(key, fieldsOf(session, true), life);
      // It is saved by force.
      return sessions.set(key, session, life, true);
    },
    destroy: (key) => sessions.destroy(key),
  };
}

/** What applications have put into a session, as a text. */
function dataOf(session: object): string {
  return JSON.stringify(fieldsOf(session, false));
}

/** Of a session's fields those of `koa-session`'s own, which begin with `_`, or the others. */
function fieldsOf(session: object, own: boolean): object {
  return Object.fromEntries(Object.entries(session).filter(([name]) => name.startsWith('_') === own));
}
