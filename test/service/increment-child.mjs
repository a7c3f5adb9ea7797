// A process of its own that counts: it is given the Redis URL, the number of increments and how many at a time.

import { createCache } from '../../dist/src/index.js';

const [url, count, atOnce] = process.argv.slice(2);
// Patience: several processes share few cores here.
const cache = createCache({ redis: url, timeout: 10_000 });
await cache.get('page:views', 'client-123');
process.send('ready');
await new Promise((resolve) => process.once('message', resolve));

let left = Number(count);
const sums = [];
async function work() {
  while (left > 0) {
    left--;
    sums.push(await cache.increment('page:views', 1, 'client-123'));
  }
}
await Promise.all(Array.from({ length: Number(atOnce) }, work));
await cache.close();
process.send({ sums });
process.disconnect();
