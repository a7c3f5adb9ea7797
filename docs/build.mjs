// Makes the site of the documentation (`npm run docs`): checks every link of every page, makes the reference of the types, and
// builds docs/site. Its tools are in docs/package.json, so that users of the library never install them.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
const tool = (name) => fileURLToPath(new URL(`node_modules/.bin/${name}`, import.meta.url));

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(tool('vitepress'))) run('npm', ['ci'], docs);
run(tool('typedoc'), [], docs);
const FOLDERS = ['.', 'docs', 'docs/from', 'docs/pt-br', 'examples', 'examples/data', 'bench'];
const namesIn = (folder, recursive) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive }).map((name) => join(folder, name))
    : [];
const pages = [...FOLDERS.flatMap((folder) => namesIn(folder, false)), ...namesIn('docs/api', true)];
const texts = pages.filter((name) => name.endsWith('.md'));
// Files and headings that links name, in the repository as on the site.
run(tool('remark'), ['--frail', '--quiet', '--rc-path', 'docs/.remarkrc.json', '--no-stdout', ...texts], root);
// The tools of the site resolve from docs/, so that the pages of the other folders come there.
const staged = fileURLToPath(new URL('pages/', import.meta.url));
rmSync(staged, { recursive: true, force: true });
const pictures = pages.filter((name) => /^docs.*\.png$/.test(name));
for (const page of [...texts, ...pictures]) cpSync(join(root, page), join(staged, page));
run(tool('vitepress'), ['build'], docs);
