// What the figures depend on beside the code.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, type } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { versionOf } from './modules.js';

/** How long the machine is watched before anything is measured, ms. */
const WATCHED = 500;

const PROJECT = new URL('../../package.json', import.meta.url);
const BENCH = new URL('../package.json', import.meta.url);
const OURS = ['express', 'express4', 'koa', 'koa2', 'ioredis', 'ioredis5'];
const PEERS = [
  ...[
    'apicache',
    'koa-cash',
    'cache-express',
    'route-cache',
    'ocache',
    '@nestjs/cache-manager',
    'bentocache',
    'cacheable',
  ],
  'compression',
];

/** The processor, the system, and the versions of all that takes part and is installed. */
export async function machine(redis) {
  const versions = (names, root) => names.map((name) => [name, versionOf(name, root)]);
  const all = [...versions(OURS, PROJECT), ...versions(PEERS, BENCH), ...programs()];
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    system: `${type()} ${release()}`,
    free: await freeCores(),
    respcache: ownVersion(),
    ...Object.fromEntries(all.filter(([, version]) => version !== undefined)),
    ...(redis === undefined ? {} : { redis: redis.version }),
  };
}

function ownVersion() {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: new URL('.', PROJECT), encoding: 'utf8' });
  const { version } = JSON.parse(readFileSync(PROJECT, 'utf8'));
  return commit.status === 0 ? `${version} (${commit.stdout.trim()})` : version;
}

function programs() {
  return [
    ['nginx', '-v'],
    ['varnishd', '-V'],
  ].map(([name, flag]) => {
    const { stdout, stderr, status } = spawnSync(name, [flag], { encoding: 'utf8' });
    return [name, status === 0 ? /(\d+\.\d+\.\d+)/.exec(stdout + stderr)?.[1] : undefined];
  });
}

/** How many cores had nothing to do, over a moment: of all that the system has, but no more than this process may use. */
async function freeCores() {
  const idle = () => cpus().reduce((sum, { times }) => sum + times.idle, 0);
  const [before, start] = [idle(), performance.now()];
  await sleep(WATCHED);
  return Math.min(availableParallelism(), (idle() - before) / (performance.now() - start));
}
