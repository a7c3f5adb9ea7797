import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decoder, decode, encode, encodeAtLength, FrameError } from '../../src/entry/codec.js';
import type { Entry } from '../../src/entry/entry.js';
import { type SearchRule, searchRuleText } from '../../src/http/no-vary-search.js';
import { anyText } from './texts.js';

const body = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
const texts = fc.array(anyText, { maxLength: 4 });
const time = fc.oneof(fc.double({ noNaN: true, min: 0 }), fc.constant(Number.POSITIVE_INFINITY));
const common = {
  asOf: fc.record({ epoch: anyText, sequence: fc.double({ noNaN: true }) }),
  storedAt: time,
  expiresAt: time,
  tags: texts,
};
/** When a response stops being fresh, and when a store may forget it: whole ms, or never. */
const terms = fc.oneof(
  fc
    .tuple(fc.maxSafeNat(), fc.nat())
    .map(([expiresAt, kept]) => ({ expiresAt, freshUntil: Math.max(0, expiresAt - kept) })),
  fc.constant({ expiresAt: Number.POSITIVE_INFINITY, freshUntil: Number.POSITIVE_INFINITY }),
);
const seconds = fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 });
const rule: fc.Arbitrary<SearchRule> = fc.record({
  keyOrder: fc.boolean(),
  ignore: fc.oneof(texts, fc.constant('all' as const)),
  except: texts,
});
const response = fc.tuple(
  fc.record({
    kind: fc.constant('response' as const),
    ...common,
    status: fc.integer({ min: 200, max: 599 }),
    message: fc.option(anyText, { nil: undefined }),
    headers: fc.array(fc.tuple(anyText, fc.oneof(anyText, texts)), { maxLength: 5 }),
    removed: texts,
    appended: texts,
    mustRevalidate: fc.boolean(),
    staleWhileRevalidate: seconds,
    staleIfError: seconds,
    initialAge: fc.nat(),
    name: fc.option(anyText, { nil: undefined }),
    keyed: texts,
    etagMade: fc.boolean(),
    search: fc.oneof(fc.constant(undefined), anyText, rule.map(searchRuleText)),
    cost: seconds,
    sharedWith: fc.record({ authorization: fc.boolean(), cookie: fc.boolean() }),
    body,
  }),
  terms,
);
/** What lets a response be written briefly; most of the rest then is as it comes. */
const usual = fc.record({
  asOf: fc.tuple(fc.nat({ max: 2 ** 52 }), fc.integer({ min: -5, max: 2 ** 49 })).map(([begun, further]) => ({
    epoch: `4.16.256.${(begun % 2 ** 40).toString(16).padStart(12, '0')}.${begun}`,
    sequence: Math.max(0, begun + further),
  })),
  storedAt: fc.nat({ max: 2 ** 47 }),
  cost: fc.nat({ max: 2 ** 17 }),
  headers: fc.array(
    fc.tuple(anyText, fc.oneof(anyText, fc.constantFrom('ETag', 'W/"0-abcdefghijklmnopqrstuvwxyz0"'))),
    { maxLength: 5 },
  ),
});
const lives = fc.tuple(fc.nat({ max: 2 ** 33 }), fc.nat());
/** Forms that take up the whole of a body, cut where it falls. */
const forms = fc.tuple(fc.nat(), fc.nat(64), fc.subarray(['gzip', 'br', 'zstd'] as const, { minLength: 1 }));
const negotiated = fc.option(fc.constant(true as const), { nil: undefined });
const entry: fc.Arbitrary<Entry> = fc.oneof(
  response.map(([head, times]) => ({ ...head, ...times })),
  fc.tuple(response, usual, lives).map(([[head], as, [life, kept]]) => {
    const expiresAt = as.storedAt + life;
    return { ...head, ...as, expiresAt, freshUntil: Math.max(0, expiresAt - kept) };
  }),
  fc.tuple(response, forms, negotiated).map(([[head, times], [plainBytes, cut, codings], how]) => {
    const sizes = codings.map((_, i) => (i === 0 ? Math.min(cut, head.body.length) : 0));
    sizes[sizes.length - 1]! += head.body.length - sizes.reduce((sum, each) => sum + each, 0);
    const list = codings.map((coding, i) => ({ coding, bytes: sizes[i]! }));
    return { ...head, ...times, ...(how && { negotiated: how }), forms: { plainBytes, list } };
  }),
  fc.record({ kind: fc.constant('index' as const), ...common, varies: fc.array(texts, { maxLength: 4 }) }),
  fc.record({ kind: fc.constant('value' as const), ...common, body }),
  fc.record({
    kind: fc.constant('counter' as const),
    ...common,
    body: fc.maxSafeInteger().map((n) => Buffer.from(`${n}`)),
  }),
);

/** Decodes, and says what came of it; anything but an entry or a FrameError fails the test. */
function read(key: string, frame: Buffer): Entry | undefined {
  try {
    return decode(key, frame);
  } catch (error) {
    expect(error).toBeInstanceOf(FrameError);
    return undefined;
  }
}

describe('the codec', () => {
  it('gives back any entry as it was', () => {
    fc.assert(
      fc.property(anyText, entry, (key, each) => {
        expect(decode(key, encode(key, each))).toEqual(each);
      }),
      { numRuns: 300 },
    );
  });

  it('writes the same bytes for the same entry, also for one that was read', () => {
    fc.assert(
      fc.property(anyText, entry, (key, each) => {
        const frame = encode(key, each);
        expect(encode(key, decode(key, frame)).equals(frame)).toBe(true);
      }),
    );
  });

  it('never takes the frame of one key for that of another', () => {
    fc.assert(
      fc.property(anyText, anyText, entry, (key, other, each) => {
        fc.pre(key !== other);
        expect(read(other, encode(key, each))).toBeUndefined();
      }),
    );
  });

  it('throws nothing but FrameError, whatever the bytes', () => {
    fc.assert(
      fc.property(anyText, fc.uint8Array({ maxLength: 200 }), (key, bytes) => {
        read(key, Buffer.from(bytes));
      }),
    );
  });

  it('throws nothing but FrameError for frames that were changed, cut or lengthened', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(
        anyText,
        entry,
        fc.array(change, { maxLength: 4 }),
        fc.integer({ min: -8, max: 8 }),
        (key, each, changes, by) => {
          let frame = encode(key, each);
          for (const [at, byte] of changes) frame[at % frame.length] = byte;
          frame = by < 0 ? frame.subarray(0, by) : Buffer.concat([frame, Buffer.alloc(by)]);
          read(key, frame);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('throws nothing but FrameError for metadata of any form', () => {
    fc.assert(
      fc.property(
        entry,
        fc.dictionary(fc.constantFrom(...'etsmhrbagwixqyncpkv'), fc.jsonValue({ maxDepth: 2 })),
        (each, changes) => {
          const frame = encodeAtLength('k', each);
          const start = Buffer.from(frame.subarray(0, 44));
          const length = frame.readUInt32BE(36);
          const meta = Buffer.from(
            JSON.stringify({ ...JSON.parse(frame.toString('utf8', 44, 44 + length)), ...changes }),
          );
          start.writeUInt32BE(meta.length, 36);
          read('k', Buffer.concat([start, meta, frame.subarray(44 + length)]));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never gives back a frame that is cut off', () => {
    fc.assert(
      fc.property(anyText, entry, fc.nat(), (key, each, n) => {
        const frame = encode(key, each);
        expect(read(key, frame.subarray(0, n % frame.length))).toBeUndefined();
      }),
    );
  });
});

describe('Decoder', () => {
  it('reads any frames as decode does, however often and in whichever order they come', () => {
    const changed = fc.record({ entry, change: fc.constantFrom('none', 'body', 'damage'), at: fc.nat() });
    const body = (each: Entry, at: number): Entry =>
      each.kind === 'index' ? each : { ...each, body: Buffer.from(String(at)) };
    fc.assert(
      fc.property(
        fc.array(changed, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (all, order) => {
          const decoder = new Decoder();
          const frames = all.map(({ entry: each, change, at }) => {
            const frame = encode('k', change === 'body' ? body(each, at) : each);
            if (change === 'damage') frame[at % frame.length]! ^= 1 + (at % 255);
            return frame;
          });
          const read = (decoding: (frame: Buffer) => Entry, frame: Buffer): unknown => {
            try {
              return decoding(frame);
            } catch (error) {
              expect(error).toBeInstanceOf(FrameError);
              return 'damaged';
            }
          };
          for (const place of [0, 0, ...order]) {
            const frame = frames[place % frames.length]!;
            expect(read((each) => decoder.decode('k', each), frame)).toEqual(read((each) => decode('k', each), frame));
          }
        },
      ),
    );
  });

  it('knows a head by its key', () => {
    const decoder = new Decoder();
    const made = {
      kind: 'value' as const,
      asOf: { epoch: 'e', sequence: 1 },
      storedAt: 1,
      expiresAt: 2,
      tags: [],
      body: Buffer.from('x'),
    };
    const frame = encode('k', made);
    expect(decoder.decode('k', frame)).toEqual(made);
    expect(() => decoder.decode('other', frame)).toThrow(FrameError);
    expect(decoder.decode('k', frame)).toEqual(made);
  });
});
