// 50 KB of JSON, compressed: once for all, or for every answer.

import { contender, respcache } from './define.js';

const HIT = 'respcache; hit';
const encoded = { expected: { encoded: true } };

export default [
  {
    name: 'compression',
    kind: 'rounds',
    title: 'Compression, 51,200 bytes of JSON',
    about:
      'The limit is the same hit uncompressed. `compression()` compresses each answer anew. The client takes gzip, deflate and br.',
    size: 51_200,
    quick: true,
    entries: [
      respcache('express', 'hit uncompressed', { mark: HIT, quick: true }),
      respcache('express', 'hit compress', {
        mark: HIT,
        limit: 'express hit uncompressed',
        options: { compress: true },
        ...encoded,
        quick: true,
      }),
      respcache('express', 'hit under compression()', {
        mark: HIT,
        limit: 'express hit uncompressed',
        compression: true,
        ...encoded,
      }),
      contender('express', 'bare under compression()', {
        limit: 'express hit uncompressed',
        compression: true,
        ...encoded,
      }),
      respcache('koa', 'hit uncompressed', { mark: HIT }),
      respcache('koa', 'hit compress', {
        mark: HIT,
        limit: 'koa hit uncompressed',
        options: { compress: true },
        ...encoded,
      }),
    ],
  },
];
