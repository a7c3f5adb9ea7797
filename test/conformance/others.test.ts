// Other versions, the stores the other way round, and handlers that are written otherwise.

import { BY_STYLE, REPRESENTATIVE, run } from './rows.js';

run({ framework: 'express 4', backend: 'memory' }, REPRESENTATIVE);
run({ framework: 'koa 2', backend: 'memory' }, REPRESENTATIVE);
run({ framework: 'express 5', backend: 'redis' }, REPRESENTATIVE);
run({ framework: 'express 5', backend: 'memory', style: 'parsed' }, BY_STYLE);
run({ framework: 'express 5', backend: 'memory', style: 'head' }, BY_STYLE);
run({ framework: 'koa 3', backend: 'memory', style: 'parsed' }, BY_STYLE);
