import { ROWS, run } from './rows.js';

run({ framework: 'koa 3', backend: 'redis' }, ROWS);
