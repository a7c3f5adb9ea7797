import { createServer } from 'node:http';
import Fastify from 'fastify';
import { withCache } from 'respcache/node';
import { httpError } from '../data/checks.js';

/**
 * The API of zones on Fastify. The server is one of our own making, so that the cache stands between it and Fastify: a
 * hit runs no hook and no handler.
 *
 * @param {object} services
 * @param {import('respcache').Cache} services.cache
 * @param {ReturnType<typeof import('../data/store.js').createDatabase>} services.database
 * @param {readonly string[]} [services.tenants] values that the header x-client-id may have
 */
export function createApp({ cache, database, tenants = ['acme', 'globex'] }) {
  const app = Fastify({
    // Whoever brings an x-api-key is not looked up, as with Authorization.
    serverFactory: (handler) => createServer(withCache(handler, { cache, personal: ['x-api-key'] })),
  });

  app.addHook('onRequest', async ({ headers }) => {
    if (!tenants.includes(headers['x-client-id']))
      throw httpError(400, `x-client-id: takes one of ${tenants.join(', ')}`);
  });

  app.get('/zones', async ({ headers, query }, reply) => {
    // `reply.raw` is Node's response, which has the cache's word.
    reply.raw.cache.tag('zones').ttl(60);
    return database.list(headers['x-client-id'], query);
  });

  app.get('/zones/:id', async ({ headers, params }, reply) => {
    reply.raw.cache.tag(`zone:${params.id}`);
    const zone = await database.find(headers['x-client-id'], params.id);
    return zone ?? reply.code(404).send({ error: 'no such zone' });
  });

  app.get('/stats', async ({ headers }, reply) => {
    reply.raw.cache.tag('stats').ttl(600);
    return database.stats(headers['x-client-id']);
  });

  app.patch('/zones/:id', async ({ headers, params, body }) => {
    const tenant = headers['x-client-id'];
    const zone = await database.update(tenant, params.id, body);
    if (!zone) throw httpError(404, 'no such zone');
    // The zone's own URL is invalidated without a word; the list and the figures hold it, too.
    await cache.invalidateByTags(['zones', 'stats'], tenant);
    return zone;
  });

  app.setErrorHandler((error, _request, reply) => {
    const { status = error.statusCode ?? 500, message } = error;
    if (status >= 500) console.error(error);
    reply.code(status).send({ error: status >= 500 ? 'internal error' : message });
  });

  return app;
}
