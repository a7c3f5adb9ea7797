// Whatever is stored and whoever asks: what an answer says it is, decoded, is the body that its handler gave.

import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choose, isPacked } from '../../src/compress/choice.js';
import { CODECS, codecOf } from '../../src/compress/codings.js';
import { formOf, packed } from '../../src/compress/forms.js';
import { plainBody } from '../../src/compress/plain.js';
import { replyInForm } from '../../src/compress/reply.js';
import { decode, encode } from '../../src/entry/codec.js';
import type { Coding, ResponseEntry } from '../../src/entry/entry.js';
import { lineOf } from '../../src/http/headers.js';
import { HIT } from '../../src/lookup/reply.js';
import { stored as responseEntry } from '../unit/made.js';

const NAMES = ['gzip', 'x-gzip', 'br', 'zstd', 'identity', '*', 'deflate'] as const;
const accepted = fc.option(
  fc
    .array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom('', ';q=0', ';q=0.5', ';q=1', '; q=0.001')), {
      maxLength: 5,
    })
    .map((members) => members.map((each) => each.join('')).join(', ')),
  { nil: undefined },
);
const body = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 60 }))
  .map(([bytes, times]) => Buffer.concat(Array<Buffer>(times).fill(Buffer.from(bytes))));
const codings = fc.subarray(CODECS.map(({ coding }) => coding) as Coding[]);

async function entryOf(bytes: Buffer, list: readonly Coding[]): Promise<ResponseEntry> {
  const plain = responseEntry({ negotiated: true, body: bytes, headers: [['ETag', '"t"']] });
  if (list.length === 0) return plain;
  const forms = list.map(async (coding) => ({ coding, bytes: await codecOf(coding)!.compress(bytes) }));
  return packed(plain, await Promise.all(forms));
}

/** By the field's own rules, written down once more: the weight of a coding. */
function weight(list: string | undefined, coding: string): number {
  const found = new Map<string, number>();
  for (const member of (list ?? '').split(',')) {
    const [name, q = 'q=1'] = member.trim().split(/\s*;\s*/);
    const value = Number(q.slice(2));
    if (found.has(name!) && found.get(name!) !== value) return -1;
    found.set(name!, value);
  }
  const own = found.get(coding) ?? (coding === 'gzip' ? found.get('x-gzip') : undefined);
  return own ?? found.get('*') ?? (coding === 'identity' ? 0.0001 : 0);
}

describe('forms', () => {
  it('of any body, for any Accept-Encoding: the bytes are what their fields say, and the best that is liked', async () => {
    await fc.assert(
      fc.asyncProperty(body, codings, accepted, async (bytes, list, accept) => {
        const made = await entryOf(bytes, list);
        const entry = decode('k', encode('k', made)) as ResponseEntry;
        expect(entry).toEqual({ ...made, body: entry.body });
        const choice = choose(entry, { accepted: accept, fixed: false, part: undefined, conditions: undefined });
        const ready = isPacked(entry, choice) ? { ...entry, forms: undefined, body: await plainBody(entry) } : entry;
        const downstream = { browserTtl: undefined, cdnTtl: undefined, surrogateTags: undefined };
        const options = { now: 0, conditions: undefined, vary: [], outside: {}, downstream, status: HIT };
        const reply = replyInForm(ready, choice, options);
        const coding = lineOf(reply.headers, 'content-encoding') as Coding | undefined;
        const decoded =
          coding === undefined ? reply.body! : await codecOf(coding)!.decompress(reply.body!, bytes.length);
        expect(decoded.equals(bytes)).toBe(true);
        expect(lineOf(reply.headers, 'content-length')).toBe(String(reply.body!.length));
        expect(lineOf(reply.headers, 'vary')).toBe('Accept-Encoding');
        expect(lineOf(reply.headers, 'etag')).toBe(coding === undefined ? '"t"' : `"t--${coding}"`);
        const weights = list.map((each) => weight(accept, each));
        if (accept === undefined || weights.includes(-1)) {
          expect(coding).toBeUndefined();
          return;
        }
        const best = Math.max(0, ...weights);
        if (coding !== undefined) {
          expect(weight(accept, coding)).toBe(best);
          for (const each of list) {
            if (weight(accept, each) === best)
              expect(reply.body!.length).toBeLessThanOrEqual(formOf(entry, each).length);
          }
        } else expect(best === 0 || weight(accept, 'identity') > best).toBe(true);
      }),
    );
  });

  it('are read by whoever else reads their coding', async () => {
    await fc.assert(
      fc.asyncProperty(body, async (bytes) => {
        const entry = await entryOf(bytes, ['gzip', 'br']);
        expect(gunzipSync(formOf(entry, 'gzip')).equals(bytes)).toBe(true);
        expect(brotliDecompressSync(formOf(entry, 'br')).equals(bytes)).toBe(true);
      }),
    );
  });
});
