import { ROWS, run } from './rows.js';

run({ framework: 'express 5', backend: 'memory' }, ROWS);
