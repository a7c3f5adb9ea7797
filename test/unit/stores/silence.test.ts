import { afterEach, expect, it, vi } from 'vitest';
import { Silence } from '../../../src/stores/silence.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it('is told of when nothing has been heard for so long since the first question without an answer, and then anew', () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const silent = vi.fn();
  const silence = new Silence(100, silent);
  const failedAt = (asked: number, at: number) => {
    now = at;
    silence.unheard(asked);
    return silent.mock.calls.length;
  };
  expect(failedAt(0, 60)).toBe(0);
  expect(failedAt(60, 120)).toBe(1);
  expect(failedAt(120, 180)).toBe(1);
  silence.heard();
  // What was asked before that is no silence since then.
  expect(failedAt(200, 290)).toBe(1);
  expect(failedAt(290, 300)).toBe(2);
});
