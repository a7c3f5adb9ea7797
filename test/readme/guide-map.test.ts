// docs/guide-map.md: every row names something that is there, and every snippet runs as it says. What the rows name in
// examples/nest runs in test/examples/nest.test.ts.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { Snippets } from './snippets.js';

const docs = new URL('../../docs/', import.meta.url);
const page = readFileSync(new URL('guide-map.md', docs), 'utf8');
const snippets = new Snippets(page);
const folder = mkdtempSync(join(tmpdir(), 'respcache-'));
const rows = [...page.matchAll(/^\| (?!---|in the guide)(.*?) \| (.*?) \| (.*?) ?\|$/gm)].map(
  ([, what = '', counterpart = '']) => ({ what, counterpart }),
);
let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  snippets.close();
  rmSync(folder, { recursive: true });
  await redis.stop();
});

/** What a snippet prints where nothing but its comments has to be believed. */
const PRINTS: [name: string, output: string][] = [
  ['basics', "[ { id: 1, name: 'Ana' } ]\nundefined\n"],
  ['writeThrough', "{ id: 7, name: 'Ana' }\n"],
  ['writeBehind', "{ name: 'Ana', id: '7' }\n[ { name: 'Ana' } ]\n"],
  ['lifetimes', '[ undefined, { dark: true } ]\n'],
  ['batch', '[ 1, { active: 1 } ]\n1\n'],
  ['patterns', '[ false, true, false, true ]\n'],
  [
    'logs',
    [
      'SET client:client-123:users:list (',
      'HIT client:client-123:users:list',
      'MISS client:client-123:users:count',
    ].join('.*\n'),
  ],
];

describe.concurrent('docs/guide-map.md', () => {
  it('has a counterpart for each of the guide’s 24 snippets, and each is there', () => {
    expect(rows).toHaveLength(24);
    for (const { what, counterpart } of rows) {
      const [, name] = counterpart.match(/^snippet `(\w+)`$/) ?? [];
      const [, file, quote] = counterpart.match(/^\[.*?\]\((.*?)\) `(.*)`$/) ?? [];
      if (name !== undefined) expect([...snippets.code.keys()], what).toContain(name);
      else {
        expect(existsSync(new URL(file!, docs)), what).toBe(true);
        expect(readFileSync(new URL(file!, docs), 'utf8'), what).toContain(quote);
      }
    }
    const named = rows.flatMap(({ counterpart }) => counterpart.match(/^snippet `(\w+)`$/)?.[1] ?? []);
    expect([...new Set(named)].sort()).toEqual([...snippets.code.keys()].sort());
  });

  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    const others = ['environment', 'figures', 'tenants', 'backup'];
    expect([...PRINTS.map(([name]) => name), ...others].sort()).toEqual([...snippets.code.keys()].sort());
  });

  it.each(PRINTS)('%s', async (name, output) => {
    const printed = await snippets.run(name);
    if (output.includes('.*')) expect(printed).toMatch(new RegExp(output.replace(/[()]/g, '\\$&')));
    else expect(printed).toBe(output);
  });

  it('environment', async () => {
    const variables = { REDIS_PORT: String(redis.port), REDIS_PASSWORD: '', REDIS_DB: '0', CACHE_TTL: '300' };
    const env = { REDIS_HOST: '127.0.0.1', ...variables, CACHE_MAX_ITEMS: '1000', CACHE_PREFIX: 'env:' };
    expect(await snippets.run('environment', env)).toBe('redis\n');
    expect(await redis.command('EXISTS', 'env:client:client-123:users:list')).toBe(1);
  });

  it('figures', async () => {
    const printed = await snippets.run('figures');
    expect(printed).toMatch(
      /hits: 1,\s+misses: 1,\s+sets: 1,\s+deletes: 0,\s+errors: 0,\s+totalRequests: 2,\s+hitRate: 50/,
    );
    expect(printed).toMatch(/\nnumber number\n$/);
  });

  it('tenants', async () => {
    expect(await snippets.run('tenants', { REDIS_URL: redis.url })).toBe("undefined\n[ 'client-456' ]\n");
    expect(await redis.command('EXISTS', 'client:client-456:users:list')).toBe(1);
  });

  it('backup', async () => {
    const file = join(folder, 'cache.bak');
    expect(await snippets.run('backup', { REDIS_URL: redis.url, CACHE_PREFIX: 'backup:', BACKUP_FILE: file })).toBe(
      '1\n',
    );
    expect(existsSync(file)).toBe(true);
  });
});
