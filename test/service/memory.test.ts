import { describe } from 'vitest';
import { memory } from './backends.js';
import { serviceSuite } from './suites/all.js';

describe('in memory', () => {
  serviceSuite(memory);
});
