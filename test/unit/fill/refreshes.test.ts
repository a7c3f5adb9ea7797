import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Lead } from '../../../src/fill/collapse.js';
import { Refreshes } from '../../../src/fill/refreshes.js';
import type { Rerun } from '../../../src/request/request.js';

interface Going {
  readonly what: string;
  readonly lead?: Lead<string> | undefined;
}

/** A run that goes on until it is told to end. */
class Running {
  readonly marks: object[] = [];
  readonly timeouts: number[] = [];
  readonly #ends: (() => void)[] = [];
  readonly rerun: Rerun = (mark, timeout) => {
    this.marks.push(mark);
    this.timeouts.push(timeout);
    return new Promise<boolean>((resolve) => this.#ends.push(() => resolve(true)));
  };

  /** Ends the one that began first. */
  async end(): Promise<void> {
    this.#ends.shift()?.();
    await settled();
  }
}

const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));
const leader = () => ({ filled: vi.fn(), unfilled: vi.fn(), abandoned: vi.fn() });
const GOING: Going = { what: 'this' };

let running: Running;
beforeEach(() => {
  running = new Running();
});

const made = (most = 5) => new Refreshes<Going, string>({ timeout: 1234, most });

/** Begins a run, and waits until it is under way. */
async function begun(
  refreshes: Refreshes<Going, string>,
  key = 'k',
  lead: Lead<string> = leader(),
): Promise<Lead<string>> {
  refreshes.begin(running.rerun, key, async () => lead, GOING);
  await settled();
  return lead;
}

describe('a run that no client waits for', () => {
  it('has the time that the options give it', async () => {
    await begun(made());
    expect(running.timeouts).toEqual([1234]);
  });

  it('is known by its mark where it comes to its place, and leads there', async () => {
    const refreshes = made();
    const lead = await begun(refreshes);
    expect(refreshes.take(running.marks[0]!, 'k')).toEqual({ ...GOING, lead });
  });

  it('is honoured once', async () => {
    const refreshes = made();
    await begun(refreshes);
    refreshes.take(running.marks[0]!, 'k');
    expect(refreshes.take(running.marks[0]!, 'k')).toBeUndefined();
  });

  it('is not honoured at the place of another key, and still is at its own', async () => {
    const refreshes = made();
    await begun(refreshes);
    expect(refreshes.take(running.marks[0]!, 'other')).toBeUndefined();
    expect(refreshes.take(running.marks[0]!, 'k')).toBeDefined();
  });

  it('is honoured by its own mark alone', async () => {
    const refreshes = made();
    await begun(refreshes);
    expect(refreshes.take({}, 'k')).toBeUndefined();
    expect(made().take(running.marks[0]!, 'k')).toBeUndefined();
  });

  it('has a mark that tells nothing, and is nobody else’s', async () => {
    const refreshes = made();
    await begun(refreshes, 'a');
    await begun(refreshes, 'b');
    expect(running.marks).toEqual([{}, {}]);
    expect(running.marks[0]).not.toBe(running.marks[1]);
    expect(refreshes.take(running.marks[0]!, 'b')).toBeUndefined();
    expect(refreshes.take(running.marks[1]!, 'b')).toBeDefined();
  });

  it('lets go in the end who may wait for it, were it never to come to its place', async () => {
    const lead = await begun(made());
    expect(lead.abandoned).not.toHaveBeenCalled();
    await running.end();
    expect(lead.abandoned).toHaveBeenCalledOnce();
  });

  it('does not take place where somebody is about it already', async () => {
    const refreshes = made(1);
    refreshes.begin(running.rerun, 'k', async () => undefined, GOING);
    await settled();
    expect(running.marks).toEqual([]);
    // It takes nobody's room.
    await begun(refreshes);
    expect(running.marks).toHaveLength(1);
  });

  it('says nothing of its own to who leads where it was stored', async () => {
    const refreshes = made();
    const lead = await begun(refreshes);
    refreshes.take(running.marks[0]!, 'k')?.lead?.filled('x', undefined);
    await running.end();
    expect(lead.filled).toHaveBeenCalledTimes(1);
  });
});

describe('how many run at the same time', () => {
  it('is bounded: what comes then does not even ask whether it may', async () => {
    const refreshes = made(2);
    await begun(refreshes, 'a');
    await begun(refreshes, 'b');
    const lead = vi.fn(async () => leader());
    refreshes.begin(running.rerun, 'c', lead, GOING);
    await settled();
    expect(lead).not.toHaveBeenCalled();
    expect(running.marks).toHaveLength(2);
    // What was refused takes nobody's room: one has gone, and one may come.
    await running.end();
    await begun(refreshes, 'd');
    await begun(refreshes, 'e');
    expect(running.marks).toHaveLength(3);
  });

  it('counts from the beginning, not from when it is settled who leads', () => {
    const refreshes = made(1);
    const lead = vi.fn(() => new Promise<undefined>(() => {}));
    refreshes.begin(running.rerun, 'a', lead, GOING);
    refreshes.begin(running.rerun, 'b', lead, GOING);
    expect(lead).toHaveBeenCalledTimes(1);
  });

  it('has room again when one has ended', async () => {
    const refreshes = made(1);
    await begun(refreshes, 'a');
    await running.end();
    await begun(refreshes, 'b');
    expect(running.marks).toHaveLength(2);
  });
});
