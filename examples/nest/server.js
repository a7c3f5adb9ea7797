// The example is TypeScript, for its decorators: this compiles it into dist/ beside it, and starts it.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const compiler = require.resolve('typescript/package.json');
const tsc = fileURLToPath(new URL(require(compiler).bin.tsc, `file://${compiler}`));
const project = fileURLToPath(new URL('.', import.meta.url));

const { status } = spawnSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' });
if (status !== 0) process.exit(1);

await import('./dist/main.js');
