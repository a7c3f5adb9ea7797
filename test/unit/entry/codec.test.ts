import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  decode,
  decodeHead,
  encode,
  encodeAtLength,
  FrameError,
  headLength,
  PREAMBLE,
} from '../../../src/entry/codec.js';
import { type Entry, entryBytes, type ResponseEntry, type ValueEntry } from '../../../src/entry/entry.js';
import { makeEtag } from '../../../src/http/etag.js';

const KEY = 'client:acme:k';
const value: ValueEntry = {
  kind: 'value',
  asOf: { epoch: 'e', sequence: 7 },
  storedAt: 1000,
  expiresAt: 2000,
  tags: ['t'],
  body: Buffer.from('body'),
};
const response: ResponseEntry = {
  ...value,
  kind: 'response',
  freshUntil: 2000,
  mustRevalidate: false,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  etagMade: false,
  search: undefined,
  status: 200,
  message: undefined,
  headers: [['Content-Type', 'text/plain']],
  removed: [],
  appended: [],
  initialAge: 0,
  name: undefined,
  keyed: [],
  cost: 0,
  sharedWith: { authorization: false, cookie: false },
};

/** A frame under KEY whose metadata is this text. */
function withMeta(text: string, entry: Entry = response): Buffer {
  const frame = encode(KEY, entry);
  const meta = Buffer.from(text);
  const body = frame.subarray(PREAMBLE + frame.readUInt32BE(36));
  const start = Buffer.from(frame.subarray(0, PREAMBLE));
  start.writeUInt32BE(meta.length, 36);
  return Buffer.concat([start, meta, body]);
}

interface Fixture {
  name: string;
  key: string;
  frame: string;
  entry: Record<string, unknown> & {
    kind: string;
    expiresAt: number | 'Infinity';
    freshUntil?: number | 'Infinity';
    body?: string;
  };
}

/** Frames as this package has written them; every later version must read them as it did, or take them for misses. */
function framesOf(version: number): Fixture[] {
  const file = new URL(`../../fixtures/frames-v${version}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Fixture[];
}

function revive({ body, expiresAt, freshUntil, ...rest }: Fixture['entry']): Entry {
  const nothing = rest.kind === 'response' ? { message: undefined, name: undefined, search: undefined } : {};
  const fresh = freshUntil === undefined ? {} : { freshUntil: Number(freshUntil) };
  const bytes = body === undefined ? {} : { body: Buffer.from(body, 'hex') };
  return { ...nothing, ...rest, ...fresh, ...bytes, expiresAt: Number(expiresAt) } as unknown as Entry;
}

describe('frames of version 3', () => {
  it.each(framesOf(3))('$name is read as it always was', ({ key, frame, entry }) => {
    expect(decode(key, Buffer.from(frame, 'hex'))).toEqual(revive(entry));
  });

  it.each(framesOf(3))('$name is written as it always was', ({ key, frame, entry }) => {
    expect(encode(key, revive(entry)).toString('hex')).toBe(frame);
  });
});

describe('frames of version 4', () => {
  it.each(framesOf(4))('$name is read and written as it always was', ({ key, frame, entry }) => {
    expect(decode(key, Buffer.from(frame, 'hex'))).toEqual(revive(entry));
    expect(encode(key, revive(entry)).toString('hex')).toBe(frame);
  });

  it('are those with forms in place of the body, and no others', () => {
    expect(encode(KEY, { ...response, negotiated: true })[2]).toBe(3);
    const forms = { plainBytes: 9, list: [{ coding: 'br', bytes: 4 }] } as const;
    const frame = encode(KEY, { ...response, forms });
    expect(frame[2]).toBe(4);
    // Whoever knows only version 3 would take the forms for the body.
    frame[2] = 3;
    expect(() => decode(KEY, frame)).toThrow(FrameError);
    const plain = encode(KEY, response);
    plain[2] = 4;
    expect(() => decode(KEY, plain)).toThrow(FrameError);
  });

  it.each([
    '[]',
    '[9]',
    '[9,"br"]',
    '[9,"br",3]',
    '[9,"br",5]',
    '[9,"lzw",4]',
    '[-1,"br",4]',
    '[9,4,"br"]',
    '"x"',
    '[9.5,"br",4]',
  ])('are damaged with the forms %s', (z) => {
    const frame = withMeta(`{"e":"e","z":${z}}`);
    frame[2] = 4;
    expect(() => decode(KEY, frame)).toThrow(FrameError);
  });
});

describe('frames of version 6', () => {
  it.each(framesOf(6))('$name is read and written as it always was', ({ key, frame, entry }) => {
    expect(decode(key, Buffer.from(frame, 'hex'))).toEqual(revive(entry));
    expect(encode(key, revive(entry)).toString('hex')).toBe(frame);
  });

  const epoch = '4.16.256.0a1b2c3d4e5f.1795420800000001';
  const usual: ResponseEntry = { ...response, asOf: { epoch, sequence: 1795420800000002 }, etagMade: true, cost: 3 };
  const etag = 'W/"4-abcdefghijklmnopqrstuvwxyz0"';
  const longer = Buffer.from('x'.repeat(300));

  it('are those of responses as most are, and short', () => {
    const entry: ResponseEntry = {
      ...usual,
      tags: [],
      headers: [
        ['Content-Type', 'text/html; charset=utf-8'],
        ['ETag', etag],
      ],
    };
    const frame = encode(KEY, entry);
    expect(frame[2]).toBe(6);
    expect(frame.length - entry.body.length).toBe(76);
    const kept = { ...entry, freshUntil: 1500 };
    expect(encode(KEY, kept).length - entry.body.length).toBe(80);
    expect(decode(KEY, encode(KEY, kept))).toEqual(kept);
    expect(encodeAtLength(KEY, entry).length).toBeGreaterThan(150);
    expect(decode(KEY, frame)).toEqual(entry);
    expect(decode(KEY, encodeAtLength(KEY, entry))).toEqual(entry);
  });

  it.each<[what: string, changes: Partial<ResponseEntry>, version: number]>([
    ['all that there is beside', { tags: ['t'], status: 404, name: 'n', freshUntil: 1500, negotiated: true }, 6],
    ['a field of several lines', { headers: [['Link', ['a', 'b']]] }, 3],
    ['the tag of another body', { headers: [['ETag', 'W/"5-abcdefghijklmnopqrstuvwxyz0"']] }, 6],
    ['a tag with bits to spare', { headers: [['ETag', 'W/"4-abcdefghijklmnopqrstuvwxyz1"']] }, 6],
    ['a tag of an odd length', { headers: [['ETag', 'W/"04-abcdefghijklmnopqrstuvwxyz0"']] }, 6],
    ['a tag of a body as a name', { headers: [[etag, etag]] }, 6],
    ['a tag with more behind it', { headers: [['X', `${etag}, "b"`]] }, 6],
    ['the tag of a longer body', { body: longer, headers: [['ETag', makeEtag(longer)]] }, 6],
    ['texts that are not Latin', { headers: [['X', '\u00fc\u{1F600}']] }, 6],
    ['half a sign', { headers: [['X', '\ud800']] }, 3],
    ['an empty text', { headers: [['', '']] }, 6],
    ['a long text', { headers: [['X', 'x'.repeat(21_000)]] }, 6],
    ['a text that is too long', { headers: [['X', 'x'.repeat(22_000)]] }, 3],
    ['too long metadata', { tags: ['x'.repeat(22_000)] }, 3],
    ['many lines', { headers: Array.from({ length: 255 }, () => ['a', 'b'] as const) }, 6],
    ['too many lines', { headers: Array.from({ length: 256 }, () => ['a', 'b'] as const) }, 3],
    ['the longest life', { expiresAt: 1000 + 2 ** 32 - 1 }, 6],
    ['a longer life', { expiresAt: 1000 + 2 ** 32 }, 3],
    ['no end', { expiresAt: Number.POSITIVE_INFINITY, freshUntil: Number.POSITIVE_INFINITY }, 3],
    ['an end before its beginning', { expiresAt: 999, freshUntil: 999 }, 3],
    ['a fraction of a ms', { storedAt: 1000.5 }, 3],
    ['a time long ago', { storedAt: -1 }, 3],
    ['a cost of a minute', { cost: 65_535 }, 6],
    ['a higher cost', { cost: 65_536 }, 3],
    ['another geometry', { asOf: { epoch: epoch.replace('16', '17'), sequence: 2 } }, 3],
    ['another name of an epoch', { asOf: { epoch: epoch.toUpperCase(), sequence: 2 } }, 3],
    ['an epoch without a beginning', { asOf: { epoch: epoch.slice(0, 21), sequence: 2 } }, 3],
    ['an epoch that begins with zeros', { asOf: { epoch: `${epoch.slice(0, 22)}01`, sequence: 2 } }, 3],
    ['an epoch from before all', { asOf: { epoch: `${epoch.slice(0, 22)}0`, sequence: 1 } }, 6],
    ['a place before its epoch', { asOf: { epoch, sequence: 1795420800000000 } }, 3],
    // Places are told in microseconds.
    ['a place months into its epoch', { asOf: { epoch, sequence: 1795420800000001 + 1e7 * 1e6 } }, 6],
    ['a place far into its epoch', { asOf: { epoch, sequence: 1795420800000001 + 2 ** 48 - 1 } }, 6],
    ['one further than that', { asOf: { epoch, sequence: 1795420800000001 + 2 ** 48 } }, 3],
    ['half a ms in which it is stale', { freshUntil: 1999.5 }, 3],
    ['a ms in which it is stale', { freshUntil: 1999 }, 6],
    ['a time in which it is stale, longer than its life', { freshUntil: -5 }, 6],
    ['one that is too long', { freshUntil: 2000 - 2 ** 32 }, 3],
    ['an epoch beyond whole numbers', { asOf: { epoch: `${epoch.slice(0, 22)}9999999999999999`, sequence: 2 } }, 3],
    ['one that is negotiated', { negotiated: true }, 6],
    ['forms', { negotiated: true, forms: { plainBytes: 9, list: [{ coding: 'br', bytes: 4 }] } }, 4],
  ])('%s: comes back, whichever version it is', (_, changes, version) => {
    const entry = { ...usual, ...changes };
    const frame = encode(KEY, entry);
    expect(frame[2]).toBe(version);
    expect(decode(KEY, frame)).toEqual(entry);
    const head = frame.subarray(0, headLength(frame));
    expect(decodeHead(KEY, head)).toEqual({ entry: { ...entry, body: Buffer.alloc(0) }, bytes: entry.body.length });
  });

  const frame = encode(KEY, { ...usual, headers: [['X', 'text']] });
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Buffer.from(frame);
    copy.set(bytes, at);
    return copy;
  };

  it.each<[what: string, frame: Buffer]>([
    ['another kind', changed(3, 3)],
    ['unknown flags', changed(48, 8)],
    ['a head that is longer than all', changed(32, 0xff, 0xff)],
    ['a head that ends before its lines', changed(32, 0, 51)],
    ['another length of the body', changed(28, 0, 0, 0, 3)],
    ['more lines than there are', changed(51, 9)],
    ['a text that it does not know', changed(56, 12)],
    ['a text that is longer than the head', changed(57, 0x01)],
    ['JSON that is cut off', changed(frame.length - 5, 0x20)],
    ['a frame cut off', frame.subarray(0, -1)],
    ['a frame with more behind it', Buffer.concat([frame, Buffer.alloc(1)])],
    ['the next version', changed(2, 7)],
  ])('are refused with %s', (_, bytes) => {
    expect(decode(KEY, frame)).toMatchObject({ headers: [['X', 'text']] });
    expect(() => decode(KEY, bytes)).toThrow(FrameError);
  });

  it('are refused with a text that a later version knows, where all else can be read', () => {
    const later = encode(KEY, { ...usual, headers: [['X', 'etag']] });
    expect(decode(KEY, later)).toMatchObject({ headers: [['X', 'etag']] });
    later[56]!++;
    expect(() => decode(KEY, later)).toThrow(FrameError);
  });

  it('are refused without a head, where only that is read', () => {
    const none = changed(32, 0, 0);
    expect(() => decodeHead(KEY, none.subarray(0, headLength(none)))).toThrow(FrameError);
  });

  it.each(['[]', 'null', '1', '{"t":5}', '{"z":[1,"br",4]}'])('are refused with the metadata %s', (text) => {
    const rest = Buffer.from(text);
    const at = headLength(frame) - '{"t":["t"]}'.length;
    const head = Buffer.concat([frame.subarray(0, at), rest]);
    head.writeUInt16BE(head.length, 32);
    expect(() => decode(KEY, Buffer.concat([head, usual.body]))).toThrow(FrameError);
  });
});

describe.each([1, 2, 5])('frames of version %i', (version) => {
  it.each(framesOf(version))('$name is of an unknown version now, which is a miss', ({ key, frame }) => {
    expect(() => decode(key, Buffer.from(frame, 'hex'))).toThrow(new FrameError(`unknown frame version ${version}`));
  });
});

describe('encode', () => {
  it('lays the fixed part out as the format says', () => {
    const frame = encode(KEY, value);
    expect(frame.subarray(0, 4).toString('latin1')).toBe('RC\u0003\u0003');
    expect([12, 20, 28].map((at) => frame.readDoubleBE(at))).toEqual([7, 1000, 2000]);
    expect(frame.length).toBe(PREAMBLE + frame.readUInt32BE(36) + frame.readUInt32BE(40));
    expect(frame.subarray(-4).toString()).toBe('body');
  });

  it('keeps when a value stops being fresh, where that is before its end', () => {
    const stale: ValueEntry = { ...value, freshUntil: 1500 };
    expect(decode(KEY, encode(KEY, stale))).toEqual(stale);
    expect(decode(KEY, encode(KEY, value))).toEqual(value);
  });

  it('leaves out of the metadata what is as usual', () => {
    const frame = encode(KEY, { ...response, tags: [], headers: [] });
    expect(frame.toString('utf8', PREAMBLE, PREAMBLE + frame.readUInt32BE(36))).toBe('{"e":"e","h":[]}');
  });

  it('writes what most responses say as a number, which means the same for ever', () => {
    const texts = ['Content-Type', 'ETag', 'application/json; charset=utf-8', 'Cache-Control', 'Vary', 'Last-Modified'];
    texts.push('Date', 'Content-Encoding', 'text/html; charset=utf-8', 'text/plain; charset=utf-8');
    texts.push('content-type', 'etag');
    const frame = encode(KEY, { ...response, tags: [], headers: texts.map((text) => [text, text]) });
    const { h } = JSON.parse(frame.toString('utf8', PREAMBLE, PREAMBLE + frame.readUInt32BE(36))) as { h: number[] };
    expect(h).toEqual(texts.flatMap((_, place) => [place, place]));
    expect(decode(KEY, frame)).toMatchObject({ headers: texts.map((text) => [text, text]) });
  });

  it('does not touch the entry', () => {
    const before = structuredClone(response);
    encode(KEY, response);
    expect({ ...response, body: [...response.body] }).toEqual({ ...before, body: [...before.body] });
  });
});

describe('decode', () => {
  const frame = encode(KEY, value);
  const changed = (at: number, byte: number) => {
    const copy = Buffer.from(frame);
    copy[at] = byte;
    return copy;
  };

  it.each<[what: string, frame: Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['less than a preamble', frame.subarray(0, PREAMBLE - 1)],
    ['other bytes', Buffer.alloc(100, 1)],
    ['a text of somebody else', Buffer.from('hello, I am a session or a job of another application')],
    ['the version before', changed(2, 2)],
    ['the version after', changed(2, 7)],
    ['a version with forms, which it has not', changed(2, 4)],
    ['a brief version, which it is not', changed(2, 6)],
    ['version 0', changed(2, 0)],
    ['a text that it does not know', withMeta('{"e":"e","h":[12,"a"]}')],
    ['half a place', withMeta('{"e":"e","h":[0.5,"a"]}')],
    ['kind 0', changed(3, 0)],
    ['an unknown kind', changed(3, 9)],
    ['a check that differs', changed(4, frame[4]! ^ 1)],
    ['a frame cut off', frame.subarray(0, -1)],
    ['a frame with more behind it', Buffer.concat([frame, Buffer.alloc(1)])],
    ['metadata longer than the frame', changed(36, 0xff)],
    ['a body longer than the frame', changed(40, 0xff)],
    ['no metadata', withMeta('')],
    ['metadata that is no JSON', withMeta('{"e":"x"')],
    ['metadata that is null', withMeta('null')],
    ['metadata that is a list', withMeta('[]')],
    ['metadata without an epoch', withMeta('{}')],
    ['an epoch that is a number', withMeta('{"e":1}')],
    ['tags that are no list', withMeta('{"e":"x","t":5}')],
    ['tags that are no texts', withMeta('{"e":"x","t":[5]}')],
    ['tags that are a text', withMeta('{"e":"x","t":"abc"}')],
    ['a status that is no number', withMeta('{"e":"x","s":"200"}')],
    ['a status that there is not', withMeta('{"e":"x","s":9999}')],
    ['headers that are no list', withMeta('{"e":"x","h":"abcd"}')],
    ['headers that are no texts', withMeta('{"e":"x","h":[1,{}]}')],
    ['a header whose name is a list', withMeta('{"e":"x","h":[["a"],"b"]}')],
    ['a header without a value', withMeta('{"e":"x","h":["a"]}')],
    ['removed fields that are no list', withMeta('{"e":"x","r":"x"}')],
    ['keyed fields that are no list', withMeta('{"e":"x","k":{}}')],
    ['an age that is no number', withMeta('{"e":"x","a":"1"}')],
    ['an age below 0', withMeta('{"e":"x","a":-1}')],
    ['a time to expiry that is no number', withMeta('{"e":"x","g":"1"}')],
    ['a time to expiry below 0', withMeta('{"e":"x","g":-1}')],
    ['a window to refresh that is no number', withMeta('{"e":"x","w":null}')],
    ['a window for errors that is a list', withMeta('{"e":"x","i":[1]}')],
    ['a need to ask that is a number of its own', withMeta('{"e":"x","x":2}')],
    ['a need to ask that is a word', withMeta('{"e":"x","x":true}')],
    ['a made tag that is a word', withMeta('{"e":"x","y":"1"}')],
    ['a search rule that is no text', withMeta('{"e":"x","q":[true,"params"]}')],
    ['a name that is no text', withMeta('{"e":"x","n":5}')],
    ['a reason phrase that is no text', withMeta('{"e":"x","m":{}}')],
    ['appended fields that are no texts', withMeta('{"e":"x","b":[1]}')],
    ['a cost that is no number', withMeta('{"e":"x","c":"1"}')],
    ['credentials that are no number', withMeta('{"e":"x","p":{"valueOf":1,"toString":1}}')],
    ['an index without lists', withMeta('{"e":"x","v":"ab"}', { ...value, kind: 'index', varies: [] })],
    ['an index of other things', withMeta('{"e":"x","v":[[1]]}', { ...value, kind: 'index', varies: [] })],
  ])('refuses %s', (_, bytes) => {
    expect(() => decode(KEY, bytes)).toThrow(FrameError);
  });

  it.each<[what: string, changes: Partial<ResponseEntry>]>([
    ['a response that is kept when it is stale', { freshUntil: 1500, staleWhileRevalidate: 30, staleIfError: 60.5 }],
    ['a response that was stale as it came', { freshUntil: 999.5, mustRevalidate: true }],
    [
      'a response that is fresh for ever',
      { freshUntil: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY },
    ],
    ['a response whose tag was made here', { etagMade: true }],
    ['a response for several queries', { search: '[true,"params"]' }],
    ['a response whose search rule is empty', { search: '' }],
  ])('gives back %s', (_, changes) => {
    const entry = { ...response, ...changes };
    expect(decode(KEY, encode(KEY, entry))).toEqual(entry);
  });

  it('passes over parts that a later version may add', () => {
    expect(decode(KEY, withMeta('{"e":"e","t":["t"],"h":["Content-Type","text/plain"],"zz":{}}'))).toEqual(response);
  });

  it('refuses the frame of another key', () => {
    expect(() => decode('client:other:k', frame)).toThrow('the frame of another key');
  });
});

describe('entryBytes', () => {
  it('counts key, body, tags and headers', () => {
    const base = entryBytes('k', value);
    const grown: [number, number][] = [
      [entryBytes('k'.repeat(101), value), 200],
      [entryBytes('k', { ...value, body: Buffer.alloc(1004) }), 1000],
      [entryBytes('k', { ...value, tags: ['t', 'x'.repeat(100)] }), 200],
      [entryBytes('k', { ...response, headers: [['a', 'x'.repeat(100)]] }), 200],
      [entryBytes('k', { ...response, name: 'x'.repeat(100) }), 200],
      [entryBytes('k', { ...response, headers: [['a', ['x'.repeat(50), 'y'.repeat(50)]]] }), 200],
    ];
    for (const [bytes, least] of grown) expect(bytes - base).toBeGreaterThanOrEqual(least);
  });

  it('counts the fields of an index', () => {
    const index: Entry = { ...value, kind: 'index', varies: [] };
    const more: Entry = { ...index, varies: [['x'.repeat(100)], ['y'.repeat(100)]] };
    expect(entryBytes('k', more) - entryBytes('k', index)).toBeGreaterThanOrEqual(400);
  });

  it('is a whole number above 0 for the smallest of entries', () => {
    const smallest = entryBytes('', { ...value, tags: [], body: Buffer.alloc(0) });
    expect(Number.isInteger(smallest) && smallest > 0).toBe(true);
  });
});
