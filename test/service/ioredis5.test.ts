import { describe } from 'vitest';
import { ioredis5 } from './backends.js';
import { serviceSuite } from './suites/all.js';

describe("on a caller's ioredis 5 client", () => {
  serviceSuite(ioredis5);
});
