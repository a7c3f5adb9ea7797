import { DefaultDeserializer, serialize } from 'node:v8';

/**
 * Turns a programmatic value into bytes. Everything that structured cloning knows keeps its type: Date, Map, Set,
 * BigInt, Buffer, typed arrays, `undefined`, NaN, cycles.
 *
 * @throws an `Error` for what cannot be cloned: functions, symbols, WeakMaps
 */
export function serializeValue(value: unknown): Buffer {
  return serialize(value);
}

/** With the method by which Node's types do not know it: https://nodejs.org/api/v8.html#deserializer_readhostobject */
const NodesDeserializer = DefaultDeserializer as unknown as new (
  bytes: Buffer,
) => DefaultDeserializer & { _readHostObject(): NodeJS.ArrayBufferView };

/** Node gives Buffers, typed arrays and DataViews as views into what it reads them from. */
class Deserializer extends NodesDeserializer {
  override _readHostObject(): NodeJS.ArrayBufferView {
    const view = super._readHostObject();
    const memory = new Uint8Array(view.byteLength);
    memory.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    if (Buffer.isBuffer(view)) return Buffer.from(memory.buffer);
    const View = view.constructor as new (memory: ArrayBuffer) => NodeJS.ArrayBufferView;
    return new View(memory.buffer);
  }
}

/**
 * Turns the bytes back into a value of its own, down to the memory behind its views: nobody else holds a reference into it, and
 * nothing else lies in it.
 */
export function deserializeValue(bytes: Buffer): unknown {
  const deserializer = new Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}
