import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Cause, causeIn, firstCause, lastCause } from '../../../src/invalidation/cause.js';
import { PendingPurges } from '../../../src/invalidation/pending.js';
import { type Purge, PurgeTable } from '../../../src/invalidation/purge-table.js';
import { RecentPurges } from '../../../src/invalidation/recent-purges.js';
import { type Subject, targetOf } from '../../../src/invalidation/tags.js';

const purge = (...tags: string[]): Purge => ({ tags, patterns: [] });
const glob = (pattern: string, tenant = 'acme'): Purge => ({ tags: [], patterns: [{ tenant, glob: pattern }] });
const SUBJECT: Subject = { tenant: 'acme', names: ['users:list', '/a', '/a?b'], uri: 'http://h/a?b', tags: ['t'] };

let table: PurgeTable;
let recent: RecentPurges;
let sequence: number;
beforeEach(() => {
  [table, recent, sequence] = [new PurgeTable('e', 100), new RecentPurges(4, 100), 100];
});

function enter(...purges: Purge[]): void {
  for (const each of purges) {
    table.apply(each, ++sequence);
    recent.add(each, sequence);
  }
}
const first = (after = 100, of = recent): Cause | undefined => firstCause(table, of, SUBJECT, after);
const last = (): Cause | undefined => lastCause(table, recent, SUBJECT);

describe('targetOf', () => {
  it.each<[tag: string, by: string, name: string | undefined]>([
    ['*', 'everything', undefined],
    ['t:acme', 'tenant', 'acme'],
    ['k:acme:users:list', 'key', 'users:list'],
    ['q:acme:/a', 'key', '/a'],
    ['u:acme:http://h/a?b', 'url', 'http://h/a?b'],
    ['p:acme:http://h/a', 'url', 'http://h/a'],
    ['g:acme:a:b', 'tag', 'a:b'],
    ['g::t', 'tag', 't'],
    ['G:a:b', 'tag of all tenants', 'a:b'],
  ])('reads %s', (tag, by, name) => {
    expect(targetOf(tag)).toEqual(name === undefined ? { by } : { by, name });
  });
});

describe('causeIn', () => {
  it('is nothing for a purge that does not reach the subject', () => {
    expect(causeIn(purge('t:other', 'k:acme:/b'), SUBJECT, 1)).toBeUndefined();
    expect(causeIn(glob('/a*', 'other'), SUBJECT, 1)).toBeUndefined();
  });

  it('names what says most, of several ways in which one purge reaches it', () => {
    expect(causeIn(purge('*', 't:acme', 'g:acme:t', 'k:acme:/a'), SUBJECT, 7)).toEqual({
      ...{ by: 'key', name: '/a', sequence: 7, pending: false, certain: true },
    });
    expect(causeIn({ tags: ['t:acme'], patterns: glob('/a*').patterns }, SUBJECT, 7)).toMatchObject({ by: 'pattern' });
  });
});

describe('firstCause', () => {
  it('is nothing where the subject stands', () => {
    enter(purge('k:acme:/a'), purge('t:other'));
    expect(first(101)).toBeUndefined();
  });

  it('is the first purge of those that are remembered', () => {
    enter(purge('g:acme:t'), purge('*'), purge('g:acme:t'));
    expect(first()).toMatchObject({ by: 'tag', sequence: 101 });
    expect(first(101)).toMatchObject({ by: 'everything', sequence: 102 });
  });

  it('is what the table knows, of those that are forgotten', () => {
    enter(purge('g:acme:t'), ...Array.from({ length: 8 }, () => purge('t:other')));
    expect(recent.from).toBeGreaterThan(101);
    expect(first()).toMatchObject({ by: 'tag', name: 't', sequence: 101, certain: true });
  });

  it('is a pattern that is forgotten', () => {
    enter(glob('/a*'), ...Array.from({ length: 8 }, () => purge('t:other')));
    expect(first()).toMatchObject({ by: 'pattern', name: '/a*', sequence: 101 });
  });

  it('says so where something else shares its place', () => {
    // With so few buckets another tag is in the same ones.
    table = new PurgeTable('e', 100, { rows: 1, bits: 1, patterns: 4 });
    for (let i = 0; first() === undefined && i < 50; i++) enter(purge(`g:other:${i}`));
    expect(first()).toMatchObject({ certain: false });
    expect(last()).toBeUndefined();
  });
});

describe('lastCause', () => {
  it('is the last that reaches it', () => {
    expect(last()).toBeUndefined();
    enter(purge('g:acme:t'), purge('k:acme:/a'), purge('t:other'));
    expect(last()).toMatchObject({ by: 'key', sequence: 102 });
  });

  it('is what the table knows, where all are forgotten', () => {
    enter(purge('t:acme'), purge('g:acme:t'), ...Array.from({ length: 8 }, () => purge('t:other')));
    expect(last()).toMatchObject({ by: 'tag', sequence: 102 });
  });
});

describe('PendingPurges.causeOf', () => {
  it('names what waits, on its way or not', () => {
    const pending = new PendingPurges();
    expect(pending.causeOf(SUBJECT, 5)).toBeUndefined();
    pending.add(purge('t:other'));
    expect(pending.causeOf(SUBJECT, 5)).toBeUndefined();
    pending.take();
    pending.add(glob('/a*'));
    expect(pending.causeOf(SUBJECT, 5)).toEqual({
      ...{ by: 'pattern', name: '/a*', sequence: 5, pending: true, certain: true },
    });
  });
});

describe('a table and what it says', () => {
  const one = fc.oneof(
    fc.constantFrom('*', 't:acme', 't:other', 'k:acme:/a', 'g:acme:t', 'G:t', 'g:other:t').map((tag) => purge(tag)),
    fc.constantFrom('/a*', 'x*', 'users').map((pattern) => glob(pattern)),
  );

  it('agree: there is a cause exactly where the subject does not stand', () => {
    const property = fc.property(fc.array(one, { maxLength: 20 }), fc.nat(22), (purges, age) => {
      [table, recent, sequence] = [
        new PurgeTable('e', 100, { rows: 2, bits: 3, patterns: 2 }),
        new RecentPurges(4, 100),
        100,
      ];
      enter(...purges);
      const after = 100 + age;
      expect(table.reaching(SUBJECT, after).length === 0).toBe(table.stands(SUBJECT, after));
      expect(first(after) === undefined).toBe(table.stands(SUBJECT, after));
      expect(first(after)?.sequence ?? after + 1).toBeGreaterThan(after);
    });
    fc.assert(property, { numRuns: 300 });
  });
});
