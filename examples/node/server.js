import { createServer } from 'node:http';
import { createCache } from 'respcache';
import { createDatabase } from '../data/store.js';
import { createApp } from './app.js';

// Redis if REDIS_URL says where, else the store in this process' memory.
const cache = createCache();
const port = Number(process.env.PORT ?? 3000);

const server = createServer(createApp({ cache, database: createDatabase() })).listen(port, () => {
  console.log(`Node listens on http://localhost:${server.address().port}`);
});

// First no new requests, then the cache: those that are still being answered may need it. A second signal ends at once.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(() => cache.close());
    // Whoever holds on to a connection does not hold us up for ever.
    setTimeout(() => server.closeAllConnections(), 5000).unref();
  });
}
