import type { EventEmitter } from 'node:events';
import { anObject } from '../../src/check.js';
import { loadPeer } from '../../src/peer.js';
import { type SessionStoreOptions as Common, Sessions, touchDisabled } from '../../src/sessions/sessions.js';

/** What a session store takes. */
export interface SessionStoreOptions extends Common {
  /** Whether a request that does not change its session leaves the session's life as it is, too. Default `false`. */
  disableTouch?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: the application says what is in a session; express-session's types, which say it to TypeScript, need not be installed.
type Session = any;
/** Told what became of it. */
export type Callback<T = void> = (error?: unknown, result?: T) => void;

/** A store of express-session's kind. Without a callback a failure is told by the cache's event `error` alone. */
export interface SessionStore extends EventEmitter {
  /** The session of an id; `null` or nothing if there is none. */
  get(id: string, callback: Callback<Session>): void;
  /** Keeps a session until its cookie expires. */
  set(id: string, session: Session, callback?: Callback): void;
  /** Lets a session that is there live on, without writing it again. */
  touch(id: string, session: Session, callback?: Callback): void;
  /** Ends a session. */
  destroy(id: string, callback?: Callback): void;
  /** All sessions of this store, each with its `id`. Reads Redis in steps. */
  all(callback: Callback<Session[]>): void;
  /** How many sessions this store has. Reads Redis in steps. */
  length(callback: Callback<number>): void;
  /** Destroys all sessions of this store. */
  clear(callback?: Callback): void;
  /** Gives a request a new session; `express-session`'s own. */
  regenerate(req: Session, callback: Callback): void;
  /** Reads a session as an object with methods; `express-session`'s own. */
  load(id: string, callback: Callback<Session>): void;
  /** Makes such an object; `express-session`'s own. */
  createSession(req: Session, session: Session): Session;
}

/**
 * A store for `express-session`, over the Redis or the memory of a cache. A session lives until its cookie expires, or for
 * `ttl` seconds where that has no expiry. Nothing that clears or invalidates the cache reaches it. Where Redis does not
 * answer the callback is given the error, so that nobody is taken for logged out.
 *
 * @throws {ConfigError} for an option that cannot be used; {Error} if the package `express-session` is not installed
 * @example
 * ```ts
 * app.use(session({ store: sessionStore({ cache }), secret, resave: false, saveUninitialized: false }));
 * ```
 */
export function sessionStore(options: SessionStoreOptions = {}): SessionStore {
  const { disableTouch, ...own } = anObject('the options of sessionStore()', options);
  const fixed = touchDisabled(disableTouch);
  const sessions = new Sessions(own, ['disableTouch']);
  const life = (session: Session): number => lifeOf(sessions, session?.cookie);
  const Store = storeClass();

  class RespcacheStore extends Store {
    get(id: string, callback: Callback<Session>): void {
      tell(sessions.get(id), callback);
    }

    set(id: string, session: Session, callback?: Callback): void {
      tell(sessions.set(id, session, life(session)), callback);
    }

    touch(id: string, session: Session, callback?: Callback): void {
      tell(fixed ? Promise.resolve() : sessions.touch(id, life(session)), callback);
    }

    destroy(id: string, callback?: Callback): void {
      tell(sessions.destroy(id), callback);
    }

    all(callback: Callback<Session[]>): void {
      const found = sessions.all();
      tell(
        found.then((all) => all.map(({ id, session }) => (id === undefined ? session : { ...session, id }))),
        callback,
      );
    }

    length(callback: Callback<number>): void {
      tell(sessions.count(), callback);
    }

    clear(callback?: Callback): void {
      tell(sessions.clear(), callback);
    }
  }
  return new RespcacheStore();
}

/**
 * How long a session lives from now on, ms. A touch does not write it, so that what is read may say of its cookie that it expires sooner, or
 * has: whoever saves it by hand has not touched it yet. What a cookie is given from each use on is in `originalMaxAge`, whatever sets it.
 */
function lifeOf(sessions: Sessions, cookie: Session): number {
  const left = sessions.until(cookie?.expires);
  const given: unknown = cookie?.originalMaxAge;
  return left === undefined ? sessions.life : typeof given === 'number' ? Math.max(left, given) : left;
}

/** Calls back outside the promise: what a callback throws is its own, and no unhandled rejection. */
function tell<T>(work: Promise<T>, callback: Callback<T> = () => {}): void {
  work.then(
    (result) => process.nextTick(callback, null, result),
    (error: unknown) => process.nextTick(callback, error),
  );
}

type StoreClass = new () => EventEmitter & Pick<SessionStore, 'regenerate' | 'load' | 'createSession'>;

function storeClass(): StoreClass {
  return (loadPeer('express-session', 'sessionStore()') as { Store: StoreClass }).Store;
}
