import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Outbox } from '../../../src/invalidation/outbox.js';
import { PendingPurges } from '../../../src/invalidation/pending.js';

const pending = () => {
  const purges = new PendingPurges();
  purges.add({ tags: ['a'], patterns: [] });
  return purges;
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('has more patience with each attempt: a table that is to be read first may be on a slow way', async () => {
  const purges = pending();
  const send = vi.fn(() => new Promise<number>((resolve) => setTimeout(() => resolve(7), 3000)));
  const outbox = new Outbox(purges, { send, onError: () => {}, onSilence: () => {} });
  outbox.flush();
  await vi.advanceTimersByTimeAsync(9000);
  expect(purges.empty).toBe(true);
  outbox.close();
});

it.each([
  ['keeps a connection over which Redis says no', 'ReplyError', 0],
  ['gives up one over which nothing is heard', 'Error', 1],
])('%s', async (_what, name, times) => {
  const error = Object.assign(new Error('READONLY You cannot write against a read only replica.'), { name });
  const onSilence = vi.fn();
  const send = () => Promise.reject(error);
  const outbox = new Outbox(pending(), { send, onError: () => {}, onSilence });
  outbox.flush();
  await vi.advanceTimersByTimeAsync(5000);
  expect(onSilence).toHaveBeenCalledTimes(times);
  outbox.close();
});
