import { createHash, timingSafeEqual } from 'node:crypto';
import Router from '@koa/router';
import Koa from 'koa';
import { koaBody } from 'koa-body';
import mount from 'koa-mount';
import { cacheMiddleware, invalidate, statsRouter } from 'respcache/koa';
import { httpError } from '../data/checks.js';

/** What can be edited of a zone: PATCH takes some of it, PUT takes all. */
const EDITABLE = ['label', 'abbreviation', 'offset', 'cities'];

/**
 * A JSON API over a slow database, with a cache in front: for each tenant the database is asked once, and again when
 * something has changed.
 *
 * @param {object} services
 * @param {import('respcache').Cache} services.cache
 * @param {ReturnType<typeof import('../data/store.js').createDatabase>} services.database
 * @param {readonly string[]} [services.tenants] values that the header x-client-id may have
 * @param {string | undefined} [services.adminToken] opens what /cache keeps closed without one
 */
export function createApp({ cache, database, tenants = ['acme', 'globex'], adminToken = process.env.ADMIN_TOKEN }) {
  const app = new Koa();
  const router = new Router();

  // The cache's figures. In front of the tenants and of the cache: they belong to nobody and are always new.
  // Everybody may read the sums. Figures by tenant, POST /cache/clear and /cache/invalidate are for the token alone.
  app.use(mount('/cache', statsRouter({ cache, authorize: (ctx) => hasToken(ctx.get('authorization'), adminToken) })));

  // Who asks? The cache keeps tenants apart by this header of its own accord. Only known tenants get as far as that.
  app.use((ctx, next) => {
    const tenant = ctx.get('x-client-id');
    if (!tenants.includes(tenant)) return answer(ctx, 400, `x-client-id: takes one of ${tenants.join(', ')}`);
    ctx.state.tenant = tenant;
    return next();
  });

  // Answers from the cache what it can; all below runs only when it cannot. The links of newsletters end in
  // ?utm_source=…: that makes no other page of it.
  app.use(cacheMiddleware({ cache, query: { ignore: ['utm_*'] } }));

  // Inside the cache: so it sees an error as the answer that it becomes, and can keep a 404.
  app.use(jsonErrors);
  app.use(koaBody({ urlencoded: false, text: false }));

  // On a route: for how long (seconds), and by which names it can be invalidated. Options work as functions, too.
  router.get('/zones', cacheMiddleware({ cache, key: 'zones:list', ttl: 60, tags: ['zones'] }), async (ctx) => {
    ctx.body = await database.list(ctx.state.tenant, ctx.query);
  });

  router.get(
    '/zones/:id',
    cacheMiddleware({ cache, key: 'zones:detail', ttl: 300, tags: (ctx) => [`zone:${ctx.params.id}`] }),
    async (ctx) => {
      const zone = await database.find(ctx.state.tenant, ctx.params.id);
      // A 404 is kept as well, but for seconds only (negativeTtl). It has the tags of its route like any other answer.
      if (zone) ctx.body = zone;
      else answer(ctx, 404, 'no such zone');
    },
  );

  router.get('/stats', cacheMiddleware({ cache, key: 'zones:stats', ttl: 600, tags: ['stats'] }), async (ctx) => {
    ctx.body = await database.stats(ctx.state.tenant);
  });

  // A write names what it makes outdated, for its own tenant. This happens after the handler has succeeded (an error
  // invalidates nothing) and before its answer leaves: whoever has seen the answer is served nothing older.
  const zoneChanged = invalidate({ cache, tags: (ctx) => [`zone:${ctx.params.id}`, 'zones', 'stats'] });

  router.put('/zones/:id', zoneChanged, update);
  router.patch('/zones/:id', zoneChanged, update);

  async function update(ctx) {
    const { body } = ctx.request;
    const missing = EDITABLE.filter((name) => ctx.method === 'PUT' && body?.[name] === undefined);
    if (missing.length > 0) throw httpError(400, `PUT takes ${EDITABLE.join(', ')}: no ${missing.join(', ')} given`);
    const zone = await database.update(ctx.state.tenant, ctx.params.id, body);
    if (!zone) throw httpError(404, 'no such zone');
    ctx.body = zone;
  }

  router.delete('/zones/:id', zoneChanged, async (ctx) => {
    const zone = await database.remove(ctx.state.tenant, ctx.params.id);
    if (!zone) throw httpError(404, 'no such zone');
    ctx.status = 204;
  });

  // The handler has run when the tags are asked for: the id of the new zone is known then. Somebody may have asked for
  // it before, and the cache may hold a 404.
  const zoneCreated = invalidate({ cache, tags: (ctx) => [`zone:${ctx.body.id}`, 'zones', 'stats'] });

  router.post('/zones', zoneCreated, async (ctx) => {
    const zone = await database.create(ctx.state.tenant, ctx.request.body);
    ctx.status = 201;
    ctx.set('Location', `/zones/${zone.id}`);
    ctx.body = zone;
  });

  app.use(router.routes());
  app.use(() => {
    throw httpError(404, 'not found');
  });

  return app;
}

/** Turns what is thrown into an answer in JSON. */
async function jsonErrors(ctx, next) {
  try {
    await next();
  } catch (error) {
    const { status = 500, message } = error;
    if (status >= 500) ctx.app.emit('error', error, ctx);
    answer(ctx, status, status >= 500 ? 'internal error' : message);
  }
}

function answer(ctx, status, message) {
  ctx.status = status;
  ctx.body = { error: message };
}

/** Whether a request brings the token. Digests of one length compare in a time that gives nothing of it away. */
function hasToken(authorization, token = '') {
  const digest = (text) => createHash('sha256').update(text).digest();
  return token !== '' && timingSafeEqual(digest(authorization), digest(`Bearer ${token}`));
}
