import { describe } from 'vitest';
import { ioredis6 } from './backends.js';
import { serviceSuite } from './suites/all.js';

describe("on a caller's ioredis 6 client", () => {
  serviceSuite(ioredis6);
});
