import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySearchRule, parseNoVarySearch, type SearchRule, searchRuleText } from '../../src/http/no-vary-search.js';
import { LONG_RUNS, sfRubbish } from './structured.js';
import { anyText, shuffled } from './texts.js';

/**
 * What the URL standard makes of a query: the judge of what names are. A sign of a query is a byte here, and bytes that are
 * escaped belong to the same letters as those that are not.
 */
const pairsOf = (query: string) => {
  const escaped = Buffer.from(query, 'latin1')
    .toString('latin1')
    .replace(/[^\0-\x7f]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  return [...new URLSearchParams(`&${escaped}`)];
};
const nameOf = (text: string) => pairsOf(text)[0]?.[0] ?? '';

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'a b', 'c[]', '', 'é', '気', '+', '%', '&', '"\\'),
  anyText.map(wellFormed),
);
function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** A name as a query or a field has it: as it is where that is possible, or escaped. */
const spelling = (text: string) => {
  const escaped = encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  return fc.constantFrom(escaped, escaped.replaceAll('%20', '+'), escaped.toLowerCase() === text ? text : escaped);
};
const rule: fc.Arbitrary<SearchRule> = fc
  .record({ keyOrder: fc.boolean(), all: fc.boolean(), names: fc.uniqueArray(name, { maxLength: 4 }) })
  .filter(({ keyOrder, all, names }) => keyOrder || all || names.length > 0)
  .map(({ keyOrder, all, names }) => ({ keyOrder, ignore: all ? 'all' : names, except: all ? names : [] }));

/** A rule and the texts that say it (draft-ietf-httpbis-no-vary-search-10 §3, and the older spelling of `except`). */
const field = rule.chain((meant) => {
  const names = meant.ignore === 'all' ? meant.except : meant.ignore;
  return fc.record({
    meant: fc.constant(meant),
    spelt: fc.tuple(...names.map(spelling)),
    order: fc.boolean(),
    older: fc.boolean(),
    unknown: fc.boolean(),
  });
});
const textOf = ({ meant, spelt, order, older, unknown }: typeof field extends fc.Arbitrary<infer T> ? T : never) => {
  const list = `(${spelt.map((each) => `"${each}"`).join(' ')})`;
  const chosen = meant.ignore === 'all' ? `${older ? 'params, ' : ''}except=${list}` : `params=${list}`;
  const parts = [chosen, ...(meant.keyOrder ? ['key-order'] : []), ...(unknown ? ['other=1;x'] : [])];
  return (order ? parts.reverse() : parts).join(', ');
};

const parameter = fc
  .tuple(name.chain(spelling), fc.option(fc.stringMatching(/^[\w=%+]{0,4}$/), { nil: undefined }))
  .map(([key, value]) => (value === undefined ? key : `${key}=${value}`))
  .filter((text) => text !== '');
const query = fc.array(parameter, { maxLength: 8 });

describe('parseNoVarySearch', () => {
  it('finds the rule that a field says', () => {
    fc.assert(
      fc.property(field, (written) => {
        expect(parseNoVarySearch(textOf(written))).toEqual(written.meant);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws, and never finds a rule that says nothing', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          sfRubbish,
          sfRubbish.map((text) => `params=${text}`),
        ),
        (text) => {
          const found = parseNoVarySearch(text);
          if (found !== undefined) expect(found.keyOrder || found.ignore.length > 0).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each(LONG_RUNS)('reads a long run of %s once', { timeout: 5000 }, (_, piece) => {
    const long = piece.repeat(50_000 / piece.length);
    for (const text of [long, `params=(${long}`, `params=("${long}")`, `key-order, ${long}`]) parseNoVarySearch(text);
  });
});

describe('applySearchRule', () => {
  it('leaves the parameters that the rule does not name, by the names of the URL standard', () => {
    fc.assert(
      fc.property(query, rule, (parameters, by) => {
        const kept = parameters.filter((text) => {
          const decoded = nameOf(text);
          return by.ignore === 'all' ? by.except.includes(decoded) : !by.ignore.includes(decoded);
        });
        const sorted = by.keyOrder ? kept.toSorted((a, b) => compare(nameOf(a), nameOf(b))) : kept;
        expect(applySearchRule(parameters.join('&'), by)).toBe(sorted.join('&'));
      }),
      { numRuns: 1000 },
    );
  });

  it('decodes names as the URL standard does, whatever bytes they are of', () => {
    const bytes = fc.string({ unit: fc.constantFrom(...'a%+fF0eE2\u00c3\u00a9\u00ef\u00bb\u00bf'), maxLength: 9 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        fc.pre(a !== '');
        const by = { keyOrder: false, ignore: [nameOf(b)], except: [] };
        expect(applySearchRule(a, by)).toBe(nameOf(a) === nameOf(b) ? '' : a);
      }),
      { numRuns: 1000 },
    );
  });

  it('is the same for any order of differently named parameters, where that says nothing', () => {
    const distinct = fc.uniqueArray(parameter, { selector: nameOf, maxLength: 8 });
    const permuted = distinct.chain((parameters) => fc.tuple(fc.constant(parameters), shuffled(parameters)));
    fc.assert(
      fc.property(permuted, rule, ([a, b], by) => {
        const sorting = { ...by, keyOrder: true };
        expect(applySearchRule(a.join('&'), sorting)).toBe(applySearchRule(b.join('&'), sorting));
      }),
    );
  });

  it('is idempotent, whatever a client sends', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          query.map((all) => all.join('&')),
        ),
        rule,
        (text, by) => {
          const once = applySearchRule(text, by);
          expect(applySearchRule(once, by)).toBe(once);
        },
      ),
    );
  });
});

describe('searchRuleText', () => {
  it('is the same for two rules exactly where they name the same', () => {
    const sorted = ({ keyOrder, ignore, except }: SearchRule) => [
      keyOrder,
      ignore === 'all' ? 'all' : ignore.toSorted(),
      except.toSorted(),
    ];
    fc.assert(
      fc.property(rule, rule, (a, b) => {
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(searchRuleText(a) === searchRuleText(b)).toBe(same);
      }),
    );
  });

  it('does not look at the order of names', () => {
    const permuted = rule.chain((by) => {
      const names = by.ignore === 'all' ? by.except : by.ignore;
      const other = shuffled(names).map((all) =>
        by.ignore === 'all' ? { ...by, except: all } : { ...by, ignore: all },
      );
      return fc.tuple(fc.constant(by), other);
    });
    fc.assert(
      fc.property(permuted, ([a, b]) => {
        expect(searchRuleText(a)).toBe(searchRuleText(b));
      }),
    );
  });
});

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
