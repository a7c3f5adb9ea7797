import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LedgerCopy } from '../../../src/invalidation/ledger-copy.js';
import type { Purge } from '../../../src/invalidation/purge-table.js';
import { ownTag, type Subject } from '../../../src/invalidation/tags.js';
import { Reads } from '../../../src/stores/reads.js';
import { redisReads } from '../../../src/stores/redis-reads.js';
import { LedgerServer, SMALL } from './ledger-server.js';

const HEAD = '1.1.1.somewhere.100:100';
const TABLE = Buffer.alloc(16);
TABLE.writeDoubleBE(100);
/** How long this process stands still after each command that it sends, ms. */
const STILL = 30;

function standingStill<T>(answer: T): Promise<T> {
  const until = performance.now() + STILL;
  while (performance.now() < until);
  return Promise.resolve(answer);
}

const link = {
  ready: () => {},
  run: async () => [Buffer.from(HEAD), TABLE, []],
  send: (command: (to: { get: () => Promise<string> }) => Promise<string>) =>
    command({ get: () => standingStill(HEAD) }),
  strings: () => standingStill([Buffer.from(HEAD)]),
};

it.each(['head', 'reads'])(
  'what is known is as old as the question, however late the process goes on (%s)',
  async (by) => {
    const copy = new LedgerCopy(link as never, { prefix: '', reenter: () => {} });
    if (by === 'head') await copy.sync();
    else {
      const ledger = { head: 'head', meet: copy.meet.bind(copy) };
      const store = { isWriting: false, entries: () => [undefined] };
      const reads = redisReads({ link, ledger, store } as never, (work) => work());
      expect(reads).toBeInstanceOf(Reads);
      await reads.get(['key']);
    }
    expect(copy.position).toEqual({ epoch: '1.1.1.somewhere.100', sequence: 100 });
    expect(copy.age).toBeGreaterThanOrEqual(STILL);
  },
);

it.each([
  ['leaves at once', false],
  ['stays behind what this process is still writing, so that it finds that', true],
])('a reading %s', async (_what, isWriting) => {
  const copy = new LedgerCopy(link as never, { prefix: '', reenter: () => {} });
  const strings = vi.fn(async () => [Buffer.from(HEAD), null]);
  const ledger = { head: 'head', meet: copy.meet.bind(copy) };
  const store = { isWriting, entries: () => [undefined] };
  await redisReads({ link: { ...link, strings }, ledger, store } as never, (work) => work()).get(['key']);
  expect(strings).toHaveBeenCalledExactlyOnceWith(['head', 'key'], !isWriting);
});

describe('a copy of the ledger', () => {
  const purge = (name: string): Purge => ({ tags: [ownTag('acme', name)], patterns: [] });
  const pattern = (glob: string): Purge => ({ tags: [], patterns: [{ tenant: 'acme', glob }] });
  const subject = (tag: string): Subject => ({ tenant: 'acme', names: [`/${tag}`], tags: [tag] });

  let server: LedgerServer;
  let copy: LedgerCopy;
  /** What is to be entered again. */
  let again: Purge[];

  beforeEach(async () => {
    server = new LedgerServer();
    again = [];
    copy = made(again);
    await copy.sync();
    server.asked.length = 0;
  });

  const made = (lost: Purge[] = []) =>
    new LedgerCopy(server.link, { prefix: '', geometry: SMALL, reenter: (purges) => lost.push(...purges) });
  const epochs = () => server.asked.filter((kind) => kind === 'begin').length;
  /** Whether what is stamped with a place is dead by what the copy knows. */
  const kills = (tag: string, { epoch, sequence } = position, by = copy) =>
    by.table!.epoch !== epoch || !by.table!.stands(subject(tag), sequence);
  /** That of the beginning. */
  const position = { epoch: '2.6.4.first.100', sequence: 100 };

  it('follows the log, and reads nothing else', async () => {
    const { revision } = copy;
    server.enter(purge('a'));
    await copy.sync();
    await copy.sync();
    expect(server.asked).toEqual(['head', 'log', 'head']);
    expect([kills('a'), kills('b')]).toEqual([true, false]);
    // So that what stood before is judged once more.
    expect(copy.revision).not.toBe(revision);
  });

  it.each(['log', 'snapshot'] as const)('comes up to the head after its %s could not be read', async (kind) => {
    server.enter(purge('a'));
    if (kind === 'snapshot') server.log = [];
    const answer = server.hold(kind);
    const asked = copy.sync();
    await answer.asked;
    const beside = copy.sync();
    answer.release(new Error('no'));
    await expect(asked).rejects.toThrow('no');
    await beside;
    expect(kills('a')).toBe(true);
    server.enter(purge('b'));
    await copy.sync();
    expect(kills('b')).toBe(true);
    expect(epochs()).toBe(0);
  });

  it.each<[what: string, spoil: () => void]>([
    ['is gone', () => (server.log = [])],
    ['does not reach back so far', () => server.log.splice(0, 2)],
    ['has another head', () => server.log.splice(1, 1)],
    ['is of another type', () => server.hold('log').release(new Error('WRONGTYPE it is a list'))],
  ])('reads the table where the log %s', async (_, spoil) => {
    server.enter(purge('a'));
    server.enter(pattern('/b*'));
    spoil();
    await copy.sync();
    expect(server.asked).toEqual(['head', 'log', 'snapshot']);
    expect(['a', 'b', 'c'].map((tag) => kills(tag))).toEqual([true, true, false]);
    expect(epochs()).toBe(0);
  });

  it('applies nothing of a log to the table that has come into the place of its own', async () => {
    server.enter(purge('a'));
    const { table } = copy;
    const records = server.log.slice(1);
    server.begin('2.6.4.second');
    server.enter(purge('b'));
    await copy.sync();
    expect(copy.follow(table!, records)).toBe(false);
    expect(copy.position).toEqual({ epoch: '2.6.4.second.102', sequence: 103 });
    expect(kills('b', { epoch: '2.6.4.second.102', sequence: 102 })).toBe(true);
  });

  it('keeps what it has followed of the log while an older table was on its way', async () => {
    server.enter(purge('a'));
    const records = server.log.slice(1);
    server.log = [];
    const snapshot = server.hold('snapshot');
    const asked = copy.sync();
    await snapshot.asked;
    server.enter(purge('b'));
    copy.follow(copy.table!, [...records, ...server.log]);
    snapshot.release();
    await asked;
    expect(copy.position).toEqual({ epoch: position.epoch, sequence: 102 });
    expect([kills('a'), kills('b')]).toEqual([true, true]);
    expect(again).toEqual([]);
  });

  it('begins an epoch behind all that it knows, whatever the clock of the server says', async () => {
    server.begin('2.6.4.late', 5000);
    await copy.sync();
    await copy.begin(server.head);
    expect(copy.position!.sequence).toBeGreaterThan(5000);
  });

  describe('when the server has gone back', () => {
    it.each(['without a word', 'and somebody has gone on'])('%s, has what it lacks entered again', async (how) => {
      const restore = server.save();
      for (const each of [purge('a'), pattern('/b*')]) {
        server.enter(each);
        await copy.sync();
      }
      restore();
      if (how !== 'without a word') for (let i = 0; i < 3; i++) server.enter(purge('c'));
      await copy.sync();
      expect(again).toEqual([purge('a'), pattern('/b*')]);
      expect(epochs()).toBe(0);
      expect(copy.position).toEqual({ epoch: position.epoch, sequence: how === 'without a word' ? 100 : 105 });
    });

    it('mends that also where another caller was coming up to the head of before', async () => {
      const restore = server.save();
      server.enter(purge('a'));
      await copy.sync();
      server.enter(purge('b'));
      const log = server.hold('log');
      const first = copy.sync();
      await log.asked;
      restore();
      const second = copy.sync();
      // By then it has the head, and waits for the first.
      await nextTurn();
      log.release();
      await Promise.all([first, second]);
      expect(again).toEqual([purge('a'), purge('b')]);
      expect(copy.position).toEqual(position);
    });

    it('has nothing entered again that it has, nor what is from before the epoch', async () => {
      server.enter(purge('a'));
      await copy.sync();
      server.begin('2.6.4.second');
      server.enter(purge('b'));
      await copy.sync();
      server.enter(purge('c'));
      await copy.sync();
      const restore = server.save();
      server.enter(purge('d'));
      await copy.sync();
      restore();
      await copy.sync();
      expect(again).toEqual([purge('d')]);
    });

    it('begins anew where it is not known one by one what the server lacks', async () => {
      const restore = server.save();
      server.enter(purge('a'));
      const late = made();
      await late.sync();
      expect(kills('a', position, late)).toBe(true);
      restore();
      await late.sync();
      expect(epochs()).toBe(1);
      expect(kills('a', position, late)).toBe(true);
      expect(late.position!.sequence).toBeGreaterThan(101);
    });

    it('into the epoch before, begins anew: what was purged between both is not known one by one', async () => {
      const back = server.save();
      server.enter(purge('a'));
      server.begin('2.6.4.second');
      await copy.sync();
      back();
      await copy.sync();
      expect(epochs()).toBe(1);
      expect(kills('a')).toBe(true);
    });

    it.each([101, 102])('into one that has begun beside ours, at %i, has all entered again', async (start) => {
      for (const name of ['a', 'b']) {
        server.enter(purge(name));
        await copy.sync();
      }
      server.begin('2.6.4.beside', start);
      await copy.sync();
      expect(again).toEqual([purge('a'), purge('b')]);
      expect(copy.position).toEqual({ epoch: `2.6.4.beside.${start}`, sequence: start });
    });
  });
});
