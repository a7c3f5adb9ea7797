// How contenders are described.

import { URLS } from '../lib/traffic.js';

const STACKS = {
  http: { group: 'node:http', file: 'http.js' },
  express: { group: 'Express 5', file: 'express.js' },
  express4: { group: 'Express 4', file: 'express.js' },
  koa: { group: 'Koa 3', file: 'koa.js' },
  koa2: { group: 'Koa 2', file: 'koa.js' },
  nest: { group: 'NestJS', file: 'nest.js' },
  outside: { group: 'Other programs', file: 'outside.js' },
};

/**
 * A contender. `what`: its name within its stack; `limit`: the full name, within its scene, of what it is compared with;
 * `mark`: what stands in the head of each answer that is to be measured; `traffic`: see `requests` in lib/traffic.js;
 * `quick`: whether it takes part in a quick run, too.
 */
export function contender(stack, what, { quick = false, limit, mark, traffic = {}, expected = {}, ...config } = {}) {
  const { group, file } = STACKS[stack];
  const ours = config.cache === 'respcache';
  const peer = !ours && config.cache !== undefined && config.cache !== 'redis';
  const settings = { stack, urls: traffic.urls ?? URLS, ...config };
  return {
    name: `${stack} ${what}`,
    group,
    what,
    file,
    ours,
    peer,
    quick,
    limit,
    mark,
    traffic,
    expected,
    config: settings,
  };
}

/** respcache as a middleware, or in front of an application. */
export function respcache(stack, what, { mount = 'middleware', store = 'memory', ...rest } = {}) {
  return contender(stack, what, { cache: 'respcache', mount, store, ...rest });
}

const HIT = 'respcache; hit';

/** By a client of ioredis 5, which is another package here. */
export const ON_5 = { suffix: ', ioredis 5', client: 'ioredis5' };

/** respcache answering hits; `store`: the tier that they come from. */
export function hit(stack, store, { mount = 'middleware', suffix = '', ...rest } = {}) {
  const front = mount !== 'middleware';
  const limit = `${front ? 'http' : stack} ${store === 'redis' ? 'one getBuffer' : 'bare'}${suffix}`;
  const what = `${front ? `${mount} hit ${store}` : `hit ${store}`}${suffix}`;
  return respcache(stack, what, { mount, store, limit, mark: HIT, ...rest });
}
