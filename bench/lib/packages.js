// This folder's own packages: the peers, and other versions of Node.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));

/** Installs them if they are missing, and says so. Where that fails, as without a network, who needs none of them goes on. */
export function installPackages(say) {
  if (existsSync(`${FOLDER}node_modules/.package-lock.json`)) return;
  say('installing the packages of bench/ (npm ci), once');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: ['ignore', 2, 2] });
  if (status !== 0) say('npm ci in bench/ has failed: who needs its packages is left out');
}

/**
 * The Node of a major version: the one that runs, or a package of this folder.
 * @returns {{ name: string, execPath: string }}
 * @throws if there is none
 */
export function nodeOf(major) {
  const running = String(process.versions.node.split('.')[0]);
  if (major === undefined || major === running) return { name: process.version, execPath: process.execPath };
  const execPath = `${FOLDER}node_modules/node${major}/bin/node`;
  const { status, stdout } = spawnSync(execPath, ['--version'], { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(
      `no Node ${major} here: it is the running ${running}, or an optional package of bench/ (22, 24, 26, on Linux x64)`,
    );
  }
  return { name: stdout.trim(), execPath };
}
