import { createRequire } from 'node:module';
import { parse as parseSimple } from 'node:querystring';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeQuery, type QueryRule, SORTED } from '../../src/request/query.js';
import { anyText, shuffled } from './texts.js';

const ALL = SORTED;

const pattern = fc.tuple(fc.stringMatching(/^[a-c]{1,2}$/), fc.constantFrom('', '*')).map((parts) => parts.join(''));
const rule: fc.Arbitrary<QueryRule> = fc.oneof(
  fc.constant(ALL),
  fc.record({ only: fc.constant(undefined), ignore: fc.array(pattern, { maxLength: 3 }), sort: fc.boolean() }),
  fc.record({ only: fc.array(pattern, { maxLength: 3 }), ignore: fc.constant([]), sort: fc.boolean() }),
);
const name = fc.stringMatching(/^[a-cA%_+é]{1,3}$/);
const value = anyText.map((text) => text.replaceAll('&', ''));
const parameter = fc.tuple(name, fc.option(value, { nil: undefined })).map(([key, text]) => ({
  name: key,
  text: text === undefined ? key : `${key}=${text}`,
}));
const join = (parameters: readonly { text: string }[]) => parameters.map(({ text }) => text).join('&');

/** A query of parameters that all have different names, decoded and plain, and the same ones in another order. */
const permuted = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-zA-Z_é-]{1,4}$/), value), {
    selector: ([key]) => key,
    minLength: 2,
    maxLength: 8,
  })
  .map((pairs) => pairs.map(([key, text]) => ({ text: `${key}=${text}` })))
  .chain((parameters) => fc.tuple(fc.constant(parameters), shuffled(parameters)));

type Parse = (query: string) => Record<string, unknown>;
const load = createRequire(import.meta.url);
const qs = (load('qs') as { parse: (query: string, options: object) => Record<string, unknown> }).parse;

/** How handlers are given queries: by Express 4, by Koa and Express 5, and by applications that say so. */
const PARSERS: readonly (readonly [string, Parse])[] = [
  ['qs', (query) => qs(query, { allowPrototypes: true })],
  ['qs with dots', (query) => qs(query, { allowPrototypes: true, allowDots: true })],
  ['querystring', (query) => ({ ...parseSimple(query) })],
];

describe('normalizeQuery', () => {
  it('is the same for any order of differently named parameters', () => {
    fc.assert(
      fc.property(permuted, rule, ([a, b], rule) => {
        const by = { ...rule, sort: true };
        expect(normalizeQuery(join(a), by)).toBe(normalizeQuery(join(b), by));
      }),
    );
  });

  it('keeps the order within one name', () => {
    fc.assert(
      fc.property(fc.array(parameter, { maxLength: 10 }), (parameters) => {
        const found = normalizeQuery(join(parameters), ALL).split('&');
        for (const each of parameters) {
          const mine = (text: string) => text === each.name || text.startsWith(`${each.name}=`);
          expect(found.filter(mine)).toEqual(parameters.map(({ text }) => text).filter(mine));
        }
      }),
    );
  });

  it('adds nothing, loses nothing and changes nothing where all are kept', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 6 }), (texts) => {
        const query = texts.join('&');
        const parts = (text: string) => text.split('&').filter((part) => part !== '');
        expect(parts(normalizeQuery(query, ALL)).sort()).toEqual(parts(query).sort());
      }),
    );
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.array(parameter).map(join)), rule, (query, by) => {
        const once = normalizeQuery(query, by);
        expect(normalizeQuery(once, by)).toBe(once);
      }),
    );
  });

  it('keeps what is not ignored, and only what is named, whatever else a client adds', () => {
    fc.assert(
      fc.property(fc.array(parameter, { maxLength: 6 }), anyText, (parameters, noise) => {
        const query = join(parameters);
        const added = `utm_x=${noise.replaceAll('&', '')}`;
        const ignoring = { only: undefined, ignore: ['utm_*'], sort: true };
        expect(normalizeQuery(`${added}&${query}`, ignoring)).toBe(normalizeQuery(query, ignoring));
        const only = { only: ['a*', 'b*'], ignore: [], sort: true };
        expect(normalizeQuery(`${query}&${added}`, only)).toBe(normalizeQuery(query, only));
      }),
    );
  });

  // A query is its own normal form's, so that what parsers make of both has to be the same: no two with one form differ then.
  it.each(PARSERS)('loses nothing of what a handler reads: by %s', (_, parse) => {
    const piece = fc.constantFrom(...'a b [ ] [] [a] [0] %61 . %5B %5d %ff % + ='.split(' '));
    const parameter = fc.oneof(
      // An array without a name is of numbers to qs: nobody reads those.
      fc
        .array(piece, { maxLength: 5 })
        .map((pieces) => pieces.join(''))
        .filter((text) => !/^(?:\[|%5b|\.)(?:\]|%5d)/i.test(text)),
      fc.tuple(fc.constantFrom('a', 'b', '[a]', 'a[x]', 'a[]', '%5Ba%5D'), fc.nat(2)).map((parts) => parts.join('=')),
    );
    const rules: readonly QueryRule[] = [
      ALL,
      ...['a', 'a[x]'].map((name) => ({ ...ALL, only: [name] })),
      { ...ALL, ignore: ['b'] },
    ];
    fc.assert(
      fc.property(fc.array(parameter, { maxLength: 5 }), fc.constantFrom(...rules), (parameters, rule) => {
        const read = (query: string) => {
          const { a, b, ...others } = parse(query);
          if (rule.only !== undefined) return { a };
          return rule.ignore.length > 0 ? { a } : { a, b, others };
        };
        const query = parameters.join('&');
        expect(read(normalizeQuery(query, rule))).toEqual(read(query));
      }),
      { numRuns: 3000 },
    );
  });
});
