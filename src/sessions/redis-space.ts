import type { Events } from '../events.js';
import type { RedisLink } from '../stores/redis-link.js';
import { keysBelow } from '../stores/redis-scan.js';
import { script } from '../stores/script.js';
import type { KeptSession, SessionSpace } from './space.js';

/**
 * What an operation may take, ms. Far longer than a lookup of the cache's, which has the handler to fall back on: here a
 * failure is an error for the client. For the same reason the breaker, which slow lookups open, has no say here.
 */
const DEADLINE = 2000;

/** Gives nothing where another text is there by now. KEYS: the session. ARGV: the text that was read, the new one, its life, ms. */
const REPLACE = script(
  `return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])`,
  { thrifty: true },
);

/** Sessions in Redis, one key each; Redis ends them when their time is over. */
export class RedisSpace implements SessionSpace {
  readonly #link: RedisLink;
  readonly #prefix: string;
  readonly #events: Events;

  /** `prefix`: the beginning of this store's keys. */
  constructor(link: RedisLink, prefix: string, events: Events) {
    this.#link = link;
    this.#prefix = prefix;
    this.#events = events;
  }

  async get(name: string): Promise<string | undefined> {
    return (await this.#ask(() => this.#link.send((to) => to.get(this.#prefix + name)))) ?? undefined;
  }

  async set(name: string, text: string, life: number, existing: boolean): Promise<void> {
    const key = this.#prefix + name;
    await this.#ask(() =>
      this.#link.send<unknown>((to) =>
        existing ? to.set(key, text, 'PX', life, 'XX') : to.set(key, text, 'PX', life),
      ),
    );
  }

  async replace(name: string, from: string, to: string, life: number): Promise<boolean> {
    return (await this.#ask(() => this.#link.run(REPLACE, [this.#prefix + name], [from, to, life]))) !== null;
  }

  async touch(name: string, life: number): Promise<void> {
    await this.#ask(() => this.#link.send((to) => to.pexpire(this.#prefix + name, life)));
  }

  async destroy(name: string): Promise<void> {
    await this.drop([name]);
  }

  async *names(): AsyncGenerator<readonly string[]> {
    const steps = keysBelow(this.#link, this.#prefix);
    for (;;) {
      const step = await this.#ask(() => steps.next());
      if (step.done) return;
      yield step.value.map((key) => key.slice(this.#prefix.length));
    }
  }

  /** A command for each, which the client sends together: on a Cluster they are in many slots. */
  async read(names: readonly string[]): Promise<readonly KeptSession[]> {
    const get = (name: string) => this.#link.send((to) => to.get(this.#prefix + name));
    const texts = await this.#ask(() => Promise.all(names.map(get)));
    return names.flatMap((name, i) => {
      const text = texts[i] ?? undefined;
      return text === undefined ? [] : [{ name, text }];
    });
  }

  async drop(names: readonly string[]): Promise<void> {
    const unlink = (name: string) => this.#link.send((to) => to.unlink(this.#prefix + name));
    await this.#ask(() => Promise.all(names.map(unlink)));
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#link.within(DEADLINE, 'session', work);
    } catch (error) {
      this.#events.emit('error', { operation: 'session', error });
      throw error;
    }
  }
}
