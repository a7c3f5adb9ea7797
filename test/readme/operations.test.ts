// Every example of docs/operations.md, run as a user runs it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from 'respcache';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EVENT_KINDS } from '../../src/events.js';
import { freePort } from '../support/port.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { Snippets } from './snippets.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8');
const snippets = new Snippets(page);
const folder = mkdtempSync(join(tmpdir(), 'respcache-'));
let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  snippets.close();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

const texts = async (url: string, times: number, init?: RequestInit) => {
  const answers: string[] = [];
  for (let i = 0; i < times; i++) answers.push(await (await fetch(url, init)).text());
  return answers;
};

describe.concurrent('docs/operations.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual([
      ...['guarded', 'fleet', 'health', 'metrics', 'logs', 'tracing', 'explain', 'shadow', 'warming', 'backup'],
    ]);
  });

  it('names the channels of all events', () => {
    const [told = ''] = /`respcache:hit`.*?So OpenTelemetry/s.exec(page) ?? [];
    expect([...told.matchAll(/`(?:respcache)?:(\w+)`/g)].map(([, kind]) => kind)).toEqual(EVENT_KINDS);
  });

  it('guards the statistics', async () => {
    const { address } = await snippets.serve('guarded', { ADMIN_TOKEN: 'secret' });
    await texts(`${address}/users`, 2, { headers: { 'x-client-id': 'acme' } });
    const open = (await (await fetch(`${address}/cache`)).json()) as object;
    // Whether it answers was asked, too.
    expect(open).toMatchObject({ hits: 1, misses: 2, authorized: false });
    expect(open).not.toHaveProperty('tenants');
    const headers = { authorization: 'Bearer secret' };
    expect(await (await fetch(`${address}/cache`, { headers })).json()).toMatchObject({
      tenants: { acme: { hits: 1 } },
    });
    expect((await fetch(`${address}/cache/dashboard`)).status).toBe(200);
    const json = { 'content-type': 'application/json' };
    const clear = (more: object) =>
      fetch(`${address}/cache/clear`, { method: 'POST', body: '{}', headers: { ...json, ...more } });
    expect((await clear({})).status).toBe(404);
    expect((await clear(headers)).status).toBe(200);
  });

  it('adds up the figures of all processes', async () => {
    const env = { REDIS_URL: redis.url };
    const addresses = [(await snippets.serve('fleet', env)).address, (await snippets.serve('fleet', env)).address];
    for (const address of addresses) await texts(`${address}/users`, 2);
    const figures = async (address: string, scope: string) =>
      (await (await fetch(`${address}/cache?scope=${scope}`)).json()) as Report;
    const own = await Promise.all(addresses.map((address) => figures(address, 'process')));
    const totalRequests = own.reduce((sum, each) => sum + each.totalRequests, 0);
    for (const address of addresses)
      await vi.waitFor(
        async () =>
          expect(await figures(address, 'fleet')).toMatchObject({ scope: 'fleet', processes: 2, totalRequests }),
        { timeout: 10_000, interval: 100 },
      );
  });

  it('says how the cache is', async () => {
    const printed = await snippets.run('health');
    expect(printed).toBe('healthy memory true closed\n');
    expect(snippets.code.get('health')).toContain(`// ${printed.trim()}\n`);
    const nowhere = `redis://127.0.0.1:${await freePort()}`;
    expect(await snippets.run('health', { REDIS_URL: nowhere })).toMatch(/^degraded redis false /);
  });

  it('shows metrics in the registry of the application', async () => {
    const { address } = await snippets.serve('metrics');
    await texts(`${address}/users`, 3);
    for (const path of ['/metrics', '/cache/metrics']) {
      const [text] = await texts(address + path, 1);
      expect(text).toMatch(/^respcache_requests_total\{outcome="fresh",cache="default"\} 2$/m);
      expect(text).toMatch(/^process_cpu_seconds_total /m);
    }
  });

  it('logs as it says', async () => {
    const lines = (await snippets.run('logs'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; level: number });
    expect(lines.map(({ msg }) => msg.replace(/ [\d.]+ ms$/, ''))).toEqual([
      'SET client:client-123:users:count (4 bytes)',
      'HIT client:client-123:users:count',
      'MISS client:client-123:users:list',
    ]);
    const code = snippets.code.get('logs')!;
    for (const { msg } of lines) expect(code).toContain(msg.replace(/ [\d.]+ ms$/, ''));
  });

  it("tells OpenTelemetry's spans what the cache did", async () => {
    const { address } = await snippets.serve('tracing');
    await texts(`${address}/users`, 2, { headers: { 'x-client-id': 'acme' } });
    await vi.waitFor(() => expect(snippets.output('tracing')).toMatch(/'cache\.outcome': 'hit'/), { timeout: 5000 });
    expect(snippets.output('tracing')).toMatch(/'cache\.outcome': 'miss'/);
    expect(snippets.output('tracing')).toMatch(/'cache\.tenant': 'acme'/);
  });

  it('explains', async () => {
    const lines = (await snippets.run('explain')).trim().split('\n');
    expect(lines[0]).toBe('bypass cookie');
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines.slice(1)) expect(line).toMatch(/^[+-] .+/);
    expect(lines.join('\n')).toMatch(/^- .*[Cc]ookie/m);
  });

  it('finds what leaks in shadow mode', async () => {
    const { address } = await snippets.serve('shadow');
    for (const user of ['ada', 'bob', 'ada'])
      expect(await texts(`${address}/me`, 1, { headers: { 'x-user': user } })).toEqual([`{"hello":"${user}"}`]);
    await texts(`${address}/me`, 1, { headers: { 'x-user': 'bob' } });
    await vi.waitFor(() =>
      expect(snippets.output('shadow')).toMatch(/^varies .*\/me.* 0 s old: etag, body$|^varies .*: body$/m),
    );
  });

  it('warms', async () => {
    const printed = await snippets.run('warming');
    expect(printed).toContain('4/4\n');
    expect(printed).toMatch(/^2 \[/m);
    expect(printed).toMatch(/url: '\/me',\s+tenant: 'client-456',\s+reason: 'private'/);
  });

  it('backs up and restores', async () => {
    expect(await snippets.run('backup', { BACKUP: join(folder, 'cache.bak') })).toBe('1 1 0\n');
  });

  it('names paths and options that exist', () => {
    const source =
      readFileSync(join(root, 'src/operations/operations.ts'), 'utf8') +
      readFileSync(join(root, 'src/operations/changes.ts'), 'utf8');
    const paths = [...page.matchAll(/^\| `(?:GET|POST) (\/\w*)/gm)].map((match) => match[1]!);
    expect(paths).toHaveLength(9);
    for (const path of paths) expect(source).toContain(`'${path}'`);
    const metrics = readFileSync(join(root, 'src/stats/prometheus.ts'), 'utf8');
    for (const [, name] of page.matchAll(/`(respcache_\w+)/g)) expect(metrics).toContain(name);
  });
});
