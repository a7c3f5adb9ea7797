import { expect, it } from 'vitest';
import { LedgerCopy } from '../../../src/invalidation/ledger-copy.js';
import { Reads } from '../../../src/stores/reads.js';
import { redisReads } from '../../../src/stores/redis-reads.js';

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
