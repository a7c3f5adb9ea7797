import type { Entry } from '../entry/entry.js';
import type { RedisLedger } from '../invalidation/redis-ledger.js';
import { Reads } from './reads.js';
import type { RedisStore } from './redis.js';
import type { RedisLink } from './redis-link.js';

/** How many bytes are read at once, about: whoever waits for little is not to wait for much. */
const BYTES_AT_ONCE = 262_144;
const MOST_KEYS = 64;
/** How much of what is known of the size of entries the last ones count for. */
const WEIGHT = 0.1;

/** Entries and the ledger's head in one round trip, and one for all lookups of a turn. */
export function redisReads(
  { link, ledger, store }: { readonly link: RedisLink; readonly ledger: RedisLedger; readonly store: RedisStore },
  guarded: <T>(work: () => Promise<T>) => Promise<T>,
): Reads<Entry | undefined> {
  let usual = 1024;
  const read = async (keys: readonly string[]) => {
    await link.ready();
    const asked = performance.now();
    // Behind a write of this process' own that is still on its way, so that it is seen.
    const strings = link.strings([ledger.head, ...keys], !store.isWriting);
    const met = ledger.meet(
      strings.then(([head]) => head?.toString() ?? null),
      asked,
    );
    const found = strings.then(([, ...frames]) => {
      for (const frame of frames) if (frame != null) usual += (frame.length - usual) * WEIGHT;
      return store.entries(keys, frames);
    });
    const [, entries] = await Promise.all([met, found]);
    return entries;
  };
  const room = () => Math.max(1, Math.min(MOST_KEYS, BYTES_AT_ONCE / usual));
  return new Reads((keys) => guarded(() => read(keys)), room);
}
