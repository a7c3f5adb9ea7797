import { beforeEach, describe, expect, it } from 'vitest';
import type { Purge } from '../../../src/invalidation/purge-table.js';
import { RecentPurges } from '../../../src/invalidation/recent-purges.js';
import type { Subject } from '../../../src/invalidation/tags.js';

const purge = (...tags: string[]): Purge => ({ tags, patterns: [] });
const subject: Subject = { tenant: 'acme', names: ['/a'], uri: 'http://h/a', tags: ['t'] };
const OWN = purge('u:acme:http://h/a', 'p:acme:http://h/a');

let recent: RecentPurges;
beforeEach(() => {
  recent = new RecentPurges(4, 10);
});

describe('isOnly', () => {
  it('is so for the one purge that reaches a subject', () => {
    recent.add(OWN, 11);
    expect(recent.isOnly({ purge: OWN, sequence: 11 }, subject, 10)).toBe(true);
  });

  it('is so whatever else was purged that does not reach it', () => {
    recent.add(purge('u:acme:http://h/b'), 11);
    recent.add(OWN, 12);
    recent.add({ tags: ['t:other'], patterns: [{ tenant: 'other', glob: '*' }] }, 13);
    expect(recent.isOnly({ purge: OWN, sequence: 12 }, subject, 10)).toBe(true);
  });

  it('does not look at what was purged before', () => {
    recent.add(OWN, 11);
    recent.add(OWN, 12);
    expect(recent.isOnly({ purge: OWN, sequence: 12 }, subject, 11)).toBe(true);
  });

  it.each<[what: string, other: Purge]>([
    ['its tag', purge('g:acme:t')],
    ['its tag of all tenants', purge('G:t')],
    ['its name', purge('k:acme:/a')],
    ['a pattern', { tags: [], patterns: [{ tenant: 'acme', glob: '/*' }] }],
    ['its tenant', purge('t:acme')],
    ['everything', purge('*')],
    ['the same again', OWN],
  ])('is not so where %s was purged as well, before or after', (_, other) => {
    recent.add(other, 11);
    recent.add(OWN, 12);
    recent.add(other, 13);
    expect(recent.isOnly({ purge: OWN, sequence: 12 }, subject, 10)).toBe(false);
    expect(recent.isOnly({ purge: OWN, sequence: 12 }, subject, 11)).toBe(false);
  });

  it('is not so where nothing was purged that reaches it', () => {
    expect(recent.isOnly({ purge: OWN, sequence: 11 }, subject, 10)).toBe(false);
  });

  it('is not so for a purge that went into the ledger with others as one', () => {
    recent.add(purge(...OWN.tags, 'g:acme:t'), 11);
    expect(recent.isOnly({ purge: OWN, sequence: 11 }, subject, 10)).toBe(false);
  });

  it('is not so for one of as many tags, of which others are its own', () => {
    for (const other of [purge(OWN.tags[0]!, 'g:acme:t'), purge('k:acme:/a', 'g:acme:t')]) {
      recent = new RecentPurges(4, 10);
      recent.add(other, 11);
      expect(recent.isOnly({ purge: OWN, sequence: 11 }, subject, 10)).toBe(false);
    }
  });

  it('is not so for the same at another place: somebody else has purged it', () => {
    recent.add(OWN, 12);
    expect(recent.isOnly({ purge: OWN, sequence: 11 }, subject, 10)).toBe(false);
  });

  it('is not so for a purge with patterns, which may reach what nobody foresees', () => {
    const own: Purge = { tags: OWN.tags, patterns: [{ tenant: 'acme', glob: '/a' }] };
    recent.add(own, 11);
    expect(recent.isOnly({ purge: own, sequence: 11 }, subject, 10)).toBe(false);
  });

  it('is so for one whose tags stand there twice', () => {
    recent.add(purge(...OWN.tags, ...OWN.tags), 11);
    expect(recent.isOnly({ purge: OWN, sequence: 11 }, subject, 10)).toBe(true);
  });

  it('cannot be told of the time before the first that is remembered', () => {
    recent.add(OWN, 11);
    expect(recent.isOnly({ purge: OWN, sequence: 11 }, subject, 9)).toBe(false);
  });
});

describe('what is remembered', () => {
  it('is given as far as it is wanted', () => {
    for (const sequence of [11, 12, 13]) recent.add(purge('x'), sequence);
    expect(recent.filter(({ sequence }) => sequence > 12)).toEqual([{ purge: purge('x'), sequence: 13 }]);
  });

  it('is all of what there is room for', () => {
    for (const sequence of [11, 12, 13, 14]) recent.add(purge('x'), sequence);
    expect(recent.filter(() => true)).toHaveLength(4);
    expect(recent.from).toBe(10);
  });

  it('is bounded: the older half goes when it is full', () => {
    for (const sequence of [11, 12, 13, 14, 15]) recent.add(purge('x'), sequence);
    expect(recent.filter(() => true).map(({ sequence }) => sequence)).toEqual([13, 14, 15]);
    expect(recent.from).toBe(12);
  });

  it('is bounded in weight: the older half goes, and another half', () => {
    const many = (name: string) =>
      purge(...Array.from({ length: 1000 }, (_, i) => `g:acme:${name}${'x'.repeat(1500)}${i}`));
    for (const sequence of [11, 12, 13]) recent.add(many(`${sequence}`), sequence);
    expect(recent.filter(() => true).map(({ sequence }) => sequence)).toEqual([13]);
    expect(recent.from).toBe(12);
    // It weighs too much by itself.
    recent.add(purge(...many('a').tags, ...many('b').tags, ...many('c').tags), 14);
    expect(recent.filter(() => true)).toEqual([]);
    expect(recent.from).toBe(14);
    for (const sequence of [15, 16]) recent.add(many(`${sequence}`), sequence);
    expect(recent.filter(() => true).map(({ sequence }) => sequence)).toEqual([15, 16]);
  });

  it('is not whole where purges were learnt otherwise', () => {
    recent.add(OWN, 11);
    recent.skipTo(20);
    expect(recent.from).toBe(20);
    recent.skipTo(15);
    expect(recent.from).toBe(20);
    expect(recent.isOnly({ purge: OWN, sequence: 11 }, subject, 10)).toBe(false);
  });

  it('is no more whole where what came before those goes', () => {
    for (const sequence of [11, 12]) recent.add(purge('x'), sequence);
    recent.skipTo(20);
    recent.add(OWN, 21);
    for (const sequence of [22, 23]) recent.add(purge('x'), sequence);
    expect(recent.filter(() => true).map(({ sequence }) => sequence)).toEqual([21, 22, 23]);
    // Between 12 and 20 there may have been what reaches the subject.
    expect(recent.from).toBe(20);
    expect(recent.isOnly({ purge: OWN, sequence: 21 }, subject, 15)).toBe(false);
  });
});
