import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RedisLedger } from '../../../src/invalidation/redis-ledger.js';
import { ownTag, type Subject } from '../../../src/invalidation/tags.js';
import { LedgerServer, SMALL } from './ledger-server.js';

const subject = (...tags: string[]): Subject => ({ tenant: 'acme', names: [], tags });
const purge = (...names: string[]) => ({ tags: names.map((name) => ownTag('acme', name)), patterns: [] });

let server: LedgerServer;
const ledgers: RedisLedger[] = [];

function open(maxDisconnected?: number): RedisLedger {
  const onError = (_: string, error: unknown) => errors.push(error);
  const bound = maxDisconnected === undefined ? {} : { maxDisconnected };
  const ledger = new RedisLedger(server.link, { prefix: '', deadline: 10_000, onError, geometry: SMALL, ...bound });
  ledgers.push(ledger);
  return ledger;
}

const errors: unknown[] = [];
/** What the server's log has. */
const entered = () => server.log.map(([, fields]) => JSON.parse(fields[3] || 'null'));

beforeEach(() => {
  errors.length = 0;
  server = new LedgerServer();
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
});

describe('the stamp for what there is now', () => {
  it('is the place that was asked for, though more is known by the time of the answer', async () => {
    const ledger = open();
    const first = await ledger.sync();
    const answer = server.hold('head');
    const stamp = ledger.sync();
    await answer.asked;
    server.enter(purge('a'));
    // Somebody else asks meanwhile.
    await ledger.meet(Promise.resolve(server.head), performance.now());
    expect(ledger.position()!.sequence).toBeGreaterThan(first!.sequence);
    server.asked.length = 0;
    answer.release();
    expect(await stamp).toEqual(first);
    expect(ledger.stands(subject('a'), first!)).toBe(false);
    // Nothing is lost: the table is not read again.
    expect(server.asked).toEqual([]);
  });

  it('is from before a purge of this process that comes to Redis before the question', async () => {
    const ledger = open();
    const first = await ledger.sync();
    let ready!: () => void;
    vi.spyOn(server.link, 'ready').mockReturnValueOnce(new Promise((resolve) => (ready = resolve)));
    const stamp = ledger.sync();
    expect(await ledger.purge(purge('a'))).toMatchObject({ durable: true });
    ready();
    expect(await stamp).toEqual(first);
  });

  it('is from before it where the client has asked again over another connection', async () => {
    const ledger = open();
    const first = await ledger.sync();
    server.enter(purge('a'));
    const answer = server.hold('head');
    const stamp = ledger.sync();
    server.connections++;
    answer.release();
    expect(await stamp).toEqual(first);
  });
});

describe('a purge', () => {
  it('holds from the call on, whatever is asked for meanwhile, and is told of as durable when it is', async () => {
    const ledger = open();
    const first = (await ledger.sync())!;
    const sent = server.hold('append');
    const revision = ledger.revision;
    const purging = ledger.purge(purge('a'));
    expect(ledger.stands(subject('a'), first)).toBe(false);
    expect(ledger.stands(subject('b'), first)).toBe(true);
    expect(ledger.revision).not.toBe(revision);
    sent.release();
    expect(await purging).toEqual({ sequence: first.sequence + 1, durable: true });
    expect(ledger.stands(subject('a'), first)).toBe(false);
  });

  it('is known by its place, though others have come between: theirs are read first', async () => {
    const ledger = open();
    const first = (await ledger.sync())!;
    server.enter(purge('b'));
    expect(await ledger.purge(purge('a'))).toEqual({ sequence: first.sequence + 2, durable: true });
    for (const tag of ['a', 'b']) expect(ledger.stands(subject(tag), first)).toBe(false);
    expect(ledger.position()).toEqual({ epoch: first.epoch, sequence: first.sequence + 2 });
  });

  it('of an epoch that is over by the time of the answer is nothing in the next one', async () => {
    const ledger = open();
    const first = (await ledger.sync())!;
    const sent = server.hold('append');
    const purging = ledger.purge(purge('a'));
    await sent.asked;
    server.begin('2.6.4.second');
    const stamp = (await ledger.sync())!;
    server.enter(purge('b'));
    await ledger.sync();
    sent.release();
    expect(await purging).toMatchObject({ durable: true });
    expect(ledger.stands(subject('b'), stamp)).toBe(false);
    expect(ledger.stands(subject('c'), stamp)).toBe(true);
    expect(ledger.stands(subject('c'), first)).toBe(false);
    expect(ledger.position()!.sequence).toBeGreaterThan(stamp.sequence);
  });

  it('is entered anew where the server that has taken it has lost it by the time of the answer', async () => {
    const ledger = open();
    const first = (await ledger.sync())!;
    const restore = server.save();
    server.enter(purge('x'));
    const sent = server.hold('append');
    const purging = ledger.purge(purge('a'));
    await sent.asked;
    restore();
    sent.release();
    const receipt = await purging;
    expect(receipt).toMatchObject({ durable: true });
    expect(entered()).toContainEqual(purge('a'));
    const other = open();
    await other.sync();
    expect(other.stands(subject('a'), first)).toBe(false);
  });

  it('is on its way alone: what comes meanwhile goes behind it, and is durable no sooner', async () => {
    const ledger = open();
    await ledger.sync();
    const [sent, next] = [server.hold('append'), server.hold('append')];
    const purging = ['a', 'b'].map((tag) => ledger.purge(purge(tag)));
    await sent.asked;
    await new Promise(setImmediate);
    expect(entered()).not.toContainEqual(purge('b'));
    sent.release();
    const first = await purging[0]!;
    await next.asked;
    next.release();
    expect((await purging[1]!).sequence).toBeGreaterThan(first.sequence);
    expect(server.log).toHaveLength(3);
  });

  it('that Redis does not take is not durable, and sent again with what has come meanwhile', async () => {
    const ledger = open();
    const first = (await ledger.sync())!;
    const sent = server.hold('append');
    const receipts = ['a', 'b'].map((tag) => ledger.purge(purge(tag)));
    sent.release(new Error('no'));
    for (const receipt of await Promise.all(receipts)) {
      expect(receipt).toEqual({ sequence: first.sequence, durable: false });
    }
    expect(errors).toHaveLength(1);
    server.reconnect();
    await vi.waitFor(() => expect(entered()).toContainEqual(purge('b')), { interval: 1 });
    for (const tag of ['a', 'b']) expect(ledger.stands(subject(tag), first)).toBe(false);
  });
});

describe('who does not follow the log', () => {
  it('looks at the head again and again while nobody asks', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const ledger = open();
    await ledger.sync();
    const stamp = ledger.position()!;
    for (const tag of ['a', 'b', 'c']) {
      server.enter(purge(tag));
      await vi.advanceTimersByTimeAsync(1500);
      await vi.waitFor(() => expect(ledger.stands(subject(tag), stamp)).toBe(false), { interval: 1 });
    }
  });

  it('asks for nothing while others do, nor before it knows anything', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const ledger = open();
    await vi.advanceTimersByTimeAsync(3000);
    expect(server.asked).toEqual([]);
    await ledger.sync();
    await vi.advanceTimersByTimeAsync(900);
    await ledger.sync();
    server.asked.length = 0;
    await vi.advanceTimersByTimeAsync(900);
    expect(server.asked).toEqual([]);
  });
});

describe('who follows the log', () => {
  /** One that has been told everything, and waits for news. */
  async function following(maxDisconnected: number): Promise<RedisLedger> {
    const ledger = open(maxDisconnected);
    await vi.waitFor(() => expect(ledger.position()).toBeDefined(), { interval: 1 });
    return ledger;
  }
  const told = (ledger: RedisLedger) =>
    vi.waitFor(() => expect(ledger.position()).toEqual(placeOf(server.head)), { interval: 1 });

  it('hears of a purge, and of an epoch, without asking', async () => {
    const ledger = await following(60_000);
    const stamp = ledger.position()!;
    server.enter(purge('a'));
    await told(ledger);
    expect(ledger.stands(subject('a'), stamp)).toBe(false);
    server.begin('2.6.4.second');
    await told(ledger);
    expect(ledger.stands(subject('b'), stamp)).toBe(false);
  });

  it('looks at the head where there are no news: the log may be gone', async () => {
    const ledger = await following(60_000);
    const stamp = ledger.position()!;
    server.enter(purge('a'));
    server.log = [];
    await told(ledger);
    expect(ledger.stands(subject('a'), stamp)).toBe(false);
  });

  it('knows all as of when it asked, however late the answer comes', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const ledger = await following(1000);
    expect(ledger.isCurrent()).toBe(true);
    await new Promise(setImmediate);
    vi.advanceTimersByTime(1500);
    server.enter(purge('a'));
    await told(ledger);
    expect(ledger.isCurrent()).toBe(false);
    expect(ledger.lag()).toBeGreaterThanOrEqual(1500);
  });

  it('has its connection made anew where an answer is long overdue', async () => {
    const ended = vi.spyOn(server.twin, 'disconnect');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await following(1000);
    await vi.advanceTimersByTimeAsync(2000);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).toHaveBeenCalledExactlyOnceWith(true);
  });

  it('asks, and tells of it, less and less often where Redis says no each time, and hears of all once it does not', async () => {
    const ledger = await following(60_000);
    const refusal = Object.assign(new Error("NOPERM this user may not run 'xread'"), { name: 'ReplyError' });
    const { twin } = server as unknown as { twin: { xread: () => Promise<unknown> } };
    const { xread } = twin;
    const times: number[] = [];
    twin.xread = () => {
      times.push(performance.now());
      return Promise.reject(refusal);
    };
    server.quiet();
    await vi.waitFor(() => expect(times).toHaveLength(3), { interval: 1 });
    expect(times[2]! - times[0]!).toBeGreaterThan(290);
    expect(errors).toContain(refusal);
    twin.xread = xread;
    server.enter(purge('a'));
    await told(ledger);
  });

  it('does not know all so long as there may be more', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const ledger = await following(1000);
    await new Promise(setImmediate);
    vi.advanceTimersByTime(1500);
    server.quiet();
    await vi.waitFor(() => expect(ledger.isCurrent()).toBe(true), { interval: 1 });
    await new Promise(setImmediate);
    vi.advanceTimersByTime(900);
    const [first, second, rest] = [server.hold('news'), server.hold('news'), server.hold('news')];
    for (let i = 0; i < 2001; i++) server.enter(purge(`${i % 50}`));
    await first.asked;
    first.release();
    await second.asked;
    second.release();
    await rest.asked;
    vi.advanceTimersByTime(200);
    expect(ledger.isCurrent()).toBe(false);
    rest.release();
    await told(ledger);
  });
});

describe('closing', () => {
  it('enters what is pending, and waits for that', async () => {
    const ledger = open();
    await ledger.sync();
    vi.spyOn(server.link, 'run').mockRejectedValueOnce(new Error('no'));
    expect(await ledger.purge(purge('a'))).toMatchObject({ durable: false });
    const sent = server.hold('append');
    const closed = vi.fn();
    const closing = ledger.close().then(closed);
    await sent.asked;
    expect(entered()).toContainEqual(purge('a'));
    await new Promise(setImmediate);
    expect(closed).not.toHaveBeenCalled();
    sent.release();
    await closing;
  });

  it('leaves nothing that goes on asking', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] });
    const ledger = open();
    await ledger.sync();
    Object.assign(server.link, { connected: false });
    vi.spyOn(server.link, 'run').mockRejectedValueOnce(new Error('no'));
    expect(await ledger.purge(purge('a'))).toMatchObject({ durable: false });
    await ledger.close();
    server.asked.length = 0;
    await vi.advanceTimersByTimeAsync(60_000);
    server.reconnect();
    await vi.advanceTimersByTimeAsync(0);
    expect(server.asked.filter((kind) => kind === 'append')).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

function placeOf(head: string): { epoch: string; sequence: number } {
  const colon = head.lastIndexOf(':');
  return { epoch: head.slice(0, colon), sequence: Number(head.slice(colon + 1)) };
}
