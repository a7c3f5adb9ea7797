import { describe } from 'vitest';
import { byUrl } from './backends.js';
import { serviceSuite } from './suites/all.js';

describe('on Redis by its URL', () => {
  serviceSuite(byUrl);
});
