import { describe, expect, it } from 'vitest';
import { Reads } from '../../../src/stores/reads.js';

/** Gives each key in capitals, and remembers what it was asked for at a time. */
function reading(room = 10) {
  const asked: (readonly string[])[] = [];
  const read = async (keys: readonly string[]) => {
    asked.push(keys);
    return keys.map((key) => key.toUpperCase());
  };
  return { asked, reads: new Reads(read, () => room) };
}

describe('Reads', () => {
  it('reads once for all who ask in the same turn, each key once, and gives each what it has asked for', async () => {
    const { asked, reads } = reading();
    const found = await Promise.all([reads.get(['a', 'b']), reads.get(['b']), reads.get(['c', 'a']), reads.get([])]);
    expect(found).toEqual([['A', 'B'], ['B'], ['C', 'A'], []]);
    expect(asked).toEqual([['a', 'b', 'c']]);
    await reads.get([]);
    expect(asked).toHaveLength(1);
  });

  it('reads anew for who asks once the reading has begun: it may be of what has changed since', async () => {
    const asked: (readonly string[])[] = [];
    const reads: Reads<string> = new Reads(
      async (keys) => {
        asked.push(keys);
        if (asked.length === 1) late = reads.get(['a']);
        return keys.map((key) => `${key}${asked.length}`);
      },
      () => 10,
    );
    let late: Promise<string[]> | undefined;
    expect(await reads.get(['a'])).toEqual(['a1']);
    expect(await late).toEqual(['a2']);
    expect(asked).toEqual([['a'], ['a']]);
  });

  it('begins another reading where there is no room for more keys', async () => {
    const { asked, reads } = reading(2);
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => reads.get([key])));
    expect(asked).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('fails for all who have asked, and not for those who ask then', async () => {
    let failing = true;
    const reads = new Reads(
      async (keys) => {
        if (failing) throw new Error('gone');
        return keys;
      },
      () => 10,
    );
    const results = await Promise.allSettled([reads.get(['a']), reads.get(['b'])]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    failing = false;
    expect(await reads.get(['a'])).toEqual(['a']);
  });
});
