import { describe, expect, it } from 'vitest';
import { bucketsOf, GEOMETRY, type PatternPurge, PurgeTable } from '../../../src/invalidation/purge-table.js';
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
