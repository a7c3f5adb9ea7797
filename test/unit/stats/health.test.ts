import { beforeEach, describe, expect, it } from 'vitest';
import { Events } from '../../../src/events.js';
import { ErrorWindow, type Health, judgeHealth } from '../../../src/stats/health.js';

describe('ErrorWindow', () => {
  let now: number;
  let events: Events;
  let window: ErrorWindow;
  const fail = (times = 1) => {
    for (let i = 0; i < times; i++) events.emit('error', { operation: 'read', error: undefined });
  };

  beforeEach(() => {
    now = 1_795_420_800_000;
    events = new Events();
    window = new ErrorWindow({ now: () => now }, events, 60);
  });

  it('counts errors', () => {
    expect(window.count()).toBe(0);
    fail(3);
    expect(window.count()).toBe(3);
  });

  it.each(['factory', 'write-behind'])("leaves out those of the application's own functions: %s", (operation) => {
    events.emit('error', { operation, error: new Error('no') });
    fail();
    expect(window.count()).toBe(1);
  });

  it('counts those of the last minute', () => {
    fail(2);
    now += 30_000;
    fail(3);
    now += 29_999;
    expect(window.count()).toBe(5);
    now += 1;
    expect(window.count()).toBe(3);
    now += 30_000;
    expect(window.count()).toBe(0);
  });

  it('forgets a minute ago where it counts anew', () => {
    fail(5);
    now += 60_000;
    fail(1);
    expect(window.count()).toBe(1);
  });

  it('forgets all after a long silence', () => {
    fail(5);
    now += 86_400_000 * 30;
    expect(window.count()).toBe(0);
  });

  it('counts none of a time that a clock which was put back has not come to yet', () => {
    fail(10);
    now -= 3_600_000;
    expect(window.count()).toBe(0);
    fail(2);
    expect(window.count()).toBe(2);
  });

  it('counts those of another window, if it is to', () => {
    const hour = new ErrorWindow({ now: () => now }, events, 3600);
    fail(2);
    now += 3_500_000;
    expect(hour.count()).toBe(2);
    now += 160_000;
    expect(hour.count()).toBe(0);
  });

  it('works from the first second of a clock on', () => {
    now = 0;
    fail(1);
    expect(window.count()).toBe(1);
    now = 59_000;
    fail(1);
    expect(window.count()).toBe(2);
    now = 60_000;
    expect(window.count()).toBe(1);
  });
});

describe('judgeHealth', () => {
  it.each<[errors: number, reachable: boolean, broken: boolean, status: Health['status']]>([
    [0, true, false, 'healthy'],
    [4, true, false, 'healthy'],
    [5, true, false, 'degraded'],
    [9, true, false, 'degraded'],
    [10, true, false, 'unhealthy'],
    [0, false, false, 'degraded'],
    [0, true, true, 'degraded'],
    [10, false, true, 'unhealthy'],
  ])('%i errors, reachable: %s, broken: %s: %s', (errors, reachable, broken, status) => {
    expect(judgeHealth(errors, { degradedErrors: 5, unhealthyErrors: 10 }, reachable, broken)).toBe(status);
  });
});
