import type { Entry, ResponseEntry, ValueEntry } from '../../entry/entry.js';
import { counterEntry, indexEntry, responseEntry, START, usualEntry, valueEntry } from './entries.js';
import type { Stage, Tools } from './stage.js';

const DAY = 86_400_000;

/** What is kept, for how long, and how it is removed. */
export function keepingSuite(stage: Stage, { describe, it, expect }: Tools): void {
  const { at, put, getOne } = stage;

  describe('get and set', () => {
    it('find nothing where nothing is', async () => {
      expect(await stage.store.get([at('a'), at('b')])).toEqual([undefined, undefined]);
    });

    it('work on no keys at all', async () => {
      await stage.store.set([]);
      expect(await stage.store.get([])).toEqual([]);
    });

    it('keep the order of the keys, a key asked for twice too', async () => {
      const [a, b] = [valueEntry({ tags: ['a'] }), valueEntry({ tags: ['b'] })];
      await stage.store.set([
        { key: at('a'), entry: a },
        { key: at('b'), entry: b },
      ]);
      expect(await stage.store.get(['b', 'none', 'a', 'b'].map(at))).toEqual([b, undefined, a, b]);
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
      expect(await getOne('k', stage.peer)).toEqual(valueEntry());
      expect(stage.store.capabilities.shared).toBe(stage.peer !== stage.store);
    });
  });

  describe('expiry', () => {
    it('comes with the given clock, at the very ms', async () => {
      await put('k', valueEntry({ expiresAt: START + 1000 }));
      stage.now = START + 999;
      expect(await getOne('k')).toBeDefined();
      stage.now = START + 1000;
      expect(await getOne('k')).toBeUndefined();
    });

    it.each([0, -1, -1e9])('leaves out what has %d ms to live', async (left) => {
      await put('k', valueEntry({ expiresAt: START + left }));
      stage.now = START - 2e9;
      expect(await getOne('k')).toBeUndefined();
    });

    it('leaves out the expired ones alone', async () => {
      await stage.store.set([
        { key: at('old'), entry: valueEntry({ expiresAt: START - 1 }) },
        { key: at('new'), entry: valueEntry() },
      ]);
      expect(await stage.store.get([at('old'), at('new')])).toEqual([undefined, valueEntry()]);
    });

    it('takes fractions of a ms', async () => {
      await put('k', valueEntry({ expiresAt: START + 60_000.25 }));
      expect(await getOne('k')).toMatchObject({ expiresAt: START + 60_000.25 });
    });

    it('may be further away than a timer reaches: 24.8 days', async () => {
      await put('k', valueEntry({ expiresAt: START + 60 * DAY }));
      stage.now = START + 60 * DAY - 1;
      expect(await getOne('k')).toBeDefined();
      stage.now = START + 60 * DAY;
      expect(await getOne('k')).toBeUndefined();
    });

    it.each([Number.POSITIVE_INFINITY, Number.MAX_VALUE, START + 1e22])('may never come: %d', async (expiresAt) => {
      await put('k', valueEntry({ expiresAt }));
      stage.now = START + 400 * 365 * DAY;
      expect(await getOne('k')).toMatchObject({ expiresAt });
    });

    it('is that of the newest entry', async () => {
      await put('k', valueEntry({ expiresAt: START + 1000 }));
      await put('k', valueEntry({ expiresAt: Number.POSITIVE_INFINITY }));
      stage.now = START + DAY;
      expect(await getOne('k')).toBeDefined();
    });
  });

  describe('delete', () => {
    it('removes keys, and says how many there were', async () => {
      for (const key of ['a', 'b', 'c']) await put(key, valueEntry());
      expect(await stage.store.delete([at('a'), at('none'), at('b')])).toBe(2);
      expect(await stage.store.get(['a', 'b', 'c'].map(at))).toEqual([undefined, undefined, valueEntry()]);
    });

    it('counts a key once', async () => {
      await put('a', valueEntry());
      expect(await stage.store.delete([at('a'), at('a')])).toBe(1);
    });

    it('does nothing for no keys', async () => {
      expect(await stage.store.delete([])).toBe(0);
    });
  });
}
