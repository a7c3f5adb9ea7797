import { describe, expect, it } from 'vitest';
import {
  bucketsOf,
  GEOMETRY,
  type PatternPurge,
  type Purge,
  PurgeTable,
} from '../../../src/invalidation/purge-table.js';
import {
  EVERYTHING,
  globalTag,
  keyTag,
  ownTag,
  type Subject,
  tenantTag,
  uriTag,
} from '../../../src/invalidation/tags.js';

const subject: Subject = { tenant: 'acme', names: ['users:list', '/users'], uri: 'http://h/users', tags: ['users'] };
const tags = (...names: string[]) => ({ tags: names, patterns: [] });
const patterns = (...globs: string[]) => ({
  tags: [],
  patterns: globs.map((glob): PatternPurge => ({ tenant: 'acme', glob })),
});
const table = (geometry = GEOMETRY) => new PurgeTable('e', 100, geometry);

describe('PurgeTable', () => {
  it('lets everything stand that is as new as its beginning', () => {
    expect(table().stands(subject, 100)).toBe(true);
  });

  it.each([
    EVERYTHING,
    tenantTag('acme'),
    keyTag('acme', 'users:list'),
    keyTag('acme', '/users'),
    uriTag('acme', 'http://h/users'),
    ownTag('acme', 'users'),
    globalTag('users'),
  ])('%s reaches what was made before the purge, and not what was made after', (tag) => {
    const purged = table();
    purged.apply(tags(tag), 101);
    purged.apply(tags('another'), 102);
    expect([100, 101, 102].map((asOf) => purged.stands(subject, asOf))).toEqual([false, true, true]);
  });

  it.each([
    tenantTag('other'),
    keyTag('other', 'users:list'),
    keyTag('acme', 'users'),
    ownTag('other', 'users'),
    ownTag('acme', 'list'),
    globalTag('list'),
    uriTag('acme', 'http://other/users'),
  ])('%s reaches something else', (tag) => {
    const purged = table();
    purged.apply(tags(tag), 101);
    expect(purged.stands(subject, 100)).toBe(true);
  });

  it('a pattern reaches names of its tenant that were made before it', () => {
    const purged = table();
    purged.apply(patterns('users:*'), 101);
    purged.apply(patterns('nothing'), 102);
    expect([100, 101].map((asOf) => purged.stands(subject, asOf))).toEqual([false, true]);
    expect(purged.stands({ ...subject, tenant: 'other' }, 100)).toBe(true);
    expect(purged.stands({ ...subject, names: ['/users'] }, 100)).toBe(true);
  });

  it('many patterns fall into purges of their tenants, the oldest first, as of then', () => {
    const purged = table({ ...GEOMETRY, patterns: 2 });
    for (const [i, glob] of ['a', 'b', 'c'].entries()) purged.apply(patterns(glob), 101 + i);
    expect(purged.patterns.map(({ glob }) => glob)).toEqual(['b', 'c']);
    const unnamed = { ...subject, names: ['z'] };
    expect(purged.stands(unnamed, 100)).toBe(false);
    expect(purged.stands(unnamed, 101)).toBe(true);
    expect(purged.stands({ ...unnamed, tenant: 'other' }, 100)).toBe(true);
  });

  it('a pattern that is purged again takes one place, as of the last time', () => {
    const purged = table({ ...GEOMETRY, patterns: 2 });
    const theirs = { tags: [], patterns: [{ tenant: 'other', glob: 'b' }] };
    for (const [i, glob] of ['a', 'b', 'a'].entries()) purged.apply(patterns(glob), 101 + i);
    const known = () => purged.patterns.map(({ glob, sequence }) => [glob, sequence]);
    expect(known()).toEqual([
      ['b', 102],
      ['a', 103],
    ]);
    purged.apply(patterns('b'), 104);
    expect(known()).toEqual([
      ['a', 103],
      ['b', 104],
    ]);
    expect(purged.lastPurge(tenantTag('acme'))).toBe(0);
    // The same of another tenant is another one.
    purged.apply(theirs, 105);
    expect(purged.patterns.map(({ tenant, glob }) => `${tenant} ${glob}`)).toEqual(['acme b', 'other b']);
    expect(purged.stands({ ...subject, names: ['b'] }, 103)).toBe(false);
  });

  it('a pattern of a query reaches what answers several queries of its path', () => {
    const purged = table();
    purged.apply(patterns('/users?page=*'), 101);
    const several = { ...subject, names: ['other', '/users?sort=up'], pathUri: 'http://h/users' };
    expect(purged.stands(several, 100)).toBe(false);
    expect(purged.stands({ ...several, names: ['other', '/users'] }, 100)).toBe(false);
    expect(purged.stands({ ...several, names: ['other', '/posts?sort=up'] }, 100)).toBe(true);
    // Of one query it is known which.
    expect(purged.stands({ ...subject, names: ['/users?sort=up'] }, 100)).toBe(true);
  });

  it('keeps to its bound when one purge brings more patterns than that', () => {
    const purged = table({ ...GEOMETRY, patterns: 2 });
    purged.apply(patterns('a', 'b', 'c', 'd'), 101);
    expect(purged.patterns).toHaveLength(2);
    expect(purged.stands({ ...subject, names: ['a'] }, 100)).toBe(false);
  });

  it('raises buckets and never lowers them', () => {
    const purged = table({ rows: 1, bits: 0, patterns: 1 });
    purged.apply(patterns('a'), 101);
    purged.apply(tags('x'), 102);
    purged.apply(patterns('b'), 103);
    expect(purged.lastPurge('anything')).toBe(102);
  });

  it('has no buckets before anything is purged', () => {
    const [empty, purged] = [table(), table()];
    expect(empty.buckets).toBeUndefined();
    expect(empty.lastPurge('a')).toBe(0);
    purged.apply(tags('a'), 101);
    expect(purged.buckets).toHaveLength(4 * 65_536);
    expect(purged.covers(empty, [])).toBe(true);
    expect(empty.covers(table(), [])).toBe(true);
    expect(empty.covers(purged, [])).toBe(false);
    expect(empty.covers(purged, [tags('a')])).toBe(true);
  });

  it('does not grow', () => {
    const purged = table({ rows: 2, bits: 4, patterns: 4 });
    for (let i = 0; i < 1000; i++)
      purged.apply({ ...tags(`t${i}`), ...{ patterns: patterns(`p${i}`).patterns } }, 101 + i);
    expect(purged.buckets).toHaveLength(32);
    expect(purged.patterns).toHaveLength(4);
  });

  it('is a function of the purges alone', () => {
    const purges = [tags('a', 'b'), patterns('x*'), tags('c'), patterns('y', 'z')];
    const [one, two] = [table({ rows: 2, bits: 3, patterns: 2 }), table({ rows: 2, bits: 3, patterns: 2 })];
    for (const each of [one, two]) for (const [i, purge] of purges.entries()) each.apply(purge, 101 + i);
    expect(one).toEqual(two);
  });
});

describe('what a table holds of a purge that was entered once', () => {
  const both = { tags: ['a', 'b'], patterns: patterns('x', 'y').patterns };
  const purged = table();
  purged.apply(both, 105);

  it.each([
    ['all of it', both, true],
    ['one of its tags', tags('b'), true],
    ['one of its patterns', patterns('y'), true],
    ['one tag of two', tags('a', 'c'), false],
    ['one pattern of two', patterns('x', 'z'), false],
    ['its tags alone', { ...both, patterns: patterns('z').patterns }, false],
    ['its patterns alone', { ...both, tags: ['c'] }, false],
    ['the pattern of another tenant', { tags: [], patterns: [{ tenant: 'other', glob: 'x' }] }, false],
  ])('%s', (_, purge, isHeld) => {
    expect([104, 105, 106].map((sequence) => purged.holds(purge, sequence))).toEqual([isHeld, isHeld, false]);
  });

  it('of a pattern that fell into a purge of its tenant, that', () => {
    const small = table({ ...GEOMETRY, patterns: 1 });
    small.apply(patterns('x'), 101);
    small.apply(patterns('y'), 102);
    expect(small.holds(patterns('x'), 101)).toBe(true);
    expect(small.holds(patterns('x'), 102)).toBe(false);
  });
});

describe('whether a table that was loaded covers the one from before', () => {
  const TINY = { rows: 1, bits: 1, patterns: 2 };
  // Of two names that have a bucket each.
  const [even, odd] = [0, 1].map((bucket) => {
    for (let i = 0; ; i++) if (bucketsOf(`${i}`, TINY)[0] === bucket) return `${i}`;
  }) as [string, string];
  const purgedBy = (...purges: [purge: Purge, sequence: number][]) => {
    const made = table(TINY);
    for (const [purge, sequence] of purges) made.apply(purge, sequence);
    return made;
  };

  it('is so for the same, and for more', () => {
    const known = purgedBy([tags(even, odd), 101], [patterns('x'), 102]);
    expect(known.covers(known, [])).toBe(true);
    expect(purgedBy([tags(even, odd), 103], [patterns('x', 'y'), 104]).covers(known, [])).toBe(true);
  });

  it.each([0, 1])('is not so where bucket %i is behind, unless what raises it is entered again', (which) => {
    const known = purgedBy([tags(even, odd), 102]);
    const [behind, ahead] = which === 0 ? [even, odd] : [odd, even];
    const loaded = purgedBy([tags(ahead), 103]);
    expect(loaded.covers(known, [])).toBe(false);
    expect(loaded.covers(known, [tags(ahead)])).toBe(false);
    expect(loaded.covers(known, [tags(ahead), tags(behind)])).toBe(true);
  });

  it('is not so where a pattern is missing or older, unless it is entered again', () => {
    const known = purgedBy([patterns('y'), 101], [patterns('x'), 103]);
    for (const loaded of [purgedBy([patterns('y'), 101]), purgedBy([patterns('x'), 101], [patterns('y'), 102])]) {
      expect(loaded.covers(known, [])).toBe(false);
      expect(loaded.covers(known, [patterns('y')])).toBe(false);
      expect(loaded.covers(known, [{ tags: [], patterns: [{ tenant: 'other', glob: 'x' }] }])).toBe(false);
      expect(loaded.covers(known, [patterns('y'), patterns('x')])).toBe(true);
    }
  });
});

describe('bucketsOf', () => {
  it('is one bucket of each row', () => {
    for (let i = 0; i < 200; i++) {
      const rows = bucketsOf(`tag ${i}`, GEOMETRY).map((index) => index >> GEOMETRY.bits);
      expect(rows).toEqual([0, 1, 2, 3]);
    }
  });

  it('hardly ever is the same for two tags', () => {
    const all = new Set<string>();
    for (let i = 0; i < 20_000; i++) all.add(bucketsOf(`g:acme:user:${i}`, GEOMETRY).join());
    expect(all.size).toBe(20_000);
  });
});
