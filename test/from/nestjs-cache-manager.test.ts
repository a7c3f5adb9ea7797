// docs/from/nestjs-cache-manager.md: its two applications, compiled and run, and each "what behaves better", on both.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as theirs from '@nestjs/cache-manager';
import { StreamableFile } from '@nestjs/common';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type Ask, ask } from '../adapters/client.js';
import { Snippets } from '../readme/snippets.js';
import { type Both, both, type Handler } from './nest.js';
import { answersOf, as, MigrationPage, Stage, texts } from './stage.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = new MigrationPage('nestjs-cache-manager');
const stage = new Stage();
afterEach(() => stage.close());
afterAll(() => page.snippets.close());

const files = new Map(
  [...page.text.matchAll(/<!-- file: ([\w.]+) -->\n```ts\n(.*?)```/gs)].map((match) => [match[1]!, match[2]!]),
);

const compilerOptions = {
  ...{ target: 'ES2023', module: 'NodeNext', rootDir: 'src', outDir: 'dist', types: ['node'] },
  ...{ strict: true, skipLibCheck: true, experimentalDecorators: true, emitDecoratorMetadata: true },
};

/** The page's applications as JavaScript, compiled as a user does it. */
function compiled(): Snippets {
  // Inside the project, where the compiler finds the package under its own name.
  const folder = mkdtempSync(fileURLToPath(new URL('../readme/.snippets-', import.meta.url)));
  try {
    mkdirSync(join(folder, 'src'));
    for (const [name, text] of files) writeFileSync(join(folder, 'src', name), text);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
    const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' });
    expect(stdout + stderr).toBe('');
    const made = ['before', 'after'].map((name) => {
      const code = readFileSync(join(folder, 'dist', `${name}.js`), 'utf8');
      return `<!-- snippet: ${name} -->\n\`\`\`js\n${code}\`\`\`\n`;
    });
    return new Snippets(made.join('\n'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('docs/from/nestjs-cache-manager.md', () => {
  it('has no code that is not run here', () => {
    expect(page.text.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(2);
    expect([...files.keys()]).toEqual(['before.ts', 'after.ts']);
  });

  it('says of every export and option what becomes of it', () => {
    page.expectRowsFor([
      ...Object.keys(theirs),
      ...['register', 'registerAsync', 'extraProviders', 'isGlobal', 'CacheModuleAsyncOptions', 'CacheOptionsFactory'],
      ...['ttl', 'stores', 'namespace', 'refreshThreshold', 'nonBlocking', 'allowedMethods'],
      ...Object.getOwnPropertyNames(theirs.CacheInterceptor.prototype).filter((name) => /^(track|is)/.test(name)),
    ]);
  });

  it('answers the same before and after, on a hit, on a miss, and after a write', async () => {
    const snippets = compiled();
    stage.onClose(() => snippets.close());
    const requests = [
      ...['GET /users', 'GET /users', 'GET /users/0', 'GET /users/0', 'GET /users/0?full=1', 'GET /users/0/rank'],
      ...['GET /users/0/rank', 'POST /users', 'GET /users', 'GET /users', 'GET /users/0'],
    ];
    const [before, after] = await Promise.all(['before', 'after'].map((name) => answersOf(snippets, name, requests)));
    expect(after).toEqual(before);
    expect(before![0]).toBe(before![1]);
    expect(before!.at(-3)).toContain('Bob');
  });
});

const asked = async (ports: Both, ...requests: (string | readonly [string, Ask])[]) => ({
  old: await texts(ports.old, ...requests),
  now: await texts(ports.now, ...requests),
});

const count: Handler = (_req, _res, run) => String(run);

describe('what behaves better', () => {
  it.each(['authorization', 'x-client-id'])('two clients told apart by %s are each given their own', async (field) => {
    const ports = await both(stage, (req) => req.get(field));
    expect(await asked(ports, as('/', { [field]: 'ada' }), as('/', { [field]: 'bob' }))).toEqual({
      old: ['ada', 'ada'],
      now: ['ada', 'bob'],
    });
  });

  it('status and fields are there on a hit', async () => {
    const ports = await both(stage, (_req, res, run) => {
      res.status(203).set('X-Total-Count', '3');
      return String(run);
    });
    const onHit = async (port: number) => {
      await ask(port, '/');
      const hit = await ask(port, '/');
      return [hit.text, hit.status, hit.header('x-total-count')];
    };
    expect(await onHit(ports.old)).toEqual(['1', 200, undefined]);
    expect(await onHit(ports.now)).toEqual(['1', 203, '3']);
  });

  it('no-store is obeyed', async () => {
    const ports = await both(stage, (_req, res, run) => {
      res.set('Cache-Control', 'no-store');
      return String(run);
    });
    expect(await asked(ports, '/', '/')).toEqual({ old: ['1', '1'], now: ['1', '2'] });
  });

  it('a key does not stand for all queries', async () => {
    const ports = await both(stage, (req) => `page ${req.query.page}`, { key: 'pages' });
    expect(await asked(ports, '/?page=1', '/?page=2')).toEqual({
      old: ['page 1', 'page 1'],
      now: ['page 1', 'page 2'],
    });
  });

  it('the order of parameters does not matter', async () => {
    expect(await asked(await both(stage, count), '/?a=1&b=2', '/?b=2&a=1')).toEqual({
      old: ['1', '2'],
      now: ['1', '1'],
    });
  });

  it('ten requests at once run the handler once', async () => {
    for (const [name, runs] of [
      ['old', 10],
      ['now', 1],
    ] as const) {
      let [arrived, ran, open] = [0, 0, () => {}];
      const opened = new Promise<void>((done) => {
        open = done;
      });
      const handler: Handler = async (_req, _res, run) => {
        // Nest takes a few turns to get here; none that has to come is left out.
        if (++ran === runs && arrived === 10) open();
        await opened;
        return String(run);
      };
      const arrives = () => ++arrived === 10 && ran === runs && open();
      const ports = await both(stage, handler, { arrives });
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(ports[name], '/')));
      expect(new Set(answers.map(({ text }) => text)).size, name).toBe(runs);
    }
  });

  it('HEAD is served from the stored GET', async () => {
    const ports = await both(stage, count);
    const head = ['/', { method: 'HEAD' }] as const;
    expect(await asked(ports, '/', head, '/')).toEqual({ old: ['1', '', '1'], now: ['1', '', '1'] });
    const another = await asked(ports, '/?next');
    expect(another).toEqual({ old: ['3'], now: ['2'] });
  });

  it('null is an answer', async () => {
    let runs = 0;
    const ports = await both(stage, () => {
      runs++;
      return null;
    });
    await texts(ports.old, '/', '/');
    expect(runs).toBe(2);
    await texts(ports.now, '/', '/');
    expect(runs).toBe(3);
  });

  it('a streamed file is stored', async () => {
    const ports = await both(stage, (_req, _res, run) => new StreamableFile(Buffer.from(`file ${run}`)));
    expect(await asked(ports, '/', '/')).toEqual({ old: ['file 1', 'file 2'], now: ['file 1', 'file 1'] });
  });

  it('an invalidation outranks a handler that was running', async () => {
    let during = async (): Promise<unknown> => undefined;
    const ports = await both(stage, async (_req, _res, run) => {
      const invalidating = during;
      during = async () => undefined;
      await invalidating();
      return String(run);
    });
    during = () => ports.manager.clear();
    expect(await texts(ports.old, '/', '/')).toEqual(['1', '1']);
    during = () => ports.cache.clear();
    expect(await texts(ports.now, '/', '/')).toEqual(['1', '2']);
  });
});
