// Builds the package: `build/` has each module as it is in the sources, for what reaches past the public names (bench,
// tests); `dist/` has what is published: for each entry point one module and those that it shares with others, as Node
// takes a millisecond for every file that it loads, and each declaration beside its source's place.

import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

for (const folder of ['build', 'dist']) rmSync(join(root, folder), { recursive: true, force: true });

const compile = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'];
const { status } = spawnSync(process.execPath, compile, { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

// './dist/src/index.js' → 'src/index'
const published = [...Object.values(exports).map((entry) => entry.default), ...Object.values(bin)];
const entries = published.filter(Boolean).map((path) => path.replace(/^\.\/dist\/|\.js$/g, ''));
const bundle = await rolldown({
  cwd: root,
  input: Object.fromEntries(entries.map((name) => [name, `build/${name}.js`])),
  platform: 'node',
  // Of other packages nothing is taken in.
  external: (id, _from, isResolved) => !isResolved && !/^[./]/.test(id),
  preserveEntrySignatures: 'strict',
});
await bundle.write({
  dir: 'dist',
  entryFileNames: '[name].js',
  chunkFileNames: 'shared/[name].js',
  // A module of its own, as it reads files beside it.
  codeSplitting: { groups: [{ name: 'dashboard/dashboard', test: /operations[\\/]dashboard[\\/]dashboard/ }] },
});
await bundle.close();

const page = join(root, 'src/operations/dashboard');
for (const to of ['build/src/operations/dashboard', 'dist/shared/dashboard'])
  for (const name of readdirSync(page))
    if (/\.(html|css|js)$/.test(name)) cpSync(join(page, name), join(root, to, name));
