import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Exchange } from '../../src/exchange.js';
import { Planner } from '../../src/lookup/plan.js';
import { servicesOf, view } from './made.js';

/** A request whose lookup is under way, what it would be forwarded with, and the reasons that are counted for it. */
function asked() {
  const services = servicesOf();
  const counted: (string | undefined)[] = [];
  services.events.on('miss', ({ reason }) => counted.push(reason));
  services.events.on('bypass', ({ reason }) => counted.push(reason));
  const exchange = new Exchange(services, view(), services.settings.route, {});
  const plan = new Planner('').plan(exchange, 'acme', services.events)!;
  const lead = { filled: vi.fn(), unfilled: vi.fn(), abandoned: vi.fn() };
  const forward = () => exchange.forward(plan, { forward: 'uri-miss', index: undefined, lead });
  return { exchange, counted, lead, forward };
}

describe('an exchange', () => {
  it('lets nobody wait for a run that begins when its request was given up long ago', () => {
    const { exchange, counted, lead, forward } = asked();
    exchange.abandon();
    forward();
    expect(lead.abandoned).toHaveBeenCalledOnce();
    expect(counted).toEqual(['aborted']);
    expect(exchange.mayFill).toBe(false);
  });

  it('lets them go when it is given up later', () => {
    const { exchange, counted, lead, forward } = asked();
    forward();
    expect(lead.abandoned).not.toHaveBeenCalled();
    exchange.abandon();
    expect(lead.abandoned).toHaveBeenCalledOnce();
    expect(counted).toEqual(['aborted']);
  });

  it('waits once for the handler of a client that has gone, however many tell of that', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { exchange, forward } = asked();
    forward();
    exchange.leave(false);
    exchange.leave(false);
    exchange.end();
    expect(vi.getTimerCount()).toBe(0);
  });
});
