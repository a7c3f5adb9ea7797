import { deserializeValue, serializeValue } from '../entry/value.js';
import { ConfigError, RespcacheError, show } from '../errors.js';

/** A write that is to be persisted, as it waits in a queue. */
export interface Write {
  /** The same over all attempts, restarts and processes: what a handler can tell repeated ones by. */
  readonly id: string;
  readonly handler: string;
  readonly key: string;
  readonly clientId: string;
  /** The value, serialised. */
  readonly body: Buffer;
  /** ms since 1970. */
  readonly writtenAt: number;
  /** What is out of date once it is persisted. */
  readonly invalidate: {
    readonly keys?: readonly string[];
    readonly tags?: readonly string[];
    readonly patterns?: readonly string[];
  };
}

/** What a handler is given. */
export interface PersistRequest<T = unknown> {
  /** The same over all attempts: a write may be persisted more than once, if a process ends between persisting and saying so. */
  readonly id: string;
  readonly key: string;
  readonly clientId: string;
  readonly value: T;
  /** 1 for the first. */
  readonly attempt: number;
}

/** A write that was given up after its last attempt. */
export interface DeadLetter {
  readonly id: string;
  readonly handler: string;
  readonly key: string;
  readonly clientId: string;
  /** `undefined` also where it cannot be read, which is what it died of then. */
  readonly value: unknown;
  /** ms since 1970. */
  readonly writtenAt: number;
  readonly failedAt: number;
  /** What its last attempt failed with, in words. */
  readonly error: string;
}

/** A write that was given up, as queues keep it. */
export interface Dead {
  readonly write: Write;
  readonly failedAt: number;
  readonly error: string;
}

/** Writes of the same lane are persisted one after the other. */
export function laneOf({ handler, clientId, key }: Write): string {
  return JSON.stringify([handler, clientId, key]);
}

/*
 * How a write waits in Redis: first what it outdates, which may have to be changed while the rest stays.
 *
 *    0  4  length of the JSON, big-endian
 *    4  …  JSON: `invalidate`
 *    …  …  all else of the write, serialised
 */
const LENGTH = 4;

/** The first part of a write: what it outdates. */
export function encodeOutdated(invalidate: Write['invalidate']): Buffer {
  const json = Buffer.from(JSON.stringify(invalidate));
  const length = Buffer.alloc(LENGTH);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

/** Reads a first part, or the one of a whole write. @throws if it is none */
export function decodeOutdated(bytes: Buffer): Write['invalidate'] {
  return JSON.parse(bytes.toString('utf8', LENGTH, LENGTH + bytes.readUInt32BE())) as Write['invalidate'];
}

/** The second part of a write. */
export function encodeRest({ invalidate: _first, ...rest }: Write): Buffer {
  return serializeValue(rest);
}

export function encodeWrite(write: Write): Buffer {
  return Buffer.concat([encodeOutdated(write.invalidate), encodeRest(write)]);
}

/** @throws if it is none */
export function decodeWrite(bytes: Buffer): Write {
  const rest = deserializeValue(bytes.subarray(LENGTH + bytes.readUInt32BE())) as Omit<Write, 'invalidate'>;
  return { ...rest, invalidate: decodeOutdated(bytes) };
}

/** How many names one write outdates at the most for others that it has replaced, beside its own: one with more waits by itself, and counts. */
const MOST_NAMES = 1000;

/**
 * What is outdated by a write that takes the place of another: its value has the other's changes in it. `undefined`: too much for one.
 */
export function outdatedByBoth(before: Write['invalidate'], write: Write): Write['invalidate'] | undefined {
  const both = (part: keyof Write['invalidate']) => [
    ...new Set([...(before[part] ?? []), ...(write.invalidate[part] ?? [])]),
  ];
  const all = { keys: both('keys'), tags: both('tags'), patterns: both('patterns') };
  const names = countOf(all);
  return names > MOST_NAMES && names > countOf(before) ? undefined : all;
}

function countOf({ keys = [], tags = [], patterns = [] }: Write['invalidate']): number {
  return keys.length + tags.length + patterns.length;
}

export function letterOf({ write, failedAt, error }: Dead): DeadLetter {
  const { id, handler, key, clientId, body, writtenAt } = write;
  return { id, handler, key, clientId, value: readable(body), writtenAt, failedAt, error };
}

/** One that nobody can read must not hide the other letters. */
function readable(body: Buffer): unknown {
  try {
    return deserializeValue(body);
  } catch {
    return undefined;
  }
}

/** How a handler is called. */
export interface HandlerOptions {
  /** Whether several writes of one key that wait become one: the newest. Default `false`. */
  coalesce?: boolean;
  /** How often it is tried again after it has failed, before the write is a dead letter. Default 10. */
  retries?: number;
  /** ms before it is tried again, by the number of the attempt that has failed (1, 2, …). Default: 100, doubling, to 30,000. */
  backoff?: (attempt: number) => number;
  /** How many keys are persisted at a time. Default 10. */
  concurrency?: number;
}

/** A handler, its options checked. */
export interface Handler {
  readonly name: string;
  readonly coalesce: boolean;
  readonly retries: number;
  readonly concurrency: number;
  backoff(attempt: number): number;
  persist(request: PersistRequest): unknown;
}

/**
 * Whether another write of the same key waits behind it by now: asked at the moment it matters, for one may come at any time.
 * Never rejects.
 */
export type Newer = () => boolean | Promise<boolean>;

/** How a write goes on. */
export interface Work {
  /** Calls a handler, be it taken away by now. Rejects with what it fails with. */
  persist(handler: Handler, write: Write, attempt: number): Promise<void>;
  /** It is persisted. Never rejects. */
  persisted(write: Write, newer: Newer): Promise<void>;
  /** It is given up. Never rejects. */
  dead(write: Write, error: unknown, newer: Newer): Promise<void>;
}

/** Where writes wait. */
export interface WriteQueue {
  /** Resolves when it is certain that the write will be persisted. @throws {QueueFullError} {UnavailableError} */
  add(write: Write, handler: Handler | undefined): Promise<void>;
  /** Whether it has not been given up, and no write of its key queued after it, by any process. Where that cannot be said: no. Never rejects. */
  isLast(write: Write): Promise<boolean>;
  /** Begins to work with a handler, unless it is closed; returns what ends it. */
  work(handler: Handler): () => Promise<void>;
  /** Resolves when all that waits now has been persisted or given up. */
  flush(): Promise<void>;
  /** Resolves when what would be lost with this process has been persisted or given up, or after `patience` ms. */
  settle(patience: number): Promise<void>;
  deadLetters(most: number): Promise<readonly Dead[]>;
  /** Puts dead letters (one, or all) back among those that wait; gives their number. */
  replay(id: string | undefined): Promise<number>;
  /** Forgets dead letters (one, or all); gives their number. */
  discard(id: string | undefined): Promise<number>;
  /** Ends all work; what is left after `patience` ms stays where it is. */
  close(patience: number): Promise<void>;
}

/** What whoever comes too late is told. */
export function closed(): RespcacheError {
  return new RespcacheError('write-behind: the cache is closed');
}

/** @throws {ConfigError} */
export function checkBackoff(ms: unknown): number {
  if (typeof ms === 'number' && ms >= 0) return Math.min(ms, 86_400_000);
  throw new ConfigError('what the option backoff returns', ms, 'a number of ms, 0 or more');
}

/** What a failure says. Never throws: anything can be thrown, and what has no text must not hold up a queue. */
export function textOfError(error: unknown): string {
  const said: unknown = error instanceof Error ? error.message : error;
  return typeof said === 'string' ? said.slice(0, 1000) : show(said);
}
