import { beforeEach, describe, expect, it } from 'vitest';
import type { Services } from '../../../src/backend.js';
import type { ResponseEntry } from '../../../src/entry/entry.js';
import { put } from '../../../src/fill/put.js';
import { type Found, Lookup, type Sight, type Wanted } from '../../../src/lookup/lookup.js';
import { responseAddress } from '../../../src/request/key.js';
import { SORTED } from '../../../src/request/query.js';
import type { Fields } from '../../../src/types.js';
import { BORN, dateAt, servicesOf, stored, view } from '../made.js';

const ADDRESS = responseAddress('', 'acme', view({ target: '/users' }), SORTED, []);

let services: Services;
let lookup: Lookup;
beforeEach(() => {
  services = servicesOf();
  lookup = new Lookup(services.backend);
});

const find = (changes: Partial<Wanted> = {}, by = lookup): Found =>
  by.find({
    address: ADDRESS,
    search: undefined,
    request: {},
    credentials: undefined,
    languageOrder: true,
    now: BORN,
    ...changes,
  }) as Found;

/** Stores a response as the fill of a request with these fields would, in a process that remembers nothing. */
function store(text: string, varies: string[], request: Fields, changes: Partial<ResponseEntry> = {}): void {
  const entry = stored({ asOf: services.backend.ledger.position()!, body: Buffer.from(text), ...changes });
  const { index } = find({}, new Lookup(services.backend));
  put(services, ADDRESS, entry, { varies, request, languageOrder: true, search: undefined, index });
}
const textOf = (found: Found) => found.entry?.body.toString();
const HTML = { accept: 'text/html' };
const JSON_ = { accept: 'application/json' };

describe('Lookup', () => {
  it('finds nothing where nothing is', () => {
    expect(find()).toEqual({ forward: 'uri-miss', index: undefined });
  });

  it('finds a response that does not vary', () => {
    store('one', [], {});
    expect(find()).toMatchObject({ varies: [], index: undefined });
    expect(textOf(find({ request: HTML }))).toBe('one');
  });

  it('finds the variant of the request (RFC 9111 §4.1)', () => {
    store('html', ['accept'], HTML);
    store('json', ['accept'], JSON_);
    expect(textOf(find({ request: HTML }))).toBe('html');
    expect(textOf(find({ request: JSON_ }))).toBe('json');
    expect(find({ request: JSON_ })).toMatchObject({ varies: ['accept'], index: { varies: [['accept']] } });
  });

  it('says that there are other variants, where this one is missing', () => {
    store('html', ['accept'], HTML);
    expect(find({ request: JSON_ })).toMatchObject({ forward: 'vary-miss', index: { varies: [['accept']] } });
  });

  it('goes by when they were made, as they say themselves, whichever was stored last', () => {
    store('made last', ['accept'], HTML, { headers: [['Date', dateAt(5)]] });
    store('stored last', ['origin'], HTML, { headers: [['Date', dateAt(1)]], storedAt: BORN + 2000 });
    expect(textOf(find({ request: HTML }))).toBe('made last');
    // What says nothing, or no date, was made as it was stored.
    store('undated', ['accept'], HTML, { headers: [['Date', 'today']], storedAt: BORN + 9000 });
    expect(textOf(find({ request: HTML }))).toBe('undated');
  });

  it('tells who watches of each that there is, and why it will not do', async () => {
    const seen: Sight[] = [];
    const watch = (sight: Sight) => void seen.push(sight);
    store('dead', ['accept'], HTML, { tags: ['old'] });
    await services.backend.purge({ tags: ['g:acme:old'], patterns: [] });
    store('good', ['origin'], HTML);
    find({ request: HTML, watch });
    expect(seen.at(-1)?.candidates.map(({ entry, varies, barred }) => [String(entry.body), varies, barred])).toEqual([
      ['good', ['origin'], undefined],
      ['dead', ['accept'], 'invalidated'],
    ]);
    find({ request: HTML, watch, search: 'another' });
    expect(seen.at(-1)?.candidates.map(({ barred }) => barred)).toEqual(['search', 'search']);
  });

  it('finds the newest of several that match', () => {
    store('older', ['accept'], HTML);
    store('newer', ['x-plan'], {}, { storedAt: BORN + 1 });
    expect(textOf(find({ request: HTML }))).toBe('newer');
    store('newest', ['accept'], HTML, { storedAt: BORN + 2 });
    expect(textOf(find({ request: HTML }))).toBe('newest');
  });

  it('finds what was stored last of several that were made at the same time', () => {
    store('older', ['accept'], HTML);
    store('newer', ['x-plan'], {});
    expect(textOf(find({ request: HTML }))).toBe('newer');
  });

  it('finds what varies before what does not, which may only have forgotten to say so', () => {
    store('html', ['accept'], HTML);
    store('plain', [], {}, { storedAt: BORN + 1 });
    expect(textOf(find({ request: HTML }))).toBe('html');
    expect(textOf(find({ request: JSON_ }))).toBe('plain');
  });

  it('does not find what was invalidated', async () => {
    store('one', [], {}, { tags: ['t'] });
    await services.backend.purge({ tags: ['g:acme:t'], patterns: [] });
    expect(find()).toEqual({ forward: 'uri-miss', index: undefined });
  });

  it.each<[by: string, purge: string, own: boolean]>([
    ['by its path', 'k:acme:/users', true],
    ['by its path, and has never been there', 'k:acme:/users', false],
    ['by a tag', 'g:acme:t', true],
    ['by its name', 'k:acme:list', true],
  ])('does not say that there are other variants, where all are invalidated: %s', async (_, tag, own) => {
    if (own) store('html', ['accept'], HTML, { tags: ['t'], name: 'list' });
    store('json', ['accept'], JSON_, { tags: ['t'], name: 'list' });
    await services.backend.purge({ tags: [tag], patterns: [] });
    expect(find({ request: HTML })).toMatchObject({ forward: 'uri-miss', index: { varies: [['accept']] } });
    store('json', ['accept'], JSON_, { asOf: services.backend.ledger.position()! });
    expect(find({ request: HTML })).toMatchObject({ forward: 'vary-miss' });
  });

  it('finds the next best, where the best was invalidated', async () => {
    store('older', ['accept'], HTML);
    store('newer', ['x-plan'], {}, { storedAt: BORN + 1, tags: ['t'] });
    await services.backend.purge({ tags: ['g:acme:t'], patterns: [] });
    expect(textOf(find({ request: HTML }))).toBe('older');
  });

  it('finds what is stale: what may be made of it is judged elsewhere', () => {
    store('stale', [], {}, { freshUntil: BORN - 1 });
    expect(textOf(find())).toBe('stale');
  });

  it.each<[sharedWith: ResponseEntry['sharedWith'], keyed: string[], authorization: boolean, cookie: boolean]>([
    [{ authorization: false, cookie: false }, [], false, false],
    [{ authorization: true, cookie: false }, [], true, false],
    [{ authorization: true, cookie: true }, [], true, true],
    [{ authorization: false, cookie: false }, ['cookie'], false, true],
    [{ authorization: false, cookie: false }, ['authorization', 'cookie'], true, true],
  ])(
    'finds what is shared with %j, keyed by %j, for credentials: %s, %s',
    (sharedWith, keyed, authorization, cookie) => {
      store('one', [], {}, { sharedWith, keyed });
      const found = (credentials: Wanted['credentials']) => textOf(find({ credentials })) !== undefined;
      expect(found(undefined)).toBe(true);
      expect(found({ authorization: true, cookie: false })).toBe(authorization);
      expect(found({ authorization: false, cookie: true })).toBe(cookie);
      expect(found({ authorization: true, cookie: true })).toBe(authorization && cookie);
    },
  );

  it('finds under a shorter query only what goes by the same rule', () => {
    const rule = '[false,"params","utm_x"]';
    store('exact', [], {});
    expect(find({ search: rule })).toMatchObject({ forward: 'uri-miss' });
    store('any', [], {}, { search: rule });
    expect(textOf(find({ search: rule }))).toBe('any');
    expect(find({ search: '[false,"params","other"]' })).toMatchObject({ forward: 'uri-miss' });
  });

  it('finds under its own query whatever is there', () => {
    store('any', [], {}, { search: '[false,"params","utm_x"]' });
    expect(textOf(find())).toBe('any');
  });

  it('follows an index that has changed since it was last seen', () => {
    store('html', ['accept'], HTML);
    expect(textOf(find({ request: HTML }))).toBe('html');
    store('plan', ['x-plan'], { 'x-plan': 'a' }, { storedAt: BORN + 1 });
    expect(textOf(find({ request: { ...HTML, 'x-plan': 'a' } }))).toBe('plan');
  });
});

describe('where copies of what Redis has are kept', () => {
  const [old, anew] = ['old', 'anew'].map((text) => stored({ body: Buffer.from(text) }));
  const over = (read: () => Promise<(ResponseEntry | undefined)[]>) => {
    const near = () => [old];
    const backend = { kind: 'redis', near, read, keep: () => {}, ledger: { stands: () => true } };
    return new Lookup(backend as unknown as Services['backend']);
  };
  const stale = { now: BORN + 300_000 };

  it('asks Redis for what another process may have made anew, where the copy is stale', async () => {
    const read = async () => [{ ...anew!, freshUntil: BORN + 600_000 }];
    expect(textOf(find({}, over(read)))).toBe('old');
    expect(textOf(await find(stale, over(read)))).toBe('anew');
  });

  it('finds the stale copy where Redis cannot be reached: it may stand in, or be validated', async () => {
    const read = () => Promise.reject(new Error('away'));
    expect(textOf(await find(stale, over(read)))).toBe('old');
  });
});
