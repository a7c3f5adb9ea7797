import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'/gms)].map((match) => match[1]!);
}

const files = [...sources('src'), ...sources('adapters')];
const local = new Map(
  files.map((file) => [
    file,
    importsOf(file)
      .filter((target) => target.startsWith('.'))
      .map((target) => normalize(join(dirname(file), target)).replace(/\.js$/, '.ts')),
  ]),
);

/** All files that a file's imports lead to, through others too. */
function reachOf(file: string, reach: Set<string> = new Set()): Set<string> {
  for (const target of local.get(file) ?? []) if (!reach.has(target)) reachOf(target, reach.add(target));
  return reach;
}

const inRooms = (...rooms: string[]) => files.filter((file) => rooms.some((room) => file.startsWith(`src/${room}/`)));

describe('the imports', () => {
  it('are found: the test reads what it thinks it reads', () => {
    expect(files.length).toBeGreaterThan(40);
    expect(local.get('src/index.ts')).toContain('src/cache.ts');
    for (const targets of local.values()) for (const target of targets) expect(files).toContain(target);
  });

  it('have no cycle, those of types included', () => {
    const done = new Set<string>();
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file)) throw new Error(`a cycle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`);
      if (done.has(file)) return;
      for (const target of local.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(done.size).toBe(files.length);
  });

  it('of the core never lead to a framework or an adapter', () => {
    for (const file of files.filter((name) => name.startsWith('src/'))) {
      for (const target of importsOf(file)) {
        expect(target, file).not.toMatch(/^(express|koa|@koa|@nestjs|fastify)\b|adapters/);
      }
    }
  });

  it('of http/, which is syntax only, stay in http/ and types', () => {
    for (const [file, targets] of local) {
      if (!file.startsWith('src/http/')) continue;
      for (const target of targets) expect(target, file).toMatch(/^src\/(http\/|types\.ts)/);
    }
  });

  it('of request/, lookup/, fill/ and entry/ never lead to the engine or the service, through others neither', () => {
    for (const file of inRooms('request', 'lookup', 'fill', 'entry')) {
      for (const target of reachOf(file)) expect(target, file).not.toMatch(/^src\/(engine|exchange|cache|service)/);
    }
  });

  it('of request/ and entry/ never lead to lookup/ or fill/, through others neither', () => {
    for (const file of inRooms('request', 'entry')) {
      for (const target of reachOf(file)) expect(target, file).not.toMatch(/^src\/(lookup|fill)\//);
    }
  });

  // Through others it does: what makes one of many is among the services that a lookup finds its stores in.
  it('of lookup/ never lead to fill/', () => {
    for (const file of inRooms('lookup')) {
      for (const target of local.get(file) ?? []) expect(target, file).not.toMatch(/^src\/fill\//);
    }
  });
});
