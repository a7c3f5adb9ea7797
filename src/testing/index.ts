/**
 * For tests: a clock that is moved by hand, a store that fails when it is told to, and the suite that says of a store whether it
 * is one.
 *
 * @module respcache/testing
 */

export type { Clock } from '../clock.js';
export type {
  Coding,
  CounterEntry,
  Entry,
  Forms,
  IndexEntry,
  Position,
  ResponseEntry,
  ValueEntry,
} from '../entry/entry.js';
export type { HeaderLine } from '../http/headers.js';
export type {
  Dead,
  Found,
  Increment,
  Scanned,
  ScanOptions,
  Store,
  StoreItem,
  SweepProgress,
} from '../stores/store.js';
export type { MaybePromise } from '../types.js';
export { ChaosStore, type StoreOperation } from './chaos-store.js';
export { ManualClock } from './manual-clock.js';
export { type MakeSpecimen, storeSuite, type TestRunner } from './store-suite.js';
export type { Specimen } from './suite/stage.js';
