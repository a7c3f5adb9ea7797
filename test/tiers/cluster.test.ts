import { afterAll, beforeAll } from 'vitest';
import { oneCluster } from './sites.js';
import { tiersSuite } from './suite.js';

const site = oneCluster();
beforeAll(() => site.start());
afterAll(() => site.stop());

tiersSuite('memory before a Cluster, over ioredis 6', site, 6);
tiersSuite('memory before a Cluster, over ioredis 5', site, 5);
