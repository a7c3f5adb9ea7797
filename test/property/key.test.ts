import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySearchRule, type SearchRule, searchRuleText } from '../../src/http/no-vary-search.js';
import {
  normalizeKeyName,
  responseAddress,
  responseSubject,
  subjectOfKey,
  targetUris,
  valueKey,
  valueNames,
  variantAddress,
} from '../../src/request/key.js';
import { normalizeQuery, type QueryRule, QueryRules } from '../../src/request/query.js';
import type { RequestView } from '../../src/request/request.js';
import { escapeTenant } from '../../src/request/tenant.js';
import { responseEntry, valueEntry } from '../../src/testing/suite/entries.js';
import type { Fields } from '../../src/types.js';
import { anyText, longText } from './texts.js';

const ALL: QueryRule = { only: undefined, ignore: [], sort: true };
const UNSORTED: QueryRule = { ...ALL, sort: false };

interface Question {
  readonly tenant: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Fields;
  readonly secure: boolean;
  readonly scope: readonly string[];
}

const header = fc.option(anyText, { nil: undefined });
const question: fc.Arbitrary<Question> = fc.record({
  tenant: anyText,
  path: longText.map((text) => `/${text.replaceAll('?', '')}`),
  query: longText,
  headers: fc.record({
    host: header,
    'x-forwarded-host': header,
    'x-forwarded-proto': header,
    'x-original-url': header,
  }),
  secure: fc.boolean(),
  scope: fc.array(anyText, { maxLength: 2 }),
});

const requestOf = ({ path, query, headers, secure }: Omit<Question, 'tenant' | 'scope'>): RequestView => ({
  method: 'GET',
  target: `${path}?${query}`,
  headers,
  rawHeaders: [],
  secure,
  source: undefined,
});
const addressOf = (asked: Question, query = ALL, rule?: SearchRule) =>
  responseAddress('', escapeTenant(asked.tenant), requestOf(asked), query, asked.scope, rule);

/** What has to be the same for two responses to be the same. */
const identity = ({ query, headers, ...rest }: Question, by = ALL, rule?: SearchRule) =>
  JSON.stringify({
    ...rest,
    query: rule === undefined ? normalizeQuery(query, by) : applySearchRule(normalizeQuery(query, by), rule),
    headers: { ...headers, host: (headers.host as string | undefined)?.toLowerCase() ?? '' },
  });

/** Two questions that differ in little, where they differ. */
const pair = fc
  .tuple(question, question, fc.subarray(['tenant', 'path', 'query', 'headers', 'secure', 'scope'] as const))
  .map(([a, b, taken]): [Question, Question] => [
    a,
    { ...a, ...Object.fromEntries(taken.map((name) => [name, b[name]])) },
  ]);

/** Names that queries and rules have in common, so that rules meet what they speak of; some are sorted in other ways. */
const parameterName = fc.constantFrom('a', 'b', 'a.c', 'a-b', 'a[1]', 'a[0]', '%61', 'é', '+', '%zz');
const plainQuery = fc
  .array(fc.tuple(parameterName, fc.option(fc.constantFrom('', '1', '2', '%20', '~', '#'), { nil: undefined })), {
    maxLength: 5,
  })
  .map((all) => all.map(([name, value]) => (value === undefined ? name : `${name}=${value}`)).join('&'));
const plain = fc.tuple(question, plainQuery).map(([asked, query]): Question => ({ ...asked, query }));
/** Two questions that differ, if at all, in their queries, or in one other thing. */
const plainPair = fc
  .tuple(plain, plain, fc.subarray(['tenant', 'path', 'headers', 'secure', 'scope'] as const, { maxLength: 1 }))
  .map(([a, b, taken]): [Question, Question] => [
    a,
    { ...a, query: b.query, ...Object.fromEntries(taken.map((name) => [name, b[name]])) },
  ]);
const decodedName = fc.constantFrom('a', 'b', 'a.c', 'a-b', 'a[1]', 'a[0]', 'é', ' ', '%zz');
const rule: fc.Arbitrary<SearchRule> = fc.oneof(
  fc.record({
    keyOrder: fc.boolean(),
    ignore: fc.array(decodedName, { maxLength: 4 }),
    except: fc.constant([]),
  }),
  fc.record({
    keyOrder: fc.boolean(),
    ignore: fc.constant('all' as const),
    except: fc.array(decodedName, { maxLength: 4 }),
  }),
);
const order = fc.constantFrom(ALL, UNSORTED);

describe('the key of a response', () => {
  it('is the same for the same question, and another for any other', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(addressOf(a).key === addressOf(b).key).toBe(identity(a) === identity(b));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same for the same question, where the order of parameters counts', () => {
    fc.assert(
      fc.property(plainPair, ([a, b]) => {
        expect(addressOf(a, UNSORTED).key === addressOf(b, UNSORTED).key).toBe(
          identity(a, UNSORTED) === identity(b, UNSORTED),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('is the same for what a search rule takes for the same question, and another for any other', () => {
    fc.assert(
      fc.property(plainPair, order, rule, ([a, b], by, said) => {
        expect(addressOf(a, by, said).key === addressOf(b, by, said).key).toBe(
          identity(a, by, said) === identity(b, by, said),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is, by a search rule, that of the shortest query which the rule takes for the same', () => {
    fc.assert(
      fc.property(plain, rule, (asked, said) => {
        const query = applySearchRule(asked.query, said);
        expect(addressOf(asked, UNSORTED, said)).toEqual(addressOf({ ...asked, query }, UNSORTED));
      }),
    );
  });

  it('cannot run into its neighbours: text moved from one part to the next is another key', () => {
    const parts = fc.tuple(anyText, anyText, anyText).map((texts) => texts.map((text) => text.replaceAll('?', '')));
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const ask = ([path, query, scope]: string[]) =>
          addressOf({ tenant: 't', path: `/${path}`, query: query!, headers: {}, secure: false, scope: [scope!] }).key;
        const same = a[0] === b[0] && normalizeQuery(a[1]!, ALL) === normalizeQuery(b[1]!, ALL) && a[2] === b[2];
        expect(ask(a) === ask(b)).toBe(same);
      }),
    );
  });

  it('is bounded in length, and text that Redis can hold', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const { key, tenant } = addressOf(asked);
        expect(key.length).toBeLessThanOrEqual('client::'.length + tenant.length + 512);
        expect(key.isWellFormed()).toBe(true);
      }),
    );
  });

  it('belongs to its tenant: no other tenant has a key that begins like it', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const begin = `client:${escapeTenant(a.tenant)}:`;
        expect(addressOf(b).key.startsWith(begin)).toBe(a.tenant === b.tenant);
      }),
    );
  });

  it('has no place of its variants that is another response', () => {
    fc.assert(
      fc.property(question, question, anyText, (a, b, variant) => {
        expect(variantAddress(addressOf(a).key, variant)).not.toBe(addressOf(b).key);
      }),
    );
  });
});

describe('what a response can be invalidated by', () => {
  it('is the name of its path and query, in whichever order either has them', () => {
    fc.assert(
      fc.property(plain, order, fc.option(rule, { nil: undefined }), (asked, by, said) => {
        const { names } = addressOf(asked, by, said);
        expect(names.map(normalizeKeyName)).toEqual(names);
      }),
      { numRuns: 500 },
    );
  });

  it('is the URI of any request that asks for its path, if a search rule has made its query shorter', () => {
    fc.assert(
      fc.property(plainPair, order, rule, ([a, b], by, said) => {
        fc.pre(a.path === b.path && identity({ ...a, query: '' }) === identity({ ...b, query: '' }));
        const { pathUri } = responseSubject(addressOf(a, by, said), {
          tags: [],
          name: undefined,
          search: searchRuleText(said),
        });
        expect(targetUris(requestOf(b), `${b.path}?${b.query}`, new QueryRules()).pathUri).toBe(pathUri);
      }),
    );
  });

  it('is the very URI of its request, without a search rule', () => {
    fc.assert(
      fc.property(plain, order, (asked, by) => {
        const { uri, pathUri } = addressOf(asked, by);
        const queries = new QueryRules();
        queries.add(by);
        const found = targetUris(requestOf(asked), `${asked.path}?${asked.query}`, queries);
        expect(found).toEqual({ uris: expect.arrayContaining([uri]), pathUri });
      }),
    );
  });
});

describe('the key of a programmatic value', () => {
  const place = fc.tuple(anyText, longText);

  it('is the same for the same tenant and key, and another for any other', () => {
    fc.assert(
      fc.property(place, place, fc.boolean(), ([tenantA, keyA], [other, keyB], same) => {
        const tenantB = same ? tenantA : other;
        const equal = valueKey('', escapeTenant(tenantA), keyA) === valueKey('', escapeTenant(tenantB), keyB);
        expect(equal).toBe(tenantA === tenantB && keyA === keyB);
      }),
      { numRuns: 500 },
    );
  });

  it('is bounded in length, and text that Redis can hold', () => {
    fc.assert(
      fc.property(place, ([tenant, key]) => {
        const escaped = escapeTenant(tenant);
        const stored = valueKey('', escaped, key);
        expect(stored.length).toBeLessThanOrEqual('client::'.length + escaped.length + 514);
        expect(stored.isWellFormed()).toBe(true);
      }),
    );
  });

  it('is never that of a response, or of a variant, even when it is called the same', () => {
    fc.assert(
      fc.property(question, anyText, anyText, (asked, key, variant) => {
        const address = addressOf(asked);
        const start = `client:${address.tenant}:`;
        const imitation = address.key.slice(start.length);
        for (const name of [key, imitation, `${imitation}#${variant}`]) {
          const stored = valueKey('', address.tenant, name);
          expect(stored).not.toBe(address.key);
          expect(stored).not.toBe(variantAddress(address.key, variant));
        }
      }),
    );
  });
});

describe('what a storage key tells of its entry', () => {
  const entry = (name: string | undefined, search?: string) => responseEntry({ tags: ['t'], name, search });

  it('is all that the entry can be invalidated by, or the names it lacks are those of a key that is a hash', () => {
    fc.assert(
      fc.property(question, fc.option(anyText, { nil: undefined }), anyText, (asked, name, variant) => {
        const address = addressOf(asked);
        const known = responseSubject(address, { tags: ['t'], name });
        const hashed = address.key.includes(':~sha256:');
        for (const key of [address.key, variantAddress(address.key, variant)]) {
          const told = subjectOfKey('', key, entry(name));
          expect(told.tenant).toBe(known.tenant);
          expect(told.tags).toEqual(known.tags);
          if (hashed) expect(known.names).toEqual(expect.arrayContaining([...told.names]));
          else expect(told).toEqual(known);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is that also where a search rule made its query shorter, or its order counts', () => {
    fc.assert(
      fc.property(plain, order, rule, (asked, by, said) => {
        const address = addressOf(asked, by, said);
        fc.pre(!address.key.includes(':~sha256:'));
        const search = searchRuleText(said);
        const told = subjectOfKey('', address.key, entry(undefined, search));
        expect(told).toEqual(responseSubject(address, { tags: ['t'], name: undefined, search }));
      }),
      { numRuns: 500 },
    );
  });

  it('is the name of a programmatic value', () => {
    fc.assert(
      fc.property(anyText, anyText, (tenant, key) => {
        fc.pre(key.isWellFormed());
        const escaped = escapeTenant(tenant);
        const told = subjectOfKey('p:', valueKey('p:', escaped, key), valueEntry());
        expect(told).toEqual({ tenant: escaped, names: valueNames(key), tags: [] });
        expect(told?.names).toEqual(expect.arrayContaining([key, normalizeKeyName(key)]));
      }),
    );
  });
});
