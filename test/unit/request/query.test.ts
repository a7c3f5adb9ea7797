import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeQuery, type QueryRule, QueryRules } from '../../../src/request/query.js';

const ALL: QueryRule = { only: undefined, ignore: [], sort: true };
const ignoring = (...ignore: string[]): QueryRule => ({ only: undefined, ignore, sort: true });
const only = (...names: string[]): QueryRule => ({ only: names, ignore: [], sort: true });

describe('normalizeQuery', () => {
  it('is the same whether it is seen to be in order at once, or looked at name by name', () => {
    const parts = fc.array(fc.constantFrom('a=1', 'b=2', 'a', '', 'a[]=1', 'a.b=c.d', '%61=1', 'A=1', 'ab=&'));
    fc.assert(
      fc.property(parts, fc.boolean(), (list, sort) => {
        const query = list.join('&');
        const byName = { ...ignoring('no-such-name'), sort };
        expect(normalizeQuery(query, { ...ALL, sort })).toBe(normalizeQuery(query, byName));
      }),
    );
  });

  it.each([
    ['%61=1&A=1', 'A=1&%61=1'],
    ['a-b=1&a=1', 'a=1&a-b=1'],
    ['b+c=1&b%20a=1', 'b%20a=1&b+c=1'],
  ])('is by names and not by how they are written: %j', (query, normal) => {
    expect(normalizeQuery(query, ALL)).toBe(normal);
  });

  it('is sorted also where there are many parameters', () => {
    const names = [...'zyxwvutsrqponmlkjihgfedcba'];
    const query = [...names, ...names].map((name, i) => `${name}=${i}`).join('&');
    const sorted = names.map((name, i) => `${name}=${i}&${name}=${i + names.length}`).reverse();
    expect(normalizeQuery(query, ALL)).toBe(sorted.join('&'));
  });

  it('leaves out each of several parameters, and those alone', () => {
    expect(normalizeQuery('a=1&b=2&c=3', ignoring('a', 'c'))).toBe('b=2');
    expect(normalizeQuery('a=1&b=2&c=3', only('a', 'c'))).toBe('a=1&c=3');
  });

  it('is sorted by name, those of one name as they came, be they few or many', () => {
    const list = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'B', 'ab'), fc.nat(9)), { maxLength: 40 });
    fc.assert(
      fc.property(list, (pairs) => {
        const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
        const text = (all: typeof pairs) => all.map(([name, value]) => `${name}=${value}`).join('&');
        expect(normalizeQuery(text(pairs), ALL)).toBe(text(sorted));
      }),
    );
  });

  it.each([
    ['', ''],
    ['a=1', 'a=1'],
    ['b=2&a=1', 'a=1&b=2'],
    ['b&a', 'a&b'],
    ['b=2&a=1&b=1', 'a=1&b=2&b=1'],
    ['&&a=1&&', 'a=1'],
    ['&', ''],
    ['B=1&a=2', 'B=1&a=2'],
    // Values stay as they were sent: what they mean is the handler's business.
    ['b=%20&a=+', 'a=+&b=%20'],
    ['b=a=c&a', 'a&b=a=c'],
    ['b=?&a=/', 'a=/&b=?'],
    // Arrays and nested objects of one parameter keep their order, in all their spellings.
    ['b=1&a[]=2&a[]=1', 'a[]=2&a[]=1&b=1'],
    ['b=1&a[1]=x&a[0]=y&a=z', 'a[1]=x&a[0]=y&a=z&b=1'],
    ['b=1&a%5B1%5D=x&a[0]=y', 'a%5B1%5D=x&a[0]=y&b=1'],
    ['b=1&a.y=1&a.x=2', 'a.y=1&a.x=2&b=1'],
    // To qs these are of one name, too.
    ['b=1&[a]=2&a=1', '[a]=2&a=1&b=1'],
    ['b=1&a=2&%5Ba%5D[x]=1', 'a=2&%5Ba%5D[x]=1&b=1'],
    ['[]=1&[=2&A=3', 'A=3&[=2&[]=1'],
    ['b=1&a=2&.a=3&.=4', '.=4&a=2&.a=3&b=1'],
    // The same name, spelt in another way, is the same name.
    ['b=1&%61=2&a=1', '%61=2&a=1&b=1'],
    ['%zz=1&a=2', '%zz=1&a=2'],
  ])('sorts %j', (query, normalized) => {
    expect(normalizeQuery(query, ALL)).toBe(normalized);
  });

  it.each([
    [ignoring('utm_*'), 'utm_source=x&a=1&utm_medium=y', 'a=1'],
    [ignoring('utm_*'), 'utm_source=x', ''],
    [ignoring('utm_*'), 'utm%5Fsource=x&a=1', 'a=1'],
    [ignoring('utm_*'), 'utm=x', 'utm=x'],
    [ignoring('a'), 'a=1&ab=2&A=3', 'A=3&ab=2'],
    [ignoring('a'), 'a[]=1&a[b]=2&a.c=3&d=4', 'd=4'],
    [ignoring('a'), 'a', ''],
    [ignoring('a[b]'), 'a[b]=1&a[c]=2&a=3', 'a[c]=2&a=3'],
    [ignoring('a b'), 'a+b=1&a%20b=2&c=3', 'c=3'],
    [ignoring('*'), 'a=1&b=2', ''],
    [only('page', 'sort'), 'sort=x&page=2&evil=1', 'page=2&sort=x'],
    [only('filter'), 'filter[a]=1&filter[b]=2&x=3', 'filter[a]=1&filter[b]=2'],
    [only('f_*'), 'f_b=1&g=2&f_a=3', 'f_a=3&f_b=1'],
    [only('id'), '[id]=1&[id]x=2&%5Bid%5D=3&x[id]=4&[[id]]=5', '[id]=1&[id]x=2&%5Bid%5D=3'],
    // To querystring this is a name of its own.
    [ignoring('id'), '[id]=1&a=2&id[x]=3', 'a=2&[id]=1'],
    // With `allowDots`, which applications can give qs.
    [only('id'), '.id=1&%2Eid[x]=2&.id]=3&[id.x]=4&..id=5&x.id=6', '.id=1&%2Eid[x]=2&.id]=3&[id.x]=4'],
    // Where not all of a name can be decoded, parsers decode the brackets of it (qs) or what can be (querystring).
    [only('id'), '%5Bid%5D%ff=1&id%5B%ff%5D=2&%69d[%]=3&%ffid=4', '%5Bid%5D%ff=1&id%5B%ff%5D=2&%69d[%]=3'],
    [only('id', 'f_*'), 'id%5B%=1&id%5b%FF[a]=2&%66_%zz=3&i%64%=4&%=5', '%66_%zz=3&id%5B%=1&id%5b%FF[a]=2'],
    [ignoring('id'), '%5Bid%5D%ff=1&a=2&%69d[%ff]=3', 'a=2&%5Bid%5D%ff=1'],
    // What makes one of an array: the others of it.
    [
      only('page[size]'),
      'page[size][]=1&[page][size]=2&page[size]x=3&page=4&x=5',
      'page[size][]=1&[page][size]=2&page[size]x=3&page=4',
    ],
    [only('page[*'), '[page][size]=1&pages=2', '[page][size]=1'],
    [only('page.size'), 'page.size[]=1&x.size=2', 'page.size[]=1'],
    [only(), 'a=1', ''],
    [only('a'), 'b=1', ''],
  ])('keeps by %j of %j', (rule, query, normalized) => {
    expect(normalizeQuery(query, rule)).toBe(normalized);
  });

  it.each([
    [ALL, 'b&', 'a'],
    [ALL, '&', 'a'],
    [ignoring('utm_*'), 'utm_x=1&', 'a'],
    [only('a'), 'b&', 'a'],
  ])('leaves one as it came of which parsers read the first thousand parameters: by %j', (rule, each, last) => {
    const [read, cut] = [999, 1000].map((times) => each.repeat(times) + last);
    const stays = (query: string, sort: boolean) => normalizeQuery(query, { ...rule, sort }) === query;
    expect([stays(read!, true), stays(cut!, true), stays(cut!, false)]).toEqual([false, true, true]);
  });

  it.each([
    [ALL, 'b=2&a=1&b=1', 'b=2&a=1&b=1'],
    [ALL, '&&b&&a&', 'b&a'],
    [ignoring('utm_*'), 'b=2&utm_x=1&a=1', 'b=2&a=1'],
    [only('a', 'b'), 'b=2&x=1&a=1', 'b=2&a=1'],
  ])('leaves the order as it came, where the rule is not to sort: by %j of %j', (rule, query, normalized) => {
    expect(normalizeQuery(query, { ...rule, sort: false })).toBe(normalized);
  });
});

describe('QueryRules', () => {
  const rule = (i: number): QueryRule => ({ only: undefined, ignore: [`x${i}`], sort: false });

  it('knows the newest hundred, each once', () => {
    const rules = new QueryRules();
    for (let i = 0; i < 101; i++) rules.add(rule(i));
    rules.add(rule(1));
    rules.add(rule(101));
    const short = (i: number) => rules.formsOf(`a&x${i}`).includes('a');
    expect([0, 1, 2, 3, 100, 101].map(short)).toEqual([false, true, false, true, true, true]);
  });
});
