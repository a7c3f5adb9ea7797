import type { Entry } from '../../entry/entry.js';
import type { Found, ScanOptions, SweepProgress } from '../../stores/store.js';
import { counterEntry, indexEntry, responseEntry, START, usualEntry, valueEntry } from './entries.js';
import type { Stage, Tools } from './stage.js';

/** What goes through all entries. */
export function walkingSuite(stage: Stage, { describe, it, expect }: Tools): void {
  const { at, put, getOne } = stage;

  describe('sweep', () => {
    const all = () => true;

    it('removes what is dead, and says how much', async () => {
      await put('a', valueEntry({ tags: ['dead'] }));
      await put('b', valueEntry({ tags: ['alive'] }));
      await put('c', responseEntry({ tags: ['dead'] }));
      expect(await stage.store.sweep(stage.prefix, (_key, entry) => entry?.tags.includes('dead') ?? false)).toBe(2);
      expect(await stage.store.get(['a', 'b', 'c'].map(at))).toEqual([
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
      expect(await stage.store.sweep(stage.prefix, (key, entry) => asked.set(key, entry) && false)).toBe(0);
      expect([...asked.keys()].sort()).toEqual(Object.keys(entries).map(at));
      const withoutBody = (entry: Entry | undefined) => ({ ...entry, body: undefined });
      for (const key of Object.keys(entries))
        expect(withoutBody(asked.get(at(key)))).toEqual(withoutBody(entries[key]));
    });

    it('reads entries whose tags are many and whose bodies are large', async () => {
      const tags = Array.from({ length: 500 }, (_, i) => `a tag with a long name ${i}`);
      await put('a', responseEntry({ tags, body: Buffer.alloc(100_000) }));
      expect(await stage.store.sweep(stage.prefix, (_key, entry) => entry?.tags.length === 500)).toBe(1);
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
      expect(await stage.store.sweep(at(mine), all)).toBe(1);
      expect(await stage.store.get([at(`${mine}1`), at(`${others}1`)])).toEqual([undefined, valueEntry()]);
    });

    it('gets round many entries', async () => {
      const items = Array.from({ length: 700 }, (_, i) => ({ key: at(`k${i}`), entry: valueEntry() }));
      await stage.store.set(items);
      expect(await stage.store.sweep(stage.prefix, (key) => !key.endsWith('7'))).toBe(630);
      expect((await stage.store.get(items.map(({ key }) => key))).filter((entry) => entry !== undefined)).toHaveLength(
        70,
      );
    });

    it('tells how far it is, and all of it in the end', async () => {
      for (const key of ['a', 'b', 'c']) await put(key, valueEntry());
      const told: SweepProgress[] = [];
      await stage.store.sweep(
        stage.prefix,
        (key) => key !== at('b'),
        (progress) => told.push(progress),
      );
      expect(told.at(-1)).toEqual({ scanned: 3, removed: 2 });
    });

    it('finds nothing where nothing is', async () => {
      expect(await stage.store.sweep(stage.prefix, all)).toBe(0);
    });
  });

  describe('scan', () => {
    const scan = async (start = stage.prefix, options?: ScanOptions) => {
      const found = new Map<string, Found>();
      let [expired, unreadable] = [0, 0];
      for await (const step of stage.store.scan(start, options)) {
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
      const { found } = await scan(stage.prefix, { heads: true });
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
      stage.now = START + 1000;
      for (const heads of [false, true]) {
        const { found, expired } = await scan(stage.prefix, { heads });
        expect([...found.keys()]).toEqual([at('new')]);
        expect(expired).toBe(1);
      }
    });

    it('looks only at the keys that are wanted', async () => {
      for (const key of ['a1', 'b1', 'a2']) await put(key, valueEntry());
      const { found } = await scan(stage.prefix, { wanted: (key) => key.includes(':a') });
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
      await stage.store.set(items);
      const { found } = await scan();
      expect(found.size).toBe(600);
      let most = 0;
      for await (const { items: step } of stage.store.scan(stage.prefix)) most = Math.max(most, step.length);
      expect(most).toBeLessThan(600);
    });

    it('can be left in the middle', async () => {
      await stage.store.set(Array.from({ length: 600 }, (_, i) => ({ key: at(`k${i}`), entry: valueEntry() })));
      let steps = 0;
      for await (const _step of stage.store.scan(stage.prefix)) if (++steps === 1) break;
      expect(steps).toBe(1);
      expect(await getOne('k1')).toEqual(valueEntry());
    });

    it('finds nothing where nothing is', async () => {
      expect((await scan()).found.size).toBe(0);
    });
  });
}
