import { expect, it, vi } from 'vitest';
import { Turns } from '../../src/write-behind/turns.js';
import { deferred } from '../service/backends.js';

it('what has one name is done in its order; what has another waits for none of it', async () => {
  const turns = new Turns();
  const first = deferred<number>();
  const [second, other] = [vi.fn(async () => 2), vi.fn(async () => 3)];
  const taken = [turns.take('a', () => first.promise), turns.take('a', second), turns.take('b', other)];
  expect(await taken[2]).toBe(3);
  expect(second).not.toHaveBeenCalled();
  first.resolve(1);
  expect(await Promise.all(taken)).toEqual([1, 2, 3]);
});

it('one is told of the failure of the one right before it, and of no other', async () => {
  const turns = new Turns();
  const failure = new Error('no');
  const told: unknown[] = [];
  const telling = async (before?: unknown) => {
    told.push(before);
    return 'done';
  };
  const failed = turns.take('a', () => Promise.reject(failure));
  const after = [turns.take('a', telling), turns.take('a', telling), turns.take('b', telling)];
  await expect(failed).rejects.toBe(failure);
  await Promise.all(after);
  const alone = turns.take('c', () => Promise.reject(failure));
  await expect(alone).rejects.toBe(failure);
  await turns.take('c', telling);
  expect(told.filter((each) => each === failure)).toHaveLength(1);
  expect(told.filter((each) => each === undefined)).toHaveLength(3);
});

it('one that comes as the first has ended waits for the second', async () => {
  const turns = new Turns();
  const gate = deferred<void>();
  const first = turns.take('a', async () => {});
  const second = turns.take('a', () => gate.promise);
  await first;
  await new Promise(setImmediate);
  const third = vi.fn(async () => {});
  const last = turns.take('a', third);
  await new Promise(setImmediate);
  expect(third).not.toHaveBeenCalled();
  gate.resolve();
  await Promise.all([second, last]);
});
