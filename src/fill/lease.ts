import { randomBytes } from 'node:crypto';
import { type RedisLink, script } from '../stores/redis-link.js';

/** What came of asking for a lease: it is ours; another process has it; or nothing under this key is worth waiting for. */
export type LeaseState = 'taken' | 'held' | 'pass';

const TAKE = script(`
local held = redis.call('GET', KEYS[1])
if held == 'pass' then return 'pass' end
if held and held ~= ARGV[1] then return 'held' end
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

  /** Asks for the lease of a storage key, for `ms`. */
  async take(key: string, ms: number): Promise<LeaseState> {
    await this.#link.ready();
    return (await this.#link.run(TAKE, [this.#name(key)], [this.#token, Math.ceil(ms)])) as LeaseState;
  }

  /** Gives a lease back; with `pass`, tells others for so many ms not to wait for this key. */
  async release(key: string, pass: number): Promise<void> {
    await this.#link.ready();
    await this.#link.run(RELEASE, [this.#name(key)], [this.#token, Math.ceil(pass)]);
  }

  #name(key: string): string {
    return `${this.#prefix}lease:${key.slice(this.#prefix.length)}`;
  }
}
