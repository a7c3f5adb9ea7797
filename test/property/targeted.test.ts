import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deltaSeconds, fieldList } from '../../src/http/cache-control.js';
import { targetedDirectives } from '../../src/http/targeted.js';
import { LONG_RUNS, sfComma, sfInnerList, sfItem, sfKey, sfParameters, sfRubbish, type Written } from './structured.js';
import { anyText } from './texts.js';

const TRUE: Written = { type: 'boolean', value: true, text: '' };
const member = fc.record({
  key: fc.oneof(fc.constantFrom('max-age', 's-maxage', 'no-store', 'private', 'no-cache', 'public'), sfKey),
  value: fc.oneof(fc.constant(TRUE), sfItem, sfInnerList),
  parameters: sfParameters,
  comma: sfComma,
});

/** RFC 9651 §3.2: what a Dictionary says, the last of the members of one key, and the text that says it. */
const dictionary = fc.array(member, { minLength: 1, maxLength: 6 }).map((members) => ({
  said: new Map(members.map(({ key, value }) => [key, value])),
  text: members
    .map(({ key, value, parameters, comma }, i) => {
      const text = value === TRUE ? key : `${key}=${value.text}`;
      return text + parameters + (i < members.length - 1 ? comma : '');
    })
    .join(''),
}));

const read = (text: string) => targetedDirectives({ 'cdn-cache-control': text }, ['cdn-cache-control']);

describe('targetedDirectives', () => {
  it('finds the directives of any Dictionary, and no others', () => {
    fc.assert(
      fc.property(dictionary, ({ said, text }) => {
        const present = [...said].filter(([, value]) => value.type !== 'boolean' || value.value === true);
        expect([...read(text)!.keys()].sort()).toEqual(present.map(([key]) => key).sort());
      }),
      { numRuns: 500 },
    );
  });

  it('takes Integers, and nothing else, for numbers of seconds', () => {
    fc.assert(
      fc.property(dictionary, ({ said, text }) => {
        const directives = read(text)!;
        for (const name of ['max-age', 's-maxage']) {
          const value = said.get(name);
          const absent = value === undefined || value.value === false;
          const seconds = value?.type === 'integer' ? Math.min(Math.max(0, value.value as number), 2 ** 31) : 0;
          expect(deltaSeconds(directives, name)).toBe(absent ? undefined : seconds);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('takes Strings and Tokens, and nothing else, for names of fields', () => {
    fc.assert(
      fc.property(dictionary, ({ said, text }) => {
        const value = said.get('private');
        const names = fieldList(read(text)!, 'private');
        if (names === undefined) return;
        expect(['string', 'token']).toContain(value?.type);
        expect(String(value?.value).toLowerCase()).toContain(names[0]);
      }),
      { numRuns: 500 },
    );
  });

  it('takes nothing from a Dictionary that an error was put into', () => {
    const error = fc.constantFrom('A', ',', ', ,a', '=', ' a', ';', '"', '(', '\u00e9', 'a=1.', '\0');
    fc.assert(
      fc.property(dictionary, error, ({ text }, rubbish) => {
        expect(read(`${text}, ${rubbish} `.concat('='))).toBeUndefined();
        expect(read(`A=1, ${text}`)).toBeUndefined();
      }),
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, sfRubbish), (text) => {
        for (const [name] of read(text) ?? []) expect(name).toBe(name.toLowerCase());
      }),
      { numRuns: 1000 },
    );
  });

  it.each(LONG_RUNS)('reads a long run of %s once', { timeout: 5000 }, (_, piece) => {
    const long = piece.repeat(50_000 / piece.length);
    for (const text of [long, `a=${long}`, `a="${long}`, `${long}b`, `a=1.0, ${long}b`]) read(text);
  });
});
