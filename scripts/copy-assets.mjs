// Runs after tsc, which copies nothing: puts the files of the dashboard page beside the module that reads them.

import { cpSync, readdirSync } from 'node:fs';

const from = new URL('../src/operations/dashboard/', import.meta.url);
const to = new URL('../dist/src/operations/dashboard/', import.meta.url);

for (const name of readdirSync(from)) {
  if (/\.(html|css|js)$/.test(name)) cpSync(new URL(name, from), new URL(name, to));
}
