// The same on Redis, which stops now and then, and now and then dies and comes back empty.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { fuzz, SECONDS } from './fuzz.js';
import type { Random } from './random.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

let disturbing: Promise<void> = Promise.resolve();

/** One at a time: each leaves the server running. */
function disturb(random: Random): Promise<void> {
  const kind = random.below(3);
  const ms = random.below(120);
  disturbing = disturbing.then(async () => {
    if (kind === 0) {
      await server.command('FLUSHALL');
    } else if (kind === 1) {
      await server.pause();
      await pause(ms);
      await server.resume();
    } else {
      await server.kill();
      await pause(ms);
      await server.restart();
    }
  });
  return disturbing;
}

it('stands while Redis comes and goes', { timeout: SECONDS * 1000 + 180_000 }, async () => {
  expect(await fuzz(SECONDS, { redis: server.url, disturb })).toBeGreaterThan(0);
});
