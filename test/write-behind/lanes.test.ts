// The steps on a lane by themselves: what two processes do to it one after the other.

import { randomUUID } from 'node:crypto';
import { type Cache, createCache } from 'respcache';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Hold, Lanes } from '../../src/write-behind/lanes.js';
import type { Dead, Write } from '../../src/write-behind/write.js';
import { type RedisServer, startRedis } from '../support/redis.js';

const LONG = 600_000;

let server: RedisServer;
let cache: Cache;
let lanes: Lanes;
let prefix: string;

beforeAll(async () => {
  server = await startRedis();
  cache = createCache({ redis: server.url, l1: false });
});
beforeEach(() => {
  prefix = `${randomUUID()}:`;
  lanes = new Lanes(cache.services.backend.link!, prefix);
});
afterAll(async () => {
  await cache.close();
  await server.stop();
});

function write(value: number): Write {
  const place = { handler: 'save', key: 'n', clientId: 'c', body: Buffer.of(value) };
  return { id: `${value}`, ...place, writtenAt: value, invalidate: {} };
}
const dead = (value: number): Dead => ({ write: write(value), failedAt: value, error: 'never' });
const add = (value: number, { coalesce = false, most = 10 } = {}) => lanes.add(write(value), coalesce, most);

async function hold(): Promise<Hold> {
  const [lane] = await lanes.all();
  return { lane: lane!, pass: randomUUID() };
}

/** What a process is given that takes the lane, and the pass that it has. */
async function taken(lease = LONG): Promise<{ pass: Hold; turn: unknown }> {
  const pass = await hold();
  const turn = await lanes.take(pass, lease);
  return { pass, turn: turn && 'write' in turn ? [turn.write.id, turn.attempt] : turn };
}

/** All that is left of lanes in Redis, but which write was the last. */
async function left(): Promise<string[]> {
  const keys = (await server.command('KEYS', `${prefix}*`)) as string[];
  return keys.filter((key) => !key.endsWith(':last')).map((key) => key.slice(key.lastIndexOf(':') + 1));
}

it('what takes the place of one that has failed begins with its first attempt; what waits behind one leaves its attempts alone', async () => {
  await add(0, { coalesce: true });
  const first = await taken();
  expect(first.turn).toEqual(['0', 1]);
  await lanes.retry(first.pass, 0);
  await add(1, { coalesce: true });
  expect([await lanes.isLast(write(0)), await lanes.isLast(write(1))]).toEqual([false, true]);
  const second = await taken();
  expect(second.turn).toEqual(['1', 1]);
  for (const value of [2, 3]) await add(value, { coalesce: true });
  await lanes.retry(second.pass, 0);
  const third = await taken();
  expect(third.turn).toEqual(['1', 2]);
  await lanes.done(third.pass);
  expect((await taken()).turn).toEqual(['3', 1]);
});

it('a pause is waited for, and not by what comes behind the one that was to pause', async () => {
  await add(0);
  await add(1);
  const { pass } = await taken();
  // Half a ms is no time that Redis knows.
  await lanes.retry(pass, LONG + 0.5);
  expect((await taken()).turn).toEqual({ wait: expect.closeTo(LONG, -4) });
  const [state] = (await server.command('KEYS', `${prefix}*:state`)) as string[];
  await server.command('HSET', state!, 'due', '1');
  const again = await taken();
  expect(again.turn).toEqual(['0', 2]);
  await lanes.done(again.pass);
  expect((await taken()).turn).toEqual(['1', 1]);
});

it('a lane that is held is nobody else’s, and whoever held it before can do nothing to it', async () => {
  await add(0);
  await add(1);
  const late = await taken(1);
  await expect.poll(() => taken()).toMatchObject({ turn: ['0', 2] });
  expect((await taken()).turn).toEqual({ wait: expect.closeTo(LONG, -4) });
  await lanes.renew(late.pass, 1);
  await lanes.retry(late.pass, 0);
  await lanes.done(late.pass);
  expect(await lanes.die(late.pass, dead(0))).toBe(false);
  expect((await taken()).turn).toEqual({ wait: expect.closeTo(LONG, -4) });
  expect(await lanes.waiting(late.pass.lane)).toBe(2);
  expect(await lanes.deadIds()).toEqual([]);
});

it('a hold that is renewed lasts from then on', async () => {
  await add(0);
  const { pass } = await taken(5000);
  await lanes.renew(pass, LONG);
  expect((await taken()).turn).toEqual({ wait: expect.closeTo(LONG, -4) });
  expect(await lanes.take(pass, LONG)).toMatchObject({ attempt: 1 });
});

it('nothing is left of a lane that is empty; what has died keeps its place, and is the last no more', async () => {
  const first = await add(0, { most: 2 });
  const second = await add(1, { most: 2 });
  expect(await add(2, { most: 2 })).toBeUndefined();
  expect(await lanes.isLast(write(0))).toBe(false);
  expect(await lanes.isLast(write(1))).toBe(true);
  await lanes.done((await taken()).pass);
  const { pass } = await taken();
  expect(await lanes.count(pass.lane)).toEqual({ added: 2, ended: 1, begun: first!.ticket });
  expect(await lanes.ticketOf(pass.lane)).toBe(second!.ticket);
  expect(await lanes.die(pass, dead(1))).toBe(true);
  expect(await lanes.isLast(write(1))).toBe(false);
  expect((await left()).sort()).toEqual(['dead', 'size']);
  expect(await lanes.ticketOf(pass.lane)).toBeUndefined();
  expect(await add(3, { most: 1 })).toBeUndefined();
  await add(4, { most: 2 });
  await lanes.done((await taken()).pass);

  // Replayed it is as any that was put at the end of an empty lane.
  const replayed = await lanes.replay(dead(1));
  expect(replayed).toEqual({ ...pass.lane, ticket: expect.any(String) });
  expect(await lanes.replay(dead(1))).toBeUndefined();
  expect(await lanes.ticketOf(pass.lane)).toBe(replayed!.ticket);
  expect(await lanes.isLast(write(1))).toBe(true);
  expect(await lanes.count(pass.lane)).toEqual({ added: 1, ended: 0, begun: replayed!.ticket });
  await lanes.done((await taken()).pass);
  expect(await left()).toEqual(['size']);
  expect(await server.command('GET', `${prefix}{respcache}:behind:size`)).toBe('0');
});
