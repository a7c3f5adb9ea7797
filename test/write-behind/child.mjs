// Writes five values behind and never gets to the end of persisting them; one that closes ends by itself all the same, and so do
// one that registers its handler only then, and one whose cache cannot be made. Runs on the built package.

import { createCache } from 'respcache';

const [, , redis, prefix, mode] = process.argv;
const writeBehind = { durable: true, lease: 300, closeTimeout: 50 };
if (mode === 'refused') {
  try {
    createCache({ redis: { port: Number(new URL(redis).port), keyPrefix: prefix }, writeBehind });
  } catch (error) {
    console.log(error.message);
  }
} else if (mode === 'late') {
  const cache = createCache({ redis, prefix, timeout: 5000, writeBehind });
  await cache.close();
  cache.onWriteBehind('save', () => {});
  console.log('registered');
} else await work();

async function work() {
  const cache = createCache({ redis, prefix, timeout: 5000, writeBehind });
  const begun = new Promise((resolve) => {
    if (mode === 'write') return;
    cache.onWriteBehind('save', ({ value }) => {
      console.log(`persisting ${value}`);
      resolve();
      return new Promise(() => {});
    });
  });
  for (let i = 0; i < 5; i++) await cache.writeBehind('n', i, 'c', { handler: 'save' });
  console.log('written');
  if (mode === 'close') await begun.then(() => cache.close());
  else setInterval(() => {}, 1000);
}
