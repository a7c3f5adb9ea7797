import { noCounts, OUTCOMES } from './figures.js';
import { type Part, VERSION } from './report.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Whether what was read is what a process of this version tells of itself. Others may write into that Redis, too: of what is missing
 * whoever asks would be given an error, and a text in the place of a number or a word would be shown as it is.
 */
export function isPart(read: unknown): read is Part {
  const { version, facts, counted } = fieldsOf(read);
  return version === VERSION && isFacts(fieldsOf(facts)) && isCounted(fieldsOf(counted));
}

function isFacts({ since, status, recentErrors, store, ledger }: Fields): boolean {
  const { kind, breaker, ...sizes } = fieldsOf(store);
  const { epoch, sequence, lag, current } = fieldsOf(ledger);
  return (
    areNumbers([since, recentErrors, sizes.items, sizes.bytes, sizes.maxItems, sizes.maxBytes]) &&
    ['healthy', 'degraded', 'unhealthy'].includes(status as string) &&
    ['memory', 'redis'].includes(kind as string) &&
    ['open', 'closed'].includes(breaker as string) &&
    ['string', 'undefined'].includes(typeof epoch) &&
    areNumbers([sequence ?? 0, lag ?? 0]) &&
    typeof current === 'boolean'
  );
}

function isCounted({ all, tenants, routes, other, latency, slots, popular }: Fields): boolean {
  const { hit, miss, set } = fieldsOf(latency);
  const rest = fieldsOf(other);
  const named = [tenants, routes].flatMap((each) => Object.values(fieldsOf(each)));
  const counts = [all, rest.tenants, rest.routes, ...named];
  return (
    counts.every((each) => areCounts(fieldsOf(each))) &&
    [hit, miss, set].every((each) => isHistogram(fieldsOf(each))) &&
    isList(slots, (slot) => isSlot(fieldsOf(slot))) &&
    isList(popular, (asked) => isAsked(fieldsOf(asked)))
  );
}

function areCounts({ reasons, ...counts }: Fields): boolean {
  const { reasons: _, ...none } = noCounts();
  const because = Object.entries(fieldsOf(reasons));
  return (
    areNumbers(Object.keys(none).map((name) => counts[name])) &&
    because.every(([reason, times]) => /^[a-z-]+$/.test(reason) && typeof times === 'number')
  );
}

function isHistogram({ counts, sum, max }: Fields): boolean {
  return isList(counts, (each) => typeof each === 'number') && areNumbers([sum, max]);
}

function isSlot({ step, hitTime, missTime, ...outcomes }: Fields): boolean {
  return areNumbers([step, hitTime, missTime, ...OUTCOMES.map((name) => outcomes[name])]);
}

function isAsked({ tenant, target, secure, headers, count }: Fields): boolean {
  const texts = [tenant, target, ...Object.values(fieldsOf(headers))];
  return texts.every((each) => typeof each === 'string') && typeof secure === 'boolean' && typeof count === 'number';
}

function isList(value: unknown, is: (each: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(is);
}

function areNumbers(values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'number');
}

/** Of what is no object: none. */
function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
