import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { Example } from './child.js';

let redis: RedisServer;
let example: Example;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis.stop());

afterEach(() => example.kill());

async function start(file: string, env: Record<string, string> = {}): Promise<string> {
  example = new Example(file, [], { PORT: '0', ...env });
  return (await example.prints(/http:\/\/localhost:\d+/))[0].replace('localhost', '127.0.0.1');
}

const get = (url: string) => fetch(url, { headers: { 'x-client-id': 'acme' } });

describe.each(['express/server.js', 'koa/server.js', 'node/server.js', 'fastify/server.js'])('%s', (file) => {
  it('stores in Redis where REDIS_URL says so, and ends on SIGINT', async () => {
    const origin = await start(file, { REDIS_URL: redis.url, CACHE_PREFIX: 'mine:' });
    const stored = async () => {
      // On a busy machine the first may take longer to look up than the cache waits, and is then not stored.
      await (await get(`${origin}/stats`)).text();
      return redis.command('KEYS', 'mine:client:acme:*');
    };
    await expect.poll(stored, { interval: 10 }).toHaveLength(1);
    await redis.command('FLUSHALL');
    example.child.kill('SIGINT');
    expect(await example.end()).toBe(0);
  });

  it('serves from memory without any configuration: what was changed anew, and only that; and answers what it has begun before it ends', async () => {
    const origin = await start(file);
    const read = async (path: string) => {
      const answer = await get(origin + path);
      await answer.text();
      return `${answer.status} ${/hit|fwd/.exec(answer.headers.get('cache-status') ?? '')?.[0]}`;
    };
    const paths = ['/zones?limit=2', '/zones/europe-berlin', '/zones/asia-tokyo', '/stats', '/zones/nowhere'];
    const all = async () => Promise.all(paths.map(read));
    expect(await all()).toEqual(['200 fwd', '200 fwd', '200 fwd', '200 fwd', '404 fwd']);
    expect(await all()).toEqual(['200 hit', '200 hit', '200 hit', '200 hit', '404 hit']);
    const patch = (body: string) => {
      const headers = { 'x-client-id': 'acme', 'content-type': 'application/json' };
      return fetch(`${origin}/zones/europe-berlin`, { method: 'PATCH', headers, body });
    };
    expect((await patch('{"label":7}')).status).toBe(400);
    expect(await all()).toEqual(['200 hit', '200 hit', '200 hit', '200 hit', '404 hit']);
    expect((await patch('{"label":"Mine"}')).status).toBe(200);
    expect(await all()).toEqual(['200 fwd', '200 fwd', '200 hit', '200 fwd', '404 hit']);
    expect((await fetch(`${origin}/zones`)).status).toBe(400);
    expect((await get(`${origin}/elsewhere`)).status).toBe(404);
    // Of a tenant who has asked for nothing yet: it is not served from memory.
    const slow = request(`${origin}/stats`, {
      headers: { 'x-client-id': 'globex', expect: '100-continue' },
      agent: false,
    });
    slow.flushHeaders();
    // The server has the request now, and its database takes its time.
    await once(slow, 'continue');
    example.child.kill('SIGTERM');
    slow.end();
    const [response] = (await once(slow, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    expect(JSON.parse(await text(response))).toHaveProperty('zones');
    expect(await example.end()).toBe(0);
    expect(example.stderr).toBe('');
  });

  it('ends although Redis hangs', async () => {
    const origin = await start(file, { REDIS_URL: redis.url });
    await (await get(`${origin}/stats`)).text();
    await redis.pause();
    try {
      example.child.kill('SIGTERM');
      expect(await example.end()).toBe(0);
    } finally {
      await redis.resume();
    }
  });
});

describe.each(['express/server.js', 'koa/server.js'])('%s', (file) => {
  it('opens the figures by tenant to the token in ADMIN_TOKEN', async () => {
    const origin = await start(file, { ADMIN_TOKEN: 'open sesame' });
    const figures = await fetch(`${origin}/cache`, { headers: { authorization: 'Bearer open sesame' } });
    expect(await figures.json()).toHaveProperty('tenants');
    expect(await (await fetch(`${origin}/cache`)).json()).not.toHaveProperty('tenants');
  });
});
