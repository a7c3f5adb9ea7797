import { describe, expect, it } from 'vitest';
import { hash64 } from '../../../src/invalidation/hash.js';

const hex = (text: string) =>
  hash64(text)
    .map((half) => half.toString(16).padStart(8, '0'))
    .join('');

describe('hash64', () => {
  // Frames and table snapshots in Redis depend on these: other numbers are another frame version.
  it.each([
    ['', 'c2dce55e869488ae'],
    ['*', '35544c6748727bc3'],
    ['t:acme', 'f715999e5096988e'],
    ['client:client-123:users:list', '753c83842439102e'],
    ['\u00fc\u{1F600}\uD800', '40b32b10bad4fb74'],
  ])('of %j is what it always was', (text, expected) => {
    expect(hex(text)).toBe(expected);
  });

  it('has two unsigned halves of 32 bits', () => {
    for (let i = 0; i < 1000; i++) {
      for (const half of hash64(`key ${i}`)) expect(half >>> 0).toBe(half);
    }
  });

  it('differs for texts that differ little', () => {
    const texts = ['', '\0', '\0\0', 'a', 'A', 'aa', 'ab', 'ba', '\uD800', '\uDC00', 'a\0', '\0a'];
    for (let i = 0; i < 50_000; i++) texts.push(`t:${i}`);
    expect(new Set(texts.map(hex)).size).toBe(texts.length);
  });

  it('spreads tags over all of a table: each half, in its low bits too', () => {
    for (const half of [0, 1] as const) {
      const buckets = new Uint32Array(256);
      for (let i = 0; i < 25_600; i++) buckets[hash64(`g:acme:user:${i}`)[half] & 255]!++;
      // 100 each on the mean, with a deviation of 10: six of them away is not chance.
      expect(Math.min(...buckets)).toBeGreaterThan(40);
      expect(Math.max(...buckets)).toBeLessThan(160);
    }
  });

  it('flips half of its bits for one bit of the text', () => {
    let flipped = 0;
    const trials = 2000;
    for (let i = 0; i < trials; i++) {
      const text = `client:acme:key:${i}`;
      const at = i % text.length;
      const other = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (i % 7))) + text.slice(at + 1);
      const [a, b] = [hash64(text), hash64(other)];
      for (const half of [0, 1] as const) flipped += ((a[half] ^ b[half]) >>> 0).toString(2).replaceAll('0', '').length;
    }
    expect(flipped / trials).toBeGreaterThan(30);
    expect(flipped / trials).toBeLessThan(34);
  });
});
