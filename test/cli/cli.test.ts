// The command line over a real Redis, run in this process; what only a process of its own can show is in process.test.ts.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cache, createCache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RedisServer } from '../support/redis.js';
import { openSite, ownFolder, type Site } from './site.js';
import { cli, type RunOptions } from './streams.js';

const HOSTILE = 'evil\u001b[2J\u202etenant';
const { folder, remove } = ownFolder();
let site: Site;
let redis: RedisServer;
let cache: Cache;
let origin: string;
let runs = 0;

const at = (args: readonly string[], options?: RunOptions) => cli(['--redis', redis.url, ...args], options);
const get = (path: string, tenant = 'acme') =>
  fetch(origin + path, { headers: { 'x-client-id': tenant } }).then((answer) => answer.text());
const host = () => ['--header', `Host: ${new URL(origin).host}`];

beforeAll(async () => {
  site = await openSite((app, cache) => {
    app.get('/users', cacheMiddleware({ cache, key: 'users:list', tags: ['users'] }), (_req, res) =>
      res.send(`run ${++runs}`),
    );
    app.get('/packed', cacheMiddleware({ cache, compress: true }), (_req, res) =>
      res.type('text').send('packed '.repeat(500)),
    );
    app.get('/private', (_req, res) => res.set('Cache-Control', 'private').send('x'));
    app.get('/fails', (_req, res) => res.status(500).send('x'));
    app.get('/never', () => {});
    app.get('/endless', (_req, res) => res.type('text').write('and so on'));
    app.get('/image', (_req, res) => res.type('png').send(Buffer.from([0x89, 0x50, 0, 1])));
  });
  ({ redis, cache, origin } = site);
});

afterAll(async () => {
  await site?.close();
  remove();
});

beforeEach(async () => {
  await cache.clear();
  await redis.command('CONFIG', 'SET', 'maxmemory', '0');
});

describe('usage', () => {
  it.each<[readonly string[], RegExp]>([
    [['nonsense'], /unknown command 'nonsense'/],
    [['stats', '--nonsense'], /unknown option '--nonsense'/],
    [['keys', '--limit', 'x'], /It takes a whole number/],
    [['explain'], /missing required argument 'url'/],
    [['explain', 'users'], /users is no URL/],
    [['explain', '/users', '--header', 'x'], /it takes 'Name: value'/],
    [['get', 'users:list'], /say --tenant/],
    [['invalidate', '--yes'], /What\?/],
    [['invalidate', '--key', 'x', '--yes'], /say --tenant/],
    [['warm', '/x'], /Where\?/],
    [['restore', 'x', '--damaged', 'maybe'], /Allowed choices are refuse, skip/],
  ])('%j is wrong', async (args, message) => {
    const { code, err } = await at(args);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  it('is told on demand, exit codes too', async () => {
    const { code, out } = await cli(['--help']);
    expect(code).toBe(0);
    for (const word of [
      'stats',
      'top',
      'keys',
      'get',
      'explain',
      'invalidate',
      'clear',
      'erase-tenant',
      'warm',
      'backup',
      'restore',
      'doctor',
      'Exit codes',
      'NO_COLOR',
    ])
      expect(out).toContain(word);
    expect((await cli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('needs a Redis, and says so where there is none', async () => {
    expect(await cli(['stats'])).toMatchObject({ code: 2, err: expect.stringMatching(/^Which Redis\?/) });
    const away = await cli(['--redis', 'redis://user:secret@127.0.0.1:1', 'stats']);
    expect(away).toMatchObject({ code: 1, err: expect.stringMatching(/^Redis cannot be reached: .*ECONNREFUSED/) });
    expect(away.err).not.toMatch(/secret|\n./);
    const bad = await cli(['--redis', 'http://user:secret@x', 'stats']);
    expect(bad.code).toBe(2);
    expect(bad.err).not.toContain('secret');
    expect((await cli(['--cluster', 'nowhere', 'stats'])).err).toMatch(/it takes host:port/);
  });
});

describe('what is stored', () => {
  it('is listed with keys, kinds and tags, for people and for programs', async () => {
    await cache.set('users:count', 2, 'acme', { tags: ['users'], ttl: 60 });
    await cache.increment('visits', 1, 'b');
    await get('/users');
    const { code, out } = await at(['keys']);
    expect(code).toBe(0);
    expect(out).toMatch(/^value +\d+ B {2}\d+ s old, (1 min|\d+ s) left {2}client:acme:users:count {2}\[users\]$/m);
    expect(out).toMatch(/^200 +\d+ B .* client:acme:~http/m);
    expect(out).toMatch(/^counter .* for ever {2}client:b:visits$/m);
    const { keys, complete } = (await at(['keys', '--json', '--tenant', 'acme'])).json<{
      keys: object[];
      complete: boolean;
    }>();
    expect(complete).toBe(true);
    expect(keys).toHaveLength(2);
    expect(keys).toContainEqual({
      ...{ key: 'client:acme:users:count', kind: 'value', bytes: expect.any(Number), age: expect.any(Number) },
      ...{ keptFor: expect.any(Number), tags: ['users'], valid: true },
    });
    expect((await at(['keys', '--pattern', 'users:*'])).out.trim().split('\n')).toHaveLength(2);
    expect((await at(['keys', '--limit', '2'])).out).toMatch(/there are more than 2/);
    expect((await at(['keys', '--limit', '2', '--json'])).json()).toMatchObject({ complete: false });
    expect((await at(['keys', '--limit', '3'])).out.trim().split('\n')).toHaveLength(3);
    expect((await at(['keys', '--limit', '3', '--json'])).json()).toMatchObject({ complete: true });
  });

  it('is listed without what was invalidated, unless that is asked for', async () => {
    const other = createCache({ redis: redis.url, prefix: 'dead:', sweepInterval: false, timeout: 10_000 });
    await other.mset({ a: 1, b: 2 }, 'acme');
    await other.invalidateKey('a', 'acme');
    await other.close();
    const at = (args: string[]) => cli(['--redis', redis.url, '--prefix', 'dead:', ...args]);
    expect((await at(['keys'])).out).toMatch(/^value .*dead:client:acme:b\n$/);
    expect((await at(['keys', '--all'])).out).toMatch(/invalidated {2}dead:client:acme:a/);
  });

  it('is shown: values by their keys, responses by their URLs', async () => {
    await cache.set('births', new Map([['Ada', new Date('1815-12-10')]]), 'acme');
    const body = await get('/users');
    expect((await at(['get', 'births', '--tenant', 'acme'])).out).toBe(
      "Map(1) { 'Ada' => 1815-12-10T00:00:00.000Z }\n",
    );
    expect((await at(['get', 'births', '--tenant', 'acme', '--json'])).json()).toMatchObject({
      kind: 'value',
      value: [['Ada', '1815-12-10T00:00:00.000Z']],
    });
    const shown = await at(['get', '/users', '--tenant', 'acme', ...host()]);
    expect(shown.out).toMatch(
      new RegExp(`^200\\n(?:.*\\n)*Content-Type: text/html; charset=utf-8\\n(?:.*\\n)*\\n${body}\\n$`),
    );
    expect((await at(['get', `${origin}/users`, '--tenant', 'acme', '--raw'])).out).toBe(body);
    const packed = new Promise<void>((resolve) => cache.on('compress', () => resolve()));
    const long = await get('/packed');
    await packed;
    expect((await at(['get', `${origin}/packed`, '--tenant', 'acme', '--raw'])).out).toBe(long);
    const missing = await at(['get', '/users', '--tenant', 'b', ...host()]);
    expect([missing.code, missing.err]).toEqual([1, 'Nothing valid is stored for /users.\n']);
    await get('/image');
    expect((await at(['get', `${origin}/image`, '--tenant', 'acme'])).out).toMatch(
      /\(4 B that are no text: say --raw\)/,
    );
    expect(await at(['get', `${origin}/image`, '--tenant', 'acme', '--raw'], { tty: true })).toMatchObject({
      code: 2,
      out: '',
    });
  });

  it('is shown whole, however long a text is', async () => {
    await cache.set('long', { text: 'x'.repeat(20_000) }, 'acme');
    expect((await at(['get', 'long', '--tenant', 'acme'])).out.match(/x{2,}/)?.[0]).toHaveLength(20_000);
  });

  it('never drives the terminal, whatever it is called', async () => {
    await cache.set(HOSTILE, `${HOSTILE}\u009b31m`, HOSTILE, { tags: [HOSTILE] });
    for (const args of [
      ['keys'],
      ['get', HOSTILE, '--tenant', HOSTILE],
      ['get', `${HOSTILE}x`, '--tenant', HOSTILE],
      ['explain', `/${HOSTILE}`, '--tenant', HOSTILE],
    ]) {
      const { out, err } = await at(args);
      expect((out + err).replaceAll('\n', ''), args.join()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect((out + err).length).toBeGreaterThan(10);
      const json = await at([...args, '--json']);
      expect((json.out + json.err).replaceAll('\n', ''), args.join()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    const { keys } = (await at(['keys', '--json'])).json<{ keys: { tags: string[] }[] }>();
    expect(keys[0]!.tags).toEqual([HOSTILE]);
  });

  it('is explained, with what has killed it', async () => {
    await get('/users');
    const asked = ['explain', `${origin}/users`, '--tenant', 'acme'];
    const hit = await at(asked);
    expect([hit.code, hit.out]).toEqual([0, expect.stringMatching(/^hit\n( {2}✓ .*\n)+$/)]);
    await cache.invalidateByTags(['users'], 'acme');
    expect((await at(asked)).out).toMatch(/^miss\n(?:.*\n)* {2}✗ It is dead: .*users/);
    expect((await at([...asked, '--json'])).json()).toMatchObject({
      outcome: 'miss',
      killedBy: { by: 'tag', name: 'users' },
    });
    expect((await at([...asked, '--header', 'Cookie: a=1'])).out).toMatch(/^bypass \(cookie\)/);
    expect((await at([...asked, '--method', 'post'])).out).toMatch(/^bypass \(method\)/);
    expect((await at(['explain', '/', '--tenant', 'a b:ü'])).out).toMatch(/ ✓ It is the tenant a b:ü\.\n/);
  });
});

describe('figures', () => {
  it('are those of all processes, and a word where none tells them', async () => {
    const other = createCache({ redis: redis.url, prefix: 'figures:', timeout: 10_000 });
    const figures = (...args: string[]) => at(['--prefix', 'figures:', ...args]);
    expect(await figures('stats')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^No process tells its figures/),
    });
    await other.set('a', 1, HOSTILE);
    for (let i = 0; i < 3; i++) await other.get('a', HOSTILE);
    await other.get('b', 'acme');
    await other.statistics.publish();
    const { code, out } = await figures('stats');
    expect(code).toBe(0);
    expect(out).toMatch(/^75\.00 % hits of 4 requests, 1 process, healthy/);
    expect(out).toMatch(/^evil\\x1b\[2J\\u\{202e\}tenant +3 +100\.0 %/m);
    expect((await figures('stats', '--json')).json()).toMatchObject({
      scope: 'fleet',
      processes: 1,
      hits: 3,
      misses: 1,
    });
    expect((await figures('stats', '--tenant', 'acme', '--json')).json()).toMatchObject({ misses: 1 });
    expect(await figures('stats', '--tenant', 'nobody')).toMatchObject({ code: 1 });
    const lines = await figures('top', '--count', '2', '--interval', '0.01');
    expect(lines.out).toMatch(/^(\S+Z 0\.1\/s {2}fresh 0\.1 .*\n){2}$/);
    expect((await figures('top', '--count', '1', '--json')).json()).toMatchObject({ hits: 3 });
    const live = await figures('top', '--count', '1');
    expect(live.out).not.toContain('\u001b');
    await other.close();
  });

  it('are those of this package alone: what others write in their place is left out', async () => {
    const told = createCache({ redis: redis.url, prefix: 'written:', timeout: 10_000 });
    await told.get('a', 'acme');
    await told.statistics.publish();
    const [id] = (await redis.command('ZRANGE', 'written:{respcache}:stats', '0', '-1')) as string[];
    const place = `written:{respcache}:stats:${id}`;
    const text = String(await redis.command('GET', place));
    const evil = JSON.stringify('\u001b[2J');
    const figures = (...args: string[]) => at(['--prefix', 'written:', ...args]);
    for (const [from, to] of [
      ['"status":"healthy"', `"status":${evil}`],
      ['"breaker":"closed"', `"breaker":${evil}`],
      ['"recentErrors":0', `"recentErrors":${evil}`],
      [/"maxBytes":\d+/, `"maxBytes":${evil}`],
      ['"current":true', `"current":true,"lag":${evil}`],
      [/"served":\d+/, `"served":${evil}`],
      [/"reasons":\{\}/, `"reasons":{${evil}:1}`],
      [/"slots":\[/, '"slots":[null,'],
      [/"counted":/, '"uncounted":'],
      [/^.*$/, 'null'],
    ] as const) {
      const written = text.replace(from, to);
      expect(written).not.toBe(text);
      await redis.command('SET', place, written);
      for (const command of [['stats'], ['top', '--count', '1'], ['doctor']]) {
        const { out, err } = await figures(...command);
        expect((out + err).replaceAll('\n', ''), `${to} ${command}`).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        expect(out + err, `${to} ${command}`).toMatch(/No process tells|None tells its/);
      }
    }
    await redis.command('SET', place, text);
    expect(await figures('stats')).toMatchObject({ code: 0 });
    await told.close();
  });

  it('have colours on a terminal, and none where NO_COLOR or --no-color says so', async () => {
    const doctor = async (...args: Parameters<typeof at>) => (await at(...args)).out.includes('\u001b[');
    expect(await doctor(['doctor'], { tty: true })).toBe(true);
    expect(await doctor(['doctor'], { tty: true, env: { NO_COLOR: '1' } })).toBe(false);
    expect(await doctor(['--no-color', 'doctor'], { tty: true })).toBe(false);
    expect(await doctor(['doctor'])).toBe(false);
  });
});

describe('changes', () => {
  it('are made, and hold in every process', async () => {
    for (const [args, rest] of [
      [['--tenant', 'acme', '--key', 'users:list'], {}],
      [['--tenant', 'acme', '--tag', 'users'], {}],
      [['--tenant', 'acme', '--pattern', '/us*', '--tag', 'x'], {}],
      [['--tag', 'users'], {}],
    ] as const) {
      const before = await get('/users');
      const { code, out } = await at(['invalidate', ...args, '--yes', '--json'], rest);
      expect(code).toBe(0);
      expect(JSON.parse(out)).toEqual({ sequence: expect.any(Number), durable: true });
      // It is pushed to the application: that takes a moment.
      await expect.poll(() => get('/users'), { message: args.join() }).not.toBe(before);
    }
    const nobodys = () => fetch(`${origin}/users`).then((answer) => answer.text());
    const kept = [await nobodys(), await get('/users')];
    const { out } = await at(['invalidate', '--no-tenant', '--key', 'users:list', '--yes']);
    expect(out).toMatch(/^Done\./);
    await expect.poll(nobodys).not.toBe(kept[0]);
    expect(await get('/users')).toBe(kept[1]);
    const before = await get('/users');
    expect((await at(['clear', '--yes'])).out).toMatch(/^Done\. From now on no process serves anything older\./);
    await expect.poll(() => get('/users')).not.toBe(before);
  });

  it('wait for a yes, and need --yes where nobody can be asked', async () => {
    const before = await get('/users');
    for (const args of [
      ['clear'],
      ['invalidate', '--tag', 'users'],
      ['erase-tenant', 'acme'],
      ['restore', 'nothing'],
    ]) {
      expect(await at(args), args.join()).toMatchObject({ code: 2, err: expect.stringMatching(/say --yes/) });
      expect(await at(args, { typed: 'n\n' })).toMatchObject({
        code: 1,
        err: expect.stringMatching(/Nothing was done/),
      });
    }
    expect(await get('/users')).toBe(before);
    expect((await at(['clear'], { typed: 'y\n' })).code).toBe(0);
    await expect.poll(() => get('/users')).not.toBe(before);
  });

  it('leave nothing of a client that goes', async () => {
    await cache.mset({ a: 1, b: 2, c: 3 }, 'leaving');
    await cache.set('a', 1, 'staying');
    const { code, out } = await at(['erase-tenant', 'leaving', '--yes']);
    expect([code, out]).toEqual([0, expect.stringMatching(/ 3 entries were deleted\./)]);
    expect(await redis.command('KEYS', 'client:leaving:*')).toEqual([]);
    expect(await cache.get('a', 'staying')).toBe(1);
  });

  it('do not say that a client is gone whose name is none', async () => {
    expect(await at(['erase-tenant', '', '--yes'])).toEqual(
      expect.objectContaining({ code: 2, err: 'clientId is empty; it takes a text that is not empty\n' }),
    );
  });

  it('say what becomes of such a client if they are broken off', async () => {
    await cache.set('a', 1, 'leaving');
    const signal = AbortSignal.abort();
    expect(await at(['erase-tenant', 'leaving', '--yes'], { signal })).toMatchObject({
      code: 130,
      err: 'Nothing of it is served any more, but not all is deleted: it was broken off. Say it again.\n',
    });
    expect(await cache.get('a', 'leaving')).toBeUndefined();
  });
});

describe('warming', () => {
  it('is done by requests to an application that runs', async () => {
    const args = ['warm', '/users', '/private', '--origin', origin, '--tenant', 'acme', '--retries', '0'];
    const { code, out } = await at(args);
    expect([code, out]).toEqual([
      0,
      '2 requests: 1 warmed, 0 fresh already, 1 not cacheable, 0 failed.\n  private: /private (acme)\n',
    ]);
    expect((await at([...args, '--json'])).json()).toMatchObject({ requested: 2, warmed: 0, fresh: 1, uncacheable: 1 });
    expect(await at(['warm', '/fails', '--origin', origin, '--retries', '0'])).toMatchObject({
      code: 1,
      err: '1 requests failed.\n',
    });
    expect(await at(['warm', '/x', '--origin', 'http://127.0.0.1:1', '--retries', '0'])).toMatchObject({ code: 1 });
  });

  it('asks the origin for paths that begin with two slashes, and no host of that name', async () => {
    expect(await at(['warm', '//nowhere.invalid/x', '--origin', origin, '--retries', '0'])).toMatchObject({
      code: 0,
      out: '1 requests: 1 warmed, 0 fresh already, 0 not cacheable, 0 failed.\n',
    });
  });

  it.each(['/never', '/endless'])('waits for %s no longer than it is told', async (url) => {
    expect(await at(['warm', url, '--origin', origin, '--retries', '0', '--timeout', '0.3'])).toMatchObject({
      code: 1,
      out: `1 requests: 0 warmed, 0 fresh already, 0 not cacheable, 1 failed.\n  not answered within 0.3 s: ${url}\n`,
    });
  });

  it('refuses modules that are no application', async () => {
    const empty = join(folder, 'empty.mjs');
    writeFileSync(empty, 'export const nothing = 1;');
    expect(await cli(['warm', '/x', '--app', empty])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/exports no application/),
    });
    expect(await cli(['warm', '/x', '--app', join(folder, 'none.mjs')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/cannot be loaded/),
    });
  });
});

describe('backup and restore', () => {
  const file = join(folder, 'cache.bak');

  it('save what is valid, and bring it back', async () => {
    await cache.mset({ a: 1, b: 2 }, 'acme');
    await cache.set('a', 1, 'other');
    const saved = await at(['backup', file, '--tenant', 'acme']);
    expect([saved.code, saved.out]).toEqual([0, expect.stringMatching(/^2 entries in .*cache\.bak, /)]);
    await redis.command('DEL', 'client:acme:a');
    const restored = await at(['restore', file, '--yes']);
    expect([restored.code, restored.out]).toEqual([
      0,
      '1 of 2 entries restored.\n1 are there already, as new or newer.\n',
    ]);
    expect(await cache.get('a', 'acme')).toBe(1);
    await cache.invalidateTenant('acme');
    expect((await at(['restore', file, '--yes', '--json'])).json()).toMatchObject({ restored: 0, invalidated: 2 });
  });

  it('say what is wrong with a file', async () => {
    await cache.set('a', 1, 'acme');
    await at(['backup', file]);
    const whole = readFileSync(file);
    writeFileSync(file, Buffer.concat([whole, whole]));
    for (const args of [[], ['--damaged', 'skip']])
      expect(await at(['restore', file, '--yes', ...args])).toMatchObject({ code: 1 });
    writeFileSync(file, whole.subarray(0, -10));
    const { code, err } = await at(['restore', file, '--yes']);
    expect([code, err]).toEqual([1, expect.stringMatching(/truncated.*Nothing was restored: --damaged skip/)]);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(await at(['restore', file, '--yes', '--damaged', 'skip'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/The file is damaged/),
    });
    expect(await at(['restore', join(folder, 'none'), '--yes', '--json'])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^\{"error":"[^"]*none cannot be read: ENOENT/),
    });
  });

  it('name the file that cannot be written, and what to do about a backup of elsewhere', async () => {
    expect(await at(['backup', join(folder, 'none', 'x.bak')])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/none\/x\.bak cannot be written: ENOENT/),
    });
    expect(await at(['backup', folder])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^the destination of a backup is /),
    });
    await at(['backup', file]);
    expect(await at(['--prefix', 'elsewhere:', 'restore', file, '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^the backup belongs to another ledger.*--foreign adopt/),
    });
  });

  it('are broken off by Ctrl-C, and leave nothing half done', async () => {
    await cache.set('a', 1, 'acme');
    const stopped = new AbortController();
    stopped.abort();
    const target = join(folder, 'interrupted.bak');
    expect(await at(['backup', target], { signal: stopped.signal })).toMatchObject({ code: 130 });
    expect(existsSync(target)).toBe(false);
  });
});

describe('the doctor', () => {
  const findings = async () =>
    (await at(['doctor', '--json'])).json<{ findings: { check: string; state: string; text: string }[] }>().findings;

  it('finds a Redis well that is', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory', '100mb');
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru');
    await cache.statistics.publish();
    const { code, out } = await at(['doctor']);
    expect(code).toBe(0);
    for (const check of [
      'version',
      'memory',
      'latency',
      'clock',
      'rights',
      'cluster',
      'replication',
      'ledger',
      'processes',
    ])
      expect(out).toMatch(new RegExp(`^[✓!] ${check} `, 'm'));
    expect(out).toMatch(/^✓ memory .*volatile-lru/m);
    expect(out).toMatch(/^✓ ledger .*last invalidation .* ago; table .* in the log/m);
  });

  it.each([
    ['noeviction', '100mb', /takes nothing more/],
    ['allkeys-lru', '100mb', /may evict the ledger/],
    ['volatile-lru', '0', /Set maxmemory/],
  ])('warns of maxmemory-policy %s with maxmemory %s', async (policy, most, text) => {
    await redis.command('CONFIG', 'SET', 'maxmemory', most);
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', policy);
    expect((await findings()).find(({ check }) => check === 'memory')).toMatchObject({
      state: 'warning',
      text: expect.stringMatching(text),
    });
  });

  it('finds a ledger that is damaged', async () => {
    await redis.command('SETRANGE', '{respcache}:table', '0', 'damaged!');
    const { code, out, err } = await at(['doctor']);
    expect([code, err]).toEqual([1, '1 problem found.\n']);
    expect(out).toMatch(/^✗ ledger .*do not belong together/m);
    expect(await cache.clear()).toMatchObject({ durable: true });
    expect((await findings()).find(({ check }) => check === 'ledger')).toMatchObject({ state: 'ok' });
  });

  it('finds scripts forbidden', async () => {
    await redis.command('ACL', 'SETUSER', 'poor', 'on', '>pw', '~*', '&*', '+@all', '-eval');
    const url = redis.url.replace('redis://', 'redis://poor:pw@');
    const { code, out } = await cli(['--redis', url, 'doctor']);
    expect([code, out]).toEqual([1, expect.stringMatching(/^✗ rights .*EVAL/m)]);
  });
});
