import type { Redis } from 'ioredis';
import { decode, decodeHead, FrameError, headLength, PREAMBLE } from '../entry/codec.js';
import type { Entry } from '../entry/entry.js';
import { UnavailableError } from '../errors.js';
import { isOfAnotherType, type RedisLink } from './redis-link.js';

const SCAN_STEP = 250;
/** How much of bodies is asked for at a time, bytes: an answer of Redis' must keep neither it nor this process busy. */
const READ_STEP = 1_048_576;
/** So long are most frames without their bodies. */
const USUAL_HEAD = 512;

/** An entry without its body, the fixed part of its frame, and how long the body is. */
export interface Head {
  readonly entry: Entry;
  readonly preamble: Buffer;
  readonly bytes: number;
}

/**
 * The keys below a prefix, in steps of some hundred; a key may come twice, in different steps.
 * @throws {UnavailableError} if keys may have been left out: the connection is another one by now, behind which a cursor stands at another
 * place, or a Cluster has given slots to other servers
 */
export async function* keysBelow(link: RedisLink, prefix: string): AsyncGenerator<string[]> {
  const { keyPrefix } = link;
  const pattern = `${escapeGlob(keyPrefix + prefix)}*`;
  const owners = await link.owners();
  for (const master of link.masters()) {
    let cursor = '0';
    let { stream } = master;
    do {
      const [next, found]: [string, string[]] = await scanStep(master, cursor, pattern);
      if (cursor !== '0' && master.stream !== stream)
        throw new UnavailableError('the connection to Redis was lost while its keys were gone through');
      ({ stream } = master);
      cursor = next;
      yield [...new Set(found)].map((key) => key.slice(keyPrefix.length));
    } while (cursor !== '0');
  }
  if ((await link.owners()) !== owners)
    throw new UnavailableError('slots of the Cluster were given to other servers while its keys were gone through');
}

function scanStep(master: Redis, cursor: string, pattern: string): Promise<[string, string[]]> {
  return master.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_STEP);
}

/**
 * What is under a key, but for its body. Tags may be long, so the whole metadata comes with it. `null`: nothing is;
 * `undefined`: nothing of ours, a key of another type or a frame of another version. Rejects if Redis does not answer.
 */
export async function headOf(link: RedisLink, key: string): Promise<Head | null | undefined> {
  const start = await unlessWrongType(link.send((to) => to.getrangeBuffer(key, 0, USUAL_HEAD - 1)));
  if (start === undefined || start.length < PREAMBLE) return start?.length === 0 ? null : undefined;
  const end = headLength(start);
  const head =
    end <= start.length ? start : await unlessWrongType(link.send((to) => to.getrangeBuffer(key, 0, end - 1)));
  // It may have been replaced between the two.
  if (head === undefined || head.length < end) return undefined;
  const found = unlessDamaged(() => decodeHead(key, head.subarray(0, end)));
  return found && { ...found, preamble: Buffer.from(head.subarray(0, PREAMBLE)) };
}

/** The frames under keys, in steps of a bounded size; `undefined` for what is no text. What is gone is left out. */
export async function* framesOf(
  link: RedisLink,
  keys: readonly string[],
): AsyncGenerator<(readonly [key: string, frame: Buffer | undefined])[]> {
  const lengths = await Promise.all(keys.map((key) => unlessWrongType(link.send((to) => to.strlen(key)))));
  let step: string[] = [];
  let bytes = 0;
  const read = async () => {
    const frames = await Promise.all(step.map((key) => unlessWrongType(link.send((to) => to.getBuffer(key)))));
    const found = step.map((key, i) => [key, frames[i]] as const);
    step = [];
    bytes = 0;
    return found.filter((each): each is readonly [string, Buffer | undefined] => each[1] !== null);
  };
  for (const [i, key] of keys.entries()) {
    const length = Number(lengths[i] ?? 0);
    if (step.length > 0 && bytes + length > READ_STEP) yield await read();
    step.push(key);
    bytes += length;
  }
  if (step.length > 0) yield await read();
}

/** The entry in a frame; `undefined` if it is none. */
export function entryOf(key: string, frame: Buffer): Entry | undefined {
  return unlessDamaged(() => decode(key, frame));
}

function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FrameError) return undefined;
    throw error;
  }
}

/** Makes a text match only itself in a Redis pattern. */
function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}

/** `undefined` where the key holds another type than a text. */
async function unlessWrongType<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (isOfAnotherType(error)) return undefined;
    throw error;
  }
}
