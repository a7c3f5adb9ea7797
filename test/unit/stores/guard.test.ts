import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UnavailableError } from '../../../src/errors.js';
import { type CacheEvents, Events } from '../../../src/events.js';
import { Guard, NotSentError } from '../../../src/stores/guard.js';

class ReplyError extends Error {
  override name = 'ReplyError';
}

const never = () => new Promise<never>(() => {});
const fails = async () => {
  throw new Error('connection lost');
};
const refuses = (message: string) => async () => {
  throw new ReplyError(message);
};

let now: number;
let elapsed: number;
let events: Events;
let told: (CacheEvents['error'] | CacheEvents['breaker'])[];
let guard: Guard;
const onSilence = vi.fn();

afterEach(() => {
  vi.restoreAllMocks();
});

beforeEach(() => {
  now = 1000;
  elapsed = 0;
  onSilence.mockReset();
  vi.spyOn(performance, 'now').mockImplementation(() => elapsed);
  events = new Events();
  told = [];
  events.on('error', (event) => told.push(event));
  events.on('breaker', (event) => told.push(event));
  guard = new Guard({ failures: 3, timeout: 50, onSilence, openFor: 500, clock: { now: () => now }, events });
});

const breakerStates = () => told.flatMap((event) => ('state' in event ? [event.state] : []));
async function failThreeTimes() {
  for (let i = 0; i < 3; i++) await guard.run('read', 50, fails).catch(() => {});
}

describe('Guard', () => {
  it('passes results through, promised or not', async () => {
    expect(await guard.run('read', 50, () => 1)).toBe(1);
    expect(await guard.run('read', 50, async () => 2)).toBe(2);
    expect(told).toEqual([]);
  });

  it('passes errors through, and tells of them', async () => {
    await expect(guard.run('read', 50, fails)).rejects.toThrow('connection lost');
    expect(told).toEqual([{ operation: 'read', error: new Error('connection lost') }]);
  });

  it('says that a connection was lost, and not which options ioredis has for that', async () => {
    const error = Object.assign(new Error('Reached the max retries'), { name: 'MaxRetriesPerRequestError' });
    const lost = new UnavailableError('the connection to Redis was lost');
    await expect(guard.run('read', 50, () => Promise.reject(error))).rejects.toEqual(lost);
    expect(told).toEqual([{ operation: 'read', error: lost }]);
    expect(told).toMatchObject([{ error: { cause: error } }]);
  });

  it('takes what is thrown at once for a failure like any', async () => {
    const thrower = () => {
      throw new Error('at once');
    };
    await expect(guard.run('read', 50, thrower)).rejects.toThrow('at once');
    expect(told).toHaveLength(1);
  });

  it('gives up at the deadline', async () => {
    await expect(guard.run('read', 1, never)).rejects.toThrow(new UnavailableError('read took longer than 1 ms'));
    expect(told).toHaveLength(1);
  });

  it('gives up at the deadline what a promise of another library, or realm, promises', async () => {
    // biome-ignore lint/suspicious/noThenProperty: what it is about
    const foreign = { then: () => {} } as unknown as Promise<never>;
    await expect(guard.run('read', 5, () => foreign)).rejects.toThrow('read took longer than 5 ms');
  });

  it('opens after so many failures in a row, and refuses at once', async () => {
    await failThreeTimes();
    expect(guard.open).toBe(true);
    const work = vi.fn();
    await expect(guard.run('read', 50, work)).rejects.toThrow(UnavailableError);
    expect(work).not.toHaveBeenCalled();
    expect(breakerStates()).toEqual(['open']);
  });

  it('counts failures in a row only', async () => {
    for (const work of [fails, fails, async () => 'well', fails, fails])
      await guard.run('read', 50, work).catch(() => {});
    expect(guard.open).toBe(false);
  });

  it.each(["OOM command not allowed when used memory > 'maxmemory'.", 'WRONGTYPE x', 'NOAUTH x', 'READONLY x'])(
    'an answer is no silence: %s',
    async (message) => {
      for (let i = 0; i < 5; i++) await guard.run('write', 50, refuses(message)).catch(() => {});
      expect(guard.open).toBe(false);
      expect(told).toHaveLength(5);
    },
  );

  it.each(['LOADING Redis is loading the dataset in memory', 'MASTERDOWN x', 'CLUSTERDOWN The cluster is down'])(
    'a server that cannot serve counts as silent: %s',
    async (message) => {
      for (let i = 0; i < 3; i++) await guard.run('read', 50, refuses(message)).catch(() => {});
      expect(guard.open).toBe(true);
    },
  );

  it('lets one operation try when the time is over, and no other beside it', async () => {
    await failThreeTimes();
    now += 499;
    await expect(guard.run('read', 50, () => 1)).rejects.toThrow('the breaker is open');
    now += 1;
    let answer!: (value: string) => void;
    const probe = guard.run('read', 50, () => new Promise<string>((resolve) => (answer = resolve)));
    await expect(guard.run('read', 50, () => 1)).rejects.toThrow('the breaker is open');
    answer('well');
    expect(await probe).toBe('well');
    expect(guard.open).toBe(false);
    expect(await guard.run('read', 50, () => 1)).toBe(1);
    expect(breakerStates()).toEqual(['open', 'closed']);
  });

  it('lets one operation try when the clock has been put back meanwhile', async () => {
    await failThreeTimes();
    now -= 3_600_000;
    expect(await guard.run('read', 50, () => 1)).toBe(1);
    expect(guard.open).toBe(false);
  });

  it('stays open for as long again when the try fails', async () => {
    await failThreeTimes();
    now += 500;
    await expect(guard.run('read', 50, fails)).rejects.toThrow('connection lost');
    now += 499;
    await expect(guard.run('read', 50, () => 1)).rejects.toThrow('the breaker is open');
    now += 1;
    expect(await guard.run('read', 50, () => 1)).toBe(1);
    expect(breakerStates()).toEqual(['open', 'closed']);
  });

  it('counts nothing of what was not even sent, and lets the next operation try', async () => {
    const notSent = async () => {
      throw new NotSentError('too much');
    };
    for (let i = 0; i < 5; i++) await expect(guard.run('write', 50, notSent)).rejects.toThrow('too much');
    expect(guard.open).toBe(false);
    await failThreeTimes();
    now += 500;
    await expect(guard.run('write', 50, notSent)).rejects.toThrow('too much');
    expect(await guard.run('read', 50, () => 1)).toBe(1);
    expect(breakerStates()).toEqual(['open', 'closed']);
  });

  it('closes when the try gets an error for an answer', async () => {
    await failThreeTimes();
    now += 500;
    await guard.run('write', 50, refuses('OOM x')).catch(() => {});
    expect(guard.open).toBe(false);
  });

  it('lets the next operation try after a sign of life', async () => {
    await failThreeTimes();
    guard.revive();
    expect(await guard.run('read', 50, () => 1)).toBe(1);
    expect(guard.open).toBe(false);
  });

  it('closes when an operation from before it opened succeeds late', async () => {
    let answer!: (value: number) => void;
    const early = guard.run('read', 10_000, () => new Promise<number>((resolve) => (answer = resolve)));
    await failThreeTimes();
    answer(1);
    await early;
    expect(guard.open).toBe(false);
  });

  it('takes an answer that took long, to what may take longer, for no sign of health', async () => {
    const slow = async () => {
      elapsed += 51;
    };
    for (const work of [fails, fails, slow, fails]) await guard.run('write', 2000, work).catch(() => {});
    expect(guard.open).toBe(true);
    elapsed = 0;
    now += 500;
    await guard.run('write', 2000, slow);
    expect(guard.open).toBe(true);
  });

  it('lets no other operation try when one from before it opened fails beside the try', async () => {
    let [fail, answer] = [(_error: Error) => {}, () => {}];
    const early = guard.run('read', 10_000, () => new Promise((_resolve, reject) => (fail = reject)));
    await failThreeTimes();
    now += 500;
    const probe = guard.run('read', 10_000, () => new Promise<void>((resolve) => (answer = resolve)));
    fail(new Error('connection lost'));
    await expect(early).rejects.toThrow('connection lost');
    now += 500;
    await expect(guard.run('read', 50, () => 1)).rejects.toThrow('the breaker is open');
    answer();
    await probe;
  });

  it('says that there is silence when a try fails and nothing was heard for three times as long as it stays open', async () => {
    const failsAt = async (at: number) => {
      elapsed = at;
      now += 500;
      await guard.run('read', 50, fails).catch(() => {});
      return onSilence.mock.calls.length;
    };
    elapsed = 1000;
    await guard.run('read', 50, async () => 1);
    elapsed = 5000;
    // Nobody has tried since: a connection that was idle is not dead.
    await failThreeTimes();
    expect(onSilence).not.toHaveBeenCalled();
    elapsed = 5500;
    now += 500;
    await guard.run('read', 50, async () => 1);
    await failThreeTimes();
    expect(await failsAt(7000)).toBe(0);
    expect(await failsAt(7001)).toBe(1);
    expect(await failsAt(8501)).toBe(1);
    expect(await failsAt(8502)).toBe(2);
  });
});
