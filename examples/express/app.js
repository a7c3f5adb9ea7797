import { createHash, timingSafeEqual } from 'node:crypto';
import express from 'express';
import { cacheMiddleware, invalidate, statsRouter } from 'respcache/express';
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
  const app = express();

  // The cache's figures. In front of the tenants and of the cache: they belong to nobody and are always new.
  // Everybody may read the sums. Figures by tenant, POST /cache/clear and /cache/invalidate are for the token alone.
  app.use('/cache', statsRouter({ cache, authorize: (req) => hasToken(req.get('authorization'), adminToken) }));

  // Who asks? The cache keeps tenants apart by this header of its own accord. Only known tenants get as far as that.
  app.use((req, res, next) => {
    const tenant = req.get('x-client-id');
    if (!tenants.includes(tenant)) throw httpError(400, `x-client-id: takes one of ${tenants.join(', ')}`);
    res.locals.tenant = tenant;
    next();
  });

  // Answers from the cache what it can; all below runs only when it cannot. The links of newsletters end in
  // ?utm_source=…: that makes no other page of it.
  app.use(cacheMiddleware({ cache, query: { ignore: ['utm_*'] } }));
  app.use(express.json());

  // On a route: for how long (seconds), and by which names it can be invalidated. Options work as functions, too.
  app.get('/zones', cacheMiddleware({ cache, key: 'zones:list', ttl: 60, tags: ['zones'] }), async (req, res) => {
    res.json(await database.list(res.locals.tenant, req.query));
  });

  app.get(
    '/zones/:id',
    cacheMiddleware({ cache, key: 'zones:detail', ttl: 300, tags: (req) => [`zone:${req.params.id}`] }),
    async (req, res) => {
      const zone = await database.find(res.locals.tenant, req.params.id);
      // A 404 is kept as well, but for seconds only (negativeTtl). It has the tags of its route like any other answer.
      if (zone) res.json(zone);
      else res.status(404).json({ error: 'no such zone' });
    },
  );

  app.get('/stats', cacheMiddleware({ cache, key: 'zones:stats', ttl: 600, tags: ['stats'] }), async (_req, res) => {
    res.json(await database.stats(res.locals.tenant));
  });

  // A write names what it makes outdated, for its own tenant. This happens after the handler has succeeded (an error
  // invalidates nothing) and before its answer leaves: whoever has seen the answer is served nothing older.
  const zoneChanged = invalidate({ cache, tags: (req) => [`zone:${req.params.id}`, 'zones', 'stats'] });

  app.put('/zones/:id', zoneChanged, update);
  app.patch('/zones/:id', zoneChanged, update);

  async function update(req, res) {
    const missing = EDITABLE.filter((name) => req.method === 'PUT' && req.body?.[name] === undefined);
    if (missing.length > 0) throw httpError(400, `PUT takes ${EDITABLE.join(', ')}: no ${missing.join(', ')} given`);
    const zone = await database.update(res.locals.tenant, req.params.id, req.body);
    if (!zone) throw httpError(404, 'no such zone');
    res.json(zone);
  }

  app.delete('/zones/:id', zoneChanged, async (req, res) => {
    const zone = await database.remove(res.locals.tenant, req.params.id);
    if (!zone) throw httpError(404, 'no such zone');
    res.status(204).end();
  });

  // The handler has run when the tags are asked for: the id of the new zone is known then. Somebody may have asked for
  // it before, and the cache may hold a 404.
  const zoneCreated = invalidate({ cache, tags: (req) => [`zone:${req.created.id}`, 'zones', 'stats'] });

  app.post('/zones', zoneCreated, async (req, res) => {
    req.created = await database.create(res.locals.tenant, req.body);
    res.status(201).location(`/zones/${req.created.id}`).json(req.created);
  });

  app.use(() => {
    throw httpError(404, 'not found');
  });

  // Express knows by the four parameters that this one is for errors.
  app.use((error, _req, res, next) => {
    if (res.headersSent) return next(error);
    const { status = 500, message } = error;
    if (status >= 500) console.error(error);
    res.status(status).json({ error: status >= 500 ? 'internal error' : message });
  });

  return app;
}

/** Whether a request brings the token. Digests of one length compare in a time that gives nothing of it away. */
function hasToken(authorization = '', token = '') {
  const digest = (text) => createHash('sha256').update(text).digest();
  return token !== '' && timingSafeEqual(digest(authorization), digest(`Bearer ${token}`));
}
