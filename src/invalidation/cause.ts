import { type Purge, type PurgeTable, patternReaches, type Reaching } from './purge-table.js';
import type { RecentPurges } from './recent-purges.js';
import { type PurgeTarget, purgeTags, type Subject, targetOf } from './tags.js';

/** The purge that reaches an entry: why it is not served. */
export interface Cause extends PurgeTarget {
  /** Its place in the ledger, µs since 1970; of one that waits to be entered, the last place known. */
  readonly sequence: number;
  /** It holds in this process, and the ledger in Redis does not have it yet. */
  readonly pending: boolean;
  /** `false`: in the table something else shares all its places, and it may be that which was purged. */
  readonly certain: boolean;
}

/** What is named first where one purge reaches a subject in several ways: what says most. */
const ORDER: readonly PurgeTarget['by'][] = [
  'key',
  'url',
  'tag',
  'tag of all tenants',
  'pattern',
  'tenant',
  'everything',
];

/** How a purge, entered at `sequence`, reaches a subject; `undefined` if it does not. */
export function causeIn({ tags, patterns }: Purge, subject: Subject, sequence: number): Cause | undefined {
  const entered = new Set(tags);
  const found: PurgeTarget[] = purgeTags(subject)
    .filter((tag) => entered.has(tag))
    .map(targetOf);
  for (const pattern of patterns) {
    if (patternReaches(pattern, subject)) found.push({ by: 'pattern', name: pattern.glob });
  }
  const [target] = found.sort(bySpecificity);
  return target && { ...target, sequence, pending: false, certain: true };
}

/**
 * The first purge after `after` that reaches a subject. Those that are remembered one by one are known for what they
 * are; of those before them the table knows of each tag the last, and what shares all its places with another looks
 * purged with it.
 */
export function firstCause(
  table: PurgeTable,
  recent: RecentPurges,
  subject: Subject,
  after: number,
): Cause | undefined {
  if (table.stands(subject, after)) return undefined;
  for (const { purge, sequence } of after >= recent.from ? recent.filter((each) => each.sequence > after) : []) {
    const cause = causeIn(purge, subject, sequence);
    if (cause !== undefined) return cause;
  }
  return causesBy(table, recent, subject, after)[0];
}

/** The last purge that reaches a subject. */
export function lastCause(table: PurgeTable, recent: RecentPurges, subject: Subject): Cause | undefined {
  for (const { purge, sequence } of recent.filter(() => true).toReversed()) {
    const cause = causeIn(purge, subject, sequence);
    if (cause !== undefined) return cause;
  }
  const causes = causesBy(table, recent, subject, 0).filter(({ certain }) => certain);
  const last = Math.max(...causes.map(({ sequence }) => sequence));
  return causes.find(({ sequence }) => sequence === last);
}

/** What the table says, the certain first, of them the oldest, and of one purge what says most. */
function causesBy(table: PurgeTable, recent: RecentPurges, subject: Subject, after: number): Cause[] {
  const causes = table.reaching(subject, after).map((reaching): Cause => {
    const target: PurgeTarget =
      reaching.kind === 'pattern' ? { by: 'pattern', name: reaching.name } : targetOf(reaching.name);
    return { ...target, sequence: reaching.sequence, pending: false, certain: !isRefuted(recent, reaching) };
  });
  return causes.sort((a, b) => Number(b.certain) - Number(a.certain) || a.sequence - b.sequence || bySpecificity(a, b));
}

/** Whether the purge at that place is remembered, and was one of something else. */
function isRefuted(recent: RecentPurges, { kind, name, sequence }: Reaching): boolean {
  if (kind === 'pattern' || sequence <= recent.from) return false;
  return !recent.filter((each) => each.sequence === sequence).some(({ purge }) => purge.tags.includes(name));
}

function bySpecificity(a: PurgeTarget, b: PurgeTarget): number {
  return ORDER.indexOf(a.by) - ORDER.indexOf(b.by);
}
