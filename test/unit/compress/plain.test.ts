import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CODECS } from '../../../src/compress/codings.js';
import { packed } from '../../../src/compress/forms.js';
import { PlainEntries, plainBody } from '../../../src/compress/plain.js';
import { stored as responseEntry } from '../made.js';

afterEach(() => vi.restoreAllMocks());

const BODY = Buffer.from('a body '.repeat(300));
const plain = responseEntry({ negotiated: true, body: BODY });
const entry = packed(plain, [{ coding: 'gzip', bytes: gzipSync(BODY) }]);

describe('plainBody', () => {
  it('is the body itself where there are no forms', async () => {
    expect(await plainBody(plain)).toBe(BODY);
  });

  it.each(CODECS.map((codec) => [codec.coding, codec] as const))('comes back from %s', async (coding, codec) => {
    const form = packed(plain, [{ coding, bytes: await codec.compress(BODY) }]);
    expect((await plainBody(form)).equals(BODY)).toBe(true);
  });

  it('rejects what is damaged, longer or shorter than it should be, or in no coding that is known here', async () => {
    const damaged = packed(plain, [{ coding: 'gzip', bytes: Buffer.from('no gzip') }]);
    await expect(plainBody(damaged)).rejects.toThrow();
    for (const plainBytes of [BODY.length - 1, BODY.length + 1])
      await expect(plainBody({ ...entry, forms: { ...entry.forms!, plainBytes } })).rejects.toThrow();
    const strange = { ...entry, forms: { ...entry.forms!, list: [{ coding: 'x' as never, bytes: 1 }] } };
    await expect(plainBody(strange)).rejects.toThrow('no codec');
  });
});

describe('PlainEntries', () => {
  it('unpacks an entry once, for all who wait and who come later', async () => {
    const decompress = vi.spyOn(CODECS[0]!, 'decompress');
    const entries = new PlainEntries();
    const [a, b] = await Promise.all([entries.of(entry), entries.of(entry)]);
    expect(a.body).toBe(b.body);
    expect(entries.of({ ...entry, status: 404 })).toEqual({ ...plain, status: 404 });
    expect(a).toEqual(plain);
    expect(decompress).toHaveBeenCalledOnce();
  });

  it('holds no more than 16 MiB', async () => {
    const entries = new PlainEntries();
    const large = Buffer.alloc(9 * 2 ** 20);
    const [one, two] = [0, 1].map(() =>
      packed({ ...plain, body: large }, [{ coding: 'gzip', bytes: gzipSync(large) }]),
    );
    await entries.of(one!);
    expect(entries.of(one!)).not.toBeInstanceOf(Promise);
    await entries.of(two!);
    expect(entries.of(one!)).toBeInstanceOf(Promise);
    await entries.of(one!);
  });

  it('takes no body for that of other bytes of the same forms', async () => {
    const entries = new PlainEntries();
    const other = Buffer.from('A BODY '.repeat(300));
    const bytes = gzipSync(other);
    expect(bytes).toHaveLength(entry.body.length);
    await entries.of(entry);
    expect((await entries.of({ ...entry, body: bytes })).body.equals(other)).toBe(true);
  });

  it('remembers no failure', async () => {
    const entries = new PlainEntries();
    vi.spyOn(CODECS[0]!, 'decompress').mockRejectedValueOnce(new Error('ill'));
    await expect(entries.of(entry)).rejects.toThrow('ill');
    expect((await entries.of(entry)).body.equals(BODY)).toBe(true);
  });
});
