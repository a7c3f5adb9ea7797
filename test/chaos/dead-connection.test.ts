// A connection that is dead without knowing, in a process that serves no cached responses: no lookup's deadline tells of it.

import { type Cache, createCache } from 'respcache';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Sessions } from '../../src/sessions/sessions.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { type HalfDeadProxy, startHalfDeadProxy } from './half-dead-proxy.js';

const SOON = { timeout: 15_000, interval: 20 };

describe('a connection that is forgotten without a word is made anew', () => {
  let server: RedisServer;
  let proxy: HalfDeadProxy;
  let other: Cache;

  beforeAll(async () => {
    server = await startRedis();
    proxy = await startHalfDeadProxy(server.port);
    other = createCache({ redis: server.url });
  });

  afterAll(async () => {
    await other.close();
    await proxy.close();
    await server.stop();
  });

  it('where a process only invalidates, only keeps sessions, or only writes behind', { timeout: 40_000 }, async () => {
    const url = `redis://127.0.0.1:${proxy.port}`;
    const [worker, logins] = [createCache({ redis: url }), createCache({ redis: url })];
    const writer = createCache({ redis: url, writeBehind: { durable: true } });
    const persisted = vi.fn();
    writer.onWriteBehind('save', ({ value }) => persisted(value));
    const write = (value: string) => writer.writeBehind('row', value, 'c1', { handler: 'save' });
    await write('first');
    const sessions = new Sessions({ cache: logins });
    await sessions.set('id', { user: 1 }, 60_000);
    await other.set('users', 'old', 'c1', { tags: ['users'] });
    expect(await worker.invalidateByTags(['something'])).toMatchObject({ durable: true });
    expect(await other.get('users', 'c1')).toBe('old');
    proxy.forget();
    expect(await worker.invalidateByTags(['users'])).toMatchObject({ durable: false });
    await Promise.all([
      vi.waitFor(async () => expect(await other.get('users', 'c1')).toBeUndefined(), SOON),
      vi.waitFor(async () => expect(await sessions.get('id')).toEqual({ user: 1 }), SOON),
      vi.waitFor(() => write('second'), SOON),
    ]);
    await vi.waitFor(() => expect(persisted).toHaveBeenCalledWith('second'), SOON);
    expect(await worker.invalidateByTags(['users'])).toMatchObject({ durable: true });
    await Promise.all([worker.close(), logins.close(), writer.close()]);
  });

  it('where a process only persists what others write behind', { timeout: 60_000 }, async () => {
    const writeBehind = { durable: true, lease: 1000 };
    const worker = createCache({ redis: `redis://127.0.0.1:${proxy.port}`, writeBehind });
    const writer = createCache({ redis: server.url, writeBehind });
    const persisted = vi.fn();
    worker.onWriteBehind('keep', ({ value }) => persisted(value));
    const write = (value: string) => writer.writeBehind('row', value, 'c1', { handler: 'keep' });
    await write('first');
    await vi.waitFor(() => expect(persisted).toHaveBeenCalledWith('first'), SOON);
    proxy.forget();
    await write('second');
    await vi.waitFor(() => expect(persisted).toHaveBeenCalledWith('second'), { ...SOON, timeout: 40_000 });
    await Promise.all([worker.close(), writer.close()]);
  });
});
