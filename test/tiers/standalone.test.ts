import { afterAll, beforeAll } from 'vitest';
import { oneServer } from './sites.js';
import { tiersSuite } from './suite.js';

const site = oneServer();
beforeAll(() => site.start());
afterAll(() => site.stop());

tiersSuite('memory before one server, over ioredis 6', site, 6);
tiersSuite('memory before one server, over ioredis 5', site, 5);
