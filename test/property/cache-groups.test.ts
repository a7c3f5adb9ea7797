import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGroups } from '../../src/http/cache-groups.js';
import { LONG_RUNS, sfComma, sfInnerList, sfItem, sfParameters, sfRubbish, sfString } from './structured.js';
import { anyText } from './texts.js';

const member = fc.record({
  value: fc.oneof(sfString, sfItem, sfInnerList),
  parameters: sfParameters,
  comma: sfComma,
});

describe('parseGroups', () => {
  it('finds the Strings of any List, each once, in their order', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 8 }), (members) => {
        const text = members
          .map(({ value, parameters, comma }, i) => value.text + parameters + (i < members.length - 1 ? comma : ''))
          .join('');
        const strings = members.filter(({ value }) => value.type === 'string').map(({ value }) => value.value);
        expect(parseGroups(text)).toEqual([...new Set(strings)]);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws, and never finds more than 128', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, sfRubbish), fc.nat(300), (rubbish, count) => {
        const many = Array.from({ length: count }, (_, i) => `"${i}"`).join(',');
        expect(parseGroups(rubbish).length).toBeLessThanOrEqual(rubbish.length);
        expect(parseGroups(many)).toHaveLength(Math.min(count, 128));
        expect(parseGroups(`${many},${rubbish}`).length).toBeLessThanOrEqual(128);
      }),
    );
  });

  it.each(LONG_RUNS)('reads a long run of %s once', { timeout: 5000 }, (_, piece) => {
    const long = piece.repeat(50_000 / piece.length);
    for (const text of [long, `"a", ${long}`, `"${long}`, `${long}"a"`]) parseGroups(text);
  });
});
