// A client of the application's own may be bundled with it, and its classes have other names then: ioredis tells by these what
// has become of a command.

import { once } from 'node:events';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UnavailableError } from '../../src/errors.js';
import { isAnswer } from '../../src/stores/guard.js';
import { lossOr, unavailableOr } from '../../src/stores/loss.js';
import { type RedisServer, startRedis } from '../support/redis.js';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** What a command fails with, by the name that its class has in a bundle. */
async function failureOf(work: Promise<unknown>): Promise<Error> {
  const error = (await work.catch((reason: unknown) => reason)) as Error;
  expect(error).toBeInstanceOf(Error);
  return Object.defineProperty(error, 'name', { value: 'En' });
}

it.each([
  ['ioredis 6', (url: string) => new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => 10 })],
  [
    'ioredis 6 by RESP2',
    (url: string) => new Redis(url, { protocol: 2, maxRetriesPerRequest: 0, retryStrategy: () => 10 }),
  ],
  ['ioredis 5', (url: string) => new Redis5(url, { maxRetriesPerRequest: 0, retryStrategy: () => 10 })],
])('%s: what Redis refuses and what was lost are told apart', async (_version, connect) => {
  const client = connect(redis.url);
  client.on('error', () => {});
  await client.set('text', 'a');
  const refused = await failureOf(client.incrby('text', 1));
  expect(isAnswer(refused)).toBe(true);
  expect(lossOr(refused)).toBe(refused);
  expect(unavailableOr(refused)).toEqual(new UnavailableError(refused.message));

  const lost = await failureOf(
    Promise.all([client.blpop('nothing', 0), redis.command('CLIENT', 'KILL', 'TYPE', 'normal')]),
  );
  expect(isAnswer(lost)).toBe(false);
  expect(lossOr(lost)).toEqual(new UnavailableError('the connection to Redis was lost'));

  // Of those that were under way together the first has had its answer: what was asked is told of the others, as of a reply.
  const together = client.pipeline().get('text').blpop('nothing', 0).exec();
  await expect.poll(() => redis.command('INFO', 'clients')).toContain('blocked_clients:1');
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  const aborted = await failureOf(Promise.reject((await together)?.[1]?.[0]));
  expect(aborted).toHaveProperty('command.name', 'blpop');
  expect(isAnswer(aborted)).toBe(false);
  expect(lossOr(aborted)).toEqual(new UnavailableError('the connection to Redis was lost'));

  expect(await client.get('text')).toBe('a');
  client.disconnect();
  await once(client, 'end');
  const closed = await failureOf(client.get('text'));
  expect(isAnswer(closed)).toBe(false);
  expect(lossOr(closed)).toEqual(new UnavailableError('the connection to Redis was lost'));
});
