import { withDeadline } from '../deadline.js';
import { Decoder, encode, encodeAtLength, FrameError } from '../entry/codec.js';
import type { Entry, ResponseEntry } from '../entry/entry.js';
import { areSent, NO_REASON } from '../http/headers.js';
import { after } from '../types.js';
import { NotSentError } from './guard.js';
import type { RedisLink } from './redis-link.js';
import { entryOf, framesOf, headOf, keysBelow } from './redis-scan.js';
import { script } from './script.js';
import type { Dead, Found, Increment, Scanned, ScanOptions, Store, StoreItem, SweepProgress } from './store.js';

/** Frames that are on their way to Redis at the same time, bytes: a slow server must not fill this process' memory. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/** An entry that lives for this many ms (a century) or more does not expire: Redis counts in 64 bits, and not from the same zero. */
const LONGEST = 3.2e12;

/** What is under the key, if it is a text: in the place of something of another type, which nobody could read, all may be put. */
const CURRENT = `
local current = redis.pcall('GET', KEYS[1])
if type(current) == 'table' then
  if not string.find(current.err, 'WRONGTYPE', 1, true) then return current end
  current = false
end`;

/**
 * Adds to the decimal text at the end of a frame, if all before it is as expected. The metadata holds no part of the
 * number, so counting does not change it; only the body's length (at 40) follows the number's digits.
 */
const INCREMENT = script(`
${CURRENT}
if not current then
  if ARGV[2] ~= '' then return 'changed' end
  if ARGV[4] == '0' then redis.call('SET', KEYS[1], ARGV[3]) else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
  return ARGV[1]
end
local at = #ARGV[2]
if at == 0 or string.sub(current, 1, 40) ~= string.sub(ARGV[2], 1, 40)
  or string.sub(current, 45, at) ~= string.sub(ARGV[2], 45, at) then return 'changed' end
local value = tonumber(string.sub(current, at + 1)) + tonumber(ARGV[1])
if math.abs(value) > 9007199254740991 then return 'not-a-number' end
local text = string.format('%.0f', value)
local frame = string.sub(current, 1, 40) .. struct.pack('>I4', #text) .. string.sub(current, 45, at) .. text
local left = redis.call('PTTL', KEYS[1])
if left >= 0 then redis.call('SET', KEYS[1], frame, 'PX', math.max(left, 1)) else redis.call('SET', KEYS[1], frame) end
return text
`);

/**
 * Puts a frame in the place of another, if that is still there to the last byte. It fails where memory is out, as any
 * other write does: a restore brings many.
 */
const SWAP = script(
  `${CURRENT}
if (current or '') ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
`,
  { thrifty: true },
);

/** Removes an entry that is still the one that was judged, by the fixed part of its frame. */
const REMOVE = script(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
`);

/** How long a step of a sweep may take, ms. */
const STEP_DEADLINE = 10_000;

/** What a Redis store needs beside its connection. */
export interface RedisStoreOptions {
  readonly now: () => number;
  /** Told of frames that cannot be read: they count as errors, and are misses. */
  readonly onDamage: (error: unknown) => void;
}

/** Entries as binary frames in Redis, one key each, expiring by themselves. */
export class RedisStore implements Store {
  readonly capabilities: { readonly shared: boolean } = { shared: true };
  readonly #link: RedisLink;
  readonly #options: RedisStoreOptions;
  readonly #decoder = new Decoder();
  /** Header lines that have been looked at: of an entry that is read again they are the same. */
  readonly #seen = new WeakSet<ResponseEntry['headers']>();
  #pendingBytes = 0;
  #writing = 0;

  constructor(link: RedisLink, options: RedisStoreOptions) {
    this.#link = link;
    this.#options = options;
  }

  get(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#connected(async () => this.entries(keys, await this.#link.strings(keys)));
  }

  /** The entries in frames that were found under keys; `undefined` for those that are missing, expired or unreadable. */
  entries(keys: readonly string[], frames: readonly (Buffer | null)[]): (Entry | undefined)[] {
    return keys.map((key, i) => {
      const frame = frames[i];
      return frame == null ? undefined : this.#read(key, frame);
    });
  }

  /** Whether something that it was told to change may not have been changed yet. */
  get isWriting(): boolean {
    return this.#writing > 0;
  }

  set(items: readonly StoreItem[]): Promise<void> {
    return this.#change(async () => {
      await Promise.all(items.map((item) => this.#setOne(item)));
    });
  }

  delete(keys: readonly string[]): Promise<number> {
    return this.#change(async () => {
      // One key a command: on a Cluster they live in different slots.
      const removed = await Promise.all(keys.map((key) => this.#unlink(key)));
      return removed.reduce((sum, each) => sum + Number(each), 0);
    });
  }

  increment(key: string, by: number, expected: Entry | undefined, fresh: Entry): Promise<Increment> {
    return this.#change(async () => {
      if (expected !== undefined && expected.kind !== 'counter') return 'not-a-number';
      const before = expected === undefined ? '' : encode(key, { ...expected, body: Buffer.alloc(0) });
      const ttl = this.#ttl(fresh);
      if (ttl === undefined) return { value: by };
      const reply = await this.#link.run(INCREMENT, [key], [by, before, encode(key, fresh), ttl]);
      if (reply === 'not-a-number') return reply;
      if (reply !== 'changed') return { value: Number(reply) };
      // What is in the way may be nothing that anybody could read.
      return expected === undefined && (await this.swap(key, undefined, fresh)) ? { value: by } : 'changed';
    });
  }

  swap(key: string, expected: Entry | undefined, next: Entry): Promise<boolean> {
    return this.#change(async () => {
      const found = expected === undefined ? await this.#link.string(key) : encode(key, expected);
      if (expected === undefined && found !== null && this.#read(key, found) !== undefined) return false;
      const ttl = this.#ttl(next);
      if (ttl === undefined) return true;
      const frame = encode(key, next);
      const put = async (over: Buffer | string) => Number(await this.#link.run(SWAP, [key], [over, frame, ttl])) === 1;
      if (await put(found ?? '')) return true;
      // A version of before has written it at length.
      const long = expected?.kind === 'response' ? encodeAtLength(key, expected) : undefined;
      return long !== undefined && !long.equals(found as Buffer) && put(long);
    });
  }

  async sweep(prefix: string, dead: Dead, onProgress?: (progress: SweepProgress) => void): Promise<number> {
    // How long all of it takes nobody knows; but a step that is not answered may never be.
    const inTime = <T>(step: Promise<T>) => withDeadline(step, STEP_DEADLINE, 'a step of a sweep');
    await inTime(Promise.resolve(this.#link.ready()));
    let scanned = 0;
    let removed = 0;
    const steps = keysBelow(this.#link, prefix);
    for (let step = await inTime(steps.next()); !step.done; step = await inTime(steps.next())) {
      removed += await inTime(this.#sweepKeys(step.value, dead));
      scanned += step.value.length;
      onProgress?.({ scanned, removed });
    }
    return removed;
  }

  async *scan(prefix: string, { heads = false, wanted }: ScanOptions = {}): AsyncGenerator<Scanned> {
    await this.#link.ready();
    for await (const all of keysBelow(this.#link, prefix)) {
      const keys = wanted === undefined ? all : all.filter(wanted);
      if (heads) yield this.#scanned(await this.#headsOf(keys));
      else for await (const frames of framesOf(this.#link, keys)) yield this.#scanned(frames.map(inFrame));
    }
  }

  ping(): Promise<void> {
    return this.#connected(async () => {
      await this.#link.client.ping();
    });
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  /** The entry in a frame, if it can be read and has not expired. */
  #read(key: string, frame: Buffer): Entry | undefined {
    try {
      const entry = this.#decoder.decode(key, frame);
      if (entry.kind === 'response') this.#refuseUnsent(entry);
      return entry.expiresAt > this.#options.now() ? entry : undefined;
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#options.onDamage(error);
      return undefined;
    }
  }

  /** What was written by somebody else may be a frame all the same: a hit whose head Node refuses is an error, or ends the process. */
  #refuseUnsent({ status, message = '', headers }: ResponseEntry): void {
    if (status < 200 || NO_REASON.test(message)) throw new FrameError('a head that is never sent');
    if (this.#seen.has(headers)) return;
    if (!areSent(headers)) throw new FrameError('a head that is never sent');
    this.#seen.add(headers);
  }

  async #setOne({ key, entry }: StoreItem): Promise<void> {
    const ttl = this.#ttl(entry);
    if (ttl === undefined) return;
    const frame = encode(key, entry);
    if (this.#pendingBytes + frame.length > MAX_PENDING_BYTES) throw new NotSentError('too much is on its way');
    this.#pendingBytes += frame.length;
    try {
      await this.#link.send((to) => (ttl === 0 ? to.set(key, frame) : to.set(key, frame, 'PX', ttl)));
    } finally {
      this.#pendingBytes -= frame.length;
    }
  }

  #unlink(key: string): Promise<number> {
    return this.#link.send((to) => to.unlink(key));
  }

  /** How long an entry is to stay, ms: 0 for ever, `undefined` not at all. */
  #ttl(entry: Entry): number | undefined {
    const left = Math.ceil(entry.expiresAt - this.#options.now());
    if (left >= LONGEST) return 0;
    return left > 0 ? left : undefined;
  }

  /** Only the head of each entry is read. */
  async #sweepKeys(keys: string[], dead: Dead): Promise<number> {
    const heads = await Promise.all(keys.map((key) => headOf(this.#link, key)));
    const doomed = keys.flatMap((key, i) =>
      dead(key, heads[i]?.entry) ? [{ key, preamble: heads[i]?.preamble }] : [],
    );
    // What was stored in its place since it was judged stays.
    const removed = await Promise.all(
      doomed.map(({ key, preamble }) =>
        preamble === undefined ? this.#unlink(key) : this.#link.run(REMOVE, [key], [preamble]),
      ),
    );
    return removed.reduce<number>((sum, each) => sum + Number(each), 0);
  }

  async #headsOf(keys: readonly string[]): Promise<(Found | undefined)[]> {
    const heads = await Promise.all(keys.map((key) => headOf(this.#link, key)));
    return keys.flatMap((key, i) => {
      const head = heads[i];
      if (head === null) return [];
      return [head && { key, entry: head.entry, bytes: head.bytes }];
    });
  }

  /** `undefined` stands for what cannot be read. */
  #scanned(all: readonly (Found | undefined)[]): Scanned {
    const found = all.filter((each) => each !== undefined);
    const items = found.filter(({ entry }) => entry.expiresAt > this.#options.now());
    return { items, expired: found.length - items.length, unreadable: all.length - found.length };
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    this.#writing++;
    try {
      return await this.#connected(work);
    } finally {
      this.#writing--;
    }
  }

  /** Does `work` in this very tick where there is a connection: what is stored first is there for the next read. */
  #connected<T>(work: () => Promise<T>): Promise<T> {
    try {
      return after(this.#link.ready(), work) as Promise<T>;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

function inFrame([key, frame]: readonly [key: string, frame: Buffer | undefined]): Found | undefined {
  const entry = frame && entryOf(key, frame);
  return entry && { key, entry, bytes: entry.kind === 'index' ? 0 : entry.body.length };
}
