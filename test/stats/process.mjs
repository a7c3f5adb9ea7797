// A process of its own, on the built package. Run by adds-up.test.ts, which asks and says when it is over.

import { once } from 'node:events';
import { createServer } from 'node:http';
import * as adapter from '../../dist/adapters/express/index.js';
import { createCache } from '../../dist/src/index.js';
import { Book, expressApplication, figures } from './application.mjs';

const cache = createCache(JSON.parse(process.env.OPTIONS));
const book = new Book(cache);
const server = book.watch(createServer(expressApplication(cache, book, adapter))).listen(0, '127.0.0.1');
await once(server, 'listening');
await cache.health();
process.send({ port: server.address().port });

process.on('message', async (question) => {
  if (question === 'publish') await cache.statistics.publish();
  process.send(figures(cache, book));
});
process.once('disconnect', () => process.exit());
