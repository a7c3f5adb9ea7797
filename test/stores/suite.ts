import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Entry, ResponseEntry, ValueEntry } from '../../src/entry/entry.js';
import type { Found, Increment, ScanOptions, Store, SweepProgress } from '../../src/stores/store.js';
import { counterEntry, indexEntry, responseEntry, START, usualEntry, valueEntry } from './entries.js';

/** A store to be tested, and what the tests need around it. */
export interface Specimen {
  readonly store: Store;
  /** Another store over the same data, as another process would have it; of a store that is not shared, itself. */
  readonly peer: Store;
  /** Ends it all: the stores, and the clients that were made for them. */
  dispose(): Promise<void>;
}

/** Suites may share a server; each has a place of its own there. */
let suites = 0;

export type MakeSpecimen = (now: () => number) => Promise<Specimen> | Specimen;

const DAY = 86_400_000;

/**
 * What every store does, as `src/stores/store.ts` promises it. Each test works below a prefix of its own, so that one
 * server does for all of them.
 */
export function storeSuite(name: string, make: MakeSpecimen): void {
  const suite = ++suites;
  describe(name, () => {
    let now = START;
    let specimen: Specimen;
    let store: Store;
    let prefix = '';
    let tests = 0;

    beforeAll(async () => {
      specimen = await make(() => now);
    });

    afterAll(async () => {
      await specimen.dispose();
    });

    beforeEach(() => {
      now = START;
      store = specimen.store;
      prefix = `suite:${suite}:${++tests}:`;
    });

    const at = (key: string) => prefix + key;
    const put = (key: string, entry: Entry) => store.set([{ key: at(key), entry }]);
    const getOne = async (key: string, from: Store = store) => (await from.get([at(key)]))[0];
    const add = async (key: string, by: number, from: Store = store, fresh: Entry = counterEntry(by)) =>
      from.increment(at(key), by, await getOne(key, from), fresh);

    describe('get and set', () => {
      it('find nothing where nothing is', async () => {
        expect(await store.get([at('a'), at('b')])).toEqual([undefined, undefined]);
      });

      it('work on no keys at all', async () => {
        await store.set([]);
        expect(await store.get([])).toEqual([]);
      });

      it('keep the order of the keys, a key asked for twice too', async () => {
        const [a, b] = [valueEntry({ tags: ['a'] }), valueEntry({ tags: ['b'] })];
        await store.set([
          { key: at('a'), entry: a },
          { key: at('b'), entry: b },
        ]);
        expect(await store.get(['b', 'none', 'a', 'b'].map(at))).toEqual([b, undefined, a, b]);
      });

      it.each<Entry>([responseEntry(), usualEntry(), indexEntry(), valueEntry(), counterEntry(-5)])(
        'give back an entry as it was: $kind',
        async (entry) => {
          await put('k', entry);
          expect(await getOne('k')).toEqual(entry);
        },
      );

      it('replace what was there, by another kind too', async () => {
        await put('k', responseEntry());
        await put('k', valueEntry({ tags: ['new'] }));
        expect(await getOne('k')).toEqual(valueEntry({ tags: ['new'] }));
      });

      it('keep all bytes as they are', async () => {
        const body = Buffer.from(Array.from({ length: 512 }, (_, i) => (i < 256 ? i : 511 - i)));
        await put('k', responseEntry({ body }));
        expect(((await getOne('k')) as ResponseEntry).body.equals(body)).toBe(true);
      });

      it('keep a body of no bytes', async () => {
        await put('k', valueEntry({ body: Buffer.alloc(0) }));
        expect(((await getOne('k')) as ValueEntry).body).toHaveLength(0);
      });

      it('keep a body of a megabyte', async () => {
        const body = Buffer.alloc(1_048_576, 'no two rows are the same: 0123456789');
        await put('k', valueEntry({ body }));
        expect(((await getOne('k')) as ValueEntry).body.equals(body)).toBe(true);
      });

      it.each(['a b\nc\0', '\u00fc\u{1F600}', '*?[a]\\', '{slot}x', '{}', '#', 'x'.repeat(600), ':'])(
        'keep entries under keys of any form: %j',
        async (key) => {
          await put(key, valueEntry());
          await put(`${key}x`, counterEntry(1));
          expect(await getOne(key)).toEqual(valueEntry());
        },
      );

      it('are seen by other processes exactly where the store says so', async () => {
        await put('k', valueEntry());
        expect(await getOne('k', specimen.peer)).toEqual(valueEntry());
        expect(store.capabilities.shared).toBe(specimen.peer !== store);
      });
    });

    describe('expiry', () => {
      it('comes with the given clock, at the very ms', async () => {
        await put('k', valueEntry({ expiresAt: START + 1000 }));
        now = START + 999;
        expect(await getOne('k')).toBeDefined();
        now = START + 1000;
        expect(await getOne('k')).toBeUndefined();
      });

      it.each([0, -1, -1e9])('leaves out what has %d ms to live', async (left) => {
        await put('k', valueEntry({ expiresAt: START + left }));
        now = START - 2e9;
        expect(await getOne('k')).toBeUndefined();
      });

      it('leaves out the expired ones alone', async () => {
        await store.set([
          { key: at('old'), entry: valueEntry({ expiresAt: START - 1 }) },
          { key: at('new'), entry: valueEntry() },
        ]);
        expect(await store.get([at('old'), at('new')])).toEqual([undefined, valueEntry()]);
      });

      it('takes fractions of a ms', async () => {
        await put('k', valueEntry({ expiresAt: START + 60_000.25 }));
        expect(await getOne('k')).toMatchObject({ expiresAt: START + 60_000.25 });
      });

      it('may be further away than a timer reaches: 24.8 days', async () => {
        await put('k', valueEntry({ expiresAt: START + 60 * DAY }));
        now = START + 60 * DAY - 1;
        expect(await getOne('k')).toBeDefined();
        now = START + 60 * DAY;
        expect(await getOne('k')).toBeUndefined();
      });

      it.each([Number.POSITIVE_INFINITY, Number.MAX_VALUE, START + 1e22])('may never come: %d', async (expiresAt) => {
        await put('k', valueEntry({ expiresAt }));
        now = START + 400 * 365 * DAY;
        expect(await getOne('k')).toMatchObject({ expiresAt });
      });

      it('is that of the newest entry', async () => {
        await put('k', valueEntry({ expiresAt: START + 1000 }));
        await put('k', valueEntry({ expiresAt: Number.POSITIVE_INFINITY }));
        now = START + DAY;
        expect(await getOne('k')).toBeDefined();
      });
    });

    describe('delete', () => {
      it('removes keys, and says how many there were', async () => {
        for (const key of ['a', 'b', 'c']) await put(key, valueEntry());
        expect(await store.delete([at('a'), at('none'), at('b')])).toBe(2);
        expect(await store.get(['a', 'b', 'c'].map(at))).toEqual([undefined, undefined, valueEntry()]);
      });

      it('counts a key once', async () => {
        await put('a', valueEntry());
        expect(await store.delete([at('a'), at('a')])).toBe(1);
      });

      it('does nothing for no keys', async () => {
        expect(await store.delete([])).toBe(0);
      });
    });

    describe('increment', () => {
      it('begins a counter where there is none', async () => {
        expect(await store.increment(at('n'), 5, undefined, counterEntry(5))).toEqual({ value: 5 });
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
        expect(await add('n', 1, store, counterEntry(1))).toEqual({ value: 10 });
        expect(await getOne('n')).toEqual({ ...old, body: Buffer.from('10') });
        now = START + 60_000;
        expect(await getOne('n')).toBeUndefined();
      });

      it('does not add to what was stored meanwhile', async () => {
        await put('n', counterEntry(1));
        const judged = await getOne('n');
        await put('n', counterEntry(1, { asOf: { epoch: 'new', sequence: 4 } }));
        expect(await store.increment(at('n'), 1, judged, counterEntry(1))).toBe('changed');
        expect(await getOne('n')).toMatchObject({ body: Buffer.from('1') });
      });

      it('does not begin where somebody else has begun', async () => {
        await put('n', counterEntry(1));
        expect(await store.increment(at('n'), 1, undefined, counterEntry(1))).toBe('changed');
        expect(await getOne('n')).toEqual(counterEntry(1));
      });

      it('does not add to what is gone', async () => {
        await put('n', counterEntry(1));
        const judged = await getOne('n');
        await store.delete([at('n')]);
        expect(await store.increment(at('n'), 1, judged, counterEntry(1))).toBe('changed');
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
        now = START + 60_000;
        const fresh = counterEntry(1, { expiresAt: now + 60_000 });
        expect(await add('n', 1, store, fresh)).toEqual({ value: 1 });
        expect(await getOne('n')).toEqual(fresh);
      });

      it('loses nothing when all count at the same time, in two processes', async () => {
        const count = async (from: Store) => {
          while ((await add('n', 1, from)) === 'changed');
        };
        await Promise.all(Array.from({ length: 400 }, (_, i) => count(i % 2 === 0 ? store : specimen.peer)));
        expect(await getOne('n')).toEqual(counterEntry(400));
      });

      it('begins once when all begin at the same time', async () => {
        const begun = await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            (i % 2 === 0 ? store : specimen.peer).increment(at('n'), 1, undefined, counterEntry(1)),
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
        expect(await store.swap(at('k'), judged, next)).toBe(true);
        expect(await getOne('k')).toEqual(next);
        expect(await store.swap(at('k'), judged, entry)).toBe(false);
        expect(await store.swap(at('k'), { ...next, body: Buffer.from('Next') }, entry)).toBe(false);
        expect(await getOne('k')).toEqual(next);
      });

      const swap = (expected: Entry | undefined, next: Entry, from: Store = store) =>
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
        await store.delete([at('k')]);
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
        now = START + 60_000;
        expect(await swap(undefined, next)).toBe(true);
        expect(await getOne('k')).toEqual(next);
      });

      it('gives the entry its own expiry', async () => {
        await put('k', valueEntry());
        await swap(await getOne('k'), counterEntry(1, { expiresAt: START + 5000 }));
        now = START + 5000;
        expect(await getOne('k')).toBeUndefined();
      });

      it('lets one of many through, in two processes', async () => {
        await put('k', valueEntry());
        const sides = [store, specimen.peer];
        const judged = await Promise.all(sides.map((side) => getOne('k', side)));
        const done = await Promise.all(
          Array.from({ length: 40 }, (_, i) => swap(judged[i % 2], counterEntry(i), sides[i % 2])),
        );
        expect(done.filter((each) => each)).toHaveLength(1);
        expect(await getOne('k')).toEqual(counterEntry(done.indexOf(true)));
      });
    });

    describe('sweep', () => {
      const all = () => true;

      it('removes what is dead, and says how much', async () => {
        await put('a', valueEntry({ tags: ['dead'] }));
        await put('b', valueEntry({ tags: ['alive'] }));
        await put('c', responseEntry({ tags: ['dead'] }));
        expect(await store.sweep(prefix, (_key, entry) => entry?.tags.includes('dead') ?? false)).toBe(2);
        expect(await store.get(['a', 'b', 'c'].map(at))).toEqual([
          undefined,
          valueEntry({ tags: ['alive'] }),
          undefined,
        ]);
      });

      it('asks about each key with its entry, but perhaps without the body', async () => {
        const entries: Record<string, Entry> = {
          a: responseEntry(),
          b: indexEntry(),
          c: counterEntry(7),
          d: valueEntry(),
        };
        for (const [key, entry] of Object.entries(entries)) await put(key, entry);
        const asked = new Map<string, Entry | undefined>();
        expect(await store.sweep(prefix, (key, entry) => asked.set(key, entry) && false)).toBe(0);
        expect([...asked.keys()].sort()).toEqual(Object.keys(entries).map(at));
        const withoutBody = (entry: Entry | undefined) => ({ ...entry, body: undefined });
        for (const key of Object.keys(entries))
          expect(withoutBody(asked.get(at(key)))).toEqual(withoutBody(entries[key]));
      });

      it('reads entries whose tags are many and whose bodies are large', async () => {
        const tags = Array.from({ length: 500 }, (_, i) => `a tag with a long name ${i}`);
        await put('a', responseEntry({ tags, body: Buffer.alloc(100_000) }));
        expect(await store.sweep(prefix, (_key, entry) => entry?.tags.length === 500)).toBe(1);
        expect(await getOne('a')).toBeUndefined();
      });

      it.each([
        ['x*', 'xy'],
        ['x?', 'xy'],
        ['x[ab]', 'xa'],
        ['x\\y', 'xy'],
        ['x:', 'xx:'],
        ['x:', 'X:'],
        ['{a}:', 'a:'],
      ])('takes a prefix for a text and not for a pattern: %j does not reach %j', async (mine, others) => {
        for (const start of [mine, others]) await put(`${start}1`, valueEntry());
        expect(await store.sweep(at(mine), all)).toBe(1);
        expect(await store.get([at(`${mine}1`), at(`${others}1`)])).toEqual([undefined, valueEntry()]);
      });

      it('gets round many entries', async () => {
        const items = Array.from({ length: 700 }, (_, i) => ({ key: at(`k${i}`), entry: valueEntry() }));
        await store.set(items);
        expect(await store.sweep(prefix, (key) => !key.endsWith('7'))).toBe(630);
        expect((await store.get(items.map(({ key }) => key))).filter((entry) => entry !== undefined)).toHaveLength(70);
      });

      it('tells how far it is, and all of it in the end', async () => {
        for (const key of ['a', 'b', 'c']) await put(key, valueEntry());
        const told: SweepProgress[] = [];
        await store.sweep(
          prefix,
          (key) => key !== at('b'),
          (progress) => told.push(progress),
        );
        expect(told.at(-1)).toEqual({ scanned: 3, removed: 2 });
      });

      it('finds nothing where nothing is', async () => {
        expect(await store.sweep(prefix, all)).toBe(0);
      });
    });

    describe('scan', () => {
      const scan = async (start = prefix, options?: ScanOptions) => {
        const found = new Map<string, Found>();
        let [expired, unreadable] = [0, 0];
        for await (const step of store.scan(start, options)) {
          for (const item of step.items) found.set(item.key, item);
          expired += step.expired;
          unreadable += step.unreadable;
        }
        return { found, expired, unreadable };
      };
      const kinds: Record<string, Entry> = {
        a: responseEntry(),
        b: indexEntry(),
        c: counterEntry(7),
        d: valueEntry({ body: Buffer.alloc(9000, 'x') }),
        e: usualEntry(),
      };
      const lengths = [4, 0, 1, 9000, 4];

      it('finds all entries as they are', async () => {
        for (const [key, entry] of Object.entries(kinds)) await put(key, entry);
        const { found, unreadable } = await scan();
        expect([...found.keys()].sort()).toEqual(Object.keys(kinds).map(at));
        for (const [i, key] of Object.keys(kinds).entries())
          expect(found.get(at(key))).toEqual({ key: at(key), entry: kinds[key], bytes: lengths[i] });
        expect(unreadable).toBe(0);
      });

      it('finds them without their bodies where only heads are asked for', async () => {
        for (const [key, entry] of Object.entries(kinds)) await put(key, entry);
        const { found } = await scan(prefix, { heads: true });
        expect(found.size).toBe(5);
        for (const [i, key] of Object.keys(kinds).entries()) {
          const { entry, bytes } = found.get(at(key))!;
          expect(bytes).toBe(lengths[i]);
          if (entry.kind !== 'index') expect(entry.body).toHaveLength(0);
          expect({ ...entry, body: undefined }).toEqual({ ...kinds[key], body: undefined });
        }
        expect(await getOne('d')).toEqual(kinds.d);
      });

      it('leaves out what has expired', async () => {
        await put('old', valueEntry({ expiresAt: START + 1000 }));
        await put('new', valueEntry());
        now = START + 1000;
        for (const heads of [false, true]) {
          const { found, expired } = await scan(prefix, { heads });
          expect([...found.keys()]).toEqual([at('new')]);
          expect(expired).toBe(1);
        }
      });

      it('looks only at the keys that are wanted', async () => {
        for (const key of ['a1', 'b1', 'a2']) await put(key, valueEntry());
        const { found } = await scan(prefix, { wanted: (key) => key.includes(':a') });
        expect([...found.keys()].sort()).toEqual([at('a1'), at('a2')]);
      });

      it('takes a prefix for a text and not for a pattern', async () => {
        for (const key of ['x*1', 'xy1']) await put(key, valueEntry());
        expect([...(await scan(at('x*'))).found.keys()]).toEqual([at('x*1')]);
      });

      it('gets round many entries, large ones among them, in steps of a bounded size', async () => {
        const body = Buffer.alloc(400_000);
        const items = Array.from({ length: 600 }, (_, i) => ({
          key: at(`k${i}`),
          entry: valueEntry(i % 60 === 0 ? { body } : {}),
        }));
        await store.set(items);
        const { found } = await scan();
        expect(found.size).toBe(600);
        let most = 0;
        for await (const { items: step } of store.scan(prefix)) most = Math.max(most, step.length);
        expect(most).toBeLessThan(600);
      });

      it('can be left in the middle', async () => {
        await store.set(Array.from({ length: 600 }, (_, i) => ({ key: at(`k${i}`), entry: valueEntry() })));
        let steps = 0;
        for await (const _step of store.scan(prefix)) if (++steps === 1) break;
        expect(steps).toBe(1);
        expect(await getOne('k1')).toEqual(valueEntry());
      });

      it('finds nothing where nothing is', async () => {
        expect((await scan()).found.size).toBe(0);
      });
    });

    it('answers a ping', async () => {
      expect(await store.ping()).toBeUndefined();
    });
  });
}
