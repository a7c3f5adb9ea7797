import { describe, expect, it, vi } from 'vitest';
import { withDeadline } from '../../src/deadline.js';
import { UnavailableError } from '../../src/errors.js';

const never = () => new Promise<never>(() => {});

describe('withDeadline', () => {
  it('gives what is there already as it is', () => {
    expect(withDeadline(1, 50, 'x')).toBe(1);
  });

  it('waits for ever when told so', () => {
    const work = never();
    expect(withDeadline(work, Number.POSITIVE_INFINITY, 'x')).toBe(work);
  });

  it('leaves no timer behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    await withDeadline(Promise.resolve(1), 60_000, 'x');
    await Promise.resolve(withDeadline(Promise.reject(new Error('no')), 60_000, 'x')).catch(() => {});
    expect(timers()).toBe(before);
  });

  it('takes an answer that was waiting in a socket while this process was busy', async () => {
    // The answer comes in the phase of the loop that follows the timers.
    const work = new Promise<string>((resolve) => setTimeout(() => setImmediate(resolve, 'in time'), 0));
    const waiting = withDeadline(work, 1, 'x');
    const until = performance.now() + 20;
    while (performance.now() < until);
    expect(await waiting).toBe('in time');
  });

  it('drops what fails after the deadline', async () => {
    let fail!: (error: Error) => void;
    const work = new Promise<never>((_, reject) => (fail = reject));
    await expect(withDeadline(work, 1, 'x')).rejects.toThrow(UnavailableError);
    const unhandled = vi.fn();
    process.once('unhandledRejection', unhandled);
    fail(new Error('late'));
    await new Promise(setImmediate);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('never asks a timer for more than it can: 24.8 days', async () => {
    const timeout = vi.spyOn(globalThis, 'setTimeout');
    await withDeadline(Promise.resolve(1), 2 ** 31, 'x');
    const delays = timeout.mock.calls.map(([, ms]) => ms ?? 0);
    timeout.mockRestore();
    expect(Math.max(0, ...delays)).toBeLessThan(2 ** 31);
  });
});
