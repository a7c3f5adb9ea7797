import { describe, expect, it } from 'vitest';
import { nearest, storedEntry } from '../../../src/explain/stored.js';
import { span } from '../../../src/explain/words.js';
import type { Candidate } from '../../../src/lookup/lookup.js';
import { BORN, stored } from '../made.js';

describe('storedEntry', () => {
  it('has numbers that JSON knows, for ever too', () => {
    const entry = stored({ freshUntil: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY });
    const found = storedEntry(entry, [], 'memory', BORN);
    expect(found).toMatchObject({ freshFor: 2_147_483_648, keptFor: 2_147_483_648 });
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });

  it('has the lines of one name as a list, whatever their case', () => {
    const entry = stored({
      headers: [
        ['Link', ['a', 'b']],
        ['LINK', 'c'],
        ['__proto__', 'x'],
      ],
    });
    const { headers } = storedEntry(entry, [], 'memory', BORN);
    expect(headers.link).toEqual(['a', 'b', 'c']);
    expect(Object.keys(headers)).toEqual(['link', '__proto__']);
  });

  it('counts the age that a response came with', () => {
    expect(storedEntry(stored({ initialAge: 7 }), [], 'redis', BORN + 3500)).toMatchObject({
      age: 10,
      freshFor: 296.5,
    });
  });
});

describe('nearest', () => {
  const of = (barred: Candidate['barred']): Candidate => ({ entry: stored(), varies: [], barred });

  it('is what would have done, were it not dead; then what another rule or person may have', () => {
    const [dead, other, closed] = [of('invalidated'), of('search'), of('credentials')] as const;
    expect(nearest({ tier: 'memory', candidates: [closed, other, dead] })).toBe(dead);
    expect(nearest({ tier: 'memory', candidates: [closed, other] })).toBe(other);
    expect(nearest({ tier: 'memory', candidates: [closed] })).toBe(closed);
    expect(nearest({ tier: 'memory', candidates: [] })).toBeUndefined();
    expect(nearest(undefined)).toBeUndefined();
  });
});

describe('span', () => {
  it.each<[seconds: number, text: string]>([
    [0.4, '0 s'],
    [119.9, '119 s'],
    [-5.2, '5 s'],
    [120, '2 min'],
    [7199, '119 min'],
    [7200, '2 h'],
    [172_800, '2 days'],
    [Number.POSITIVE_INFINITY, 'ever'],
  ])('says %d seconds as %s', (seconds, text) => {
    expect(span(seconds)).toBe(text);
  });
});
