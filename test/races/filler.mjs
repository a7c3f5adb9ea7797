// One of several processes that are all asked for the same cold key at once. Run by one-run.test.ts.
import { once } from 'node:events';
import http from 'node:http';
import express from 'express';
import { Redis } from 'ioredis';
import { cacheMiddleware } from '../../dist/adapters/express/index.js';
import { createCache } from '../../dist/src/index.js';

const { redis, requests } = JSON.parse(process.env.FILLER);
const counter = new Redis(redis);
const cache = createCache({ redis, prefix: 'one:', timeout: 5000 });
const app = express();
app.use(cacheMiddleware({ cache }));
app.get('/report', async (_req, res) => {
  const run = await counter.incr('handler-runs');
  await new Promise((resolve) => setTimeout(resolve, 300));
  res.json({ run });
});
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
await cache.health();
const agent = new http.Agent({ keepAlive: true });

function ask() {
  return new Promise((resolve, reject) => {
    const to = { agent, port: server.address().port, path: '/report', headers: { host: 'one' } };
    http
      .get(to, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => resolve(text));
      })
      .on('error', reject);
  });
}

process.send('ready');
process.once('message', async () => {
  const answers = await Promise.all(Array.from({ length: requests }, ask));
  process.send({ answers: answers.length, different: [...new Set(answers)] });
  agent.destroy();
  server.close();
  await Promise.all([cache.close(), counter.quit()]);
  process.disconnect();
});
