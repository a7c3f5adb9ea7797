import { describe, expect, it } from 'vitest';
import { deserializeValue, serializeValue } from '../../../src/entry/value.js';

const again = (value: unknown) => deserializeValue(serializeValue(value));

describe('a value that was stored', () => {
  it.each<[what: string, value: unknown]>([
    ['a text', 'x\u00fc\u{1F600}\uD800'],
    ['a number', 1.5],
    ['NaN', Number.NaN],
    ['minus zero', -0],
    ['infinity', Number.NEGATIVE_INFINITY],
    ['a BigInt', 2n ** 100n],
    ['true', true],
    ['null', null],
    ['undefined', undefined],
    ['a Date', new Date(1_795_420_800_123)],
    ['an invalid Date', new Date(Number.NaN)],
    ['a RegExp', /x+/giu],
    ['a Map', new Map<unknown, unknown>([[{ a: 1 }, new Set([1, undefined])]])],
    ['a Set', new Set(['a', new Date(0)])],
    ['a Buffer', Buffer.from([0, 127, 128, 255])],
    ['a typed array', new Float64Array([1, Number.NaN])],
    ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
    ['an object', { a: undefined, b: new Array(3), c: { d: null } }],
    ['an error', new RangeError('no')],
  ])('is %s again', (_, value) => {
    expect(again(value)).toEqual(value);
    expect(Object.prototype.toString.call(again(value))).toBe(Object.prototype.toString.call(value));
  });

  it('is a Buffer again, and not just bytes', () => {
    expect(Buffer.isBuffer(again(Buffer.from('x')))).toBe(true);
  });

  it('may have cycles', () => {
    const value: { self?: unknown } = {};
    value.self = value;
    const found = again(value) as typeof value;
    expect(found.self).toBe(found);
  });

  it('keeps an own property __proto__ where it belongs', () => {
    const found = again(JSON.parse('{"__proto__": {"admin": true}}')) as Record<string, unknown>;
    expect(found.admin).toBeUndefined();
    expect(Object.keys(found)).toEqual(['__proto__']);
  });

  it.each<[what: string, make: () => Uint8Array]>([
    ['a Buffer', () => Buffer.from('before')],
    ['a typed array', () => new Uint8Array(8)],
  ])('is a copy of its own: %s', (_, make) => {
    const bytes = serializeValue(make());
    const [first, second] = [deserializeValue(bytes), deserializeValue(bytes)] as [Uint8Array, Uint8Array];
    first.fill(0x7a);
    expect(second).toEqual(make());
    expect(deserializeValue(bytes)).toEqual(make());
  });

  it.each<[what: string, value: unknown]>([
    ['a Buffer', Buffer.from('abc')],
    ['bytes', new Uint8Array([1, 2, 3])],
    ['doubles, wherever they lie', ['x', new Float64Array([1, 2]), 'yy', new Float64Array([3, 4])]],
    ['big integers', new BigInt64Array([1n, -1n])],
    ['a DataView', new DataView(new Uint8Array([1, 2, 3]).buffer)],
    ['none', new Uint16Array(0)],
  ])('has memory in which nothing else lies: %s', (_, value) => {
    const found = again(value);
    expect(found).toEqual(value);
    for (const view of [found].flat()) {
      if (!ArrayBuffer.isView(view)) continue;
      expect([view.byteOffset, view.buffer.byteLength]).toEqual([0, view.byteLength]);
    }
  });

  it('has one view where there was one', () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const found = again([bytes, bytes]) as [Uint8Array, Uint8Array];
    expect(found[0]).toBe(found[1]);
  });

  it('does not follow what is done to the original', () => {
    const original = Buffer.from('before');
    const bytes = serializeValue(original);
    original.fill(0);
    expect(deserializeValue(bytes)).toEqual(Buffer.from('before'));
  });

  it.each<[what: string, value: unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a WeakMap', new WeakMap()],
    ['an object with a function', { f() {} }],
  ])('cannot be %s', (_, value) => {
    expect(() => serializeValue(value)).toThrow(/could not be cloned/);
  });

  it('throws for bytes that are none', () => {
    expect(() => deserializeValue(Buffer.from('rubbish'))).toThrow();
  });
});
