// The tests under another version of Node: one of the packages of bench/. `npm run test:under -- 26 test/adapters`

import { spawnSync } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages, nodeOf } from '../bench/lib/packages.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const [major, ...rest] = process.argv.slice(2);

if (!/^\d+$/.test(major ?? '')) {
  process.stderr.write(
    `test:under takes a major of Node first, such as 26, not ${major}; what follows is for vitest\n`,
  );
  process.exit(2);
}
installPackages((text) => process.stderr.write(`${text}\n`));
const { name, execPath } = nodeOf(major);
process.stderr.write(`Node ${name}\n`);
// What the tests start by the name `node` is to be of the same version.
const env = { ...process.env, PATH: `${dirname(execPath)}${delimiter}${process.env.PATH}` };
const { status } = spawnSync(execPath, ['node_modules/vitest/vitest.mjs', 'run', ...rest], {
  cwd: ROOT,
  stdio: 'inherit',
  env,
});
process.exit(status ?? 1);
