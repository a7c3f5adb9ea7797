import { describe } from 'vitest';
import { cluster } from './backends.js';
import { serviceSuite } from './suites/all.js';

describe('on a Cluster of three masters', () => {
  serviceSuite(cluster());
});
