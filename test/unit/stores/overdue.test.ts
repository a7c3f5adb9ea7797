import { UnavailableError } from 'respcache';
import { afterEach, expect, it, vi } from 'vitest';
import { Overdue } from '../../../src/stores/overdue.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it('refuses commands while too many have had no answer in time, and says once that there is silence', async () => {
  const silent = vi.fn();
  const overdue = new Overdue(silent);
  const answers: ((answer: string) => void)[] = [];
  const send = () => overdue.wait(new Promise<string>((resolve) => answers.push(resolve)), 1, 'get');
  await Promise.all(Array.from({ length: 1005 }, () => overdue.wait(Promise.resolve(), 1000, 'get')));
  overdue.check('get');
  await Promise.all(Array.from({ length: 1005 }, () => expect(send()).rejects.toThrow(UnavailableError)));
  expect(() => overdue.check('get')).toThrow('get: Redis does not answer any more');
  expect(silent).toHaveBeenCalledTimes(1);
  for (const answer of answers) answer('late');
  await Promise.resolve();
  overdue.check('get');
  expect(await overdue.wait(Promise.resolve('soon'), 1000, 'get')).toBe('soon');
  await expect(overdue.wait(Promise.reject(new Error('WRONGTYPE')), 1000, 'get')).rejects.toThrow('WRONGTYPE');
  // What is answered by an error is answered.
  await Promise.all(Array.from({ length: 990 }, () => expect(send()).rejects.toThrow(UnavailableError)));
  overdue.check('get');
});

it('says that there is silence when of few commands none was answered for four seconds', async () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const silent = vi.fn();
  const overdue = new Overdue(silent);
  const failsAt = async (at: number) => {
    now = at;
    await expect(overdue.wait(new Promise(() => {}), 1, 'get')).rejects.toThrow(UnavailableError);
    return silent.mock.calls.length;
  };
  expect([await failsAt(0), await failsAt(3999)]).toEqual([0, 0]);
  await overdue.wait(Promise.resolve('soon'), 1000, 'get');
  expect([await failsAt(4500), await failsAt(8499), await failsAt(8500)]).toEqual([0, 0, 1]);
});
