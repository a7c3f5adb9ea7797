// Express 5 or 4: a bare handler, or the same one behind respcache.

import { body, redisReader, respcache, serve, wanted } from '../lib/serve.js';
import { CONTENT_TYPE } from '../lib/traffic.js';

const { default: express } = await import(wanted.framework);
const app = express();

function answer(res, bytes) {
  res.setHeader('Content-Type', CONTENT_TYPE);
  res.end(bytes);
}

if (wanted.does === 'bare' && wanted.store === 'redis') {
  const read = await redisReader();
  app.get('/users', async (req, res) => answer(res, await read(req.url)));
} else {
  if (wanted.does !== 'bare') app.use(await respcache('express'));
  app.get('/users', (_req, res) => answer(res, body));
}

serve(app);
