import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { deserializeValue, serializeValue } from '../entry/value.js';
import type { RedisLink } from '../stores/redis-link.js';
import type { Script } from '../stores/script.js';
import { ADD, DEAD, DISCARD, DONE, RENEW, REPLAY, RETRY, TAKE } from './lane-scripts.js';
import {
  type Dead,
  decodeOutdated,
  decodeWrite,
  encodeOutdated,
  encodeRest,
  encodeWrite,
  laneOf,
  outdatedByBoth,
  type Write,
} from './write.js';

/** What a step with Redis may take, ms. */
const DEADLINE = 2000;
/** How much of dead letters is read at once, about, bytes. */
const READ_STEP = 1_048_576;
/** How many times Redis is asked whether a write has died, where giving it up had no answer, and after what pause, ms. */
const MOST_LOOKS = 20;
const LOOK_AGAIN = 500;

/** A lane: the list of a key's writes to one handler, and beside it who is at work on it, and its state. */
export interface Lane {
  readonly handler: string;
  /** The key of the list. */
  readonly list: string;
}

/** A lane, and the ticket of its last write: another one each time that a write is put at its end. */
export interface Ticketed extends Lane {
  readonly ticket: string;
}

/** Whoever works on a lane, until it is let go or the lease is over. */
export interface Hold {
  readonly lane: Lane;
  readonly pass: string;
}

/** How far a lane is. `begun`: another one each time that it begins, having been empty. */
export interface Count {
  readonly added: number;
  readonly ended: number;
  readonly begun: string | null | undefined;
}

/** What there is to do in a lane: its first write; or nothing for `wait` ms; or nothing at all. */
export type Turn = { readonly write: Write; readonly attempt: number } | { readonly wait: number } | undefined;

/**
 * The writes that wait in Redis, lane by lane, and those that have died. Each step is one script, so that whoever is killed
 * leaves nothing half done. All keys of a cache are in one slot of a Cluster.
 */
export class Lanes {
  readonly #link: RedisLink;
  readonly #prefix: string;

  constructor(link: RedisLink, prefix: string) {
    this.#link = link;
    this.#prefix = `${prefix}{respcache}:behind:`;
  }

  /** Puts a write at the end of its lane, or in the place of the last one; `undefined` where there is no room. */
  async add(write: Write, coalesce: boolean, most: number): Promise<Ticketed | undefined> {
    const lane = this.#laneOf(write);
    const keys = [...keysOf(lane), this.key('size'), this.key('lanes'), lastOf(lane)];
    const [own, rest] = [encodeOutdated(write.invalidate), encodeRest(write)];
    let [replaces, known, both] = [coalesce, own, own];
    for (;;) {
      const place = [most, replaces ? 1 : 0, entryOf(lane), randomUUID(), write.id];
      const found = (await this.#run(ADD, keys, [own, rest, known, both, ...place])) as Buffer | [Buffer];
      if (!Array.isArray(found)) return found.length === 0 ? undefined : { ...lane, ticket: found.toString() };
      [known] = found;
      const all = outdatedByBoth(decodeOutdated(known), write);
      if (all === undefined) replaces = false;
      else both = encodeOutdated(all);
    }
  }

  /** Takes a lane, for `lease` ms unless it is renewed. */
  async take({ lane, pass }: Hold, lease: number): Promise<Turn> {
    const found = await this.#run(TAKE, keysOf(lane), [pass, lease]);
    const [state, wait, frame, attempt] = found as [unknown, unknown, Buffer, unknown];
    if (Number(state) === 0) return undefined;
    return Number(state) < 0 ? { wait: Number(wait) } : { write: decodeWrite(frame), attempt: Number(attempt) };
  }

  async renew({ lane, pass }: Hold, lease: number): Promise<void> {
    await this.#run(RENEW, [keysOf(lane)[1]], [pass, lease]);
  }

  /** How many writes there are in a lane, one that is at work among them. */
  async waiting({ list }: Lane): Promise<number> {
    return Number(await this.#redis(() => this.#link.send((to) => to.llen(list))));
  }

  /** Whether it has not died, and no other has been put into its lane since; `false` also where that is too long ago to be known. */
  async isLast(write: Write): Promise<boolean> {
    const last = lastOf(this.#laneOf(write));
    const [id, isDead] = await this.#redis(() =>
      Promise.all([this.#link.send((to) => to.get(last)), this.#hasDied(write.id)]),
    );
    return id === write.id && !isDead;
  }

  /** The ticket of a lane's last write; `undefined`: it is empty. */
  async ticketOf(lane: Lane): Promise<string | undefined> {
    const [, state] = keysOf(lane);
    const [ticket] = await this.#redis(() => this.#link.send((to) => to.hmget(state, 'ticket')));
    return ticket ?? undefined;
  }

  /** The first write is persisted: the lane is let go. */
  async done({ lane, pass }: Hold): Promise<void> {
    await this.#run(DONE, [...keysOf(lane), this.key('size'), this.key('lanes')], [pass, entryOf(lane)]);
  }

  /** The first write is tried again after `ms`: the lane is let go. */
  async retry({ lane, pass }: Hold, ms: number): Promise<void> {
    await this.#run(RETRY, [keysOf(lane)[1]], [pass, ms]);
  }

  /** The first write is given up. Whether it was still ours to give up. */
  async die({ lane, pass }: Hold, dead: Dead): Promise<boolean> {
    const { id } = dead.write;
    const keys = [...keysOf(lane), this.key('dead'), this.key('lanes')];
    try {
      return await this.#does(DEAD, keys, [pass, id, serializeValue(dead), entryOf(lane)]);
    } catch (error) {
      // The answer may be lost: nobody comes upon the write again, and what it has left in the cache would stay.
      if (await this.#isDead(id)) return true;
      throw error;
    }
  }

  /** Whether a write has died, as soon as that can be said; `false` if it cannot for long. */
  async #isDead(id: string): Promise<boolean> {
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      try {
        return await this.#redis(() => this.#hasDied(id));
      } catch {
        await pause(LOOK_AGAIN, undefined, { ref: false });
      }
    }
    return false;
  }

  async #hasDied(id: string): Promise<boolean> {
    return Number(await this.#link.send((to) => to.hexists(this.key('dead'), id))) === 1;
  }

  /**
   * All that have died, the first first, or the one of an id. `onDamage`: told of each that cannot be read, which is left out. There may be
   * more of them than this process has room for, or Redis can send in time: each is read as its turn comes.
   */
  async *dead(onDamage: (error: unknown) => void, id?: string): AsyncGenerator<Dead> {
    const ids = id === undefined ? await this.#deadInOrder(onDamage) : [id];
    for (const each of ids) yield* await this.#letters([each], onDamage);
  }

  /** The ids of those that can be read, the first first. */
  async #deadInOrder(onDamage: (error: unknown) => void): Promise<readonly string[]> {
    const key = this.key('dead');
    const ids = await this.deadIds();
    const lengths = await this.#redis(() => Promise.all(ids.map((id) => this.#link.send((to) => to.hstrlen(key, id)))));
    const found: { readonly id: string; readonly failedAt: number }[] = [];
    let step: string[] = [];
    let bytes = 0;
    for (const [i, id] of ids.entries()) {
      step.push(id);
      bytes += Number(lengths[i]);
      if (bytes < READ_STEP && i < ids.length - 1) continue;
      for (const { write, failedAt } of await this.#letters(step, onDamage)) found.push({ id: write.id, failedAt });
      step = [];
      bytes = 0;
    }
    return found.sort((a, b) => a.failedAt - b.failedAt).map(({ id }) => id);
  }

  async #letters(ids: readonly string[], onDamage: (error: unknown) => void): Promise<readonly Dead[]> {
    const found = await this.#redis(() => this.#link.send((to) => to.hmgetBuffer(this.key('dead'), ...ids)));
    return found.flatMap((frame) => {
      if (frame === null) return [];
      try {
        return [deserializeValue(frame) as Dead];
      } catch (error) {
        onDamage(error);
        return [];
      }
    });
  }

  /** The ids of all that have died, be they readable or not. */
  deadIds(): Promise<readonly string[]> {
    return this.#redis(() => this.#link.send((to) => to.hkeys(this.key('dead'))));
  }

  /** Puts a dead letter back to the end of its lane; `undefined` if somebody else has. */
  async replay({ write }: Dead): Promise<Ticketed | undefined> {
    const lane = this.#laneOf(write);
    const [list, state] = keysOf(lane);
    const keys = [list, state, this.key('dead'), this.key('lanes'), lastOf(lane)];
    const ticket = randomUUID();
    const found = await this.#does(REPLAY, keys, [write.id, encodeWrite(write), entryOf(lane), ticket]);
    return found ? { ...lane, ticket } : undefined;
  }

  /** Forgets a dead letter. Whether it was there. */
  async discard(id: string): Promise<boolean> {
    return this.#does(DISCARD, [this.key('dead'), this.key('size')], [id]);
  }

  /** Those that are not empty. */
  async all(): Promise<readonly Lane[]> {
    const entries = await this.#redis(() => this.#link.send((to) => to.smembers(this.key('lanes'))));
    return entries.map((entry) => {
      const space = entry.indexOf(' ');
      return { handler: decodeURIComponent(entry.slice(0, space)), list: entry.slice(space + 1) };
    });
  }

  /** How many writes a lane was given since it began, and how many of them have ended; `undefined`: it is empty. */
  async count(lane: Lane): Promise<Count | undefined> {
    const [, state] = keysOf(lane);
    const [added, ended, begun] = await this.#redis(() =>
      this.#link.send((to) => to.hmget(state, 'added', 'ended', 'begun')),
    );
    return added == null ? undefined : { added: Number(added), ended: Number(ended ?? 0), begun };
  }

  key(part: string): string {
    return this.#prefix + part;
  }

  #laneOf(write: Write): Lane {
    const name = createHash('sha256').update(laneOf(write)).digest('hex');
    return { handler: write.handler, list: this.key(`lane:${name}`) };
  }

  /** Whether a script did what it does. */
  async #does(what: Script, keys: string[], args: (string | number | Buffer)[]): Promise<boolean> {
    return Number(await this.#run(what, keys, args)) === 1;
  }

  #run(what: Script, keys: string[], args: (string | number | Buffer)[]): Promise<unknown> {
    return this.#redis(() => this.#link.run(what, keys, args, true));
  }

  /** @throws {UnavailableError} if Redis does not answer */
  #redis<T>(work: () => Promise<T>): Promise<T> {
    return this.#link.within(DEADLINE, 'write-behind', work);
  }
}

/** Its list, and its state. */
function keysOf({ list }: Lane): [string, string] {
  return [list, `${list}:state`];
}

/** Which write was put into it last. */
function lastOf({ list }: Lane): string {
  return `${list}:last`;
}

/** A lane among those that are not empty. */
function entryOf({ handler, list }: Lane): string {
  return `${encodeURIComponent(handler)} ${list}`;
}
