// The built program as a process of its own, as npm runs it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCache } from 'respcache';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { respcache: string } };
const folder = mkdtempSync(join(tmpdir(), 'respcache-cli-'));
const children: ChildProcess[] = [];
let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await redis?.stop();
  rmSync(folder, { recursive: true });
});

interface Started {
  child: ChildProcess;
  ended: Promise<{ code: number; out: string; err: string }>;
}

const start = (...args: string[]) => startInto('pipe', ...args);

function startInto(stdout: 'pipe' | number, ...args: string[]): Started {
  const { REDIS_URL: _url, REDIS_HOST: _host, ...env } = process.env;
  const child = spawn(process.execPath, [join(root, bin.respcache), ...args], {
    env: { ...env, REDIS_URL: redis.url },
    stdio: ['pipe', stdout, 'pipe'],
  });
  children.push(child);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, out: texts.stdout, err: texts.stderr }));
  return { child, ended };
}

describe.concurrent('the program', () => {
  it('can be run by its name', () => {
    expect(readFileSync(join(root, bin.respcache), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('finds Redis by the environment, and ends with the code of its command', async () => {
    expect(await start('doctor').ended).toMatchObject({ code: 0, out: expect.stringMatching(/^✓ version/) });
    expect(await start('stats').ended).toMatchObject({ code: 1, out: '' });
    expect(await start('nonsense').ended).toMatchObject({ code: 2, out: '' });
  });

  it('fills the cache by an application that it runs itself', async () => {
    const app = join(folder, 'app.mjs');
    const built = new URL('../../dist/', import.meta.url).href;
    const code = `import { createRequire } from 'node:module';
      import { cacheMiddleware } from '${built}adapters/express/index.js';
      const express = createRequire(${JSON.stringify(import.meta.url)})('express');
      const app = express();
      app.use(cacheMiddleware());
      app.get('/users', (req, res) => res.send('Ada'));
      app.get('/private', (req, res) => res.set('Cache-Control', 'private').send('x'));
      export default app;`;
    writeFileSync(app, code);
    const args = ['warm', '/users', '/private', '--app', app, '--tenant', 'acme', '--host', 'shop.example'];
    expect(await start(...args).ended).toEqual({
      code: 0,
      out: '2 requests: 1 warmed, 0 fresh already, 1 not cacheable, 0 failed.\n  private: /private (acme)\n',
      err: '',
    });
    const got = await start(
      'get',
      'http://shop.example/users',
      '--tenant',
      'acme',
      '--raw',
      '--header',
      'Accept-Encoding: br',
    ).ended;
    expect(got).toMatchObject({ code: 0, out: 'Ada' });
  });

  it.each([
    [
      'a default, as TypeScript compiles it',
      'exports.__esModule = true; exports.default = app; exports.cache = cache;',
    ],
    ['an object that a function has made', 'module.exports = (() => ({ app, cache }))();'],
  ])('takes an application of CommonJS, and ends though that keeps a timer: %s', async (name, exported) => {
    const app = join(folder, `${name.replaceAll(/\W/g, '-')}.cjs`);
    const built = fileURLToPath(new URL('../../dist/', import.meta.url));
    const code = `const express = require(${JSON.stringify(createRequire(import.meta.url).resolve('express'))});
      const { createCache } = require('${built}src/index.js');
      const { cacheMiddleware } = require('${built}adapters/express/index.js');
      const app = express();
      const cache = createCache({ prefix: ${JSON.stringify(`${name}:`)} });
      app.use(cacheMiddleware({ cache }));
      app.get('/users', (req, res) => res.send('Ada'));
      setInterval(() => {}, 60_000);
      ${exported}`;
    writeFileSync(app, code);
    expect(await start('warm', '/users', '--app', app).ended).toMatchObject({
      ...{ code: 0, out: '1 requests: 1 warmed, 0 fresh already, 0 not cacheable, 0 failed.\n' },
    });
  });

  it.each([
    ['Ctrl-C', 'SIGINT'],
    ['a terminal that is closed', 'SIGHUP'],
  ] as const)('is broken off by %s, and leaves no half of a file', async (_what, signal) => {
    const prefix = `${signal}:`;
    const cache = createCache({ redis: redis.url, prefix, timeout: 10_000 });
    const text = 'x'.repeat(2000);
    for (let i = 0; i < 20; i++)
      await cache.mset(Object.fromEntries(Array.from({ length: 500 }, (_, j) => [`${i}:${j}`, text + i + j])), 'acme');
    await cache.close();
    const file = join(folder, `${signal}.bak`);
    const { child, ended } = start('--prefix', prefix, 'backup', file);
    // It has begun when its file is there, under another name.
    while (!readdirSync(folder).some((name) => name.startsWith(`${signal}.bak`)) && child.exitCode === null)
      await new Promise(setImmediate);
    child.kill(signal);
    expect((await ended).code).toBe(130);
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.startsWith(`${signal}.bak`))).toEqual([]);
  });

  it('ends quietly when nobody reads on', async () => {
    const cache = createCache({ redis: redis.url, prefix: 'many:', timeout: 10_000 });
    await cache.mset(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key:${i}`, i])), 'acme');
    await cache.close();
    const { child, ended } = start('--prefix', 'many:', 'keys', '--limit', '3000');
    await once(child.stdout!, 'data');
    child.stdout!.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  it('ends what would go on for ever, too, when nobody reads on', async () => {
    const cache = createCache({ redis: redis.url, prefix: 'told:', timeout: 10_000 });
    await cache.health();
    await cache.statistics.publish();
    const { child, ended } = start('--prefix', 'told:', 'top', '--interval', '0.01');
    await once(child.stdout!, 'data');
    child.stdout!.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
    await cache.close();
  });

  it.skipIf(!existsSync('/dev/full'))('says that its output cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    const { code, err } = await startInto(full, 'doctor', '--json').ended;
    expect([code, JSON.parse(err)]).toEqual([
      1,
      { error: expect.stringMatching(/^The output cannot be written: ENOSPC/) },
    ]);
    closeSync(full);
  });
});
