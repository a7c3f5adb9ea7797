import { describe, expect, it } from 'vitest';
import { type Known, Recollections } from '../../../src/lookup/recollections.js';

const known = (name: string) => ({ name }) as unknown as Known;

describe('Recollections', () => {
  it('finds what was remembered by what was said and by its target, and only that', () => {
    const recollections = new Recollections();
    recollections.set('a', '/x', known('ax'));
    recollections.set('a', '/y', known('ay'));
    recollections.set('b', '/x', known('bx'));
    const found = () => ['a', 'b'].map((said) => ['/x', '/y'].map((target) => recollections.get(said, target)));
    expect(found()).toEqual([
      [known('ax'), known('ay')],
      [known('bx'), undefined],
    ]);
    recollections.delete('a', '/x');
    expect(found()).toEqual([
      [undefined, known('ay')],
      [known('bx'), undefined],
    ]);
  });

  it('keeps what is asked for, and forgets the rest', () => {
    const recollections = new Recollections();
    recollections.set('a', '/asked', known('asked'));
    recollections.set('a', '/forgotten', known('forgotten'));
    for (let i = 0; i < 10_000; i++) {
      recollections.set('a', `/${i}`, known('x'));
      expect(recollections.get('a', '/asked')).toEqual(known('asked'));
    }
    expect(recollections.get('a', '/forgotten')).toBeUndefined();
    expect(recollections.get('a', '/9999')).toEqual(known('x'));
  });

  it.each([
    [1, 4096],
    [5000, 10_000],
    [1e9, 16_384],
  ])('of a memory for %i entries knows the requests that came last, up to %i', (items, most) => {
    const recollections = new Recollections(items);
    for (let i = 0; i < 20_000; i++) recollections.set('a', `/${i}`, known('x'));
    const found = Array.from({ length: 20_000 }, (_, i) => recollections.get('a', `/${i}`));
    const count = found.filter((each) => each !== undefined).length;
    expect(count).toBeGreaterThan(most / 2 - 1);
    expect(count).toBeLessThanOrEqual(most);
  });

  it('counts what is remembered anew under what was said before once', () => {
    const recollections = new Recollections();
    recollections.set('a', '/kept', known('kept'));
    for (let i = 0; i < 10_000; i++) recollections.set('a', '/again', known('x'));
    expect(recollections.get('a', '/kept')).toEqual(known('kept'));
  });

  it('gives nothing up for what is asked for in vain', () => {
    const recollections = new Recollections();
    for (let i = 0; i < 2500; i++) recollections.set('a', `/${i}`, known('x'));
    for (let i = 0; i < 10_000; i++) expect(recollections.get('b', `/${i}`)).toBeUndefined();
    expect(recollections.get('a', '/0')).toEqual(known('x'));
    expect(recollections.get('a', '/2499')).toEqual(known('x'));
  });

  it('forgets for good what is deleted, also what was remembered a generation ago', () => {
    const recollections = new Recollections();
    recollections.set('a', '/old', known('old'));
    for (let i = 0; i < 2500; i++) recollections.set('a', `/${i}`, known('x'));
    expect(recollections.get('a', '/old')).toEqual(known('old'));
    recollections.delete('a', '/old');
    expect(recollections.get('a', '/old')).toBeUndefined();
  });

  it('is bounded also where what is remembered is forgotten at once, by ever others', () => {
    const recollections = new Recollections();
    recollections.set('first', '/', known('first'));
    for (let i = 0; i < 10_000; i++) {
      recollections.set(`tenant ${i}`, '/', known('x'));
      recollections.delete(`tenant ${i}`, '/');
    }
    // Its generation is over, and with it whatever was left of the others.
    expect(recollections.get('first', '/')).toBeUndefined();
  });

  it('gives each route a mark of its own', () => {
    const recollections = new Recollections();
    expect(recollections.mark()).not.toBe(recollections.mark());
  });
});
