import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Position } from '../../../src/entry/entry.js';
import { Leases } from '../../../src/fill/lease.js';
import { RedisLink } from '../../../src/stores/redis-link.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

let server: RedisServer;
let link: RedisLink;
let one: Leases;
let other: Leases;

beforeAll(async () => {
  server = await startRedis();
  link = new RedisLink(server.url, () => {});
});

afterAll(async () => {
  await link.close();
  await server.stop();
});

beforeEach(async () => {
  await server.command('FLUSHALL');
  [one, other] = [new Leases(link, 'p:'), new Leases(link, 'p:')];
});

const KEY = 'p:client:acme:~http://h~/users~';
const EARLY: Position = { epoch: '4.16.256.0a1b', sequence: 1_795_420_800_000_001 };
const LATE: Position = { ...EARLY, sequence: EARLY.sequence + 1 };

/** Asks for a lease; unless told otherwise nothing has been invalidated. */
const take = (leases: Leases, key: string, ms: number, asOf = EARLY, stands = (_asOf: Position) => true) =>
  leases.take(key, ms, asOf, stands);

describe('Leases', () => {
  it('are had by one at a time', async () => {
    expect(await take(one, KEY, 5000)).toBe('taken');
    expect(await take(other, KEY, 5000)).toEqual({ heldSince: EARLY });
    expect(await take(other, `${KEY}x`, 5000)).toBe('taken');
  });

  it('are had by one of many who ask at once', async () => {
    const many = Array.from({ length: 20 }, () => new Leases(link, 'p:'));
    const states = await Promise.all(many.map((each) => take(each, KEY, 5000)));
    expect(states.filter((state) => state === 'taken')).toHaveLength(1);
  });

  it('can be taken again by who has them', async () => {
    await take(one, KEY, 5000);
    expect(await take(one, KEY, 5000)).toBe('taken');
  });

  it('are free when given back', async () => {
    await take(one, KEY, 5000);
    await one.release(KEY, 0, EARLY);
    expect(await take(other, KEY, 5000)).toBe('taken');
  });

  it('are not given back by who does not have them', async () => {
    await take(one, KEY, 5000);
    await other.release(KEY, 0, EARLY);
    await other.release(KEY, 5000, EARLY);
    expect(await take(other, KEY, 5000)).toEqual({ heldSince: EARLY });
  });

  it('tell all that the key is not worth waiting for, for a while', async () => {
    await take(one, KEY, 5000);
    await one.release(KEY, 60_000, EARLY);
    expect(await take(one, KEY, 5000)).toBe('pass');
    expect(await take(other, KEY, 5000)).toBe('pass');
    expect(Number(await server.command('PTTL', `p:lease:${KEY.slice(2)}`))).toBeGreaterThan(50_000);
  });

  it('are taken over from who makes what is dead already', async () => {
    await take(one, KEY, 5000);
    const asked: Position[] = [];
    const dead = (asOf: Position) => {
      asked.push(asOf);
      return false;
    };
    expect(await take(other, KEY, 5000, LATE, dead)).toBe('taken');
    expect(asked).toEqual([EARLY]);
    await one.release(KEY, 60_000, EARLY);
    expect(await take(one, KEY, 5000, LATE)).toEqual({ heldSince: LATE });
  });

  it('are taken over by one alone', async () => {
    await take(one, KEY, 5000);
    const many = Array.from({ length: 20 }, () => new Leases(link, 'p:'));
    const stands = ({ sequence }: Position) => sequence >= LATE.sequence;
    const states = await Promise.all(many.map((each) => take(each, KEY, 5000, LATE, stands)));
    expect(states.filter((state) => state === 'taken')).toHaveLength(1);
    expect(states.filter((state) => state !== 'taken')).toEqual(Array(19).fill({ heldSince: LATE }));
  });

  it('run out by themselves', async () => {
    await take(one, KEY, 1234.5);
    const [name] = (await server.command('KEYS', '*')) as string[];
    expect(name).toBe('p:lease:client:acme:~http://h~/users~');
    const left = Number(await server.command('PTTL', name!));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(1235);
  });
});
