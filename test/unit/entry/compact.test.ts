import { describe, expect, it } from 'vitest';
import { bodyBytes, Compact, entryOf, holdingOf, isHeld, textOf } from '../../../src/entry/compact.js';
import { type Entry, ownCopy, type ResponseEntry } from '../../../src/entry/entry.js';
import { responseEntry, valueEntry } from '../../../src/testing/suite/entries.js';
import { heapMegabytes } from '../../support/heap.js';
import { BORN, stored } from '../made.js';

const held = (entry: Entry) => holdingOf('k', entry).held;
const compact = (entry: ResponseEntry) => held(entry) as Compact;

describe('a compact response', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

  it.each<[string, Partial<ResponseEntry>]>([
    ['of all that an entry can say', responseEntry()],
    ['of nothing that it need not', { headers: [] }],
    ['with one line of its own', { headers: [['ETag', '"1"']] }],
    ['with one of several values', { headers: [['Link', ['</a>', '</b>']]] }],
    ['with any bytes', { body: bytes }],
    ['without a body', { body: Buffer.alloc(0) }],
    ['of the longest body that is a text', { body: Buffer.alloc(2048, 255) }],
    ['of a longer one', { body: Buffer.alloc(2049, 255) }],
    ['that never ends', { freshUntil: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY }],
    ['that is stale without end', { expiresAt: Number.POSITIVE_INFINITY }],
    ['that was stale from the first', { freshUntil: BORN - 5000 }],
    ['of fractions of a ms', { storedAt: BORN + 0.25, freshUntil: BORN + 1.5, expiresAt: BORN + 2.75, cost: 0.5 }],
    ['in forms', { negotiated: true, forms: { plainBytes: 9, list: [{ coding: 'gzip', bytes: 5 }] } }],
  ])('is the entry again: one %s', (_, changes) => {
    const entry = stored(changes);
    const it = compact(entry);
    expect(it).toBeInstanceOf(Compact);
    for (let i = 0; i < 3; i++) expect(compact(entry).entry()).toEqual(entry);
    expect([it.freshUntil, it.expiresAt]).toEqual([entry.freshUntil, entry.expiresAt]);
    expect([it.body, it.bodyBytes, bodyBytes(it)]).toEqual([entry.body, entry.body.length, entry.body.length]);
    expect(entryOf(it, true)).toEqual({ ...entry, body: Buffer.alloc(0) });
    expect(isHeld(it, { ...entry, body: Buffer.from(entry.body) })).toBe(true);
  });

  it('holds a short body as the one text that it gives, and a long one as bytes', () => {
    expect(textOf(compact(stored({ body: bytes })))).toBe(bytes.toString('latin1'));
    expect(textOf(compact(stored({ body: Buffer.alloc(2049) })))).toBeUndefined();
  });

  it('holds a long body in memory of its own, without what it was read with', () => {
    const frame = Buffer.alloc(10_000, 7);
    expect(compact(stored({ body: frame.subarray(5000) })).body.buffer.byteLength).toBe(5000);
    const own = ownCopy(frame);
    expect(compact(stored({ body: own })).body).toBe(own);
  });

  it.each([
    { storedAt: BORN + 0.3, freshUntil: 3.3 },
    // A clock of its own, which begins near zero.
    { storedAt: 0.1, freshUntil: 0.1, expiresAt: 0.1 },
  ])('stays an object where its times would not come back: %o', (times) => {
    const entry = stored(times);
    expect(held(entry)).toEqual(entry);
    const it = held(entry);
    expect(isHeld(it, entryOf(it))).toBe(true);
    expect(entryOf(it, true)).toEqual({ ...entry, body: Buffer.alloc(0) });
  });

  const others: Partial<ResponseEntry>[] = [
    { asOf: { epoch: 'other', sequence: 1 } },
    { asOf: { epoch: 'e', sequence: 2 } },
    { storedAt: BORN + 1 },
    { freshUntil: BORN + 1 },
    { expiresAt: BORN + 400_000 },
    { tags: ['t'] },
    { status: 201 },
    { message: 'm' },
    { headers: [['ETag', '"2"']] },
    { headers: [['ETag', ['"1"']]] },
    { headers: [] },
    { removed: ['a'] },
    { appended: ['a'] },
    { mustRevalidate: true },
    { staleWhileRevalidate: 1 },
    { staleIfError: 1 },
    { initialAge: 1 },
    { name: 'n' },
    { keyed: ['a'] },
    { sharedWith: { authorization: true, cookie: false } },
    { etagMade: true },
    { search: 's' },
    { cost: 1 },
    { negotiated: true },
    { forms: { plainBytes: 9, list: [{ coding: 'gzip', bytes: 5 }] } },
    { body: Buffer.from('hellO') },
  ];

  it.each(others)('is not an entry with %j', (changes) => {
    const entry = stored({ headers: [['ETag', '"1"']] });
    expect(isHeld(held(entry), entry)).toBe(true);
    expect(isHeld(held(entry), { ...entry, ...changes })).toBe(false);
    expect(isHeld(held({ ...entry, ...changes }), entry)).toBe(false);
  });

  it('is not an entry with as many other tags', () => {
    const entry = stored({ tags: ['one'] });
    expect(isHeld(held(entry), entry)).toBe(true);
    expect(isHeld(held(entry), { ...entry, tags: ['two'] })).toBe(false);
  });

  it('is compared in all that an entry has', () => {
    const all = Object.keys({ ...responseEntry(), negotiated: true, forms: undefined }).sort();
    expect([...new Set(['kind', ...others.flatMap(Object.keys)])].sort()).toEqual(all);
  });

  it('is no entry of another kind, and none at all', () => {
    expect(isHeld(held(stored()), valueEntry())).toBe(false);
    expect(isHeld(held(stored()), undefined)).toBe(false);
    expect(isHeld(undefined, stored())).toBe(false);
    expect(isHeld(undefined, undefined)).toBe(true);
  });
});

describe('what is held', () => {
  /** A text that is cut out of one of 200 KB, of which nobody else knows. */
  const cutOut = (i: number, sign = '') => {
    const large = `${Buffer.alloc(200_000, 'x').toString('latin1')}<a page${sign} with the number ${i}>`;
    return /<(.*)>/.exec(large)![1]!;
  };

  it.each<[what: string, entryWith: (text: string) => Entry]>([
    ['a name of a response', (text) => responseEntry({ tags: [text] })],
    ['one of its fields', (text) => responseEntry({ headers: [['Location', text]] })],
    [
      'one of several fields',
      (text) =>
        responseEntry({
          headers: [
            ['ETag', '"1"'],
            ['Location', text],
          ],
        }),
    ],
    ['a line of a field', (text) => responseEntry({ headers: [['Link', [text, text]]] })],
    ['a name of a value', (text) => valueEntry({ tags: [text] })],
  ])('keeps nothing of the text that this was cut out of: %s', (_what, entryWith) => {
    const before = heapMegabytes();
    const held = Array.from({ length: 100 }, (_, i) => holdingOf('key', entryWith(cutOut(i, i % 2 ? '…' : ''))));
    expect(heapMegabytes() - before).toBeLessThan(5);
    expect(entryOf(held[7]!.held)).toEqual(entryWith(cutOut(7, '…')));
  });

  it('of a value is an object with memory of its own', () => {
    const value = valueEntry({ body: Buffer.alloc(100).subarray(0, 50) });
    const it = held(value);
    expect(it).toEqual(value);
    expect((entryOf(it) as typeof value).body.buffer.byteLength).toBe(50);
    expect(isHeld(it, entryOf(it))).toBe(true);
  });

  it('holds of its name and tags no more than they are: what is taken out of a URL holds all of that', () => {
    const urls = () => Array.from({ length: 200 }, (_, i) => `/${i}/${'x'.repeat(50_000)}`);
    const before = heapMegabytes();
    const all = urls().map((url, i) =>
      holdingOf('k', stored({ name: url.slice(0, 20 + (i % 2)), tags: [url.slice(0, 30)] })),
    );
    expect(heapMegabytes() - before).toBeLessThan(2);
    expect(entryOf(all[7]!.held)).toMatchObject({ name: `/7/${'x'.repeat(18)}`, tags: [`/7/${'x'.repeat(27)}`] });
  });

  it.each(['short', 'a longer one, \u00fc', 'another, \u{1f600}', 'half a sign, \ud800'])('gives back %j', (text) => {
    expect(entryOf(holdingOf('k', stored({ name: text, tags: [text] })).held)).toMatchObject({
      name: text,
      tags: [text],
    });
  });

  it('weighs its key, body, tags, name and own lines', () => {
    const weight = (changes: Partial<ResponseEntry>, key = 'k') => holdingOf(key, stored(changes)).bytes;
    weight({});
    const least = weight({});
    const grown: [number, number][] = [
      [weight({}, 'k'.repeat(101)), 100],
      [weight({ body: Buffer.alloc(1005) }), 1000],
      [weight({ body: Buffer.alloc(5005) }), 5200],
      [weight({ tags: ['t', 'x'.repeat(100)] }), 200],
      [weight({ name: 'x'.repeat(100) }), 100],
      [weight({ forms: { plainBytes: 9, list: [{ coding: 'br', bytes: 5 }] } }), 100],
      [
        weight({
          headers: [
            ['Content-Type', 'text/plain'],
            ['ETag', 'x'.repeat(100)],
          ],
        }),
        100,
      ],
      [weight({ headers: [['Link', ['x'.repeat(50), 'y'.repeat(50)]]] }), 100],
      [weight({ headers: [[`X-${'x'.repeat(100)}`, 'first']] }), 100],
    ];
    for (const [bytes, more] of grown) expect(bytes - least).toBeGreaterThanOrEqual(more);
    expect(least).toBeLessThan(450);
  });
});
