// What the statistics cost a hit from memory, as finely as it can be told: four applications in one process with their client,
// two with statistics and two without (with, without, without, with: so that what is made later does not win by that), by
// turns of some hundred requests. Sends the median µs without, and what more it takes with them.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { body, wanted } from '../lib/serve.js';
import { CONTENT_TYPE, request, URLS } from '../lib/traffic.js';

const SOCKETS = 16;
const REQUESTS = 20;
const WARMING = 100;

const { default: framework } = await import(wanted.framework);
const { createCache } = await import(`${wanted.dist}/src/index.js`);
const { Events } = await import(`${wanted.dist}/src/events.js`);
const { cacheMiddleware } = await import(`${wanted.dist}/adapters/${wanted.framework}/index.js`);

function application() {
  const middleware = cacheMiddleware({ cache: createCache({ redis: false, ttl: 3600 }) });
  if (wanted.framework === 'koa') {
    const app = new framework();
    app.use(middleware).use((ctx) => {
      ctx.set('Content-Type', CONTENT_TYPE);
      ctx.body = body;
    });
    return app.callback();
  }
  const app = framework();
  app.use(middleware);
  app.get('/users', (_req, res) => {
    res.setHeader('Content-Type', CONTENT_TYPE);
    res.end(body);
  });
  return app;
}

/** One whose cache tells nobody of anything. */
function detached() {
  const { on } = Events.prototype;
  Events.prototype.on = () => () => {};
  try {
    return application();
  } finally {
    Events.prototype.on = on;
  }
}

const applications = [application(), detached(), detached(), application()];
let answering = applications[0];
const server = createServer((req, res) => answering(req, res)).listen(0, '127.0.0.1');
await once(server, 'listening');
const texts = Array.from({ length: URLS }, (_, page) => Buffer.from(request(page)));
const sockets = Array.from({ length: SOCKETS }, () => connect(server.address().port, '127.0.0.1').setNoDelay(true));
await Promise.all(sockets.map((socket) => once(socket, 'connect')));
let page = 0;

/** So many requests on a connection, one after the other. */
function ask(socket) {
  return new Promise((resolve) => {
    let [left, have, whole] = [REQUESTS, 0, 0];
    const send = () => socket.write(texts[page++ % URLS]);
    socket.removeAllListeners('data');
    socket.on('data', (data) => {
      have += data.length;
      const head = whole === 0 ? data.indexOf('\r\n\r\n') : -1;
      if (head > 0) whole = head + 4 + body.length;
      if (have < whole || whole === 0) return;
      [have, whole] = [0, 0];
      if (--left === 0) resolve();
      else send();
    });
    send();
  });
}

/** CPU time that a request takes one of the applications and the client, µs. */
async function turn(application) {
  answering = application;
  const before = process.cpuUsage();
  await Promise.all(sockets.map(ask));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (SOCKETS * REQUESTS);
}

const without = [];
const more = [];
for (let round = -WARMING; round < wanted.rounds; round++) {
  const order = round % 2 === 0 ? [0, 1, 2, 3] : [3, 2, 1, 0];
  const took = [];
  for (const which of order) took[which] = await turn(applications[which]);
  if (round < 0) continue;
  without.push((took[1] + took[2]) / 2);
  more.push((took[0] + took[3] - took[1] - took[2]) / 2);
}
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
process.send({ port: 0, without: median(without), more: median(more) });
