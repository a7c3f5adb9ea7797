import { isOfTheFuture } from '../clock.js';
import type { Entry, ResponseEntry } from '../entry/entry.js';
import { after, type MaybePromise } from '../types.js';
import type { Store, StoreItem } from './store.js';

/** How often a response is put in another's place that others change meanwhile. */
const MOST_ATTEMPTS = 5;

/**
 * Puts a response (the last of the items) in the place of a known one, whatever form that has by now, and says whether it did: not if
 * a newer one is there. `now`: ms since 1970.
 */
export function renew(
  store: Store,
  items: readonly StoreItem[],
  known: ResponseEntry,
  now: number,
): MaybePromise<boolean> {
  const { key, entry } = items.at(-1)!;
  const put = (expected: Entry | undefined, attempts: number): MaybePromise<boolean> =>
    after(store.swap(key, expected, entry), (done) => {
      if (done || attempts === 1) return done;
      const again = ([current]: readonly (Entry | undefined)[]) =>
        !isNewer(current, known, now) && put(current, attempts - 1);
      return after(store.get([key]), again);
    });
  const rest = items.slice(0, -1);
  return after(put(known, MOST_ATTEMPTS), (done) =>
    done && rest.length > 0 ? after(store.set(rest), () => true) : done,
  );
}

/** Whether what is kept was stored after a known response. What is of a time still to come is not: the clock was put back since. */
export function isNewer(current: Entry | undefined, { storedAt }: ResponseEntry, now: number): boolean {
  return current !== undefined && current.storedAt > storedAt && !isOfTheFuture(current.storedAt, now);
}
