// A master that has become a replica while it is written to.

import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createCache } from 'respcache';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { RedisLink } from '../../src/stores/redis-link.js';
import { standBetween } from '../support/between.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let server: RedisServer;

beforeEach(async () => {
  server = await startRedis();
});
afterEach(() => server.stop());

it('is left for a new connection without a warning, however many writes it refuses at once', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  onTestFinished(() => void process.off('warning', warned));
  const cache = createCache({ redis: server.url, timeout: 5000, breaker: { failures: 1000 } });
  onTestFinished(() => cache.close());
  const refused: string[] = [];
  cache.on('error', ({ operation, error }) => operation === 'write' && refused.push(String(error)));
  await cache.set('a', 1, 'c');
  const left = new Promise((resolve) => cache.services.backend.link!.client.once('close', resolve));
  await server.command('REPLICAOF', '127.0.0.1', '1');
  await Promise.all(Array.from({ length: 50 }, (_, i) => cache.set(`key:${i}`, 1, 'c')));
  await left;
  await nextTurn();
  expect(refused.filter((error) => error.includes('READONLY')).length).toBeGreaterThan(10);
  expect(warnings.map(({ name }) => name)).not.toContain('MaxListenersExceededWarning');
  await server.command('REPLICAOF', 'NO', 'ONE');
  await vi.waitFor(
    async () => {
      await cache.set('b', 2, 'c');
      expect(await cache.get('b', 'c')).toBe(2);
    },
    { timeout: 10_000, interval: 20 },
  );
});

it('is left each time that it becomes one', async () => {
  const link = new RedisLink(server.url, () => {});
  onTestFinished(() => link.close());
  await link.ready();
  const { client } = link;
  for (let times = 0; times < 2; times++) {
    const back = once(client, 'ready');
    await server.command('REPLICAOF', '127.0.0.1', '1');
    await expect(client.set('a', '1')).rejects.toThrow('READONLY');
    await back;
    await server.command('REPLICAOF', 'NO', 'ONE');
  }
  expect(await client.set('a', '1')).toBe('OK');
});

it('is left by who only runs scripts, where what they are refused is told as before Redis 7', async () => {
  const told =
    "-ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -READONLY You can't write against a read only";
  const between = await standBetween(server.port, (client, upstream) => {
    client.pipe(upstream);
    upstream.on('data', (piece: Buffer) =>
      client.write(piece.toString('latin1').replace(/^-READONLY.*/m, told), 'latin1'),
    );
    upstream.on('end', () => client.end());
  });
  onTestFinished(() => between.close());
  const cache = createCache({
    redis: `redis://127.0.0.1:${between.port}`,
    l1: false,
    timeout: 5000,
    publishInterval: false,
  });
  onTestFinished(() => cache.close());
  expect(await cache.invalidateKey('a', 'c')).toMatchObject({ durable: true });
  const left = new Promise((resolve) => cache.services.backend.link!.client.once('close', resolve));
  await server.command('REPLICAOF', '127.0.0.1', '1');
  const refused = new Promise((resolve) => cache.on('error', ({ error }) => resolve(String(error))));
  const receipt = cache.invalidateKey('a', 'c');
  expect(await refused).toContain('-READONLY');
  await left;
  await server.command('REPLICAOF', 'NO', 'ONE');
  await receipt;
});
