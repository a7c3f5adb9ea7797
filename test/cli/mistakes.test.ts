// The command line where it is used a little wrong, or on something unusual.

import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Cache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../adapters/cli/program.js';
import { clusterOf } from '../../adapters/cli/seeds.js';
import { ms, span } from '../../adapters/cli/terminal.js';
import { startSentinel } from '../stores/sentinel.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { openSite, ownFolder, type Site } from './site.js';
import { cli } from './streams.js';

const { folder, remove } = ownFolder();
let site: Site;
let redis: RedisServer;
let cache: Cache;
let origin: string;

const at = (args: readonly string[]) => cli(['--redis', redis.url, ...args]);

beforeAll(async () => {
  site = await openSite((app, cache) => {
    app.get('/users', (req, res) => res.send(`at ${req.get('host')}`));
    app.get('/long', (_req, res) => res.send('long'));
    app.get('/told/:name', cacheMiddleware({ cache, exposeKey: true }), (_req, res) =>
      res.set('Cache-Control', 'private').send('x'),
    );
  });
  ({ redis, cache, origin } = site);
});

afterAll(async () => {
  await site?.close();
  remove();
});

describe('usage', () => {
  it.each([
    [['keys', '--limit', '0'], /It takes a whole number, 1 or more/],
    [['top', '--count', '0'], /It takes a whole number, 1 or more/],
    [['top', '--interval', '3601'], /It takes seconds, above 0 and at most 3600/],
    [['top', '--interval', '0'], /It takes seconds, above 0 /],
    [['keys', '--cluster', '127.0.0.1:1'], /--cluster <nodes>' cannot be used with option '--redis <url>'/],
    [['warm', '/x', '--origin', 'http://127.0.0.1:1', '--concurrency', '0'], /It takes a whole number, 1 or more/],
    [
      ['warm', '/x', 'http://[', '--origin', 'http://127.0.0.1:1', '--retries', '0'],
      /^http:\/\/\[ is no URL: it takes a path, or http/,
    ],
    [['warm', '/x', '--origin', 'localhost'], /^--origin is localhost; it takes a URL/],
    [
      ['warm', '/x', '--origin', 'http://h/shop'],
      /^--origin is http:\/\/h\/shop; it takes a URL .*paths stand in the URLs/,
    ],
  ])('%j is wrong', async (args, message) => {
    expect(await at(args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  it('is told as JSON to who asked for JSON', async () => {
    for (const [args, message] of [
      [['keys', '--limit', 'x', '--json'], "option '--limit <n>' argument 'x' is invalid. It takes a whole number"],
      [['--json', 'nonsense'], "unknown command 'nonsense'"],
    ] as const) {
      const { code, err } = await at(args);
      expect([code, JSON.parse(err)]).toEqual([2, { error: expect.stringContaining(message) }]);
    }
  });

  it('takes the end of the input for a no', async () => {
    const stream = () => Object.assign(new PassThrough(), { isTTY: true });
    const [stdin, stdout, stderr] = [stream(), stream(), stream()];
    const asked = once(stderr, 'data');
    const { signal } = new AbortController();
    const code = run(['--redis', redis.url, 'clear'], { stdin, stdout, stderr, env: {} }, signal);
    expect(String(await asked)).toMatch(/\[y\/N\]/);
    stdin.end(); // Ctrl-D
    expect(await code).toBe(1);
    expect(String(stderr.read())).toMatch(/Nothing was done/);
  });
});

describe('--cluster', () => {
  const nodes = [
    { host: 'a', port: 7000 },
    { host: 'b', port: 7001 },
  ];
  const tls = {};

  it.each<[string, object]>([
    ['a:7000,b:7001', { cluster: nodes }],
    ['a:7000, redis://b:7001', { cluster: nodes, options: { redisOptions: {} } }],
    ['rediss://a:7000/0,b:7001', { cluster: nodes, options: { redisOptions: { tls } } }],
    [
      'rediss://me:p%40ss%2C@a:7000,rediss://me:p%40ss%2C@b:7001/',
      { cluster: nodes, options: { redisOptions: { username: 'me', password: 'p@ss,', tls } } },
    ],
    [
      'redis://me:p,w,:1@a:7000,b:7001',
      { cluster: nodes, options: { redisOptions: { username: 'me', password: 'p,w,:1' } } },
    ],
    ['redis://:pw@[::1]', { cluster: [{ host: '::1', port: 6379 }], options: { redisOptions: { password: 'pw' } } }],
    ['[::1]:7000', { cluster: [{ host: '::1', port: 7000 }] }],
  ])('%s', (text, target) => {
    expect(clusterOf(text)).toEqual(target);
  });

  it.each([
    ['redis://:secret@a:7000/1', '--cluster is ***@a:7000/1; it takes host:port'],
    ['redis://:secret%@a:7000', '--cluster is ***@a:7000; it takes host:port'],
    ['redis://:secret@a:7000,redis://:other@b:7001', 'the nodes of a Cluster have one user, one password'],
    ['redis://:secret@a:7000,rediss://:secret@b:7001', 'the nodes of a Cluster have one user, one password'],
    ['redis://', '--cluster is redis://; it takes'],
    ['me:secret@a:7000', '--cluster is ***@a:7000; it takes'],
    ['redis://me:secret', '--cluster is redis://me:***; it takes'],
  ])('%s is wrong', async (text, message) => {
    const { code, err } = await cli(['--cluster', text, 'stats']);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
    expect(err).not.toContain('secret');
  });
});

describe('a password that stands where none is expected is not shown:', () => {
  it.each([
    [['--reds=redis://me:secret@h:6379', 'stats'], "unknown option '--reds'"],
    [['redis://me:secret@h:6379', 'stats'], "unknown command 'redis://me:***@h:6379'"],
    [['--redis', 'redis://me:secret', 'stats'], 'option redis is "redis://me:***"'],
    [['--redis', 'redis://h/shop?password=secret', 'stats'], 'option redis is "redis://h/shop?***"'],
    [['warm', '/x', '--origin', 'http://me:secret@h/shop'], '--origin is http://me:***@h/shop'],
  ])('%j', async (args, message) => {
    for (const json of [[], ['--json']]) {
      const { code, out, err } = await cli([...json, ...args]);
      const text = json.length > 0 ? JSON.parse(err).error : err;
      expect([code, out, text]).toEqual([2, '', expect.stringContaining(message)]);
      expect(err).not.toContain('secret');
    }
  });

  it('of an URL that cannot be warmed', async () => {
    const { code, out, err } = await cli([
      'warm',
      'http://me:secret@127.0.0.1:1/x',
      '--origin',
      'http://h',
      '--retries',
      '0',
    ]);
    expect([code, out]).toEqual([1, expect.stringContaining('http://me:***@127.0.0.1:1/x')]);
    expect(out + err).not.toContain('secret');
  });
});

describe('what is stored', () => {
  it('is found by a key of the API that looks like one of Redis', async () => {
    await cache.set('client:7', 'seven', 'acme');
    expect((await at(['get', 'client:7', '--tenant', 'acme'])).out).toBe("'seven'\n");
    expect((await at(['get', 'client:acme:client:7', '--tenant', 'acme'])).out).toBe("'seven'\n");
    expect((await at(['get', 'client:acme:client:7'])).out).toBe("'seven'\n");
  });

  it('is not what was invalidated, also where a key is too long to stand in Redis as it is', async () => {
    const key = `report:${'x'.repeat(600)}`;
    const path = `/long?${'y'.repeat(600)}`;
    await cache.set(key, 'old', 'acme');
    await fetch(origin + path, { headers: { 'x-client-id': 'acme' } });
    const asked = [
      ['get', key, '--tenant', 'acme'],
      ['get', origin + path, '--tenant', 'acme'],
    ];
    for (const args of asked) expect((await at(args)).code).toBe(0);
    await cache.invalidateKey(key, 'acme');
    await cache.invalidateKey(path, 'acme');
    for (const args of asked)
      expect(await at(args)).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringMatching(/^Nothing valid is stored/),
      });
  });

  it('says that it refers to itself where JSON is asked for', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    await cache.set('circle', circle, 'acme');
    expect(await at(['get', 'circle', '--tenant', 'acme', '--json'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/refers to itself/),
    });
  });
});

describe('warming', () => {
  it.each([
    ['--host', 'api.example.com'],
    ['--header', 'Host: www.example.com'],
  ])('asks an application that runs as %s %s', async (...host) => {
    const name = host[1]!.replace('Host: ', '');
    expect((await at(['warm', '/users', '--origin', origin, ...host])).out).toMatch(/1 warmed/);
    const asked = ['get', `http://${name}/users`, '--header', 'Accept-Encoding: br', '--raw'];
    expect((await at(asked)).out).toBe(`at ${name}`);
  });
});

describe('warming', () => {
  it.each(['hit', 'a,b', '%22;detail=x'])(
    'does not take what is in the key (/told/%s) for what became of it',
    async (name) => {
      const { out } = await at(['warm', `/told/${name}`, '--origin', origin, '--retries', '0']);
      expect(out).toMatch(/ 0 warmed, 0 fresh already, 1 not cacheable, 0 failed\.\n {2}private: /);
    },
  );
});

describe('warming by an application that is run here', () => {
  it.each([
    ['--redis', 'redis://127.0.0.1:1'],
    ['--cluster', '127.0.0.1:1'],
    ['--prefix', 'other:'],
  ])('has no use for %s, which is the application’s to say', async (...said) => {
    // It is not even loaded.
    expect(await cli([...said, 'warm', '/users', '--app', join(folder, 'none.mjs')])).toMatchObject({
      code: 2,
      err: expect.stringMatching(new RegExp(`^${said[0]} is of no use with --app: `)),
    });
  });
});

describe('a restore', () => {
  it('that is broken off says how far it has come, and goes on when it is said again', async () => {
    const file = join(folder, 'cache.bak');
    const text = 'x'.repeat(2000);
    await cache.mset(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${i}`, text + i])), 'restored');
    const args = ['--redis', redis.url, 'restore', file, '--yes'];
    await at(['backup', file, '--tenant', 'restored']);
    const keys = (await redis.command('KEYS', 'client:restored:*')) as string[];
    await redis.command('DEL', ...keys);
    const stopping = new AbortController();
    const { signal } = stopping;
    // It looks at the signal once for each block of the file, first as it verifies them, then as it restores them.
    let looks = 0;
    signal.throwIfAborted = () => {
      if (++looks > 13) stopping.abort();
      AbortSignal.prototype.throwIfAborted.call(signal);
    };
    const { code, err } = await cli(args, { signal });
    const [, done] = /^Broken off: (\d+) entries are restored/.exec(err) ?? [];
    expect(code).toBe(130);
    expect(await redis.command('KEYS', 'client:restored:*')).toHaveLength(Number(done));
    expect((await cli(args)).out).toMatch(new RegExp(`^${1000 - Number(done)} of 1,000 entries restored`));
  });
});

describe('a Cluster that cannot be reached', () => {
  it.each([
    ['that is none', '127.0.0.1', /cluster support disabled/],
    ['with another password', 'redis://nobody:bad@127.0.0.1', /WRONGPASS/],
  ])('says why: one %s', async (_, host, why) => {
    for (const command of ['keys', 'doctor']) {
      const { code, err } = await cli(['--cluster', `${host}:${redis.port}`, command]);
      expect([code, err], command).toEqual([1, expect.stringMatching(why)]);
      expect(err).toMatch(/^Redis cannot be reached: .*\n$/);
    }
  });
});

describe('the doctor', () => {
  it('finds the rights of a user well who is confined to the prefix', async () => {
    await redis.command('ACL', 'SETUSER', 'shop', 'on', '>pw', '~shop:*', '&*', '+@all');
    const url = redis.url.replace('redis://', 'redis://shop:pw@');
    const { out } = await cli(['--redis', url, '--prefix', 'shop:', 'doctor']);
    expect(out).toMatch(/^✓ rights /m);
  });

  it('finds it forbidden to follow the log of invalidations', async () => {
    await redis.command('ACL', 'SETUSER', 'deaf', 'on', '>pw', '~*', '&*', '+@all', '-xread');
    const { code, out } = await cli(['--redis', redis.url.replace('redis://', 'redis://deaf:pw@'), 'doctor']);
    expect([code, out]).toEqual([1, expect.stringMatching(/^✗ rights +This user may not run XREAD: /m)]);
  });

  it('says what is wrong with a Cluster that serves nobody, as it has not all of its slots', async () => {
    const node = await startRedis({ config: { 'cluster-enabled': 'yes' } });
    try {
      await node.command('CLUSTER', 'ADDSLOTS', '0');
      const { code, out } = await cli(['--cluster', `127.0.0.1:${node.port}`, 'doctor']);
      expect([code, out]).toEqual([1, expect.stringMatching(/: no master of the Cluster has slot 1$/m)]);
    } finally {
      await node.stop();
    }
  });

  it('knows a node of a Cluster, and a Sentinel, that are taken for a Redis of their own', async () => {
    const node = await startRedis({ config: { 'cluster-enabled': 'yes' } });
    const sentinel = await startSentinel(redis.port);
    try {
      const ofNode = await cli(['--redis', node.url, 'doctor']);
      expect([ofNode.code, ofNode.out]).toEqual([
        1,
        expect.stringMatching(/^✗ cluster +.*a node of a Cluster: .*--cluster/m),
      ]);
      const ofSentinel = await cli(['--redis', `redis://127.0.0.1:${sentinel.port}`, 'doctor']);
      expect([ofSentinel.code, ofSentinel.out]).toEqual([
        1,
        expect.stringMatching(/^✗ cluster +.*a Sentinel, .*the master/m),
      ]);
      expect(ofSentinel.out).not.toContain('undefined');
    } finally {
      await Promise.all([node.stop(), sentinel.stop()]);
    }
  });
});

describe('figures for people', () => {
  it.each([
    [0, '0 s'],
    [59.4, '59 s'],
    [60, '1 min'],
    [594, '9 min 54 s'],
    [3660, '1 h 1 min'],
    [3659, '1 h'],
    [86_399, '23 h 59 min'],
    [86_400 + 3540, '1 d'],
    [86_400 * 2 + 7200, '2 d 2 h'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(span(seconds)).toBe(text);
  });

  it.each([
    [0, '–'],
    [0.123, '0.12 ms'],
    [99.4, '99 ms'],
    [99.7, '100 ms'],
    [1234.5, '1235 ms'],
  ])('%d ms are %s', (value, text) => {
    expect(ms(value)).toBe(text);
  });
});
