// What the tests run besides Node, found on PATH: asked by the set-up before them, and by those that use it.

import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The names of a Redis server. */
export const REDIS_SERVERS = ['redis-server', 'valkey-server'];

/** The names of Chromium, Debian's first. */
export const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * The first of the names that is an executable file on PATH, as a path.
 *
 * @param {readonly string[]} names
 * @returns {string | undefined}
 */
export function findOnPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
