import type { Entry } from '../../entry/entry.js';
import type { Increment, Store } from '../../stores/store.js';
import { counterEntry, responseEntry, START, usualEntry, valueEntry } from './entries.js';
import type { Stage, Tools } from './stage.js';

/** What is changed in one step, however many change it. */
export function countingSuite(stage: Stage, { describe, it, expect }: Tools): void {
  const { at, put, getOne, add } = stage;

  describe('increment', () => {
    it('begins a counter where there is none', async () => {
      expect(await stage.store.increment(at('n'), 5, undefined, counterEntry(5))).toEqual({ value: 5 });
      expect(await getOne('n')).toEqual(counterEntry(5));
    });

    it('adds, also what is below zero', async () => {
      const results: Increment[] = [];
      for (const by of [1, 99, -200, 100, 0]) results.push(await add('n', by));
      expect(results).toEqual([1, 100, -100, 0, 0].map((value) => ({ value })));
      expect(await getOne('n')).toEqual(counterEntry(0));
    });

    it('keeps everything of a counter but its number', async () => {
      const old = counterEntry(9, {
        tags: ['visits'],
        expiresAt: START + 60_000,
        asOf: { epoch: 'old', sequence: 3 },
      });
      await put('n', old);
      expect(await add('n', 1, stage.store, counterEntry(1))).toEqual({ value: 10 });
      expect(await getOne('n')).toEqual({ ...old, body: Buffer.from('10') });
      stage.now = START + 60_000;
      expect(await getOne('n')).toBeUndefined();
    });

    it('does not add to what was stored meanwhile', async () => {
      await put('n', counterEntry(1));
      const judged = await getOne('n');
      await put('n', counterEntry(1, { asOf: { epoch: 'new', sequence: 4 } }));
      expect(await stage.store.increment(at('n'), 1, judged, counterEntry(1))).toBe('changed');
      expect(await getOne('n')).toMatchObject({ body: Buffer.from('1') });
    });

    it('does not begin where somebody else has begun', async () => {
      await put('n', counterEntry(1));
      expect(await stage.store.increment(at('n'), 1, undefined, counterEntry(1))).toBe('changed');
      expect(await getOne('n')).toEqual(counterEntry(1));
    });

    it('does not add to what is gone', async () => {
      await put('n', counterEntry(1));
      const judged = await getOne('n');
      await stage.store.delete([at('n')]);
      expect(await stage.store.increment(at('n'), 1, judged, counterEntry(1))).toBe('changed');
      expect(await getOne('n')).toBeUndefined();
    });

    it('does not add to a value of another kind', async () => {
      await put('n', valueEntry());
      expect(await add('n', 1)).toBe('not-a-number');
      expect(await getOne('n')).toEqual(valueEntry());
    });

    it('goes as far as whole numbers are exact, and no further', async () => {
      const most = Number.MAX_SAFE_INTEGER;
      await put('n', counterEntry(most - 1));
      expect(await add('n', 1)).toEqual({ value: most });
      expect(await add('n', 1)).toBe('not-a-number');
      expect(await add('n', -most)).toEqual({ value: 0 });
      expect(await add('n', -most)).toEqual({ value: -most });
      expect(await add('n', -1)).toBe('not-a-number');
      expect(await getOne('n')).toEqual(counterEntry(-most));
    });

    it('begins anew where the old counter has expired', async () => {
      await put('n', counterEntry(41, { expiresAt: START + 60_000 }));
      stage.now = START + 60_000;
      const fresh = counterEntry(1, { expiresAt: stage.now + 60_000 });
      expect(await add('n', 1, stage.store, fresh)).toEqual({ value: 1 });
      expect(await getOne('n')).toEqual(fresh);
    });

    it('loses nothing when all count at the same time, in two processes', async () => {
      const count = async (from: Store) => {
        while ((await add('n', 1, from)) === 'changed');
      };
      await Promise.all(Array.from({ length: 400 }, (_, i) => count(i % 2 === 0 ? stage.store : stage.peer)));
      expect(await getOne('n')).toEqual(counterEntry(400));
    });

    it('begins once when all begin at the same time', async () => {
      const begun = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          (i % 2 === 0 ? stage.store : stage.peer).increment(at('n'), 1, undefined, counterEntry(1)),
        ),
      );
      expect(begun.filter((each) => each !== 'changed')).toEqual([{ value: 1 }]);
      expect(await getOne('n')).toEqual(counterEntry(1));
    });
  });

  describe('swap', () => {
    it.each([responseEntry(), usualEntry()])('takes the place of a response, once', async (entry) => {
      await put('k', entry);
      const judged = await getOne('k');
      const next = { ...entry, storedAt: START + 1, body: Buffer.from('next') };
      expect(await stage.store.swap(at('k'), judged, next)).toBe(true);
      expect(await getOne('k')).toEqual(next);
      expect(await stage.store.swap(at('k'), judged, entry)).toBe(false);
      expect(await stage.store.swap(at('k'), { ...next, body: Buffer.from('Next') }, entry)).toBe(false);
      expect(await getOne('k')).toEqual(next);
    });

    const swap = (expected: Entry | undefined, next: Entry, from: Store = stage.store) =>
      from.swap(at('k'), expected, next);
    const next = counterEntry(7, { tags: ['next'] });

    it('puts an entry in the place of the one that was judged', async () => {
      await put('k', responseEntry());
      expect(await swap(await getOne('k'), next)).toBe(true);
      expect(await getOne('k')).toEqual(next);
    });

    it('puts nothing in the place of what was stored meanwhile', async () => {
      await put('k', valueEntry({ body: Buffer.from('1') }));
      const judged = await getOne('k');
      await put('k', valueEntry({ body: Buffer.from('2') }));
      expect(await swap(judged, next)).toBe(false);
      expect(await getOne('k')).toEqual(valueEntry({ body: Buffer.from('2') }));
    });

    it('puts nothing in the place of what is gone', async () => {
      await put('k', valueEntry());
      const judged = await getOne('k');
      await stage.store.delete([at('k')]);
      expect(await swap(judged, next)).toBe(false);
      expect(await getOne('k')).toBeUndefined();
    });

    it('stores where nothing is, and only there', async () => {
      expect(await swap(undefined, next)).toBe(true);
      expect(await swap(undefined, valueEntry())).toBe(false);
      expect(await getOne('k')).toEqual(next);
    });

    it('stores where what was there has expired', async () => {
      await put('k', valueEntry({ expiresAt: START + 60_000 }));
      stage.now = START + 60_000;
      expect(await swap(undefined, next)).toBe(true);
      expect(await getOne('k')).toEqual(next);
    });

    it('gives the entry its own expiry', async () => {
      await put('k', valueEntry());
      await swap(await getOne('k'), counterEntry(1, { expiresAt: START + 5000 }));
      stage.now = START + 5000;
      expect(await getOne('k')).toBeUndefined();
    });

    it('lets one of many through, in two processes', async () => {
      await put('k', valueEntry());
      const sides = [stage.store, stage.peer];
      const judged = await Promise.all(sides.map((side) => getOne('k', side)));
      const done = await Promise.all(
        Array.from({ length: 40 }, (_, i) => swap(judged[i % 2], counterEntry(i), sides[i % 2])),
      );
      expect(done.filter((each) => each)).toHaveLength(1);
      expect(await getOne('k')).toEqual(counterEntry(done.indexOf(true)));
    });
  });
}
