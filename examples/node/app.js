import { withCache, withInvalidation } from 'respcache/node';
import { httpError } from '../data/checks.js';

/**
 * The API of zones without any framework, with the cache in front of all of it: a hit enters no line of what is below.
 *
 * @param {object} services
 * @param {import('respcache').Cache} services.cache
 * @param {ReturnType<typeof import('../data/store.js').createDatabase>} services.database
 * @param {readonly string[]} [services.tenants] values that the header x-client-id may have
 */
export function createApp({ cache, database, tenants = ['acme', 'globex'] }) {
  const routes = {
    'GET /zones': async (_req, res, { tenant, url }) => {
      res.cache.tag('zones').ttl(60);
      sendJson(res, 200, await database.list(tenant, Object.fromEntries(url.searchParams)));
    },
    'GET /zones/:id': async (_req, res, { tenant, id }) => {
      res.cache.tag(`zone:${id}`);
      const zone = await database.find(tenant, id);
      sendJson(res, zone ? 200 : 404, zone ?? { error: 'no such zone' });
    },
    'GET /stats': async (_req, res, { tenant }) => {
      res.cache.tag('stats').ttl(600);
      sendJson(res, 200, await database.stats(tenant));
    },
    // Its own URL is invalidated without a word. The list and the figures hold the zone, too: they are to be named.
    'PATCH /zones/:id': withTags(['zones', 'stats'], async (req, res, { tenant, id }) => {
      const zone = await database.update(tenant, id, await readJson(req));
      if (!zone) throw httpError(404, 'no such zone');
      sendJson(res, 200, zone);
    }),
  };

  /** A handler whose success invalidates these tags, before its answer leaves. */
  function withTags(tags, handler) {
    return (req, res, facts) => withInvalidation((req, res) => handler(req, res, facts), { tags }, { cache })(req, res);
  }

  async function listener(req, res) {
    try {
      const url = new URL(req.url, 'http://localhost');
      const tenant = req.headers['x-client-id'];
      if (!tenants.includes(tenant)) throw httpError(400, `x-client-id: takes one of ${tenants.join(', ')}`);
      const [, name, id, more] = url.pathname.split('/');
      const route = routes[`${req.method} /${name}${id === undefined ? '' : '/:id'}`];
      if (route === undefined || more !== undefined) throw httpError(404, 'not found');
      await route(req, res, { tenant, url, id });
    } catch (error) {
      const { status = 500, message } = error;
      if (status >= 500) console.error(error);
      if (!res.headersSent) sendJson(res, status, { error: status >= 500 ? 'internal error' : message });
      else res.destroy();
    }
  }

  // Unknown tenants are turned away inside, where no hit comes; a 400 is never stored, so that they have no hits.
  // Whoever brings an x-api-key is not looked up, as with Authorization.
  return withCache(listener, { cache, personal: ['x-api-key'], query: { ignore: ['utm_*'] } });
}

async function readJson(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw httpError(400, 'the body is no JSON');
  }
}

function sendJson(res, status, value) {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}
