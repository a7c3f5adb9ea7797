import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryLedger } from '../../../src/invalidation/memory-ledger.js';
import { ownTag, type Subject } from '../../../src/invalidation/tags.js';

const subject: Subject = { tenant: 'acme', names: ['k'], tags: ['a'] };
const purge = { tags: [ownTag('acme', 'a')], patterns: [] };

let now: number;
let ledger: MemoryLedger;

beforeEach(() => {
  now = 1_795_420_800_000;
  ledger = new MemoryLedger({ now: () => now });
});

describe('MemoryLedger', () => {
  it('lets stand what was made since it began', () => {
    expect(ledger.stands(subject, ledger.position())).toBe(true);
  });

  it('kills what was under way at the purge, in the call itself', () => {
    const before = ledger.position();
    const { revision } = ledger;
    void ledger.purge(purge);
    expect(ledger.stands(subject, before)).toBe(false);
    expect(ledger.stands(subject, ledger.position())).toBe(true);
    // So that what stood before is judged once more.
    expect(ledger.revision).not.toBe(revision);
  });

  it.each([Date.UTC(2300, 0, 1), 8.64e15])('kills it whatever year the clock says: %d', (year) => {
    now = year;
    for (const each of [new MemoryLedger({ now: () => now }), ledger]) {
      for (let i = 0; i < 3; i++) {
        const before = each.position();
        void each.purge(purge);
        expect(each.stands(subject, before)).toBe(false);
        expect(each.stands(subject, each.position())).toBe(true);
      }
    }
  });

  it('leaves what the purge does not reach', () => {
    const before = ledger.position();
    void ledger.purge(purge);
    expect(ledger.stands({ ...subject, tags: ['b'] }, before)).toBe(true);
  });

  it('gives a durable receipt with the position', async () => {
    const receipt = await ledger.purge(purge);
    expect(receipt).toEqual({ sequence: ledger.position().sequence, durable: true });
  });

  it.each([0, 1, -60_000])('goes forward, when its clock has moved by %i ms', async (passed) => {
    const first = await ledger.purge(purge);
    const between = ledger.position();
    now += passed;
    const second = await ledger.purge(purge);
    expect(second.sequence).toBeGreaterThan(first.sequence);
    expect(ledger.stands(subject, between)).toBe(false);
  });

  it('may always judge by what it knows', () => {
    expect(ledger.isCurrent()).toBe(true);
  });

  it('knows nothing that another one has stamped', () => {
    const other = new MemoryLedger({ now: () => now });
    expect(ledger.stands(subject, other.position())).toBe(false);
  });

  it('gives no stamp to what another one has stamped', async () => {
    const asOf = ledger.position();
    const { sequence } = await ledger.purge(purge);
    expect(ledger.stampAfter({ purge, sequence }, subject, asOf)).toEqual({ ...asOf, sequence });
    expect(ledger.stampAfter({ purge, sequence }, subject, { ...asOf, epoch: 'other' })).toBeUndefined();
  });
});
