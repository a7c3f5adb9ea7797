import { describe, expect, it } from 'vitest';
import { Capture } from '../../../src/fill/capture.js';

const capture = (most = 100, declared?: number) => new Capture(most, declared);

describe('Capture', () => {
  it.each<[what: string, pieces: [string | Uint8Array, BufferEncoding?][], whole: Buffer]>([
    ['nothing', [], Buffer.alloc(0)],
    ['an empty piece', [['']], Buffer.alloc(0)],
    ['one piece', [['hello']], Buffer.from('hello')],
    ['several pieces', [['he'], [Buffer.from('l')], [new Uint8Array([0x6c, 0x6f])]], Buffer.from('hello')],
    ['text in UTF-8', [['\u00fc'], ['\u{1F600}']], Buffer.from('\u00fc\u{1F600}')],
    ['text in Latin-1', [['\u00fc', 'latin1'], ['x']], Buffer.from([0xfc, 0x78])],
    ['text in UTF-16', [['ab', 'utf16le']], Buffer.from([0x61, 0, 0x62, 0])],
    ['hex', [['00ff', 'hex'], ['x']], Buffer.from([0, 0xff, 0x78])],
    ['base64', [['aGVsbG8=', 'base64'], ['x']], Buffer.from('hellox')],
    // The length of such text is not that of its bytes.
    ['base64 in lines', [['aGVs\r\nbG8=', 'base64'], ['x']], Buffer.from('hellox')],
    ['hex that ends early', [['00ffzz', 'hex'], ['x']], Buffer.from([0, 0xff, 0x78])],
  ])('keeps %s', (_, pieces, whole) => {
    const kept = capture();
    for (const [chunk, encoding] of pieces) kept.add(chunk, encoding);
    expect(kept.finish()).toEqual(whole);
    expect(kept.failure).toBeUndefined();
  });

  it.each([undefined, 6])('keeps a copy: the handler may write into its buffer again (declared: %s)', (declared) => {
    const kept = capture(100, declared);
    const chunk = Buffer.from('before');
    kept.add(chunk);
    chunk.write('after!');
    expect(kept.finish()?.toString()).toBe('before');
  });

  it('keeps as many bytes as it may, and no more', () => {
    const full = capture(5);
    full.add('hel');
    full.add('lo');
    expect(full.finish()?.toString()).toBe('hello');
    const over = capture(5);
    over.add('hel');
    over.add('lo!');
    expect(over.failure).toBe('too-large');
    expect(over.finish()).toBeUndefined();
  });

  it.each([undefined, 200_000])('keeps a body of however many pieces (declared: %s)', (declared) => {
    const kept = capture(200_000, declared);
    const piece = Buffer.alloc(1);
    for (let i = 0; i < 200_000; i++) {
      piece[0] = i;
      kept.add(piece);
    }
    expect(kept.finish()?.equals(Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => i)))).toBe(true);
  });

  it('counts bytes, not characters', () => {
    const kept = capture(3);
    kept.add('\u00fc\u00fc');
    expect(kept.failure).toBe('too-large');
  });

  it.each([
    [5, undefined],
    [4, 'length-mismatch'],
    [6, 'length-mismatch'],
    [0, 'length-mismatch'],
    [Number.NaN, 'length-mismatch'],
  ])('with a declared length of %d: %s', (declared, failure) => {
    const kept = capture(100, declared);
    kept.add('hello');
    expect(kept.finish()?.toString()).toBe(failure === undefined ? 'hello' : undefined);
    expect(kept.failure).toBe(failure);
  });

  it('keeps the first reason of failure, and nothing that comes later', () => {
    const kept = capture(5);
    kept.fail('trailers');
    kept.add('much too long');
    kept.fail('aborted');
    expect(kept.failure).toBe('trailers');
    expect(kept.finish()).toBeUndefined();
  });

  it.each([[['hello']], [['he', 'llo']]])('holds no more memory than it counts: %j', (pieces) => {
    const kept = capture();
    for (const piece of pieces) kept.add(piece);
    // A small Buffer may be a view into a shared 8 KiB, all of which stays for as long as the view does.
    expect(kept.finish()?.buffer.byteLength).toBeLessThan(100);
  });
});
