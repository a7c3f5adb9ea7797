// The files of docs/nestjs.md, compiled and run as a user compiles and runs them.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/port.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/nestjs.md'), 'utf8');
const files = new Map(
  [...page.matchAll(/<!-- file: ([\w.]+) -->\n```ts\n(.*?)```/gs)].map((match) => [match[1]!, match[2]!]),
);
// Inside the project, where Node finds the package under its own name.
const folder = mkdtempSync(fileURLToPath(new URL('.snippets-', import.meta.url)));

const compilerOptions = {
  ...{ target: 'ES2023', module: 'NodeNext', rootDir: 'src', outDir: 'dist', types: ['node'] },
  ...{ strict: true, skipLibCheck: true, experimentalDecorators: true, emitDecoratorMetadata: true },
};

let child: ChildProcess;
let address: string;
let stderr = '';

beforeAll(async () => {
  mkdirSync(join(folder, 'src'));
  for (const [name, text] of files) writeFileSync(join(folder, 'src', name), text);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const compiled = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
  expect(compiled.stdout + compiled.stderr).toBe('');
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  const { REDIS_URL: _url, REDIS_HOST: _host, ...clean } = process.env;
  child = spawn(process.execPath, [join(folder, 'dist/main.js')], { env: { ...clean, PORT: String(port) } });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const answers = async () => {
    expect(child.exitCode, stderr).toBeNull();
    await fetch(address);
  };
  await vi.waitFor(answers, { timeout: 15_000, interval: 50 });
});

afterAll(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const made = async (path: string) => ((await (await fetch(address + path)).json()) as { made: number }).made;

const send = (method: string, path: string, body: object = {}) =>
  fetch(address + path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

describe('docs/nestjs.md', () => {
  it('has no code that is not run here, but for one piece of a configuration', () => {
    expect(page.match(/^```(js|ts)$/gm)).toHaveLength(files.size);
    expect(page.match(/^```ts no-run$/gm)).toHaveLength(1);
  });

  it('caches routes, and invalidates them by key, by tag, and all', async () => {
    const [list, detail] = [await made('/users'), await made('/users/1')];
    expect([await made('/users'), await made('/users/1')]).toEqual([list, detail]);
    expect((await send('POST', '/users', { name: 'Grace' })).status).toBe(201);
    const newer = await made('/users');
    expect(newer).toBeGreaterThan(list);
    expect(await made('/users/1')).toBe(detail);
    expect((await send('PUT', '/users/1')).status).toBe(200);
    expect(await made('/users/1')).toBeGreaterThan(detail);
    expect(await (await send('POST', '/cache/clear')).json()).toEqual({ message: 'cleared' });
    expect(await made('/users')).toBeGreaterThan(newer);
  });

  it('caches values of services', async () => {
    const price = await made('/prices/1');
    expect(await made('/prices/1')).toBe(price);
    await send('POST', '/prices');
    expect(await made('/prices/1')).toBeGreaterThan(price);
  });

  it('tells of itself', async () => {
    expect(await (await fetch(`${address}/cache/stats`)).json()).toHaveProperty('hitRate');
    expect(await (await fetch(`${address}/health/cache`)).json()).toMatchObject({ status: 'healthy' });
    expect(stderr).toBe('');
  });
});
