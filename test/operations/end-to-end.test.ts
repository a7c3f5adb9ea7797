// The page over the real router, cache and Redis: traffic moves its figures, and its forms do what they say.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Browser, Page } from 'playwright-core';
import { type Cache, createCache } from 'respcache';
import { cacheMiddleware, statsRouter } from 'respcache/express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { openBrowser } from './browser.js';

const HOSTILE = '<img src=x onerror=document.title=1>';
let redis: RedisServer;
let cache: Cache;
let server: Server;
let browser: Browser;
let page: Page;
let address: string;
let runs = 0;
const problems: string[] = [];

const get = (path: string, tenant: string) =>
  fetch(address + path, { headers: { 'x-client-id': encodeURIComponent(tenant) } }).then((answer) => answer.text());

beforeAll(async () => {
  redis = await startRedis();
  cache = createCache({ redis: redis.url, timeout: 10_000 });
  const app = express();
  app.use('/ops', statsRouter({ cache, authorize: (req) => req.get('authorization') === 'Bearer secret' }));
  app.use(cacheMiddleware({ cache, tenant: (req) => decodeURIComponent(req.get('x-client-id') ?? '') || undefined }));
  app.get('/users', cacheMiddleware({ cache, tags: ['users'] }), (_req, res) => res.send(`run ${++runs}`));
  app.get('/private', (_req, res) => res.set('Cache-Control', 'private').send('x'));
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await openBrowser();
  page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
});

afterAll(async () => {
  await browser?.close();
  await cache?.close();
  server?.closeAllConnections();
  server?.close();
  await redis?.stop();
});

describe('the dashboard of an application', () => {
  it('shows its traffic as it comes', async () => {
    for (let i = 0; i < 4; i++) await get('/users', 'acme');
    await page.goto(`${address}/ops/dashboard`);
    await page.locator('#figure-rate', { hasText: '75' }).waitFor();
    expect(await page.locator('#figure-requests').innerText()).toBe('4');
    expect(await page.locator('#routes').isVisible()).toBe(false);
    for (let i = 0; i < 6; i++) await get('/users', 'acme');
    await get('/private', 'acme');
    await page.locator('#figure-requests', { hasText: /^11$/ }).waitFor();
    expect(await page.locator('#reasons li').first().innerText()).toContain('private');
  });

  it('shows tenants and routes to whom may see them, hostile names as text', async () => {
    await get('/users', HOSTILE);
    await page.locator('#access summary').click();
    await page.fill('#token', 'secret');
    await page.locator('#token-form button[type=submit]').click();
    await page.locator('#tenants tbody tr', { hasText: 'acme' }).waitFor();
    await page.locator('#tenants tbody tr', { hasText: 'img' }).waitFor();
    expect(await page.locator('#routes tbody').innerText()).toContain('/users');
    expect(await page.title()).not.toBe('1');
    expect(await page.locator('main img').count()).toBe(0);
  });

  it('invalidates, and says why an entry is no longer served', async () => {
    const before = await get('/users', 'acme');
    await page.fill('#invalidate-tenant', 'acme');
    await page.fill('#invalidate-tags', 'users');
    await page.locator('#invalidate-form button[type=submit]').click();
    await page.locator('#confirm-yes').click();
    await page.locator('#invalidate-status', { hasText: /.+/ }).waitFor();
    expect(await get('/users', 'acme')).not.toBe(before);
  });

  it('adds up what all processes have counted', async () => {
    const other = createCache({ redis: redis.url });
    for (let i = 0; i < 100; i++) await other.get('nothing', 'acme');
    await other.statistics.publish();
    await page.locator('label', { hasText: 'Fleet' }).click();
    await page.locator('#extent', { hasText: '2 processes' }).waitFor();
    await other.close();
    // What the browser itself says of the 404 of a page that was not yet allowed to ask is no fault of the page's.
    expect(problems.filter((text) => !/status of 404/.test(text))).toEqual([]);
  });
});
