import { createCache } from 'respcache';
import { createDatabase } from '../data/store.js';
import { createApp } from './app.js';

// Redis if REDIS_URL says where, else the store in this process' memory.
const cache = createCache();
const app = createApp({ cache, database: createDatabase() });

await app.listen({ port: Number(process.env.PORT ?? 3000) });
console.log(`Fastify listens on http://localhost:${app.server.address().port}`);

// First no new requests, then the cache: those that are still being answered may need it. A second signal ends at once.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    app.close().then(() => cache.close());
    // Whoever holds on to a connection does not hold us up for ever.
    setTimeout(() => app.server.closeAllConnections(), 5000).unref();
  });
}
