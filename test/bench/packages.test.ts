// The bench without a network: who needs no package of its folder is measured all the same.

import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packages-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

it('goes on where they cannot be installed, and says so', async () => {
  const npm = join(folder, 'npm');
  await writeFile(npm, '#!/bin/sh\nexit 1\n');
  await chmod(npm, 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
  const copy = join(folder, 'bench', 'lib', 'packages.js');
  await mkdir(join(folder, 'bench', 'lib'), { recursive: true });
  await copyFile(fileURLToPath(new URL('../../bench/lib/packages.js', import.meta.url)), copy);
  const { installPackages } = await import(pathToFileURL(copy).href);
  const said: string[] = [];
  installPackages((text: string) => said.push(text));
  expect(said.at(-1)).toBe('npm ci in bench/ has failed: who needs its packages is left out');
});
