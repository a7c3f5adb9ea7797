import { afterEach, expect, it, vi } from 'vitest';
import { Holds } from '../../src/write-behind/holds.js';
import type { Lanes } from '../../src/write-behind/lanes.js';

const HOLD = { lane: { handler: 'save', list: 'c:n' }, pass: 'p' };
const LEASE = 3000;

afterEach(() => void vi.useRealTimers());

function made() {
  vi.useFakeTimers();
  const renew = vi.fn(async () => {});
  return { renew, holds: new Holds({ renew } as unknown as Lanes, LEASE) };
}

it('a lane is held while work on it goes on, and no longer', async () => {
  const { renew, holds } = made();
  let end = (_later: number | undefined) => {};
  const during = holds.during(HOLD, () => new Promise((resolve) => (end = resolve)));
  vi.advanceTimersByTime(LEASE);
  expect(renew).toHaveBeenCalledTimes(3);
  end(7);
  expect(await during).toBe(7);
  expect(vi.getTimerCount()).toBe(0);
});

it('work that fails says so, and holds nothing', async () => {
  const { holds } = made();
  await expect(holds.during(HOLD, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(vi.getTimerCount()).toBe(0);
});

it('what is left is another’s after a lease, and begun no more: not even what had been taken by then', async () => {
  const { holds } = made();
  const during = holds.during(HOLD, () => new Promise(() => {}));
  holds.leave();
  expect(await during).toBe(LEASE);
  const work = vi.fn(() => new Promise<undefined>(() => {}));
  expect(await holds.during(HOLD, work)).toBe(LEASE);
  expect(work).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});
