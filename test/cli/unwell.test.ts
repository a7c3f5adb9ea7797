// The command line on a Redis that refuses something, and by users who may not do everything.

import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { type Cache, createCache } from 'respcache';
import { ManualClock } from 'respcache/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../../adapters/cli/program.js';
import type { RedisServer } from '../support/redis.js';
import { openSite, type Site } from './site.js';
import { cli } from './streams.js';

let site: Site;
let redis: RedisServer;
let cache: Cache;

const at = (...args: string[]) => cli(['--redis', redis.url, ...args]);
const as = (user: string, ...args: string[]) => cli(['--redis', redis.url.replace('//', `//${user}:pw@`), ...args]);
const finding = async (check: string, told = at('doctor', '--json')) =>
  (await told)
    .json<{ findings: { check: string; state: string; text: string }[] }>()
    .findings.find((each) => each.check === check);

beforeAll(async () => {
  site = await openSite(() => {});
  ({ redis, cache } = site);
  await redis.command('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '&*', '+@all', '-@write', '+evalsha');
  await cache.set('users:count', 2, 'acme');
  await cache.statistics.publish();
});

afterAll(async () => {
  await site?.close();
});

describe('a user who may only read', () => {
  it('sees the figures', async () => {
    expect(await as('reader', 'stats')).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/1 process/) });
    expect(await finding('processes', as('reader', 'doctor', '--json'))).toMatchObject({ state: 'ok' });
  });

  it('sees the figures also where it may run no scripts, and nothing is left where there are none', async () => {
    await redis.command('ACL', 'SETUSER', 'looker', 'on', '>pw', '~*', '-@all', '+@read', '+@connection', '+info');
    for (const args of [['stats'], ['top', '--count', '1']])
      expect(await as('looker', ...args)).toMatchObject({ code: 0, err: '' });
    // As it is where somebody has mistaken the prefix.
    for (const command of ['stats', 'top'])
      expect(await at('--prefix', 'mistaken:', command)).toMatchObject({ code: 1 });
    expect(await redis.command('KEYS', 'mistaken:*')).toEqual([]);
  });

  it('is told that nothing was invalidated, and why', async () => {
    for (const args of [['invalidate', '--tag', 'users'], ['clear'], ['erase-tenant', 'acme']]) {
      const { code, out, err } = await as('reader', ...args, '--yes');
      expect([code, out, err]).toEqual([
        1,
        '',
        expect.stringMatching(/^Nothing was invalidated: .*can't run this command.*\n$/),
      ]);
    }
  });

  it('is found by the doctor, who says what is missing', async () => {
    expect(await finding('rights', as('reader', 'doctor', '--json'))).toEqual({
      check: 'rights',
      state: 'problem',
      text: expect.stringMatching(/^This user may not run .*xadd.*: /i),
    });
    expect(await finding('rights')).toMatchObject({ state: 'ok' });
  });
});

describe('the figures', () => {
  it('are those of processes that live, whatever the clock of the one who asks says', async () => {
    const [id] = (await redis.command('ZRANGE', '{respcache}:stats', '0', '-1')) as string[];
    await redis.command('ZADD', '{respcache}:stats', 'XX', '1', id!);
    for (let time = 0; time < 2; time++) expect(await at('stats')).toMatchObject({ code: 0 });
    // What has been told lately by a process that is gone is not waited for longer than its key lives.
    await redis.command('DEL', `{respcache}:stats:${id}`);
    expect(await at('stats')).toMatchObject({ code: 1, err: expect.stringMatching(/^No process tells its figures/) });
    await cache.statistics.publish();
  });
});

describe('top', () => {
  it('goes on while there is nothing to be told, and after it', async () => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const stopped = new AbortController();
    const code = run(
      ['--redis', redis.url, 'top', '--interval', '0.01'],
      { stdin, stdout, stderr, env: {} },
      stopped.signal,
    );
    const told = async (what: RegExp) => {
      while (!what.test(String((await once(stdout, 'data'))[0])));
    };
    await told(/ 0\.0\/s /);
    await redis.command('DEL', '{respcache}:stats');
    await told(/^\S+Z No process tells its figures/);
    await cache.statistics.publish();
    await told(/ 0\.0\/s /);
    stopped.abort();
    expect([await code, stderr.readableLength]).toEqual([0, 0]);
    // Where there is nothing from the beginning there may never be.
    expect(await at('--prefix', 'none:', 'top')).toMatchObject({
      ...{ code: 1, out: '', err: expect.stringMatching(/^No process tells its figures .* under the prefix none:\./) },
    });
  });
});

describe('top, of what is asked ten times a second', () => {
  it.each([0.1, 4.9])('says so %s s after a step of the timeline has begun', async (since) => {
    const clock = new ManualClock((Math.floor(Date.now() / 5000) * 5 + since - 100) * 1000);
    const busy = createCache({ redis: redis.url, prefix: `busy${since}:`, timeout: 10_000, clock });
    for (let times = 0; times < 500; times++) {
      await busy.mget(['a', 'b'], 'acme');
      clock.forward(0.2);
    }
    await busy.statistics.publish();
    vi.useFakeTimers({ toFake: ['Date'], now: clock.now() });
    const told = await at('--prefix', `busy${since}:`, 'top', '--count', '1');
    vi.useRealTimers();
    expect(told.out).toMatch(/^\S+Z 10\.0\/s /);
    await busy.close();
  });
});

describe('a tenant that calls itself (none)', () => {
  it('takes no place from the requests that name none', async () => {
    const named = createCache({ redis: redis.url, prefix: 'named:', timeout: 10_000 });
    await named.mget(['a', 'b', 'c'], '(none)');
    named.services.events.emit('bypass', { tenant: '', reason: 'cookie' });
    await named.statistics.publish();
    const { out } = await at('--prefix', 'named:', 'stats');
    expect(
      out
        .match(/^\(none\) +\d/gm)
        ?.map((row) => row.at(-1))
        .sort(),
    ).toEqual(['1', '3']);
    expect((await at('--prefix', 'named:', 'stats', '--tenant', '')).out).toMatch(/^\(none\) +1 /m);
    await named.close();
  });
});

describe('top, on a small terminal', () => {
  let many: Cache;

  beforeAll(async () => {
    many = createCache({ redis: redis.url, prefix: 'many:', timeout: 10_000 });
    for (let client = 0; client < 40; client++) await many.get('a', `${client}`);
    await many.statistics.publish();
  });

  afterAll(async () => {
    await many?.close();
  });

  const shown = async (size: { rows: number; columns: number }) => {
    const [stdin, stderr] = [new PassThrough(), new PassThrough()];
    const stdout = Object.assign(new PassThrough(), { isTTY: true, ...size });
    const args = ['--redis', redis.url, '--prefix', 'many:', '--no-color', 'top', '--count', '1'];
    expect(await run(args, { stdin, stdout, stderr, env: {} }, new AbortController().signal)).toBe(0);
    return String(stdout.read()).replace('\x1b[H\x1b[2J', '').split('\n');
  };
  const tenantsIn = (lines: readonly string[]) => lines.filter((line) => /^\d+ +1 /.test(line)).length;

  it('shows no more than it has room for: the figures of all stand first', async () => {
    const size = { rows: 24, columns: 80 };
    const lines = await shown(size);
    const used = lines.map((line) => Math.max(1, Math.ceil(line.length / size.columns)));
    expect(used.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(size.rows);
    expect(tenantsIn(lines)).toBeGreaterThan(0);
  });

  it('shows as much as ever where the terminal does not say how large it is', async () => {
    expect(tenantsIn(await shown({ rows: 0, columns: 0 }))).toBe(15);
  });
});

describe('a Redis that is full and evicts nothing', () => {
  it('is a problem', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '100kb');
    expect(await finding('memory')).toMatchObject({
      state: 'problem',
      text: expect.stringMatching(/It is full: nothing more is stored.*volatile-lru/),
    });
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  });
});

describe('a replica', () => {
  it('shows its figures, and takes no changes, in one sentence', async () => {
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    expect(await at('stats')).toMatchObject({ code: 0 });
    for (const args of [['clear'], ['invalidate', '--tag', 'users'], ['erase-tenant', 'acme']]) {
      const { code, out, err } = await at(...args, '--yes');
      expect([code, out, err]).toEqual([1, '', expect.stringMatching(/^Nothing was invalidated: READONLY .*\n$/)]);
    }
    await redis.command('REPLICAOF', 'NO', 'ONE');
  });
});
