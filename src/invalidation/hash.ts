/**
 * A 64-bit hash of a text's UTF-16 code units, as two unsigned halves. Not for secrets: it is for the purge table,
 * where a collision costs a miss, and for a frame's check against its key. Frames and table snapshots depend on it:
 * another function is another frame version and another table geometry.
 */
export function hash64(text: string): readonly [high: number, low: number] {
  let a = 0x9e3779b1;
  let b = 0x85ebca77;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0xc2b2ae3d);
    a = (a << 13) | (a >>> 19);
    b = Math.imul(b ^ unit, 0x27d4eb2f);
    b = (b << 17) | (b >>> 15);
  }
  a ^= text.length;
  return [mix(a ^ (b >>> 7)), mix(b ^ (a << 5))];
}

/** The finaliser of MurmurHash3: every input bit reaches every output bit. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
