// One application behind respcache, in one process with its statistics, and with nobody who listens to its events. The bench says which of the two answers. In two processes V8 would make other code of the same source, which may weigh
// more than what is to be measured.

import { body, serve, wanted } from '../lib/serve.js';
import { CONTENT_TYPE } from '../lib/traffic.js';

const { default: framework } = await import(wanted.framework);
const { createCache } = await import(`${wanted.dist}/src/index.js`);
const { Events } = await import(`${wanted.dist}/src/events.js`);
const { cacheMiddleware } = await import(`${wanted.dist}/adapters/${wanted.framework}/index.js`);

function express(cache) {
  const app = framework();
  app.use(cacheMiddleware({ cache }));
  app.get('/users', (_req, res) => {
    res.setHeader('Content-Type', CONTENT_TYPE);
    res.end(body);
  });
  return app;
}

function koa(cache) {
  const app = new framework();
  app.use(cacheMiddleware({ cache }));
  app.use((ctx) => {
    ctx.set('Content-Type', CONTENT_TYPE);
    ctx.body = body;
  });
  return app.callback();
}

function application(name) {
  const cache = createCache({
    redis: wanted.store === 'redis' ? { host: '127.0.0.1', port: wanted.redis } : false,
    prefix: `${wanted.slug}-${name}:`,
    l1: false,
    // A machine that stands still for a moment is not what is measured.
    timeout: 10_000,
    ttl: 3600,
  });
  return wanted.framework === 'koa' ? koa(cache) : express(cache);
}

/** Makes an application whose cache tells nobody of anything: a switch that only the bench has. */
function detached() {
  const { on } = Events.prototype;
  Events.prototype.on = () => () => {};
  try {
    return application('without');
  } finally {
    Events.prototype.on = on;
  }
}

/** `control` is the same as `with`, and shows how far two of the same are apart. */
const applications = { control: application('control'), without: detached(), with: application('with') };
let answering = applications.with;
const choices = Object.entries(applications).map(([name, listener]) => [
  name,
  () => {
    answering = listener;
  },
]);

serve((req, res) => answering(req, res), Object.fromEntries(choices));
