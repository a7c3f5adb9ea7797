import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { BackupOptions, Cache, Receipt } from 'respcache';
import { describe, expect, it } from 'vitest';
import { type Bench, EMPTY, manualClock } from '../backends.js';

/** A backup in memory. */
async function saved(cache: Cache, options?: BackupOptions): Promise<Buffer> {
  const through = new PassThrough();
  const [file] = await Promise.all([buffer(through), cache.backup(through, options)]);
  return file;
}

const again = (file: Buffer) => Readable.from([file]);

/** Backup and restore of what the programmatic API stores. HTTP responses are in `test/operations`. */
export function backupSuite(bench: Bench): void {
  describe('backup and restore', () => {
    const value = { at: new Date(0), map: new Map([['a', 1n]]), bytes: Buffer.from([0, 255]), nothing: undefined };

    it('bring values, their types, tags and times, and counters under another prefix', async () => {
      const clock = manualClock();
      const cache = bench.open({ prefix: 'from:', clock });
      await cache.set('all types', value, 'acme', { ttl: 100, tags: ['t'] });
      await cache.set('%~odd: *?[x]\u00fc', 1, 'a b:c');
      await cache.set('x'.repeat(2000), 'a key of a hash', 'acme');
      await cache.increment('visits', 41, 'acme');
      const file = await saved(cache);

      const other = bench.open({ prefix: 'to:', clock });
      const report = await other.restore(again(file), { foreign: 'adopt' });
      expect(report).toMatchObject({ entries: 4, restored: 4, kept: 0, adopted: true, truncated: false, damaged: 0 });
      expect(await other.get('all types', 'acme')).toEqual(value);
      expect(await other.get('%~odd: *?[x]\u00fc', 'a b:c')).toBe(1);
      expect(await other.get('x'.repeat(2000), 'acme')).toBe('a key of a hash');
      expect(await other.increment('visits', 1, 'acme')).toBe(42);
      clock.advance(99);
      expect(await other.has('all types', 'acme')).toBe(true);
      clock.advance(1);
      expect(await other.has('all types', 'acme')).toBe(false);
      // What has been adopted can be invalidated as if it had been made here.
      await other.set('all types', value, 'acme', { tags: ['t'] });
      await other.invalidateTenant('acme');
      expect(await other.has('visits', 'acme')).toBe(false);
      expect(await other.has('%~odd: *?[x]\u00fc', 'a b:c')).toBe(true);
    });

    it('are of some clients, where they are named', async () => {
      const cache = bench.cache();
      for (const client of ['acme', 'acme2', 'a b']) await cache.mset({ a: client, b: 2 }, client);
      const one = await saved(cache, { tenants: ['a b'] });
      const two = await saved(cache, { tenants: ['acme', 'a b'] });
      const other = bench.open({ prefix: 'some:' });
      expect(await other.restore(again(one), { foreign: 'adopt' })).toMatchObject({ entries: 2, restored: 2 });
      expect(await other.get('a', 'a b')).toBe('a b');
      expect(await other.has('a', 'acme')).toBe(false);
      const options = { foreign: 'adopt', tenants: ['acme'] } as const;
      expect(await other.restore(again(two), options)).toMatchObject({ entries: 4, restored: 2, others: 2 });
      expect([await other.get('a', 'acme'), await other.has('a', 'acme2')]).toEqual(['acme', false]);
    });

    it.each<[how: string, invalidate: (cache: Cache) => Promise<Receipt>, reached: number]>([
      ['its key', (cache) => cache.invalidateKey('users:1', 'acme'), 1],
      ['a key that is a hash in the store', (cache) => cache.invalidateKey('y'.repeat(900), 'acme'), 0],
      ['a tag', (cache) => cache.invalidateByTags(['t'], 'acme'), 4],
      ['a tag of all clients', (cache) => cache.invalidateByTags(['t']), 5],
      ['a pattern', (cache) => cache.invalidatePattern('users:*', 'acme'), 2],
      ['a pattern that reaches a hash', (cache) => cache.invalidatePattern('y*', 'acme'), 0],
      ['its client', (cache) => cache.invalidateTenant('acme'), 4],
      ['everything', (cache) => cache.clear(), 5],
    ])('keep invalid what was invalidated between them: by %s', async (_how, invalidate, reached) => {
      const cache = bench.open({ prefix: 'between:' });
      const keys = ['users:1', 'users:2', 'y'.repeat(900)];
      for (const key of keys) await cache.set(key, 'old', 'acme', { tags: ['t'] });
      await cache.increment('n', 1, 'acme', { tags: ['t'] });
      await cache.set('users:1', 'old', 'other', { tags: ['t'] });
      // Whatever was invalidated before its end, nothing has to be adopted.
      await cache.invalidateKey('another', 'acme');
      const file = await saved(cache);
      await invalidate(cache);
      const stands = async () => [...(await cache.mget([...keys, 'n'], 'acme')), await cache.get('users:1', 'other')];
      const before = await stands();
      if (bench.shared) await bench.command('EVAL', EMPTY, '0');
      const report = await cache.restore(again(file));
      expect(report).toMatchObject({ entries: 5, invalidated: reached, adopted: false });
      expect(report[bench.shared ? 'restored' : 'kept']).toBe(5 - reached);
      expect(await stands()).toEqual(before);
      expect(before).toContain(undefined);
    });

    it('leave what is newer or the same, and replace what is older', async () => {
      const clock = manualClock();
      const cache = bench.open({ prefix: 'newer:', clock });
      await cache.mset({ same: 'same', newer: 'old' }, 'c');
      await cache.increment('n', 5, 'c');
      const early = await saved(cache);
      await cache.increment('n', 5, 'c');
      clock.advance(1);
      await cache.set('newer', 'new', 'c');
      const late = await saved(cache);
      expect(await cache.restore(again(early))).toMatchObject({ restored: 0, kept: 3 });
      expect(await cache.mget(['same', 'newer', 'n'], 'c')).toEqual(['same', 'new', 10]);

      const other = bench.open({ prefix: 'older:', clock });
      expect(await other.restore(again(early), { foreign: 'adopt' })).toMatchObject({ restored: 3 });
      expect(await other.restore(again(late), { foreign: 'adopt' })).toMatchObject({ restored: 1, kept: 2 });
      expect(await other.mget(['same', 'newer'], 'c')).toEqual(['same', 'new']);
    });

    it('replace what is newer, and dead', async () => {
      const clock = manualClock();
      const cache = bench.open({ prefix: 'dead:', clock });
      await cache.set('a', 'old', 'c');
      const file = await saved(cache);
      clock.advance(1);
      const other = bench.open({ prefix: 'dead2:', clock });
      await other.set('a', 'new', 'c');
      await other.invalidateKey('a', 'c');
      expect(await other.restore(again(file), { foreign: 'adopt' })).toMatchObject({ restored: 1, kept: 0 });
      expect(await other.get('a', 'c')).toBe('old');
    });

    it('are not made where the ledger is lost on the way: what is missing nobody would know', async () => {
      const cache = bench.open({ prefix: 'lost1:' });
      await cache.set('a', 1, 'c');
      const onProgress = () => void cache.services.backend.link?.client.unlink('lost1:{respcache}:head');
      const saving = saved(cache, { onProgress });
      if (bench.shared) await expect(saving).rejects.toMatchObject({ problem: 'interrupted' });
      else expect(await saving).toBeInstanceOf(Buffer);
    });

    it('say so where the ledger is lost on the way: nothing of it is valid', async () => {
      const cache = bench.open({ prefix: 'lost:' });
      await cache.set('a', 1, 'c');
      const file = await saved(cache);
      const lose = ({ phase }: { phase: string }) => {
        if (phase === 'restore') void cache.services.backend.link?.client.unlink('lost:{respcache}:head');
      };
      const lost = { problem: 'interrupted', message: expect.stringContaining('begun anew') };
      const restoring = cache.restore(again(file), { onProgress: lose });
      // In memory there is nothing to lose.
      if (bench.shared) await expect(restoring).rejects.toMatchObject(lost);
      else expect(await restoring).toMatchObject({ kept: 1 });
    });

    it('leave out what has expired, and what was dead already', async () => {
      const clock = manualClock();
      const cache = bench.open({ prefix: 'expired:', clock });
      await cache.set('short', 1, 'c', { ttl: 10 });
      await cache.set('long', 2, 'c', { ttl: 20 });
      await cache.set('dead', 3, 'c', { tags: ['t'] });
      await cache.invalidateByTags(['t'], 'c');
      clock.advance(10);
      const through = new PassThrough();
      const [file, report] = await Promise.all([buffer(through), cache.backup(through)]);
      expect(report).toMatchObject({ entries: 1, invalidated: 1, expired: 1, unreadable: 0, bytes: file.length });
      clock.advance(10);
      const other = bench.open({ prefix: 'expired2:', clock });
      expect(await other.restore(again(file), { foreign: 'adopt' })).toMatchObject({
        entries: 1,
        expired: 1,
        restored: 0,
      });
      expect(await other.has('long', 'c')).toBe(false);
    });

    it('are refused where the ledger is another, unless adopted: of what was invalidated since, nothing is known', async () => {
      const [one, other] = [bench.open({ prefix: 'one:' }), bench.open({ prefix: 'other:' })];
      await one.set('a', 1, 'c');
      const file = await saved(one);
      await expect(other.restore(again(file))).rejects.toMatchObject({
        name: 'BackupError',
        code: 'ERR_RESPCACHE_BACKUP',
        problem: 'foreign',
        message: expect.stringContaining("{ foreign: 'adopt' }"),
      });
      expect(await other.has('a', 'c')).toBe(false);
    });

    it('do not adopt what may have been dead before: an entry whose names are hidden in a hash', async () => {
      const cache = bench.open({ prefix: 'hash:' });
      const [key, alive] = ['z'.repeat(700), 'w'.repeat(700)];
      await cache.mset({ [key]: 'dead', before: 'alive' }, 'c');
      await cache.invalidateKey(key, 'c');
      await cache.set(alive, 'alive', 'c');
      await cache.set('named', 'alive', 'c');
      expect(await cache.has(key, 'c')).toBe(false);
      const file = await saved(cache);
      const other = bench.open({ prefix: 'hash2:' });
      // What was invalidated there before says nothing of what is adopted now.
      await other.invalidateKey('before', 'c');
      expect(await other.restore(again(file), { foreign: 'adopt' })).toMatchObject({ restored: 3, unjudged: 1 });
      const names = [key, alive, 'named', 'before'];
      expect(await other.mget(names, 'c')).toEqual([undefined, 'alive', 'alive', 'alive']);
    });

    it('work on nothing at all', async () => {
      const cache = bench.open({ prefix: 'nothing:' });
      const file = await saved(cache);
      expect(await cache.restore(again(file))).toMatchObject({ entries: 0, restored: 0, truncated: false });
    });
  });
}
