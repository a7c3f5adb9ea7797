// A process that has just begun.

import { contender, respcache } from './define.js';

const does = 'cold';
const task = (entry) => ({ ...entry, file: 'cold.js' });

export default [
  {
    name: 'cold',
    kind: 'cold',
    title: 'Cold start',
    about:
      'From before the first import until the first answer is there, framework included, in a process of its own; the median.',
    size: 1024,
    quick: true,
    entries: [
      contender('express', 'bare', { does, quick: true }),
      respcache('express', 'respcache memory', { does, limit: 'express bare', quick: true }),
      respcache('express', 'respcache redis', { does, store: 'redis', limit: 'express bare', quick: true }),
      contender('express', 'apicache memory', { does, cache: 'apicache', store: 'memory', limit: 'express bare' }),
      contender('express', 'bentocache memory', { does, cache: 'bentocache', store: 'memory', limit: 'express bare' }),
      contender('koa', 'bare', { does }),
      respcache('koa', 'respcache memory', { does, limit: 'koa bare' }),
      contender('koa', 'koa-cash memory', { does, cache: 'koa-cash', store: 'memory', limit: 'koa bare' }),
    ].map(task),
  },
];
