// What a cache costs those whom it does not help.

import { contender, respcache } from './define.js';

const SIZE = 1024;
const MISS = { does: 'miss', traffic: { fresh: true }, mark: 'fwd=uri-miss; stored' };
const BYPASS = { does: 'bypass', mark: 'fwd=bypass' };

/** `handler`: how it answers, see contenders/express.js; a prepared Buffer if it is undefined. */
function forStack(stack, { handler, quick = false }) {
  const [limit, fast] = [`${stack} bare`, quick && stack === 'express'];
  const ours = (what, more) => respcache(stack, what, { handler, limit, ...more });
  return [
    contender(stack, 'bare', { handler, quick }),
    ours('miss memory', { ...MISS, quick }),
    ours('miss redis', { ...MISS, store: 'redis' }),
    ours('bypass', { ...BYPASS, quick }),
    ours('withCache miss memory', { ...MISS, mount: 'withCache' }),
    ours('withCache bypass', { ...BYPASS, mount: 'withCache' }),
    ours('createServer miss memory', { ...MISS, mount: 'createServer', quick: fast }),
    ours('createServer bypass', { ...BYPASS, mount: 'createServer', quick: fast }),
  ];
}

const peer = (stack, cache) =>
  contender(stack, `${cache} miss memory`, {
    handler: 'json',
    cache,
    store: 'memory',
    traffic: { fresh: true },
    limit: `${stack} bare`,
  });

/** What goes by the least that may be done with it. */
const field = (stack) =>
  contender(stack, 'field', { handler: 'json', cache: 'field', store: 'memory', limit: `${stack} bare` });

const both = (settings) => ['express', 'koa'].flatMap((stack) => forStack(stack, settings));
const common = { kind: 'rounds', size: SIZE };
const EACH =
  'Each miss has a URL of its own: looked up, handled, captured, stored. The limit is the same application without a cache ' +
  'under app.listen. A bypass is an option `when` that says no.';

export default [
  {
    ...common,
    name: 'miss',
    title: 'Misses and bypasses, a route that answers with JSON',
    about:
      `${EACH} The handler is \`res.json(value)\`, in Koa \`ctx.body = value\`. The goals are judged by this. ` +
      'The rows of `map` are no cache that anybody would use: the bytes in a Map, under the URL. No miss takes less. Those of ' +
      '`field` are none at all: a middleware of two lines that says `Cache-Status`. No bypass takes less.',
    quick: true,
    entries: [
      ...both({ handler: 'json', quick: true }),
      ...['map', 'apicache', 'cache-express', 'route-cache', 'bentocache'].map((cache) => peer('express', cache)),
      ...['map', 'koa-cash'].map((cache) => peer('koa', cache)),
      ...['express', 'koa'].map(field),
    ],
  },
  {
    ...common,
    name: 'miss-buffer',
    title: 'Misses and bypasses, a route that ends a prepared Buffer',
    about: `${EACH} No real route does so little: what the cache does is seen at its largest.`,
    quick: false,
    entries: both({}),
  },
  {
    ...common,
    name: 'miss-await',
    title: 'Misses and bypasses, a route that waits for something else',
    about:
      `${EACH} The handler awaits a timer of a millisecond, as it would a database, and then answers with JSON. ` +
      'Per CPU, of its limit: how often it answers in the CPU time in which its limit does once.',
    quick: false,
    perCpu: true,
    entries: both({ handler: 'await' }),
  },
];
