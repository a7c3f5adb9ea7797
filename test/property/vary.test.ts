import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizedField, variantKey } from '../../src/http/vary.js';
import { anyText, asciiText, shuffled } from './texts.js';

/** What a client likes, and how much: thousandths, as RFC 9110 §12.4.2 lets it say. */
type Liked = readonly [name: string, weight: number];

const weight = fc.oneof(fc.constantFrom(0, 1, 100, 500, 900, 999, 1000), fc.integer({ min: 0, max: 1000 }));
const liking = (...names: readonly string[]): fc.Arbitrary<readonly Liked[]> =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...names), weight), { selector: ([name]) => name, maxLength: 6 });
const encodings = liking('gzip', 'br', 'deflate', 'identity', '*', 'x-gzip', 'zstd');
const languages = liking('en', 'en-us', 'de', 'zh-hant-tw', '*', 'fr', 'fr-ca');
const blank = fc.constantFrom('', ' ', '\t', '  ');

const anyCase = (text: string) =>
  fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) => [...text].map((sign, i) => (upper[i] ? sign.toUpperCase() : sign)).join(''));

/** The ways to write a weight: `q=0.5`, `q=0.50`, `q=1.`, and none for 1. */
const weightText = (thousandths: number) => {
  const digits = `${thousandths % 1000}`.padStart(3, '0').replace(/0+$/, '');
  const whole = Math.floor(thousandths / 1000);
  const exact = digits === '' ? [`${whole}`, `${whole}.`, `${whole}.0`] : [`${whole}.${digits}`];
  return fc.constantFrom(...exact, `${whole}.${digits.padEnd(3, '0')}`);
};

const memberText = ([name, thousandths]: Liked, inner: fc.Arbitrary<string>) =>
  fc
    .record({
      name: anyCase(name),
      q: fc.tuple(blank, inner, weightText(thousandths)),
      silent: fc.boolean(),
      around: fc.tuple(blank, blank, fc.constantFrom('', ',', ' ,')),
    })
    .map(({ name: spelt, q: [before, after, value], silent, around: [left, right, empty] }) => {
      const weighted = silent && thousandths === 1000 ? '' : `${before};${after}=${value}`;
      return `${empty}${left}${spelt}${weighted}${right}`;
    });

/** A list written in one of the many ways that mean the same. `inner`: how the sign of a weight is written. */
const listText = (all: readonly Liked[], inner = blank.map((left) => `${left}q`)) =>
  fc.tuple(...all.map((each) => memberText(each, inner))).map((parts) => parts.join(','));
/** What `negotiator` reads in that way of languages, and of types. */
const LANGUAGE_WEIGHT = fc.constant('q');
const TYPE_WEIGHT = fc.tuple(blank, fc.constantFrom('q', 'Q')).map((parts) => parts.join(''));

const sameMap = (a: readonly Liked[], b: readonly Liked[]) => {
  const sorted = (all: readonly Liked[]) => JSON.stringify(all.toSorted(([x], [y]) => (x < y ? -1 : 1)));
  return sorted(a) === sorted(b);
};
/** What an Accept-Language says: names and weights, and the order of those with the same weight. */
const ranked = (all: readonly Liked[]) => JSON.stringify(all.toSorted(([, x], [, y]) => y - x));

/** Two lists with their texts: often the same in another order, or with one thing changed. */
const pairOf = (liked: typeof encodings, inner?: fc.Arbitrary<string>) =>
  fc
    .tuple(liked, liked, fc.constantFrom('shuffled', 'changed', 'other'))
    .chain(([a, b, how]) => {
      const changed = a.map(([name, value], i): Liked => (i === 0 ? [name, (value + 1) % 1001] : [name, value]));
      const other = how === 'shuffled' ? shuffled(a) : fc.constant(how === 'changed' ? changed : b);
      return fc.tuple(fc.constant(a), other);
    })
    .chain(([a, b]) => fc.tuple(fc.constant(a), fc.constant(b), listText(a, inner), listText(b, inner)));

const NAMES = ['accept', 'accept-charset', 'accept-encoding', 'accept-language', 'x-field'];
const nearly = fc
  .array(
    fc.constantFrom(...['gzip', 'br', 'en', 'a/b', '*', ';', ',', 'q', '=', '0.5', '1', ' ', '\t', '"', '\u00a0']),
    {
      maxLength: 12,
    },
  )
  .map((parts) => parts.join(''));
const anyValue = fc.oneof(anyText, asciiText, nearly, encodings.chain(listText), languages.chain(listText));
const form = (name: string, value: string, languageOrder = true) => normalizedField(name, value, { languageOrder });

interface Negotiator {
  charsets(offered: readonly string[]): string[];
  encodings(offered: readonly string[]): string[];
  languages(offered: readonly string[]): string[];
  mediaTypes(offered: readonly string[]): string[];
}
type Negotiating = new (request: { headers: Record<string, string> }) => Negotiator;
const load = createRequire(import.meta.url);
const negotiatorOf = (framework: string) => {
  const accepts = createRequire(load.resolve(framework)).resolve('accepts');
  return createRequire(accepts)('negotiator') as Negotiating;
};

/** By which frameworks choose. */
const NEGOTIATORS: readonly (readonly [string, Negotiating])[] = [
  ['that of Express 4', negotiatorOf('express4')],
  ['that of Express 5', negotiatorOf('express')],
  ['that of Koa', negotiatorOf('koa')],
];
/** What is offered of a kind, and what a request is given: of codings that are liked equally it may be any. */
const CHOICES: readonly (readonly [
  string,
  readonly string[],
  (by: Negotiator, offered: readonly string[]) => string[],
])[] = [
  ['accept', ['a/b', '*/*', 'c/*', 'c/d'], (by, offered) => by.mediaTypes(offered)],
  ['accept-charset', ['a', '*', 'b'], (by, offered) => by.charsets(offered)],
  ['accept-encoding', ['gzip', '*', 'identity', 'br'], (by, offered) => by.encodings(offered).sort()],
  ['accept-language', ['en', 'de', '*', 'en-us'], (by, offered) => by.languages(offered)],
];

describe('normalizedField', () => {
  it('is the same for two Accept-Encodings exactly where they give the codings the same weights', () => {
    fc.assert(
      fc.property(pairOf(encodings), ([a, b, textA, textB]) => {
        expect(form('accept-encoding', textA) === form('accept-encoding', textB)).toBe(sameMap(a, b));
      }),
      { numRuns: 1000 },
    );
  });

  it('is the same for two Accept-Languages exactly where they rank the languages the same way', () => {
    fc.assert(
      fc.property(pairOf(languages, LANGUAGE_WEIGHT), ([a, b, textA, textB]) => {
        expect(form('accept-language', textA) === form('accept-language', textB)).toBe(ranked(a) === ranked(b));
        const unordered = form('accept-language', textA, false) === form('accept-language', textB, false);
        expect(unordered).toBe(sameMap(a, b));
      }),
      { numRuns: 1000 },
    );
  });

  it('is the same for two Accept-Charsets exactly where they name the same in the same order', () => {
    fc.assert(
      fc.property(pairOf(encodings), ([a, b, textA, textB]) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(form('accept-charset', textA) === form('accept-charset', textB)).toBe(same);
      }),
    );
  });

  it('is the same for two Accepts exactly where they name the same types in the same order', () => {
    const types = (all: readonly Liked[]) => all.map(([name, value]): Liked => [`${name}/${name}`, value]);
    const pair = pairOf(encodings).chain(([a, b]) =>
      fc.tuple(fc.constant(a), fc.constant(b), listText(types(a), TYPE_WEIGHT), listText(types(b), TYPE_WEIGHT)),
    );
    fc.assert(
      fc.property(pair, ([a, b, textA, textB]) => {
        expect(form('accept', textA) === form('accept', textB)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  // What a handler of Express or Koa chooses by a value it has to choose by the others of that form.
  it.each(NEGOTIATORS)('is the same for no two values of which %s makes different things', (_, negotiator) => {
    const blanks = fc.constantFrom('', ' ');
    const parameter = fc
      .constantFrom('', 'q=0', 'q=0.5', 'q=0.50', 'q=1', 'Q=0', 'x=1', 'q =0.5')
      .chain((text) => fc.tuple(blanks, blanks).map(([before, after]) => `${before};${after}${text}`));
    const list = (names: readonly string[]) =>
      fc
        .array(
          fc
            .tuple(
              blanks,
              fc.constantFrom(...names, names[0]!.toUpperCase(), ''),
              fc.array(parameter, { maxLength: 2 }),
            )
            .map(([blank, name, parameters]) => blank + name + parameters.join('')),
          { maxLength: 4 },
        )
        .map((members) => members.join(','));
    for (const [name, offered, choose] of CHOICES) {
      const made = new Map<string, string>();
      fc.assert(
        fc.property(list(offered.slice(0, 3)), (value) => {
          const chosen = JSON.stringify(choose(new negotiator({ headers: { [name]: value } }), offered));
          const key = form(name, value);
          expect(chosen).toBe(made.get(key) ?? chosen);
          made.set(key, chosen);
        }),
        { numRuns: 2000 },
      );
    }
  });

  it('is its own form, for any field and value', () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), anyValue, fc.boolean(), (name, value, languageOrder) => {
        const once = form(name, value, languageOrder);
        expect(form(name, once, languageOrder)).toBe(once);
      }),
      { numRuns: 1000 },
    );
  });

  it('loses nothing but blanks of a field that it does not know', () => {
    const bare = (text: string) => text.replace(/[ \t]/g, '');
    fc.assert(
      fc.property(anyValue, anyValue, (a, b) => {
        expect(bare(form('x-field', a))).toBe(bare(a));
        if (form('x-field', a) === form('x-field', b)) expect(bare(a)).toBe(bare(b));
      }),
    );
  });

  it('never takes what does not parse for what does', () => {
    fc.assert(
      fc.property(encodings.chain(listText), nearly, (list, rubbish) => {
        const broken = `${list},gzip;q=0.1,gzip;q=0.2,${rubbish}`;
        expect(form('accept-encoding', broken)).not.toBe(form('accept-encoding', list));
      }),
    );
  });

  it('gives the same form the second time, when it is remembered', () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), anyValue, fc.boolean(), (name, value, languageOrder) => {
        const first = form(name, value, languageOrder);
        form(name, value, !languageOrder);
        expect(form(name, value, languageOrder)).toBe(first);
      }),
    );
  });

  it.each([
    ['blanks', ' '],
    ['commas', ','],
    ['commas and blanks', ' ,'],
    ['semicolons', ';'],
    ['weights', ';q=1'],
    ['codings', 'gzip,'],
    ['types', 'a/b;q=0.5,'],
    ['tags', 'en-'],
    ['letters', 'a'],
    ['slashes', '/'],
    ['digits', '1'],
  ])('reads a long run of %s once', { timeout: 5000 }, (_, piece) => {
    const long = piece.repeat(100_000 / piece.length);
    for (const name of NAMES)
      for (const value of [long, `a${long}`, `${long}\u00e9`, `a/b;q=0.${long}`]) form(name, value);
  });
});

describe('variantKey', () => {
  it('is the same exactly where every field has the same form', () => {
    const request = fc.record({ 'accept-encoding': fc.option(anyValue, { nil: undefined }), 'x-field': anyValue });
    fc.assert(
      fc.property(request, request, fc.boolean(), (a, b, shared) => {
        const second = shared ? { ...b, 'x-field': a['x-field'] } : b;
        const forms = (fields: typeof a) =>
          JSON.stringify(Object.entries(fields).map(([name, value]) => (value === undefined ? [] : form(name, value))));
        const keys = [a, second].map((fields) => variantKey(['accept-encoding', 'x-field'], fields));
        expect(keys[0] === keys[1]).toBe(forms(a) === forms(second));
      }),
    );
  });
});
