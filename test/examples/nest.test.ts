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

describe('nest/server.js', () => {
  async function start(env: Record<string, string> = {}): Promise<string> {
    example = new Example('nest/server.js', [], { PORT: '0', ...env });
    return (await example.prints(/http:\/\/localhost:\d+/))[0].replace('localhost', '127.0.0.1');
  }

  const client = (origin: string, tenant: string) => ({
    get: (path: string) => fetch(origin + path, { headers: { 'x-client-id': tenant } }),
    send: (method: string, path: string, body: object) =>
      fetch(origin + path, {
        method,
        body: JSON.stringify(body),
        headers: { 'x-client-id': tenant, 'content-type': 'application/json' },
      }),
  });

  const statusOf = async (answer: Promise<Response>) => {
    const response = await answer;
    await response.arrayBuffer();
    return response.headers.get('cache-status')?.match(/hit|miss/)?.[0];
  };

  it('caches users and appointments per tenant, keeps them true, and ends by a signal', async () => {
    const origin = await start();
    const [acme, globex] = [client(origin, 'acme'), client(origin, 'globex')];
    for (const { get } of [acme, globex]) {
      expect([await statusOf(get('/users')), await statusOf(get('/users'))]).toEqual(['miss', 'hit']);
      expect([await statusOf(get('/users/1')), await statusOf(get('/users/1'))]).toEqual(['miss', 'hit']);
    }
    expect((await acme.send('PUT', '/users/1', { name: 'Ada Lovelace' })).status).toBe(200);
    expect(await (await acme.get('/users')).json()).toContainEqual({ id: '1', name: 'Ada Lovelace' });
    expect(await (await acme.get('/users/1')).json()).toEqual({ id: '1', name: 'Ada Lovelace' });
    expect(await statusOf(globex.get('/users/1'))).toBe('hit');

    const today = async () => ((await (await acme.get('/appointments/today')).json()) as object[]).length;
    expect(await today()).toBe(1);
    await acme.send('POST', '/appointments', { userId: '2', at: new Date().toISOString() });
    expect(await today()).toBe(2);

    expect((await client(origin, 'initech').get('/users')).status).toBe(400);
    expect(await (await fetch(`${origin}/cache/stats`)).json()).toMatchObject({ errors: 0 });
    expect(await (await fetch(`${origin}/health/cache`)).json()).toMatchObject({ status: 'healthy' });
    example.child.kill('SIGTERM');
    await example.end();
    expect(example.child.signalCode ?? example.child.exitCode).toBeOneOf(['SIGTERM', 0]);
    expect(example.stderr).toBe('');
  });

  it('stores in Redis where REDIS_HOST says so; the token opens what clears it', async () => {
    const env = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), ADMIN_TOKEN: 'open sesame' };
    const origin = await start(env);
    const { get } = client(origin, 'acme');
    // On a busy machine the first may take longer to look up than the cache waits, and is then not stored.
    await expect.poll(() => statusOf(get('/users')), { interval: 10, timeout: 5000 }).toBe('hit');
    expect(await redis.command('KEYS', 'client:acme:users:list')).toHaveLength(1);
    const clear = (headers: Record<string, string>) => fetch(`${origin}/cache/clear`, { method: 'POST', headers });
    expect((await clear({})).status).toBe(403);
    expect((await clear({ authorization: 'Bearer open sesame' })).status).toBe(200);
    expect(await statusOf(get('/users'))).toBe('miss');
  });
});
