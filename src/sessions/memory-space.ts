import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.js';
import type { KeptSession, SessionSpace } from './space.js';

/** Bounds of their own, so that no response pushes out a session; the least recently used leave first. */
const MOST_SESSIONS = 100_000;
const MOST_BYTES = 67_108_864;
/** What a session takes beside its text, bytes. */
const OVERHEAD = 128;
const STEP = 250;

interface Kept {
  readonly text: string;
  readonly expiresAt: number;
}

/** All sessions of one cache in this process, whatever their store is called. */
export type KeptSessions = LRUCache<string, Kept>;

export function keptSessions(): KeptSessions {
  return new LRUCache({
    maxSize: MOST_BYTES,
    sizeCalculation: ({ text }, key) => OVERHEAD + 2 * (text.length + key.length),
  });
}

/** Sessions in this process. No timers: what is expired is seen as it is asked for. */
export class MemorySpace implements SessionSpace {
  readonly #all: KeptSessions;
  readonly #prefix: string;
  readonly #clock: Clock;

  /** `prefix`: the beginning of this store's keys. */
  constructor(all: KeptSessions, prefix: string, clock: Clock) {
    this.#all = all;
    this.#prefix = prefix;
    this.#clock = clock;
  }

  get(name: string): string | undefined {
    return this.#live(name)?.text;
  }

  set(name: string, text: string, life: number, existing: boolean): void {
    if (existing && this.#live(name) === undefined) return;
    this.#all.set(this.#prefix + name, { text, expiresAt: this.#clock.now() + life });
    // A bound on items of the map's own would have it reserve room for all of them at once.
    while (this.#all.size > MOST_SESSIONS) this.#all.pop();
  }

  replace(name: string, from: string, to: string, life: number): boolean {
    if (this.#live(name)?.text !== from) return false;
    this.set(name, to, life, true);
    return true;
  }

  touch(name: string, life: number): void {
    const kept = this.#live(name);
    if (kept !== undefined) this.set(name, kept.text, life, true);
  }

  destroy(name: string): void {
    this.#all.delete(this.#prefix + name);
  }

  async *names(): AsyncGenerator<readonly string[]> {
    const keys = [...this.#all.keys()].filter((key) => key.startsWith(this.#prefix));
    for (let at = 0; at < keys.length; at += STEP) {
      const names = keys.slice(at, at + STEP).map((key) => key.slice(this.#prefix.length));
      yield names.filter((name) => this.#listed(name) !== undefined);
    }
  }

  read(names: readonly string[]): readonly KeptSession[] {
    return names.flatMap((name) => {
      const text = this.#listed(name)?.text;
      return text === undefined ? [] : [{ name, text }];
    });
  }

  drop(names: readonly string[]): void {
    for (const name of names) this.destroy(name);
  }

  #live(name: string): Kept | undefined {
    const kept = this.#listed(name);
    if (kept !== undefined) this.#all.get(this.#prefix + name);
    return kept;
  }

  /** For whoever lists all: that is no use of any, and says nothing of who is to leave first. */
  #listed(name: string): Kept | undefined {
    const key = this.#prefix + name;
    const kept = this.#all.peek(key);
    if (kept === undefined || kept.expiresAt > this.#clock.now()) return kept;
    this.#all.delete(key);
    return undefined;
  }
}
