import express from 'express';
import { createCache } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import supertest from 'supertest';
import { expect, it } from 'vitest';

it('what was invalidated while the handler ran does not stand in for it', async () => {
  let now = Date.now();
  let answer: (status: number) => void = () => {};
  let begun = () => {};
  const cache = createCache({ redis: false, clock: { now: () => now } });
  const app = express();
  app.get('/a', cacheMiddleware({ cache, ttl: 10, staleIfError: 100 }), (_req, res) => {
    answer = (status) => res.status(status).send(status === 200 ? 'old' : 'failed');
    begun();
  });
  const request = () =>
    supertest(app)
      .get('/a')
      .set({ host: 'a', 'x-client-id': 'c' })
      .then(({ status, text }) => ({ status, text }));
  const runs = () =>
    new Promise<void>((resolve) => {
      begun = resolve;
    });

  let running = runs();
  const first = request();
  await running;
  answer(200);
  expect(await first).toEqual({ status: 200, text: 'old' });

  now += 20_000;
  running = runs();
  const failing = request();
  await running;
  answer(500);
  expect(await failing).toEqual({ status: 200, text: 'old' });

  running = runs();
  const late = request();
  await running;
  expect(await cache.invalidateKey('/a', 'c')).toMatchObject({ durable: true });
  answer(500);
  expect(await late).toEqual({ status: 500, text: 'failed' });
});
