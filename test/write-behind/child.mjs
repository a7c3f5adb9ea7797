// Writes five values behind and never gets to the end of persisting them. Runs on the built package.

import { createCache } from 'respcache';

const [, , redis, prefix, mode] = process.argv;
const cache = createCache({ redis, prefix, timeout: 5000, writeBehind: { durable: true, lease: 300 } });
if (mode === 'persist') {
  cache.onWriteBehind('save', ({ value }) => {
    console.log(`persisting ${value}`);
    return new Promise(() => {});
  });
}
for (let i = 0; i < 5; i++) await cache.writeBehind('n', i, 'c', { handler: 'save' });
console.log('written');
setInterval(() => {}, 1000);
