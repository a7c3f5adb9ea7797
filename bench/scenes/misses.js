// What a cache costs those whom it does not help.

import { contender, respcache } from './define.js';

const SIZE = 1024;
const quick = true;
const MISS = { does: 'miss', traffic: { fresh: true }, mark: 'fwd=uri-miss; stored' };
const BYPASS = { does: 'bypass', mark: 'fwd=bypass' };

function forStack(stack) {
  const limit = `${stack} bare`;
  const fast = stack === 'express';
  return [
    contender(stack, 'bare', { quick }),
    respcache(stack, 'miss memory', { ...MISS, limit, quick }),
    respcache(stack, 'miss redis', { ...MISS, store: 'redis', limit }),
    respcache(stack, 'bypass', { ...BYPASS, limit, quick }),
    respcache(stack, 'withCache miss memory', { ...MISS, mount: 'withCache', limit }),
    respcache(stack, 'withCache bypass', { ...BYPASS, mount: 'withCache', limit }),
    respcache(stack, 'createServer miss memory', { ...MISS, mount: 'createServer', limit, quick: fast }),
    respcache(stack, 'createServer bypass', { ...BYPASS, mount: 'createServer', limit, quick: fast }),
  ];
}

const peer = (stack, cache) =>
  contender(stack, `${cache} miss memory`, {
    cache,
    store: 'memory',
    traffic: { fresh: true },
    limit: `${stack} bare`,
  });

export default [
  {
    name: 'miss',
    kind: 'rounds',
    title: 'Misses and bypasses',
    about:
      'Each miss has a URL of its own: looked up, handled, captured, stored. The limit is the same application without a cache ' +
      'under app.listen. A bypass is an option `when` that says no.',
    size: SIZE,
    quick: true,
    entries: [
      ...forStack('express'),
      ...['apicache', 'cache-express', 'route-cache', 'bentocache'].map((cache) => peer('express', cache)),
      ...forStack('koa'),
      peer('koa', 'koa-cash'),
    ],
  },
];
