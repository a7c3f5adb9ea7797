// Hits: as fast as the framework can end a buffer?

import { contender, hit, ON_5 } from './define.js';

const SIZES = { '1k': 1024, '50k': 51_200, '1m': 1_048_576 };
/** So many pages of 1 MB fit the default `maxBytes` of 64 MiB. */
const FEW = 20;

const bare = (stack, more) => contender(stack, 'bare', more);
const getBuffer = (stack, { suffix = '', ...more } = {}) =>
  contender(stack, `one getBuffer${suffix}`, { store: 'redis', cache: 'redis', ...more });
const peer = (stack, cache, store, more) =>
  contender(stack, `${cache} ${store}`, {
    cache,
    store,
    limit: `${stack === 'nest' ? 'express' : stack} ${store === 'redis' ? 'one getBuffer' : 'bare'}`,
    ...more,
  });
const outside = (cache, more) => contender('outside', cache, { cache, store: 'memory', limit: 'http bare', ...more });

const quick = { quick: true };

/** Limits and ours, and the peers that the goals name. */
function core() {
  return [
    bare('http', quick),
    getBuffer('http', quick),
    bare('express', quick),
    getBuffer('express', quick),
    hit('express', 'memory', quick),
    hit('express', 'redis', quick),
    peer('express', 'apicache', 'memory', quick),
    peer('express', 'apicache', 'redis'),
    peer('express', 'bentocache', 'memory'),
    peer('express', 'bentocache', 'redis'),
    bare('koa', quick),
    getBuffer('koa'),
    hit('koa', 'memory', quick),
    hit('koa', 'redis'),
    peer('koa', 'koa-cash', 'memory', quick),
    hit('express', 'memory', { mount: 'withCache', quick: true }),
    hit('express', 'redis', { mount: 'withCache', quick: true }),
    hit('express', 'memory', { mount: 'createServer', quick: true }),
    hit('express', 'redis', { mount: 'createServer' }),
    outside('nginx', quick),
    outside('nginx as installed'),
    outside('varnish', quick),
  ];
}

function rest() {
  return [
    getBuffer('http', ON_5),
    getBuffer('express', ON_5),
    getBuffer('koa', ON_5),
    hit('express', 'redis', ON_5),
    hit('koa', 'redis', ON_5),
    hit('express', 'redis', { mount: 'createServer', ...ON_5 }),
    hit('express', 'tiers'),
    peer('express', 'cache-express', 'memory'),
    peer('express', 'route-cache', 'memory'),
    peer('express', 'route-cache', 'redis'),
    peer('express', 'ocache', 'memory'),
    peer('express', 'ocache', 'redis'),
    peer('express', 'cacheable', 'memory'),
    peer('express', 'cacheable', 'redis'),
    peer('nest', 'cache-manager', 'memory'),
    peer('nest', 'cache-manager', 'redis'),
    bare('express4'),
    getBuffer('express4'),
    hit('express4', 'memory'),
    hit('express4', 'redis'),
    hit('koa', 'tiers'),
    peer('koa', 'koa-cash', 'redis'),
    bare('koa2'),
    getBuffer('koa2'),
    hit('koa2', 'memory'),
    hit('koa2', 'redis'),
    hit('express', 'tiers', { mount: 'withCache' }),
    hit('koa', 'memory', { mount: 'withCache' }),
    hit('koa', 'redis', { mount: 'withCache' }),
    hit('koa', 'memory', { mount: 'createServer' }),
    hit('koa', 'redis', { mount: 'createServer' }),
  ];
}

/** Those of ours that the goals name: each with its limit alone. */
const ALONE = [
  ...['express', 'koa'].flatMap((stack) => [`${stack} hit memory`, `${stack} hit redis`]),
  ...['withCache', 'createServer'].flatMap((mount) => [`express ${mount} hit memory`, `express ${mount} hit redis`]),
];

/** Who is compared with others than the limit, by the goals or by a reader, in the same rounds. */
const TOGETHER = [
  ...ALONE.map((name) => [name]),
  ['express hit memory', 'express apicache memory'],
  ['koa hit memory', 'koa koa-cash memory'],
  ['express withCache hit memory', 'express bare', 'express apicache memory'],
  ['express createServer hit memory', 'express bare', 'express apicache memory'],
  ['express withCache hit memory', 'express createServer hit memory', 'outside nginx', 'outside varnish'],
  ['express withCache hit memory', 'outside nginx as installed'],
  ...['http', 'express', 'koa'].map((stack) => [`${stack} one getBuffer`, `${stack} one getBuffer, ioredis 5`]),
  ...['express hit redis', 'koa hit redis', 'express createServer hit redis'].map((name) => [`${name}, ioredis 5`]),
];

/** The same in a quick run. */
const TOGETHER_IN_QUICK = [
  ['express hit memory', 'express apicache memory'],
  ['koa hit memory', 'koa koa-cash memory'],
  [
    ...['express withCache hit memory', 'express createServer hit memory'],
    ...['express bare', 'express apicache memory', 'outside nginx', 'outside varnish'],
  ],
];

/** Who takes part in a quick run with the larger body: for more there is no time, if they are to be warm. */
const IN_QUICK_50K = ['http bare', 'express bare', 'express hit memory', 'express withCache hit memory'];

function hits(size) {
  const entries = size === '1k' ? [...core(), ...rest()] : core();
  const traffic = size === '1m' ? { urls: FEW } : {};
  return {
    name: `hit-${size}`,
    kind: 'rounds',
    title: `Hits of ${SIZES[size].toLocaleString('en')} bytes`,
    about:
      'Closed loop. Of its limit: the ratio of requests/s within a round to those of the handler that ends the same buffer.',
    size: SIZES[size],
    groups: TOGETHER,
    groupsInQuick: TOGETHER_IN_QUICK,
    quick: size !== '1m',
    extra: size === '1m',
    entries: entries.map((entry) => ({
      ...entry,
      traffic: { ...entry.traffic, ...traffic },
      config: { ...entry.config, urls: traffic.urls ?? entry.config.urls },
      quick: size === '1k' ? entry.quick : IN_QUICK_50K.includes(entry.name),
    })),
  };
}

export default [hits('1k'), hits('50k'), hits('1m')];
