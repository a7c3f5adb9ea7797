import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isGlob, matchesBeginning, matchesPattern } from '../../src/invalidation/pattern.js';
import { type RedisServer, startRedis } from '../support/redis.js';

/** The obvious way: one sign after the other, every length of a `*` tried in turn. Slow, and sure. */
function reference(glob: string, name: string): boolean {
  if (glob === '') return name === '';
  const rest = glob.slice(1);
  if (glob[0] === '*') return reference(rest, name) || (name !== '' && reference(glob, name.slice(1)));
  if (name === '') return false;
  if (glob[0] === '?') return reference(rest, name.slice(1));
  if (glob[0] === '[') {
    const { matches, after } = referenceClass(rest, name[0]!);
    return matches && reference(after, name.slice(1));
  }
  if (glob[0] === '\\' && rest !== '') return rest[0] === name[0] && reference(rest.slice(1), name.slice(1));
  return glob[0] === name[0] && reference(rest, name.slice(1));
}

/** A class, from behind its bracket on: to the next `]` that is not escaped, or to the end. */
function referenceClass(text: string, character: string): { matches: boolean; after: string } {
  const negated = text[0] === '^';
  let left = negated ? text.slice(1) : text;
  let inside = false;
  while (left !== '' && left[0] !== ']') {
    if (left[0] === '\\' && left.length >= 2) {
      inside ||= left[1] === character;
      left = left.slice(2);
    } else if (left[1] === '-' && left.length >= 3) {
      const [low, high] = [left[0]!, left[2]!].sort();
      inside ||= character >= low! && character <= high!;
      left = left.slice(3);
    } else {
      inside ||= left[0] === character;
      left = left.slice(1);
    }
  }
  return { matches: inside !== negated, after: left.slice(1) };
}

const sign = fc.constantFrom(...'**??ab:-', '[ab]', '[^ab]', '[a-c]', '[-a]', '\\*', '\\?', '\\[', '\\\\');
/** Globs as people write them: classes are closed, and hold no brackets or backslashes. */
const usual = fc.array(sign, { maxLength: 8 }).map((signs) => signs.join(''));
/** Any sequence of signs at all. */
const wild = fc.string({ unit: fc.constantFrom(...'*?[]^-\\abc'), maxLength: 8 });
const name = fc.string({ unit: fc.constantFrom(...'abc:-*?[]^\\'), maxLength: 8 });
/** What a pattern without glob signs means is another matter. */
const asGlob = (text: string) => (isGlob(text) ? text : `${text}*`);

/** Whether a text is what a glob without runs and classes begins with: as many signs of it as the text has. */
function isBeginning(glob: string, text: string): boolean {
  const signs = glob.match(/\\.|./gs) ?? [];
  return signs.length >= text.length && reference(signs.slice(0, text.length).join(''), text);
}

describe('globs against an obvious reference', () => {
  it('agree where they are well-formed', () => {
    fc.assert(
      fc.property(usual, name, (text, each) => {
        const glob = asGlob(text);
        expect(matchesPattern(glob, each)).toBe(reference(glob, each));
      }),
      { numRuns: 2000 },
    );
  });

  it('agree where they are of any form', () => {
    fc.assert(
      fc.property(wild, name, (text, each) => {
        const glob = asGlob(text);
        expect(matchesPattern(glob, each)).toBe(reference(glob, each));
      }),
      { numRuns: 2000 },
    );
  });

  it('match a beginning of all that they match', () => {
    const cut = fc.tuple(name, fc.nat({ max: 8 })).map(([text, at]) => [text, text.slice(0, at)] as const);
    fc.assert(
      fc.property(fc.oneof(usual, wild), cut, (text, [whole, beginning]) => {
        const glob = asGlob(text);
        if (reference(glob, whole)) expect(matchesBeginning(glob, beginning)).toBe(true);
        if (!/\*|\[/.test(glob)) expect(matchesBeginning(glob, whole)).toBe(isBeginning(glob, whole));
      }),
      { numRuns: 3000 },
    );
  });

  it('match their own name when every sign of it is escaped', () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        const glob = asGlob([...one].map((c) => `\\${c}`).join('')).replace(/\*$/, (star) => (one === '' ? '' : star));
        expect(matchesPattern(glob, one)).toBe(true);
        if (isGlob(glob)) expect(matchesPattern(glob, other)).toBe(one === other);
      }),
    );
  });

  it('reach all names with a star, and nothing shorter than their signs', () => {
    fc.assert(
      fc.property(name, (each) => {
        expect(matchesPattern('*', each)).toBe(true);
        expect(matchesPattern('?'.repeat(each.length + 1), each)).toBe(false);
        if (each !== '') expect(matchesPattern('?'.repeat(each.length), each)).toBe(true);
      }),
    );
  });
});

describe('the reference against Redis itself', () => {
  let server: RedisServer;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });

  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it('agrees for globs of any form', async () => {
    const pairs = fc.sample(fc.tuple(fc.oneof(usual, wild), name), { numRuns: 1500, seed: 7 });
    const pipeline = redis.pipeline();
    // A pattern that ends in a lone backslash, or is empty, is a special case of SCAN and of the matcher in C.
    const asked = pairs.filter(([glob, each]) => glob !== '' && each !== '' && !/(^|[^\\])(\\\\)*\\$/.test(glob));
    for (const [glob, each] of asked) pipeline.flushdb().set(each, '1').keys(glob);
    const replies = (await pipeline.exec()) ?? [];
    const found = asked.map((_, i) => (replies[i * 3 + 2]![1] as string[]).length === 1);
    const expected = asked.map(([glob, each]) => reference(glob, each));
    const different = asked.filter((_, i) => found[i] !== expected[i]);
    expect(different).toEqual([]);
    expect(new Set(found)).toEqual(new Set([true, false]));
  });
});

describe('hostile globs and names', () => {
  // Exponential matchers never come back from the first two; a cubic one takes minutes for the others.
  it.each<[what: string, glob: string, name: string, matches: boolean]>([
    ['many stars', `${'a*'.repeat(50)}b`, 'a'.repeat(5000), false],
    ['many stars side by side', `${'*'.repeat(5000)}b`, 'a'.repeat(5000), false],
    ['a long tail', `*${'a'.repeat(3000)}b`, 'a'.repeat(6000), false],
    ['open brackets', `*${'[a'.repeat(2000)}`, `${'a'.repeat(6000)}x`, false],
    ['brackets that are never closed', `*${'['.repeat(5000)}`, `${'['.repeat(10_000)}x`, false],
    ['classes', `*${'[ab]'.repeat(1500)}`, `${'a'.repeat(4500)}x`, false],
    ['one long class', `*[${'b'.repeat(3000)}]z`, 'a'.repeat(6000), false],
    ['one long class, and again', `*${`[${'b'.repeat(60)}a]`.repeat(60)}z`, 'a'.repeat(6000), false],
  ])('take time in the product of both lengths at the most: %s', { timeout: 2000 }, (_, glob, text, matches) => {
    expect(matchesPattern(glob, text)).toBe(matches);
  });
});
