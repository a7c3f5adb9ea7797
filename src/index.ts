/**
 * The cache itself: made by {@link createCache}, or from the environment by {@link defaultCache}.
 *
 * @module respcache
 */

export type { BackupOptions, BackupProgress, BackupReport } from './backup/backup.js';
export type { RestoreOptions, RestoreProgress, RestoreReport } from './backup/restore.js';
export { Cache, createCache, defaultCache } from './cache.js';
export type { Clock } from './clock.js';
export type { CompressOptions } from './compress/rule.js';
export type { CacheControl } from './control.js';
export {
  BackupError,
  type BackupProblem,
  ConfigError,
  QueueFullError,
  RespcacheError,
  TimeoutError,
  UnavailableError,
} from './errors.js';
export type { CacheEvents, Listener, OfRequest, Reason, RequestSeen, ShadowDifference, Tier } from './events.js';
export type { ExplainRequest, Explanation, ExplanationStep, KilledBy, StoredEntry } from './explain/explanation.js';
export type { Receipt } from './invalidation/ledger.js';
export type { InvalidateSpec, Names } from './invalidation/purge-rule.js';
export type { CacheOptions } from './options.js';
export type { Mode } from './policy.js';
export type { RouteOptions } from './route-options.js';
export type { EraseOptions } from './service/cache-service.js';
export type { GetOrSetOptions } from './service/get-or-set.js';
export type { IncrementOptions } from './service/increment.js';
export type { SetOptions } from './service/values.js';
export type { Outdated, WriteThroughOptions } from './service/write-through.js';
export type { Latency, Outcomes, Stats } from './stats/figures.js';
export type { Health } from './stats/health.js';
export type { Percentiles } from './stats/histogram.js';
export type { Logger } from './stats/log.js';
export type { MetricLabel, Registry } from './stats/prometheus.js';
export type { Report, TimelineSlot } from './stats/report.js';
export type { RedisClient, RedisTarget } from './stores/redis-client.js';
export type { Store, SweepProgress } from './stores/store.js';
export type { Fields, MaybePromise } from './types.js';
export type { App, WarmOptions, WarmProgress } from './warm/options.js';
export type { KeepWarmOptions, WarmProblem, WarmReport } from './warm/warm.js';
export type { DeadLetter, HandlerOptions, PersistRequest } from './write-behind/write.js';
export type { WriteBehindOptions } from './write-behind/write-behind.js';
