// The copy that this process has of an entry, where another takes its place in Redis, or it is deleted.

import { type Cache, createCache } from 'respcache';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../../src/backend.js';
import type { Entry, ResponseEntry } from '../../src/entry/entry.js';
import { responseEntry } from '../../src/testing/suite/entries.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;
let cache: Cache;
let key = '';
let tests = 0;

beforeAll(async () => {
  redis = await startRedis();
  cache = createCache({ redis: redis.url, prefix: 'copies:', timeout: 5000 });
  await cache.has('x', 'x');
  await vi.waitFor(() => expect(cache.services.backend.ledger.isCurrent()).toBe(true));
});

afterAll(async () => {
  await cache.close();
  await redis.stop();
});

const storedAt = Date.now();
const of = (text: string, changes: Partial<ResponseEntry> = {}) => {
  const times = { storedAt, freshUntil: storedAt + 600_000, expiresAt: storedAt + 600_000 };
  return responseEntry({ ...times, body: Buffer.from(text), ...changes });
};
const [found, next, newer] = [of('found'), of('next'), of('newer', { storedAt: storedAt + 1 })];

const here = () => cache.services.backend.own?.read(key);
const inRedis = async () => (await cache.services.backend.store.get([key]))[0];

beforeEach(async () => {
  key = `copies:client:c:k${++tests}`;
  await cache.services.backend.fill([{ key, entry: found }]);
});

describe('renewing what was found', () => {
  const renew = () => cache.services.backend.renew([{ key, entry: next }], found);

  it('is for both', async () => {
    expect(await renew()).toBe(true);
    expect([here(), await inRedis()]).toEqual([next, next]);
  });

  it('is for neither where the copy is newer: its way to Redis may be the longer one', async () => {
    cache.services.backend.keep([{ key, entry: newer }]);
    expect(await renew()).toBe(false);
    expect([here(), await inRedis()]).toEqual([newer, found]);
  });

  it('leaves no copy where Redis has a newer one of another process', async () => {
    await cache.services.backend.store.set([{ key, entry: newer }]);
    expect(await renew()).toBe(false);
    expect([here(), await inRedis()]).toEqual([undefined, newer]);
  });
});

describe('what Redis answers to a lookup', () => {
  const live = (text: string, changes: Partial<ResponseEntry> = {}) =>
    of(text, { asOf: cache.services.backend.ledger.position()!, ...changes });

  /** Has asked Redis, and no answer yet. */
  async function asking() {
    const address = { tenant: 'c', key, names: [], uri: '', pathUri: '' };
    const asked = { address, search: undefined, request: {}, credentials: undefined, languageOrder: true };
    const finding = cache.engine.lookup.find({ ...asked, now: storedAt });
    // Whoever asks in this turn is asked for when it ends; an answer comes in another.
    await new Promise((resolve) => setImmediate(resolve));
    return finding;
  }
  const textOf = (entry: Entry | undefined) => entry?.kind === 'response' && entry.body.toString();

  it.each<[how: string, write: (backend: Backend, was: ResponseEntry) => unknown]>([
    ['stored', (backend) => backend.fill([{ key, entry: live('next', { storedAt: storedAt + 1 }) }])],
    ['ruled out', (backend, was) => backend.renew([{ key, entry: live('next') }], was)],
  ])('is not kept where another has been %s here since it was asked', async (_, write) => {
    const { backend } = cache.services;
    const was = live('was');
    await backend.store.set([{ key, entry: was }]);
    backend.own?.delete([key]);
    const finding = asking();
    await new Promise((resolve) => setImmediate(resolve));
    const written = write(backend, was);
    expect(textOf((await finding).entry)).toBe('was');
    await written;
    expect([textOf(here()), textOf(await inRedis())]).toEqual(['next', 'next']);
  });

  it('is kept in the place of what was asked for before it', async () => {
    const { backend } = cache.services;
    await backend.store.set([{ key, entry: live('was') }]);
    backend.own?.delete([key]);
    const first = asking();
    await new Promise((resolve) => setImmediate(resolve));
    const written = backend.store.set([{ key, entry: live('next', { storedAt: storedAt + 1 }) }]);
    const second = asking();
    expect(textOf((await first).entry)).toBe('was');
    await written;
    expect([textOf((await second).entry), textOf(here())]).toEqual(['next', 'next']);
  });

  it('is kept where it was asked for behind that', async () => {
    const { backend } = cache.services;
    await backend.fill([{ key, entry: live('was', { freshUntil: storedAt }) }]);
    await backend.store.set([{ key, entry: live('of another process') }]);
    expect(textOf((await asking()).entry)).toBe('of another process');
    expect(textOf(here())).toBe('of another process');
  });
});

describe('another form in the place of an entry', () => {
  const replace = () => cache.services.backend.replace(key, found, next);

  it('is for both', async () => {
    expect(await replace()).toBe(true);
    expect([here(), await inRedis()]).toEqual([next, next]);
  });

  it.each<Partial<ResponseEntry>>([
    { storedAt: newer.storedAt },
    { asOf: { ...found.asOf, sequence: found.asOf.sequence + 1 } },
    { body: newer.body },
  ])('leaves a copy that differs: %o', async (changes) => {
    const copy = { ...found, ...changes };
    cache.services.backend.keep([{ key, entry: copy }]);
    expect(await replace()).toBe(true);
    expect([here(), await inRedis()]).toEqual([copy, next]);
  });

  it('is for neither where Redis has another entry', async () => {
    await cache.services.backend.store.set([{ key, entry: newer }]);
    expect(await replace()).toBe(false);
    expect([here(), await inRedis()]).toEqual([found, newer]);
  });
});

it('erasing a tenant deletes its copies here, too, and no others', async () => {
  const { backend } = cache.services;
  backend.keep(['leaves', 'leaves2'].map((tenant) => ({ key: `copies:client:${tenant}:k`, entry: found })));
  await cache.invalidateTenant('leaves', { erase: true });
  const kept = (tenant: string) => backend.own?.read(`copies:client:${tenant}:k`);
  expect([kept('leaves'), kept('leaves2')]).toEqual([undefined, found]);
});
