import { describe } from 'vitest';
import { memory } from '../service/backends.js';
import { explainSuite } from './suite.js';

describe('explain, in memory', () => explainSuite(memory));
