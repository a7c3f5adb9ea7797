import { deserialize, serialize } from 'node:v8';

/**
 * Turns a programmatic value into bytes. Everything that structured cloning knows keeps its type: Date, Map, Set,
 * BigInt, Buffer, typed arrays, `undefined`, NaN, cycles.
 *
 * @throws an `Error` for what cannot be cloned: functions, symbols, WeakMaps
 */
export function serializeValue(value: unknown): Buffer {
  return serialize(value);
}

/** Turns the bytes back into a value of its own: nobody else holds a reference into it. */
export function deserializeValue(bytes: Buffer): unknown {
  // Buffers come out as views into what they are read from: into a copy, then.
  return deserialize(Buffer.from(bytes));
}
