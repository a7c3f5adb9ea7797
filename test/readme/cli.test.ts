// The commands of docs/cli.md, each run as it stands there, and ended as it says.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { createCache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { expect, it } from 'vitest';
import { cli } from '../cli/streams.js';
import { startRedis } from '../support/redis.js';

const page = readFileSync(fileURLToPath(new URL('../../docs/cli.md', import.meta.url)), 'utf8');

/** A text with what is another each time taken out of it. */
const shape = (text: string) =>
  text
    .replaceAll(/[\d,.]+ ?(ms|s|min|h|d|B|KiB|MiB)\b/g, '#')
    .replaceAll(/\b\d[\d.,]*\b/g, '#')
    .replaceAll(/(#|–| )+/g, ' ');

it('docs/cli.md shows commands as they are', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'respcache-cli-'));
  const redis = await startRedis();
  const cache = createCache({ redis: redis.url, timeout: 10_000, ttl: 600 });
  const app = express();
  app.use(cacheMiddleware({ cache }));
  app.get('/users', cacheMiddleware({ cache, key: 'users:list', tags: ['users'] }), (_req, res) =>
    res.json([{ name: 'Ada' }]),
  );
  app.get('/prices/:id', (req, res) => res.json({ id: req.params.id, price: 42 }));
  app.get('/me', (_req, res) => res.set('Cache-Control', 'private').json({ name: 'Ada' }));
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const get = (path: string, tenant: string) => fetch(origin + path, { headers: { 'x-client-id': tenant } });
  for (const tenant of ['acme', 'globex']) for (const path of ['/users', '/prices/1', '/me']) await get(path, tenant);
  await cache.set('users:count', 2, 'acme', { tags: ['users'] });
  await cache.statistics.publish();
  try {
    const commands = [...page.matchAll(/^\$ npx respcache (.*)$/gm)].map((match) => match[1]!);
    expect(commands).toHaveLength(12);
    for (const command of commands) {
      if (command.startsWith('explain')) await cache.invalidateByTags(['users'], 'acme');
      if (command.startsWith('warm')) await get('/users', 'other');
      const args = command
        .replaceAll('http://127.0.0.1:7812', origin)
        .replace('cache.bak', join(folder, 'cache.bak'))
        .split(' ');
      const { code, out, err } = await cli(['--redis', redis.url, ...args]);
      expect([code, err], command).toEqual([0, '']);
      // The first line of what it says there is the first line of what it says, but for figures and places.
      const told = page.slice(page.indexOf(`$ npx respcache ${command}\n`)).split('\n')[1]!;
      const first = out.split('\n')[0]!.replace(folder, '').replace('/cache.bak', 'cache.bak');
      if (!command.startsWith('keys')) expect(shape(first), command).toBe(shape(told));
    }
  } finally {
    server.closeAllConnections();
    server.close();
    await cache.close();
    await redis.stop();
    rmSync(folder, { recursive: true });
  }
});
