import { randomBytes } from 'node:crypto';
import type { Position } from '../entry/entry.js';
import type { RedisLink } from '../stores/redis-link.js';
import { script } from '../stores/script.js';

/**
 * What came of asking for a lease: it is ours; nothing under this key is worth waiting for; or another process has it, and
 * began with what it knew of the ledger then.
 */
export type LeaseState = 'taken' | 'pass' | { readonly heldSince: Position };

/** ARGV: our value, how long, and the value of a lease that may be taken over. */
const TAKE = script(`
local held = redis.call('GET', KEYS[1])
if held == 'pass' then return held end
if held and held ~= ARGV[1] and held ~= ARGV[3] then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'taken'
`);

/** Gives back only what is still ours: a lease that ran out may be another's by now. */
const RELEASE = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], 'pass', 'PX', ARGV[2]) end
return 1
`);

/** Leases in Redis: one process at a time fills a key. A process that dies loses its leases when they run out. */
export class Leases {
  readonly #link: RedisLink;
  readonly #prefix: string;
  readonly #token: string = randomBytes(9).toString('base64url');

  constructor(link: RedisLink, prefix: string) {
    this.#link = link;
    this.#prefix = prefix;
  }

  /**
   * Asks for the lease of a storage key, for `ms`, to make an entry stamped with `asOf`. Another's is taken over if
   * `stands` says that what it makes is dead already.
   */
  async take(key: string, ms: number, asOf: Position, stands: (asOf: Position) => boolean): Promise<LeaseState> {
    await this.#link.ready();
    const own = this.#value(asOf);
    const ask = (overtaken: string) => this.#link.run(TAKE, [this.#name(key)], [own, Math.ceil(ms), overtaken]);
    let state = String(await ask(''));
    if (state === 'taken' || state === 'pass') return state;
    if (!stands(positionIn(state))) state = String(await ask(state));
    return state === 'taken' || state === 'pass' ? state : { heldSince: positionIn(state) };
  }

  /** Gives a lease back; with `pass`, tells others for that many ms not to wait for this key. */
  async release(key: string, pass: number, asOf: Position): Promise<void> {
    await this.#link.ready();
    await this.#link.run(RELEASE, [this.#name(key)], [this.#value(asOf), Math.ceil(pass)]);
  }

  /** A lease's value in Redis: whose it is, and what it began with. */
  #value({ epoch, sequence }: Position): string {
    return `${this.#token} ${epoch} ${sequence}`;
  }

  #name(key: string): string {
    return `${this.#prefix}lease:${key.slice(this.#prefix.length)}`;
  }
}

function positionIn(value: string): Position {
  const [, epoch = '', sequence] = value.split(' ');
  return { epoch, sequence: Number(sequence) };
}
