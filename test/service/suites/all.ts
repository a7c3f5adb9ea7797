import { type Backend, type Bench, useBackend } from '../backends.js';
import { backupSuite } from './backup.js';
import { figuresSuite } from './figures.js';
import { getOrSetSuite } from './get-or-set.js';
import { incrementSuite } from './increment.js';
import { invalidationSuite } from './invalidation.js';
import { staleSuite } from './stale.js';
import { ttlSuite } from './ttl.js';
import { valuesSuite } from './values.js';
import { writeThroughSuite } from './write-through.js';

/** The programmatic API, as it is on every store. */
export function serviceSuite(backend: Backend): Bench {
  const bench = useBackend(backend);
  valuesSuite(bench);
  ttlSuite(bench);
  getOrSetSuite(bench);
  staleSuite(bench);
  writeThroughSuite(bench);
  incrementSuite(bench);
  invalidationSuite(bench);
  figuresSuite(bench);
  backupSuite(bench);
  return bench;
}
