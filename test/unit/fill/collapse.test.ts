import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Position } from '../../../src/entry/entry.js';
import { Collapse, type Lead, type LeaseTable, type Part, type Turn } from '../../../src/fill/collapse.js';
import type { LeaseState } from '../../../src/fill/lease.js';

const RUN = { kind: 'run' };
const AGAIN = { kind: 'again' };
const nothing = async () => undefined;
const position = (sequence: number): Position => ({ epoch: 'e', sequence });

/** A request for a key; unless told otherwise nothing has been invalidated. */
const part = (changes: Partial<Part<string>> = {}): Part<string> => ({
  key: 'k',
  asOf: position(1),
  stands: () => true,
  look: nothing,
  ...changes,
});

let now: number;
beforeEach(() => {
  now = 1000;
});

function made(leases?: LeaseTable, patience = 5000, mostWaiting = 100): Collapse<string> {
  return new Collapse<string>({ clock: { now: () => now }, leases, patience, mostWaiting });
}

/** Runs grow old only as a test says so: with so little patience they would at once. */
function standStill(): void {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Takes part as one who has to lead. */
async function lead(collapse: Collapse<string>, changes: Partial<Part<string>> = {}): Promise<Lead<string>> {
  const turn: Turn<string> = await collapse.enter(part(changes));
  if (turn.kind !== 'lead') throw new Error(`to ${turn.kind}, not to lead`);
  return turn.lead;
}

describe('Collapse in one process', () => {
  it('lets the first one lead at once, and gives what it makes to all who come meanwhile', async () => {
    const collapse = made();
    expect(collapse.enter(part())).toMatchObject({ kind: 'lead' });
    const leader = await lead(collapse, { key: 'other' });
    const waiting = [1, 2, 3].map(() => collapse.enter(part({ key: 'other' })));
    leader.filled('made', undefined);
    expect(await Promise.all(waiting)).toEqual([1, 2, 3].map(() => ({ kind: 'result', result: 'made' })));
  });

  it('lets all run when there is nothing to share', async () => {
    const collapse = made();
    const leader = await lead(collapse);
    const waiting = [1, 2].map(() => collapse.enter(part()));
    leader.unfilled(60_000);
    expect(await Promise.all(waiting)).toEqual([RUN, RUN]);
  });

  it('forgets the oldest of very many runs that never end, and who waits for that one still hears of it', async () => {
    const collapse = made();
    const first = await lead(collapse, { key: 'first' });
    const waiting = collapse.enter(part({ key: 'first' }));
    for (let i = 0; i < 12_000; i++) collapse.enter(part({ key: `k${i}` }));
    expect(collapse.size).toBe(10_000);
    expect(collapse.enter(part({ key: 'first' }))).toMatchObject({ kind: 'lead' });
    first.filled('made', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'made' });
    expect(collapse.size).toBe(10_000);
  });

  it('lets one run who has waited long enough, and forgets what that was for', async () => {
    const collapse = made(undefined, 20);
    const leader = await lead(collapse);
    expect(await collapse.enter(part())).toEqual(RUN);
    expect(collapse.size).toBe(0);
    const next = await lead(collapse);
    const waiting = collapse.enter(part());
    leader.filled('late', undefined);
    next.filled('made', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'made' });
  });

  it('does not hold the process while somebody waits: a client that is still there does, by its connection', async () => {
    const held = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const collapse = made();
    const leader = await lead(collapse);
    const before = held();
    const waiting = collapse.enter(part());
    expect(held()).toBe(before);
    leader.unfilled(60_000);
    expect(await waiting).toEqual(RUN);
  });

  it('lets all take part again when the run is broken off', async () => {
    const collapse = made();
    const leader = await lead(collapse);
    const waiting = [1, 2].map(() => collapse.enter(part()));
    leader.abandoned();
    expect(await Promise.all(waiting)).toEqual([AGAIN, AGAIN]);
    expect(await collapse.enter(part())).toMatchObject({ kind: 'lead' });
  });

  it.each<[what: string, end: (leader: Lead<string>) => void]>([
    ['made', (leader) => leader.filled('x', undefined)],
    ['given up', (leader) => leader.abandoned()],
  ])('begins anew once it is %s', async (_, end) => {
    const collapse = made();
    end(await lead(collapse));
    expect(collapse.size).toBe(0);
    expect(await collapse.enter(part())).toMatchObject({ kind: 'lead' });
  });

  it('hears the first word of a leader alone', async () => {
    const collapse = made();
    const leader = await lead(collapse);
    const waiting = collapse.enter(part());
    leader.filled('first', undefined);
    leader.unfilled(60_000);
    leader.filled('third', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'first' });
    const next = await lead(collapse);
    leader.filled('late', undefined);
    expect(collapse.size).toBe(1);
    next.abandoned();
  });

  it('keeps keys apart', async () => {
    const collapse = made();
    const [a, b] = [await lead(collapse, { key: 'a' }), await lead(collapse, { key: 'b' })];
    const waiting = [collapse.enter(part({ key: 'a' })), collapse.enter(part({ key: 'b' }))];
    b.unfilled(60_000);
    a.filled('A', undefined);
    expect(await Promise.all(waiting)).toEqual([{ kind: 'result', result: 'A' }, RUN]);
  });

  it('lets one run who comes when as many wait as may, whatever they wait for', async () => {
    const collapse = made(undefined, 5000, 2);
    const leaders = [await lead(collapse, { key: 'a' }), await lead(collapse, { key: 'b' })];
    const waiting = [collapse.enter(part({ key: 'a' })), collapse.enter(part({ key: 'b' }))];
    expect(await collapse.enter(part({ key: 'a' }))).toEqual(RUN);
    for (const leader of leaders) leader.filled('x', undefined);
    expect(await Promise.all(waiting)).toEqual([1, 2].map(() => ({ kind: 'result', result: 'x' })));
  });

  it('has room again for who waits, when others have been let go', async () => {
    const collapse = made(undefined, 5000, 1);
    const leader = await lead(collapse);
    const waiting = collapse.enter(part());
    leader.abandoned();
    await waiting;
    const next = await lead(collapse);
    const joined = collapse.enter(part());
    next.filled('x', undefined);
    expect(await joined).toEqual({ kind: 'result', result: 'x' });
  });

  it('has room again for who waits, when others have lost patience', async () => {
    standStill();
    const collapse = made(undefined, 1, 1);
    await lead(collapse);
    expect(await collapse.enter(part())).toEqual(RUN);
    const leader = await lead(collapse, { key: 'other' });
    const joined = collapse.enter(part({ key: 'other' }));
    leader.filled('x', undefined);
    expect(await joined).toEqual({ kind: 'result', result: 'x' });
  });

  it('lets one lead, however many wait', async () => {
    const collapse = made(undefined, 5000, 1);
    const leader = await lead(collapse);
    const waiting = collapse.enter(part());
    await lead(collapse, { key: 'other' });
    leader.abandoned();
    await waiting;
  });

  it('lets nobody queue for a while where it turned out useless', async () => {
    const collapse = made();
    (await lead(collapse)).unfilled(500);
    now += 499;
    expect(await collapse.enter(part())).toEqual(RUN);
    expect(await collapse.tryLead(part())).toBeUndefined();
    now += 1;
    expect(await collapse.enter(part())).toMatchObject({ kind: 'lead' });
  });

  it('lets them queue again when the clock has been put back', async () => {
    const collapse = made();
    (await lead(collapse)).unfilled(500);
    now -= 3_600_000;
    expect(await collapse.enter(part())).toMatchObject({ kind: 'lead' });
  });

  it('waits for no run that nobody has patience for any more: another leads, and makes anew what is stale', async () => {
    standStill();
    const collapse = made();
    const hung = [await lead(collapse), await collapse.tryLead(part({ key: 'stale' }))];
    const first = collapse.enter(part());
    expect(await collapse.tryLead(part({ key: 'stale' }))).toBeUndefined();
    vi.advanceTimersByTime(4999);
    expect(await collapse.tryLead(part({ key: 'stale' }))).toBeUndefined();
    vi.advanceTimersByTime(1);
    const leader = await lead(collapse);
    const refresh = await collapse.tryLead(part({ key: 'stale' }));
    const waiting = [collapse.enter(part()), collapse.enter(part({ key: 'stale' }))];
    for (const late of hung) late?.filled('late', undefined);
    expect(await first).toEqual({ kind: 'result', result: 'late' });
    leader.filled('new', undefined);
    refresh?.filled('new', undefined);
    expect(await Promise.all(waiting)).toEqual([1, 2].map(() => ({ kind: 'result', result: 'new' })));
    expect(collapse.size).toBe(0);
  });

  it('remembers no more than so many such keys', async () => {
    const collapse = made();
    for (let i = 0; i <= 10_000; i++) (await lead(collapse, { key: `k${i}` })).unfilled(60_000);
    expect(await collapse.enter(part({ key: 'k10000' }))).toEqual(RUN);
    expect(await collapse.enter(part({ key: 'k0' }))).toMatchObject({ kind: 'lead' });
  });

  it('lets nobody wait for what began before an invalidation', async () => {
    const collapse = made();
    const early = await lead(collapse);
    const waiting = collapse.enter(part());
    const purged = { asOf: position(2), stands: ({ sequence }: Position) => sequence >= 2 };
    const late = await lead(collapse, purged);
    const joined = collapse.enter(part(purged));
    early.filled('old', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'old' });
    expect(collapse.size).toBe(1);
    late.filled('new', undefined);
    expect(await joined).toEqual({ kind: 'result', result: 'new' });
  });

  it('lets all run who know nothing of the ledger', async () => {
    const collapse = made();
    expect(await collapse.enter(part({ asOf: undefined }))).toEqual(RUN);
    expect(await collapse.tryLead(part({ asOf: undefined }))).toBeUndefined();
    expect(collapse.size).toBe(0);
  });

  it('leads a refresh exactly where nobody leads already', async () => {
    const collapse = made();
    const refresh = await collapse.tryLead(part());
    expect(await collapse.tryLead(part())).toBeUndefined();
    const waiting = collapse.enter(part());
    refresh?.filled('fresh', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'fresh' });
  });

  it('leads beside a run that will be dead, which nobody joins then', async () => {
    const collapse = made();
    const dead = await lead(collapse);
    const newer = await collapse.tryLead(part({ asOf: position(3), stands: ({ sequence }) => sequence > 2 }));
    const waiting = collapse.enter(part());
    dead.filled('old', undefined);
    newer?.filled('new', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'new' });
  });
});

const HELD: LeaseState = { heldSince: position(1) };

/** Leases as other processes would leave them: what `take` says, one after the other, the last one from then on. */
function leasesThat(...states: (LeaseState | Error)[]) {
  const take = vi.fn(async (..._asked: Parameters<LeaseTable['take']>): Promise<LeaseState> => {
    const state = states.length > 1 ? states.shift()! : states[0]!;
    if (state instanceof Error) throw state;
    return state;
  });
  const release = vi.fn(async (..._given: Parameters<LeaseTable['release']>): Promise<void> => {});
  return { take, release };
}

describe('Collapse over processes', () => {
  it('does not ask them for who cannot be heard by them, and lets those in this process wait all the same', async () => {
    const leases = leasesThat('taken');
    const collapse = made(leases);
    const leader = await lead(collapse, { alone: true });
    const waiting = collapse.enter(part({ alone: true }));
    leader.filled('x', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'x' });
    expect([leases.take, leases.release].map(({ mock }) => mock.calls)).toEqual([[], []]);
  });

  it('takes the lease, looks once more, and leads', async () => {
    const leases = leasesThat('taken');
    const look = vi.fn(nothing);
    await lead(made(leases, 7000), { look });
    expect(leases.take.mock.calls).toEqual([['k', 1000, position(1), expect.any(Function)]]);
    expect(look).toHaveBeenCalledTimes(1);
    expect(leases.release).not.toHaveBeenCalled();
  });

  it('gives the lease back when what was made is in the store, not before', async () => {
    const leases = leasesThat('taken');
    let store!: () => void;
    const written = new Promise<void>((resolve) => {
      store = resolve;
    });
    (await lead(made(leases))).filled('x', written);
    await new Promise(setImmediate);
    expect(leases.release).not.toHaveBeenCalled();
    store();
    await vi.waitFor(() => expect(leases.release.mock.calls).toEqual([['k', 0, position(1)]]));
  });

  it('gives the lease back also when it could not be stored', async () => {
    const leases = leasesThat('taken');
    (await lead(made(leases))).filled('x', Promise.reject(new Error('no')));
    await vi.waitFor(() => expect(leases.release.mock.calls).toEqual([['k', 0, position(1)]]));
  });

  it('tells the others when nothing is to be expected', async () => {
    const leases = leasesThat('taken');
    (await lead(made(leases))).unfilled(500);
    await vi.waitFor(() => expect(leases.release.mock.calls).toEqual([['k', 500, position(1)]]));
  });

  it('takes what another process has stored meanwhile, and gives the lease back', async () => {
    const leases = leasesThat('taken');
    const collapse = made(leases);
    expect(await collapse.enter(part({ look: async () => 'theirs' }))).toEqual({ kind: 'result', result: 'theirs' });
    expect(leases.release.mock.calls).toEqual([['k', 0, position(1)]]);
    expect(collapse.size).toBe(0);
  });

  it('waits for another process, all of this one together', async () => {
    const leases = leasesThat(HELD);
    const collapse = made(leases);
    const looks = [undefined, undefined, 'theirs'];
    const look = vi.fn(async () => looks.shift());
    const turns = [collapse.enter(part({ look })), collapse.enter(part())];
    expect(await Promise.all(turns)).toEqual([1, 2].map(() => ({ kind: 'result', result: 'theirs' })));
    expect(look).toHaveBeenCalledTimes(3);
    expect(leases.release).not.toHaveBeenCalled();
  });

  it('leads when the other process has given up, or died', async () => {
    const leases = leasesThat(HELD, HELD, 'taken');
    (await lead(made(leases))).filled('x', undefined);
    await vi.waitFor(() => expect(leases.release).toHaveBeenCalledTimes(1));
  });

  it('counts patience with a run from its beginning: who has waited for the other process does not have it forgotten', async () => {
    const leases = leasesThat(HELD);
    const collapse = made(leases, 300);
    const leading = collapse.enter(part());
    const waiting = collapse.enter(part());
    await pause(150);
    leases.take.mockImplementation(async () => 'taken');
    const turn = await leading;
    expect(await waiting).toEqual(RUN);
    await pause(10);
    const later = collapse.enter(part());
    if (turn.kind === 'lead') turn.lead.filled('made', undefined);
    expect(await later).toEqual({ kind: 'result', result: 'made' });
  });

  it('keeps a lease no longer than anybody would wait for its run', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const leases = leasesThat('taken');
    await lead(made(leases, 1000));
    vi.advanceTimersByTime(1000);
    const { length } = leases.take.mock.calls;
    expect(length).toBeGreaterThan(2);
    vi.advanceTimersByTime(10_000);
    expect(leases.take).toHaveBeenCalledTimes(length);
  });

  it('renews a lease until its run is over, and one that it has: what another process has by then stays there', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const leases = leasesThat('taken');
    const leader = await lead(made(leases), { stands: () => false });
    vi.advanceTimersByTime(400);
    expect(leases.take).toHaveBeenCalledTimes(2);
    expect(leases.take.mock.lastCall?.[3](position(9))).toBe(true);
    leader.filled('made', undefined);
    vi.advanceTimersByTime(4000);
    expect(leases.take).toHaveBeenCalledTimes(2);
  });

  it('renews none that it does not have', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const leases = leasesThat(new Error('Redis is down'), 'taken');
    await lead(made(leases));
    vi.advanceTimersByTime(1000);
    expect(leases.take).toHaveBeenCalledTimes(1);
  });

  it.each<[what: string, states: (LeaseState | Error)[], go: (collapse: Collapse<string>) => Promise<unknown>]>([
    ['is given back', ['taken'], async (collapse) => (await lead(collapse)).filled('made', undefined)],
    ['may be granted late', [new Error('Redis is down')], lead],
    ['is of no use any more', ['taken'], async (collapse) => collapse.enter(part({ look: async () => 'made' }))],
    ['of a refresh may be granted late', [new Error('Redis is down')], (collapse) => collapse.tryLead(part())],
  ])('leaves no rejection unhandled where Redis fails as a lease %s', async (_, states, go) => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => void process.off('unhandledRejection', unhandled));
    const leases = leasesThat(...states);
    leases.release.mockRejectedValue(new Error('Redis is down'));
    await go(made(leases));
    await vi.waitFor(() => expect(leases.release).toHaveBeenCalledTimes(1));
    await new Promise(setImmediate);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('leaves none unhandled where Redis fails as a lease is renewed', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => void process.off('unhandledRejection', unhandled));
    const leases = leasesThat('taken', new Error('Redis is down'));
    await lead(made(leases));
    vi.advanceTimersByTime(400);
    expect(leases.take).toHaveBeenCalledTimes(2);
    await new Promise(setImmediate);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('has room again for who waits for another process, when that is over', async () => {
    const leases = leasesThat(HELD, 'taken', HELD, 'taken');
    const collapse = made(leases, 5000, 1);
    for (const key of ['a', 'b']) await lead(collapse, { key });
    // With no room it would not have asked a second time.
    expect(leases.take).toHaveBeenCalledTimes(4);
  });

  it('runs when the other process takes too long, and gives back no lease that it does not have', async () => {
    const leases = leasesThat(HELD);
    (await lead(made(leases, 10))).filled('x', undefined);
    await new Promise(setImmediate);
    expect(leases.release).not.toHaveBeenCalled();
  });

  it('lets others wait for who runs at last, however long it has waited for another process', async () => {
    const collapse = made(leasesThat(HELD), 200);
    const leader = await lead(collapse);
    const waiting = collapse.enter(part());
    leader.filled('made', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'made' });
  });

  it('believes another process for a second that it is not worth waiting', async () => {
    const leases = leasesThat('pass', 'taken');
    const collapse = made(leases);
    expect(await collapse.enter(part())).toEqual(RUN);
    now += 999;
    expect(await collapse.enter(part())).toEqual(RUN);
    expect(leases.take).toHaveBeenCalledTimes(1);
    now += 1;
    expect(await collapse.enter(part())).toMatchObject({ kind: 'lead' });
  });

  it('leads without a lease where none can be had', async () => {
    const leases = leasesThat(new Error('Redis is down'));
    const collapse = made(leases);
    const leader = await lead(collapse);
    const waiting = collapse.enter(part());
    leader.filled('x', undefined);
    expect(await waiting).toEqual({ kind: 'result', result: 'x' });
    // Redis may grant it late: it is given back behind that.
    expect(leases.release.mock.calls).toEqual([['k', 0, position(1)]]);
  });

  it('takes a look that fails for one that finds nothing', async () => {
    const broken = async () => {
      throw new Error('Redis is down');
    };
    await lead(made(leasesThat('taken')), { look: broken });
  });

  it.each<[state: LeaseState | Error, leads: boolean]>([
    ['taken', true],
    [HELD, false],
    ['pass', false],
    [new Error('Redis is down'), false],
  ])('leads a refresh where the lease is %j: %s', async (state, leads) => {
    const collapse = made(leasesThat(state));
    expect((await collapse.tryLead(part())) !== undefined).toBe(leads);
    expect(collapse.size).toBe(leads ? 1 : 0);
  });

  it('gives back the lease of a refresh that Redis may grant too late', async () => {
    const leases = leasesThat(new Error('Redis is down'));
    await made(leases).tryLead(part());
    expect(leases.release.mock.calls).toEqual([['k', 0, position(1)]]);
  });

  it.each<[state: LeaseState]>([[HELD], ['pass']])(
    'gives back no lease of a refresh that another process has: %j',
    async (state) => {
      const leases = leasesThat(state);
      await made(leases).tryLead(part());
      await new Promise(setImmediate);
      expect(leases.release).not.toHaveBeenCalled();
    },
  );

  it('lets who waits for a refresh take part again, where it turns out that this process does not lead', async () => {
    const collapse = made(leasesThat(HELD));
    const refresh = collapse.tryLead(part());
    const waiting = collapse.enter(part());
    expect(await refresh).toBeUndefined();
    expect(await waiting).toEqual(AGAIN);
  });

  it('gives the lease of a refresh back when it is over', async () => {
    const leases = leasesThat('taken');
    (await made(leases).tryLead(part()))?.abandoned();
    await vi.waitFor(() => expect(leases.release.mock.calls).toEqual([['k', 0, position(1)]]));
  });

  it('does not let one wait for another process, when as many wait as may', async () => {
    const collapse = made(leasesThat(HELD), 300, 1);
    let first: Turn<string> | undefined;
    const waiting = (async () => {
      first = await collapse.enter(part({ key: 'a' }));
    })();
    await new Promise(setImmediate);
    await collapse.enter(part({ key: 'b' }));
    expect(first).toBeUndefined();
    await waiting;
  });
});
