import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../support/port.js';

const HOST = '127.0.0.1';
const DEADLINE = 10_000;

export interface Sentinel {
  readonly port: number;
  stop(): Promise<void>;
}

/** A real Sentinel that watches the master on this port under the name `mymaster`. */
export async function startSentinel(masterPort: number): Promise<Sentinel> {
  const dir = await mkdtemp(join(tmpdir(), 'respcache-sentinel-'));
  const port = await freePort();
  const file = join(dir, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    `bind ${HOST}`,
    `dir ${JSON.stringify(dir)}`,
    `sentinel monitor mymaster ${HOST} ${masterPort} 1`,
  ];
  // It writes its own state into this file.
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    await ended(child);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await once(child, 'spawn');
    await answers(port, child);
    return { port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Polls until this very process says who the master is. */
async function answers(port: number, child: ChildProcess): Promise<void> {
  const redis = new Redis({ host: HOST, port, retryStrategy: () => 20, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  const deadline = Date.now() + DEADLINE;
  try {
    for (;;) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`no Sentinel answers on port ${port}`);
      const info = String(await Promise.race([redis.info('server'), sleep(200, '')]));
      if (info.includes(`process_id:${child.pid}\r`)) return;
      await sleep(20);
    }
  } finally {
    redis.disconnect();
  }
}
