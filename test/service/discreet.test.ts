// What Redis refuses is told without what it was asked: a password, or what is stored.

import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cache, createCache } from '../../src/index.js';
import { lossOr } from '../../src/stores/loss.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
});

afterAll(async () => {
  await redis.stop();
});

/** A cache, and all that it tells a log and its listeners of errors. */
function told(url: string): { cache: Cache; text: () => string } {
  const lines: string[] = [];
  const to = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const cache = createCache({ redis: url, timeout: 5000, logger: pino({ level: 'error' }, to) });
  const errors: unknown[] = [];
  cache.on('error', ({ error }) => errors.push(error));
  return { cache, text: () => `${lines.join('')} ${inspect(errors, { depth: 9 })}` };
}

it('neither the log nor an error holds what a full Redis would not store', async () => {
  const { cache, text } = told(redis.url);
  await cache.set('a', 1, 'client-123');
  await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
  await cache.set('a', { name: 'Ada Lovelace' }, 'client-123');
  await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  expect(text()).toContain('OOM command not allowed');
  expect(text()).not.toMatch(/args|client-123/);
  await cache.close();
});

it('neither the log nor an error holds a password that Redis would not take', async () => {
  await redis.command('ACL', 'SETUSER', 'shop', 'on', '>right', '~*', '+@all');
  const { cache, text } = told(redis.url.replace('redis://', 'redis://shop:wrongone@'));
  await expect(cache.increment('n', 1, 'client-123')).rejects.toThrow();
  await expect.poll(text).toContain('WRONGPASS');
  expect(text()).not.toContain('wrongone');
  await cache.close();
});

it('nor does what a Cluster says of one of its servers; who looks for the command finds it', () => {
  const command = { name: 'auth', args: ['wrongone'] };
  const lastNodeError = Object.assign(new Error('WRONGPASS'), { command });
  const error = Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError });
  expect(inspect(lossOr(error), { depth: 9 })).not.toContain('wrongone');
  expect(lastNodeError.command).toBe(command);
});
