// Every example of docs/write-behind.md, run as a user runs it.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { Snippets } from './snippets.js';

const page = readFileSync(new URL('../../docs/write-behind.md', import.meta.url), 'utf8');
const snippets = new Snippets(page);

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  snippets.close();
  await redis.stop();
});

describe.concurrent('docs/write-behind.md', () => {
  it('has no code that is not run here', () => {
    expect(page.match(/^```(js|ts|javascript|typescript)$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()]).toEqual(['behind', 'durable']);
  });

  it('has the value at once, and persists it though the first attempt fails', async () => {
    expect(await snippets.run('behind')).toBe("{ id: 7, name: 'Ada' }\n{ id: 7, name: 'Ada' }\n");
  });

  it('is durable with BullMQ', async () => {
    expect(await snippets.run('durable', { REDIS_URL: redis.url })).toBe('5n 1 36\n');
  });
});
