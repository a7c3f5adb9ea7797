import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { type BackupProgress, type Cache, ConfigError, createCache, type RestoreProgress } from 'respcache';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

let folder: string;
let redis: RedisServer;
let cache: Cache;
let tests = 0;
const path = () => join(folder, 'cache.bak');

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis.stop());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'respcache-test-'));
  cache = createCache({ redis: redis.url, prefix: `files${++tests}:`, timeout: 5000 });
  return async () => {
    await cache.close();
    await rm(folder, { recursive: true, force: true });
  };
});

/** Fills the cache with so many values of 1 KB, which cannot be compressed much. */
async function fill(many: number): Promise<void> {
  const text = () => randomBytes(750).toString('base64');
  for (let at = 0; at < many; at += 100)
    await cache.mset(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${at + i}`, text()])), 'c');
}

const left = async (of: Cache) =>
  (
    await of.mget(
      Array.from({ length: 10 }, (_, i) => `k${i * 100}`),
      'c',
    )
  ).filter(Boolean);

describe('a backup into a file', () => {
  it('is readable by its owner alone, whole, and alone in its folder', async () => {
    await fill(100);
    const { bytes } = await cache.backup(path());
    expect(await readdir(folder)).toEqual(['cache.bak']);
    const { mode, size } = await stat(path());
    expect([(mode & 0o777).toString(8), size]).toEqual(['600', bytes]);
  });

  it('leaves an older one where it is if a cache in memory is closed meanwhile, or by then', async () => {
    const closed = createCache({ redis: false });
    await closed.mset(Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`k${i}`, i])), 'c');
    await closed.backup(path());
    const older = await readFile(path());
    const made = closed.backup(path(), { onProgress: () => void closed.close() });
    await expect(made).rejects.toThrow('the cache is closed');
    await expect(closed.backup(path())).rejects.toThrow('the cache is closed');
    expect(await readFile(path())).toEqual(older);
    expect(await readdir(folder)).toEqual(['cache.bak']);
  });

  it('replaces an older one only when it is done', async () => {
    await writeFile(path(), 'the older one');
    await fill(1000);
    const controller = new AbortController();
    const seen: string[] = [];
    const onProgress = () => {
      seen.push('told');
      controller.abort(new Error('enough'));
    };
    await expect(cache.backup(path(), { signal: controller.signal, onProgress })).rejects.toThrow('enough');
    expect(seen).toEqual(['told']);
    expect(await readdir(folder)).toEqual(['cache.bak']);
    expect(await readFile(path(), 'utf8')).toBe('the older one');
    await cache.backup(path());
    expect(await cache.restore(path())).toMatchObject({ entries: 1000, kept: 1000 });
  });

  it('or a stream that has failed before anything was sent is an error, and not the end of the process', async () => {
    const to = new Writable({ write: (_chunk, _encoding, done) => done() });
    const making = cache.backup(to);
    // Redis is still being asked.
    to.destroy(new Error('the disk is gone'));
    await expect(making).rejects.toThrow('the disk is gone');
    const from = new Readable({ read: () => {} });
    const restoring = cache.restore(from);
    from.destroy(new Error('the line is dead'));
    await expect(restoring).rejects.toThrow('the line is dead');
  });

  it('or a stream leaves nothing on it where it never came to that', async () => {
    const to = new Writable({ write: (_chunk, _encoding, done) => done() });
    const closed = createCache({ redis: 'redis://127.0.0.1:1', timeout: 10 });
    await expect(closed.backup(to)).rejects.toThrow();
    await closed.close();
    expect(to.listenerCount('error')).toBe(0);
  });

  it('or a stream that somebody else has ended by then', async () => {
    const to = new Writable({ write: (_chunk, _encoding, done) => done() });
    const making = cache.backup(to);
    to.end();
    await expect(making).rejects.toThrow('the destination was ended before anything was written');
    await expect(cache.backup(to)).rejects.toThrow('the destination was ended before anything was written');
  });

  it('that cannot be written is an error, and leaves nothing behind', async () => {
    await expect(cache.backup(join(folder, 'none', 'cache.bak'))).rejects.toThrow('ENOENT');
    await expect(cache.backup(folder)).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
    expect(
      (await readdir(join(folder, '..'))).filter((name) => name.startsWith(`${folder.split('/').at(-1)}.`)),
    ).toEqual([]);
  });

  it('goes where a link leads, and takes the place of nothing that is no file', async () => {
    const [dated, latest, socket] = ['dated.bak', 'latest.bak', 'socket'].map((name) => join(folder, name)) as [
      ...[string, string, string],
    ];
    await writeFile(dated, 'the older one');
    await symlink('dated.bak', latest);
    await cache.backup(latest);
    expect([await readlink(latest), (await readFile(dated)).subarray(1, 4).toString()]).toEqual(['dated.bak', 'RCB']);
    const server = createServer().listen(socket);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    for (const path of [socket, folder]) await expect(cache.backup(path)).rejects.toThrow(ConfigError);
    expect((await stat(socket)).isSocket()).toBe(true);
  });

  it('goes where a link leads whose file is not there yet, or any more', async () => {
    await mkdir(join(folder, 'days'));
    await symlink('days/today.bak', join(folder, 'today.bak'));
    await symlink('today.bak', join(folder, 'latest.bak'));
    await cache.backup(join(folder, 'latest.bak'));
    expect(await readdir(join(folder, 'days'))).toEqual(['today.bak']);
    expect(await readlink(join(folder, 'latest.bak'))).toBe('today.bak');
    expect(await readlink(join(folder, 'today.bak'))).toBe('days/today.bak');
  });

  it('is not begun with a signal that has been given already', async () => {
    await expect(cache.backup(path(), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
  });

  it('tells how far it is, and so does the restore', async () => {
    await fill(1000);
    const told: BackupProgress[] = [];
    const report = await cache.backup(path(), { onProgress: (progress) => told.push(progress) });
    expect(told.length).toBeGreaterThan(2);
    expect(told.map(({ entries }) => entries)).toEqual(told.map(({ entries }) => entries).sort((a, b) => a - b));
    expect(told.at(-1)!.entries).toBe(1000);
    expect(report).toMatchObject({ entries: 1000, invalidated: 0, expired: 0, unreadable: 0 });

    await redis.command('FLUSHALL');
    const steps: RestoreProgress[] = [];
    await cache.restore(path(), { foreign: 'adopt', onProgress: (progress) => steps.push(progress) });
    const phases = steps.map(({ phase }) => phase);
    expect(phases).toEqual([...phases].sort().reverse());
    expect(new Set(phases).size).toBe(2);
    expect(steps.every(({ bytes, totalBytes }) => bytes <= totalBytes && totalBytes === report.bytes)).toBe(true);
    expect(steps.at(-1)).toMatchObject({ phase: 'restore', restored: 1000 });
  });

  it('leaves out what is no entry, and counts it', async () => {
    await cache.set('a', 1, 'c');
    await redis.command('SET', `files${tests}:client:c:text`, 'not ours');
    await redis.command('RPUSH', `files${tests}:client:c:list`, 'x');
    expect(await cache.backup(path())).toMatchObject({ entries: 1, unreadable: 2 });
  });

  it('never uses commands that block the server', async () => {
    await fill(100);
    await redis.command('CONFIG', 'RESETSTAT');
    await cache.backup(path());
    await cache.restore(path());
    const stats = String(await redis.command('INFO', 'commandstats'));
    expect(stats).toMatch(/cmdstat_scan:/);
    expect(stats).not.toMatch(/cmdstat_(keys|flushall|flushdb):/);
  });
});

describe('a backup into a stream', () => {
  it('waits for a destination that is slow, and holds but little meanwhile', async () => {
    await fill(2000);
    let [most, received] = [0, 0];
    let told: BackupProgress | undefined;
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        received += chunk.length;
        setImmediate(done);
      },
    });
    const onProgress = (progress: BackupProgress) => {
      most = Math.max(most, progress.bytes - received);
      told = progress;
    };
    const { bytes, entries } = await cache.backup(slow, { onProgress });
    expect([received, entries, slow.writableFinished]).toEqual([bytes, 2000, true]);
    expect(told?.entries).toBe(2000);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(most).toBeLessThan(500_000);
  });

  it('rejects with what its destination fails with', async () => {
    await fill(1000);
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error('the disk is full')) });
    await expect(cache.backup(full)).rejects.toThrow('the disk is full');
  });
});

describe('a restore', () => {
  it('takes a stream as well as a file, and leaves no file of its own', async () => {
    // Other tests restore beside this one.
    const place = await mkdtemp(join(folder, 'tmp-'));
    vi.stubEnv('TMPDIR', place);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(tmpdir()).toBe(place);
    await fill(100);
    await cache.backup(path());
    expect(await cache.restore(createReadStream(path()))).toMatchObject({ kept: 100 });
    const failing = new Readable({ read: () => failing.destroy(new Error('the line is dead')) });
    await expect(cache.restore(failing)).rejects.toThrow('the line is dead');
    expect(await readdir(place)).toEqual([]);
  });

  it('says when the file is not there, is empty, or is something else', async () => {
    await expect(cache.restore(path())).rejects.toThrow('ENOENT');
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(cache.restore(pipe)).rejects.toThrow('not a backup: it is no regular file');
    await expect(cache.restore(folder)).rejects.toMatchObject({ problem: 'not-a-backup' });
    for (const text of ['', 'PK\u0003\u0004', `${'x'.repeat(100_000)}`]) {
      await writeFile(path(), text);
      await expect(cache.restore(path())).rejects.toMatchObject({
        code: 'ERR_RESPCACHE_BACKUP',
        problem: 'not-a-backup',
      });
    }
  });

  it('after FLUSHALL is refused, and adopts on demand; what is invalidated then stays so', async () => {
    await fill(1000);
    await cache.backup(path());
    await redis.command('FLUSHALL');
    await expect(cache.restore(path())).rejects.toMatchObject({ problem: 'foreign' });
    expect(await left(cache)).toEqual([]);
    let purged: Promise<unknown> | undefined;
    const report = await cache.restore(path(), {
      foreign: 'adopt',
      onProgress: ({ phase }) => {
        // While the restore runs: what it stores later is as dead as what it has stored before.
        if (phase === 'restore') purged ??= cache.invalidatePattern('k1*', 'c');
      },
    });
    expect(report).toMatchObject({ adopted: true, entries: 1000 });
    expect(await purged).toMatchObject({ durable: true });
    const names = Array.from({ length: 1000 }, (_, i) => `k${i}`);
    const found = (await cache.mget(names, 'c')).map((each, i) => (each === undefined ? '' : names[i]!));
    expect(found.filter(Boolean)).toEqual(names.filter((name) => !name.startsWith('k1')));
  });

  it('can be ended in the middle, and repeated', async () => {
    await fill(1000);
    await cache.backup(path());
    await redis.command('FLUSHALL');
    const controller = new AbortController();
    const onProgress = ({ restored }: RestoreProgress) => restored > 0 && controller.abort(new Error('enough'));
    const options = { foreign: 'adopt' } as const;
    await expect(cache.restore(path(), { ...options, signal: controller.signal, onProgress })).rejects.toThrow(
      'enough',
    );
    const report = await cache.restore(path(), options);
    expect(report.kept).toBeGreaterThan(0);
    expect(report.restored).toBeGreaterThan(0);
    expect(report.kept + report.restored).toBe(1000);
    expect(await left(cache)).toHaveLength(10);
  });

  it('that Redis has no room for says how much it has stored', async () => {
    await fill(1000);
    await cache.backup(path());
    await redis.command('FLUSHALL');
    const used = Number(/used_memory:(\d+)/.exec(String(await redis.command('INFO', 'memory')))![1]);
    await redis.command('CONFIG', 'SET', 'maxmemory', String(used + 600_000));
    try {
      await expect(cache.restore(path(), { foreign: 'adopt' })).rejects.toMatchObject({
        problem: 'interrupted',
        message: expect.stringMatching(/interrupted after \d+ of 1000 entries: .*OOM/),
      });
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
  });

  it('is refused where the ledger has gone back to an older state of its own', async () => {
    const mortal = await startRedis({ config: { appendonly: 'no' } });
    const dir = String(((await mortal.command('CONFIG', 'GET', 'dir')) as string[])[1]);
    const before = createCache({ redis: mortal.url, timeout: 5000 });
    await before.set('a', 1, 'c');
    await before.invalidateByTags(['x'], 'c');
    await mortal.command('SAVE');
    const dump = await readFile(join(dir, 'dump.rdb'));
    await before.invalidateByTags(['y'], 'c');
    await before.backup(path());
    await before.close();
    await mortal.kill();
    await writeFile(join(dir, 'dump.rdb'), dump);
    await mortal.restart();
    const after = createCache({ redis: mortal.url, timeout: 5000 });
    await expect(after.restore(path())).rejects.toMatchObject({ problem: 'foreign' });
    expect(await after.restore(path(), { foreign: 'adopt' })).toMatchObject({ adopted: true });
    await after.close();
    await mortal.stop();
  });
});

describe('the arguments of backup and restore', () => {
  it.each<[what: string, call: () => Promise<unknown>, message: string]>([
    ['no destination', () => cache.backup(undefined as unknown as string), 'the destination of a backup'],
    ['an empty path', () => cache.backup(''), 'the destination of a backup'],
    ['no source', () => cache.restore({} as Readable), 'the source of a restore'],
    ['tenants', () => cache.backup(path(), { tenants: 'c' as unknown as string[] }), 'option tenants'],
    ['a hole', () => cache.restore(path(), { tenants: Object.assign(['c'], { length: 2 }) }), 'option tenants'],
    ['no tenants', () => cache.restore(path(), { tenants: [] }), 'option tenants'],
    ['a signal', () => cache.backup(path(), { signal: {} as AbortSignal }), 'option signal'],
    ['a listener', () => cache.restore(path(), { onProgress: 1 as unknown as () => void }), 'option onProgress'],
    ['damaged', () => cache.restore(path(), { damaged: 'repair' as 'skip' }), 'option damaged'],
    ['foreign', () => cache.restore(path(), { foreign: true as unknown as 'adopt' }), 'option foreign'],
    ['a misspelt option', () => cache.backup(path(), { tenant: ['c'] } as object), 'option tenant'],
  ])('are checked: %s', async (_what, call, message) => {
    const error = await call().catch((each: unknown) => each);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toContain(message);
    expect(await readdir(folder)).toEqual([]);
  });
});
