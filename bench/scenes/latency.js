// How long a hit takes under a load that does not wait: half of what the limit can do.

import { contender, hit } from './define.js';

const quick = { quick: true };

export default [
  {
    name: 'latency',
    kind: 'latency',
    title: 'Latency at half of the limit’s rate, 1,024 bytes',
    about:
      'Open loop: requests are due at a fixed rate, half of what the limit did in its turn just before, and are timed from the moment when ' +
      'they were due. Ratios are to the limit’s percentiles at the same rate in the same round.',
    size: 1024,
    quick: true,
    entries: [
      contender('express', 'bare', quick),
      hit('express', 'memory', quick),
      contender('express', 'one getBuffer', { store: 'redis', cache: 'redis' }),
      hit('express', 'redis'),
      contender('express', 'apicache memory', { cache: 'apicache', store: 'memory', limit: 'express bare' }),
      contender('koa', 'bare'),
      hit('koa', 'memory'),
      contender('http', 'bare'),
      hit('express', 'memory', { mount: 'withCache' }),
    ],
  },
];
