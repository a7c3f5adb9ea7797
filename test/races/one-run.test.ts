import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startRedis } from '../support/redis.js';

interface Outcome {
  answers: number;
  different: string[];
}

it('1,000 concurrent requests over 4 processes to one cold key run the handler once', async () => {
  const redis = await startRedis();
  const filler = fileURLToPath(new URL('filler.mjs', import.meta.url));
  const env = { ...process.env, FILLER: JSON.stringify({ redis: redis.url, requests: 250 }) };
  const fillers = Array.from({ length: 4 }, () => fork(filler, { env, execArgv: [] }));
  try {
    await Promise.all(fillers.map((each) => once(each, 'message')));
    const outcomes = fillers.map((each) => once(each, 'message') as Promise<[Outcome]>);
    for (const each of fillers) each.send('go');
    for (const [outcome] of await Promise.all(outcomes)) {
      expect(outcome).toEqual({ answers: 250, different: ['{"run":1}'] });
    }
    expect(await redis.command('GET', 'handler-runs')).toBe('1');
  } finally {
    for (const each of fillers) each.kill('SIGKILL');
    await redis.stop();
  }
}, 60_000);
