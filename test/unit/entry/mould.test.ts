import { describe, expect, it } from 'vitest';
import { linesIn, mouldBytes, mouldOf } from '../../../src/entry/mould.js';
import type { HeaderLine } from '../../../src/http/headers.js';
import { stored } from '../made.js';

describe('mouldOf', () => {
  let names = 0;
  /** Entries of a route that no other test has: after the first two, what they have in common is known. */
  const route = () => {
    const name = `X-Route-${++names}`;
    const made = (etag: string, more: readonly HeaderLine[] = []) =>
      stored({ headers: [[name, 'common'], ['X-Several', ['a', 'b']], ['ETag', etag], ...more], keyed: ['accept'] });
    mouldOf(made('"first"'));
    mouldOf(made('"second"'));
    return made;
  };
  const linesOf = (entry: ReturnType<typeof stored>) => {
    const { mould, own } = mouldOf(entry);
    return linesIn(mould, own);
  };

  it('is one for all entries that differ only in what is their own', () => {
    const made = route();
    const [one, two] = [mouldOf(made('"a"')), mouldOf({ ...made('"b"'), tags: ['t'], cost: 5, storedAt: 7 })];
    expect(two.mould).toBe(one.mould);
    expect([one.isNew, two.isNew]).toEqual([false, false]);
    expect(one.own).toEqual([['a', 'b'], '"a"']);
    expect(two.own).toEqual([['a', 'b'], '"b"']);
  });

  it('gives the lines back in their order, those in common as the same objects', () => {
    const made = route();
    const [one, two] = [linesOf(made('"a"')), linesOf(made('"b"', [['X-Long', 'x'.repeat(300)]]))];
    expect(one).toEqual(made('"a"').headers);
    expect(two).toEqual(made('"b"', [['X-Long', 'x'.repeat(300)]]).headers);
    expect(linesOf(made('"c"'))[0]).toBe(one[0]);
  });

  it('takes a line for common once it has been said again, and not before', () => {
    const name = 'X-Said-Again';
    const of = (value: string) => mouldOf(stored({ headers: [[name, value]] })).own;
    expect(['a', 'b', 'c', 'a', 'a'].map(of)).toEqual([['a'], ['b'], ['c'], [], []]);
    expect(of('d')).toEqual(['d']);
  });

  it.each([
    { status: 404 },
    { message: 'Fine' },
    { removed: ['x'] },
    { appended: ['link'] },
    { keyed: ['accept', 'origin'] },
    { sharedWith: { authorization: true, cookie: false } },
    { sharedWith: { authorization: false, cookie: true } },
    { mustRevalidate: true },
    { staleWhileRevalidate: 5 },
    { staleIfError: 5 },
    { search: '[]' },
    { etagMade: true },
    { negotiated: true as const },
    { headers: [['content-type', 'text/plain']] as const },
    { headers: [] },
  ])('is another one for entries that differ in %j', (changes) => {
    const entry = stored({ headers: [['Content-Type', 'text/plain']] });
    for (let i = 0; i < 2; i++) mouldOf(entry);
    const { mould } = mouldOf(entry);
    for (let i = 0; i < 3; i++) {
      const other = mouldOf({ ...entry, ...changes });
      expect(other.mould).not.toBe(mould);
      expect(other.mould).toMatchObject('headers' in changes ? {} : changes);
      expect(linesIn(other.mould, other.own)).toEqual(changes.headers ?? entry.headers);
    }
    expect(mouldOf(entry).mould).toBe(mould);
  });

  it.each(['removed', 'appended', 'keyed'] as const)('is another one where as many other fields are %s', (list) => {
    const of = (field: string) => mouldOf(stored({ headers: [], [list]: [field] })).mould[list];
    for (const field of ['x-one', 'x-two', 'x-one', 'x-two']) expect(of(field)).toEqual([field]);
  });

  it('is bounded in number: the oldest are forgotten, and new when they come again', () => {
    const of = (i: number) => mouldOf(stored({ headers: [[`X-Name-${i}`, 'v']] }));
    expect([of(0).isNew, of(1).isNew, of(0).isNew]).toEqual([true, true, true]);
    expect([of(1).isNew, of(0).isNew]).toEqual([true, false]);
    for (let i = 2; i < 2000; i++) [of(i), of(i)];
    expect(of(0).isNew).toBe(true);
  });

  it('is told from one whose texts run into each other as its own do', () => {
    const of = (removed: readonly string[]) => mouldOf(stored({ headers: [['X-Run', 'v']], removed })).mould.removed;
    for (const removed of [['a,b'], ['a', 'b'], ['a,b'], ['a', 'b']]) expect(of(removed)).toEqual(removed);
  });

  it('weighs its texts', () => {
    const { mould } = mouldOf(stored({ headers: [['X'.repeat(100), 'v']], removed: ['y'.repeat(100)] }));
    expect(mouldBytes(mould)).toBeGreaterThan(400);
    const more = mouldOf(stored({ headers: [], appended: ['z'.repeat(100)], keyed: ['k'.repeat(100)] }));
    expect(mouldBytes(more.mould) - mouldBytes(mouldOf(stored({ headers: [] })).mould)).toBeGreaterThanOrEqual(
      200 + 2 * 80,
    );
  });
});
