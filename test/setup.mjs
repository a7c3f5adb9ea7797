// Runs before the tests (`node test/setup.mjs`): they need a real Redis server, a real browser and older versions of NestJS,
// and must never skip without. Says nothing when all are there and run; installs them where it may; otherwise fails with
// one line.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { BROWSERS, findOnPath, REDIS_SERVERS } from './support/executables.mjs';

const POLICY = '/usr/sbin/policy-rc.d';
const NEEDS = [
  {
    names: REDIS_SERVERS,
    package: 'redis-server',
    needed: 'the tests need redis-server or valkey-server on PATH: install the package redis-server (or valkey)',
  },
  {
    names: BROWSERS,
    package: 'chromium',
    needed: 'the tests need chromium, chromium-browser or google-chrome on PATH: install the package chromium',
  },
];

function fail(reason) {
  // One line whatever the reason holds, so that it is not lost among a package manager's output.
  process.stderr.write(`respcache: ${reason.replace(/\s+/g, ' ').trim()}\n`);
  process.exit(1);
}

function aptGet(...args) {
  // RUNLEVEL=1 is a second guard, next to policy-rc.d, against a package starting the system's service.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

/** Installs packages without a service being started; returns what went wrong, if anything. */
function install(packages) {
  process.stdout.write(`respcache: not on PATH, installing with apt-get: ${packages.join(', ')}\n`);
  const ownPolicy = !existsSync(POLICY);
  // With a listener, Ctrl-C ends apt-get but not this process before it has removed its policy file.
  const ignore = () => {};
  process.on('SIGINT', ignore).on('SIGTERM', ignore);
  try {
    if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    // A failed update is not the end: the lists that are there may do.
    aptGet('update');
    const result = aptGet('install', '-y', '--no-install-recommends', ...packages);
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

const missing = NEEDS.filter(({ names }) => findOnPath(names) === undefined);
if (missing.length > 0) {
  const needed = missing.map((need) => need.needed).join('; ');
  const mayInstall = process.getuid?.() === 0 && findOnPath(['apt-get']) !== undefined;
  if (!mayInstall) fail(needed);
  const problem = install(missing.map((need) => need.package));
  if (problem !== undefined) fail(`${needed} (apt-get could not: ${problem})`);
}

for (const { names, needed } of NEEDS) {
  const path = findOnPath(names);
  if (path === undefined) fail(`${needed} (apt-get installed it, but not on PATH)`);
  const check = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  if (check.status !== 0) fail(`${needed} (${path} does not run: ${check.error?.message ?? check.stderr.trim()})`);
}

// NestJS resolves its own packages by name, so that each version of it needs a folder of its own.
const versions = new URL('./nest/versions/', import.meta.url);
for (const version of readdirSync(versions)) {
  const folder = new URL(`${version}/`, versions);
  if (existsSync(new URL('node_modules/@nestjs/core/package.json', folder))) continue;
  const result = spawnSync('npm', ['ci', '--ignore-scripts'], { cwd: folder, encoding: 'utf8' });
  if (result.status !== 0) fail(`the tests need NestJS ${version}: ${result.error?.message ?? result.stderr}`);
}
