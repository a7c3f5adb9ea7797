import { describe, expect, it, vi } from 'vitest';
import type { Services } from '../../../src/backend.js';
import type { Entry, IndexEntry, ResponseEntry } from '../../../src/entry/entry.js';
import type { CacheEvents } from '../../../src/events.js';
import { type Filled, put, type Variant } from '../../../src/fill/put.js';
import { variantKey } from '../../../src/http/vary.js';
import { responseAddress, variantAddress } from '../../../src/request/key.js';
import { SORTED } from '../../../src/request/query.js';
import { BORN, servicesOf, stored, view } from '../made.js';

const ADDRESS = responseAddress('', 'acme', view({ target: '/users?a=1' }), SORTED, []);
const ACCEPT = { accept: 'text/html' };
const alone: Variant = { varies: [], request: {}, languageOrder: true, search: undefined, index: undefined };

/** The place of a variant. */
const placeOf = (varies: string[], request: Variant['request'], languageOrder = true) =>
  variantAddress(ADDRESS.key, variantKey(varies, request, { languageOrder }));
/** What the store has under keys, in memory: at once. */
const kept = (services: Services, ...keys: string[]) => services.backend.read(keys) as (Entry | undefined)[];

/** An entry whose making begins now. */
const begun = (services: Services, changes: Partial<ResponseEntry> = {}) =>
  stored({ asOf: services.backend.ledger.position()!, ...changes });

describe('put', () => {
  it('stores a response under its URL, and gives it to who waits', () => {
    const services = servicesOf();
    const entry = begun(services);
    expect(put(services, ADDRESS, entry, alone)).toMatchObject({ shared: { entry, varies: [], request: {} } });
    expect(kept(services, ADDRESS.key)).toEqual([entry]);
  });

  it('tells that it is stored', () => {
    const services = servicesOf();
    const sets: CacheEvents['set'][] = [];
    services.events.on('set', (event) => sets.push(event));
    put(services, ADDRESS, begun(services), alone);
    expect(sets).toEqual([{ tenant: 'acme', key: ADDRESS.key, ms: expect.any(Number), bytes: 5 }]);
  });

  it('says where it is stored, be it beside others', () => {
    const services = servicesOf();
    const variant = { ...alone, varies: ['accept'], request: ACCEPT };
    expect(put(services, ADDRESS, begun(services), alone)).toMatchObject({ key: ADDRESS.key });
    expect(put(services, ADDRESS, begun(services), variant)).toMatchObject({ key: placeOf(['accept'], ACCEPT) });
  });

  it('leaves what has come in the place of the response that it was made of, and tells of nothing stored', () => {
    const services = servicesOf();
    const known = begun(services);
    const newer = begun(services, { storedAt: BORN + 1000, status: 404 });
    const variants = { ...alone, varies: ['accept'], request: ACCEPT };
    put(services, ADDRESS, known, variants);
    put(services, ADDRESS, newer, { ...alone, index: indexOf([['accept']]) });
    const sets = vi.fn();
    services.events.on('set', sets);
    const variant = { ...alone, request: ACCEPT, index: indexOf([['accept']]) };
    const before = { entry: known, varies: ['accept'] };
    expect(put(services, ADDRESS, begun(services), { ...variant, before }, known)).toMatchObject({ written: false });
    expect(sets).not.toHaveBeenCalled();
    expect(kept(services, placeOf([], {}), placeOf(['accept'], ACCEPT))).toEqual([newer, known]);
  });

  it('tells that it is stored when the store has it, and of none that it could not take', async () => {
    const words: ((error?: Error) => void)[] = [];
    const services = servicesOf();
    const set = () => new Promise<void>((done, fail) => void words.push((error) => (error ? fail(error) : done())));
    vi.spyOn(services.backend.store, 'set').mockImplementation(set);
    const sets = vi.fn();
    services.events.on('set', sets);
    const written = [1, 2].map(() => (put(services, ADDRESS, begun(services), alone) as Filled).written);
    await vi.waitFor(() => expect(words).toHaveLength(2));
    expect(sets).not.toHaveBeenCalled();
    words[0]!(new Error('no room'));
    words[1]!();
    expect((await Promise.allSettled(written)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(sets).toHaveBeenCalledTimes(1);
    expect(sets.mock.lastCall?.[0].ms).toBeLessThan(60_000);
  });

  it.each(['t:acme', 'k:acme:/users', 'u:acme:http://example.com/users?a=1', 'g:acme:tag', 'k:acme:name'])(
    'does not store what %s has reached since its making began',
    async (tag) => {
      const services = servicesOf();
      const entry = begun(services, { tags: ['tag'], name: 'name' });
      await services.backend.purge({ tags: [tag], patterns: [] });
      expect(put(services, ADDRESS, entry, alone)).toBe('invalidated');
      expect(kept(services, ADDRESS.key)).toEqual([undefined]);
    },
  );

  it('does not store what answers several queries of a path that was changed', async () => {
    const services = servicesOf();
    const entry = begun(services);
    await services.backend.purge({ tags: ['p:acme:http://example.com/users'], patterns: [] });
    expect(put(services, ADDRESS, { ...entry, search: '[false,"params","b"]' }, alone)).toBe('invalidated');
    expect(put(services, ADDRESS, entry, alone)).not.toBe('invalidated');
  });

  it('stores a variant beside an index that leads to it', () => {
    const services = servicesOf();
    const entry = begun(services);
    put(services, ADDRESS, entry, { ...alone, varies: ['accept'], request: ACCEPT });
    const { asOf, storedAt, expiresAt } = entry;
    expect(kept(services, ADDRESS.key, placeOf(['accept'], ACCEPT))).toEqual([
      { kind: 'index', asOf, storedAt, expiresAt, tags: [], varies: [['accept']] },
      entry,
    ]);
  });

  it('stores what does not vary beside the index, where others of its URL do', () => {
    const services = servicesOf();
    const entry = begun(services);
    put(services, ADDRESS, entry, { ...alone, index: indexOf([['accept']]) });
    expect(kept(services, ADDRESS.key, placeOf([], {}))).toMatchObject([{ varies: [[], ['accept']] }, entry]);
  });

  it('puts what does not vary in the place of the variant, too, that its request was meant for', () => {
    const services = servicesOf();
    const index = indexOf([['accept']]);
    const [own, others] = [ACCEPT, { accept: 'text/plain' }].map((request) => placeOf(['accept'], request));
    const old = begun(services);
    for (const request of [ACCEPT, { accept: 'text/plain' }])
      put(services, ADDRESS, old, { ...alone, varies: ['accept'], request });
    const entry = begun(services, { storedAt: BORN + 1000 });
    const before = { entry: old, varies: ['accept'] };
    put(services, ADDRESS, entry, { ...alone, request: ACCEPT, index, before });
    expect(kept(services, placeOf([], {}), own!, others!)).toEqual([entry, entry, old]);
  });

  it.each([
    ['what varies', { varies: ['b'], before: ['accept'] }],
    ['what came in place of one that did not', { varies: [], before: [] }],
  ])('leaves the variants as they are to %s', (_, { varies, before }) => {
    const services = servicesOf();
    const old = begun(services);
    put(services, ADDRESS, old, { ...alone, varies: ['accept'], request: ACCEPT });
    const variant = { ...alone, varies, request: ACCEPT, index: indexOf([['accept']]) };
    put(services, ADDRESS, begun(services, { status: 404 }), { ...variant, before: { entry: old, varies: before } });
    expect(kept(services, placeOf(['accept'], ACCEPT))).toEqual([old]);
  });

  it('puts what does not vary once, in the place of one that did not either', () => {
    const services = servicesOf();
    const old = begun(services);
    put(services, ADDRESS, old, alone);
    const entry = begun(services, { storedAt: BORN + 1000 });
    put(services, ADDRESS, entry, { ...alone, before: { entry: old, varies: [] } });
    expect(kept(services, ADDRESS.key, placeOf([], {}))).toEqual([entry, undefined]);
  });

  it('has the newest set of fields first, each once, and no more than four', () => {
    const services = servicesOf();
    const index = indexOf([['a'], ['accept'], ['b', 'c'], ['d']]);
    const varies = () => (kept(services, ADDRESS.key)[0] as IndexEntry).varies;
    put(services, ADDRESS, begun(services), { ...alone, varies: ['accept'], request: ACCEPT, index });
    expect(varies()).toEqual([['accept'], ['a'], ['b', 'c'], ['d']]);
    put(services, ADDRESS, begun(services), { ...alone, varies: ['e'], index });
    expect(varies()).toEqual([['e'], ['a'], ['accept'], ['b', 'c']]);
  });

  it('keeps the index as long as anything that it leads to', () => {
    const services = servicesOf();
    const index = indexOf([['a']], BORN + 900_000);
    put(services, ADDRESS, begun(services), { ...alone, varies: ['accept'], index });
    expect(kept(services, ADDRESS.key)).toMatchObject([{ expiresAt: BORN + 900_000 }]);
  });

  it('tells variants apart by the order of languages, where that counts', () => {
    for (const languageOrder of [true, false]) {
      const services = servicesOf();
      const request = { 'accept-language': 'de, en' };
      put(services, ADDRESS, begun(services), { ...alone, varies: ['accept-language'], request, languageOrder });
      const other = placeOf(['accept-language'], { 'accept-language': 'en, de' }, languageOrder);
      expect(kept(services, other)[0] === undefined).toBe(languageOrder);
    }
  });
});

function indexOf(varies: string[][], expiresAt = BORN + 1000): IndexEntry {
  return { kind: 'index', asOf: { epoch: 'e', sequence: 1 }, storedAt: BORN, expiresAt, tags: [], varies };
}
