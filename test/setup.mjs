// Runs before the tests (`node test/setup.mjs`): they need a real Redis server and must never skip without one.
// Says nothing when a runnable server is on PATH; installs one where it may; otherwise fails with one line.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const SERVERS = ['redis-server', 'valkey-server'];
const POLICY = '/usr/sbin/policy-rc.d';
const NEEDED = 'the tests need redis-server or valkey-server on PATH: install the package redis-server (or valkey)';

/** The first of the names that is an executable file on PATH, as a path. */
function findOnPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function fail(reason) {
  // One line whatever the reason holds, so that it is not lost among a package manager's output.
  process.stderr.write(`respcache: ${reason.replace(/\s+/g, ' ').trim()}\n`);
  process.exit(1);
}

function aptGet(...args) {
  // RUNLEVEL=1 is a second guard, next to policy-rc.d, against the package starting the system's service.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

/** Installs redis-server without its service being started; returns what went wrong, if anything. */
function install() {
  process.stdout.write('respcache: no Redis server on PATH, installing redis-server with apt-get\n');
  const ownPolicy = !existsSync(POLICY);
  // With a listener, Ctrl-C ends apt-get but not this process before it has removed its policy file.
  const ignore = () => {};
  process.on('SIGINT', ignore).on('SIGTERM', ignore);
  try {
    if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    // A failed update is not the end: the lists that are there may do.
    aptGet('update');
    const result = aptGet('install', '-y', '--no-install-recommends', 'redis-server');
    if (result.status === 0) return undefined;
    const lastLine = result.stderr?.trim().split('\n').at(-1);
    return result.error?.message ?? (lastLine || `it ended with ${result.status ?? result.signal}`);
  } catch (error) {
    return error.message;
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true });
    process.off('SIGINT', ignore).off('SIGTERM', ignore);
  }
}

let server = findOnPath(SERVERS);
if (server === undefined) {
  const mayInstall = process.getuid?.() === 0 && findOnPath(['apt-get']) !== undefined;
  if (!mayInstall) fail(NEEDED);
  const problem = install();
  if (problem !== undefined) fail(`${NEEDED} (apt-get could not: ${problem})`);
  server = findOnPath(SERVERS);
  if (server === undefined) fail(`${NEEDED} (apt-get installed it, but not on PATH)`);
}

const check = spawnSync(server, ['--version'], { encoding: 'utf8', timeout: 10_000 });
if (check.status !== 0) fail(`${NEEDED} (${server} does not run: ${check.error?.message ?? check.stderr})`);
