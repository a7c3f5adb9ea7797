// May a request be given what a run of the handler for another one has said?

import type { IncomingHttpHeaders } from 'node:http';
import { type Settings, tenantOf, userOf } from './settings.js';
import type { Run, Seen, World } from './world.js';

const GETTING = ['GET', 'HEAD'];

/** Why not; `undefined` if it may. */
export function notFor(
  asked: Seen,
  run: Run,
  settingsFor: (target: string) => Settings,
  world: World,
  sentAt: number,
): string | undefined {
  const settings = settingsFor(asked.target);
  return (
    otherResource(asked, run, settings) ??
    otherPerson(asked, run, settings) ??
    otherVariant(asked, run, settings) ??
    unshareable(run, settings, world, sentAt) ??
    invalidated(run, world, sentAt)
  );
}

function otherResource(asked: Seen, { seen: made, located }: Run, settings: Settings): string | undefined {
  const [askedPath, askedQuery] = split(asked.target);
  const [madePath, madeQuery] = split(made.target);
  if (askedPath !== madePath) return `the path ${madePath}`;
  if (!sameQuery(askedQuery, madeQuery, settings.query)) return `the query ${madeQuery}`;
  const methods = [...GETTING, ...(settings.mode === 'rfc9111' && located ? ['POST'] : [])];
  if (!GETTING.includes(asked.method) || !methods.includes(made.method)) return `the method ${made.method}`;
  for (const name of ['host', 'x-forwarded-host', 'forwarded']) {
    const [a, b] = [originPart(asked, name), originPart(made, name)];
    if (a !== b) return `${name} ${b}`;
  }
  return undefined;
}

/** What a field says of the origin: of `Forwarded` only two parameters do. */
function originPart({ headers }: Seen, name: string): string {
  const value = String(headers[name] ?? '').toLowerCase();
  return name === 'forwarded' ? (value.match(/(?:host|proto)=[^;,\s]*/g) ?? []).join() : value;
}

function split(target: string): [path: string, query: string] {
  const mark = target.indexOf('?');
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** The same parameters, those of each name (arrays count as one) in the same order. */
function sameQuery(a: string, b: string, rule: Settings['query']): boolean {
  const [left, right] = [a, b].map((query) =>
    JSON.stringify([...grouped(query, rule)].sort(([x], [y]) => (x < y ? -1 : 1))),
  );
  return left === right;
}

function grouped(query: string, rule: Settings['query']): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const parameter of query.split('&')) {
    const base = decoded(parameter.split('=')[0]!).replace(/(?!^)[[.].*$/s, '');
    if (parameter === '' || !counts(base, rule)) continue;
    groups.set(base, [...(groups.get(base) ?? []), parameter]);
  }
  return groups;
}

function counts(name: string, rule: Settings['query']): boolean {
  if (rule?.ignore) return !name.startsWith('utm_');
  return rule?.only ? rule.only.includes(name) : true;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}

function otherPerson(asked: Seen, run: Run, settings: Settings): string | undefined {
  const made = run.seen;
  const tenants = [tenantOf(settings, asked.headers), tenantOf(settings, made.headers)];
  if (tenants[0] === undefined || tenants[0] !== tenants[1]) return `the tenant ${tenants[1]}`;
  const users = [userOf(asked.headers), userOf(made.headers)];
  if ((settings.identity || settings.personalKey) && users[0] !== users[1]) return `the user ${users[1]}`;
  if (settings.personalKey) return otherCredentials(asked, made);
  if (settings.identity && users[0] !== undefined) return undefined;
  return ofCredentials(asked, run, settings) ?? ofCredentials(made, run, settings);
}

/** The key function of the options takes them in. */
function otherCredentials(asked: Seen, made: Seen): string | undefined {
  const differs = (['cookie', 'authorization'] as const).find((name) => asked.headers[name] !== made.headers[name]);
  return differs === undefined ? undefined : `${differs} ${made.headers[differs]}`;
}

/** A request with credentials, on either side, wants an answer that says that it is for all (DESIGN.md §5). */
function ofCredentials({ headers }: Seen, { openness }: Run, { vary = [], mode }: Settings): string | undefined {
  const keyed = vary.map((name) => name.toLowerCase());
  const { isPublic, mustRevalidate } = openness;
  if (headers.authorization !== undefined && !isPublic && !mustRevalidate && !keyed.includes('authorization')) {
    // RFC 9111 §3.5 forbids only to reuse what was said to such a request.
    return mode === 'rfc9111' ? undefined : 'somebody’s Authorization';
  }
  // RFC 9111 knows nothing of cookies.
  if (headers.cookie === undefined || isPublic || keyed.includes('cookie') || mode === 'rfc9111') return undefined;
  return 'somebody’s Cookie';
}

function otherVariant(asked: Seen, run: Run, { vary = [] }: Settings): string | undefined {
  const names = new Set([...run.vary, ...vary.map((name) => name.toLowerCase())]);
  if (names.has('*')) return 'Vary: *';
  return [...names].find((name) => normalized(asked.headers, name) !== normalized(run.seen.headers, name));
}

/** RFC 9111 §4.1: white space around the members of a list does not matter; an absent field is not an empty one. */
function normalized(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return value === undefined
    ? 'absent'
    : `=${String(value)
        .split(',')
        .map((member) => member.trim())
        .join(',')}`;
}

function unshareable(run: Run, settings: Settings, world: World, sentAt: number): string | undefined {
  const { mode, identity, personalKey, vary = [] } = settings;
  // An option that tells people apart lets each have their own.
  const apart = identity || personalKey || vary.some((name) => name.toLowerCase() === 'authorization');
  const { openness, seen } = run;
  if (openness.noStore) return 'no-store';
  if (openness.isPrivate) return 'private';
  if (run.setsCookie && mode !== 'rfc9111') return 'Set-Cookie';
  if (
    mode === 'rfc9111' &&
    !apart &&
    seen.headers.authorization !== undefined &&
    !openness.isPublic &&
    !openness.mustRevalidate
  ) {
    return 'an answer to Authorization';
  }
  if (run.breaks) return 'an answer that broke off';
  if (openness.noCache && !ranSince(seen, world, sentAt)) return 'no-cache, though nobody has validated it';
  return undefined;
}

/** Whether the handler was at work for the same path after a moment. */
function ranSince({ target }: Seen, world: World, since: number): boolean {
  const [path] = split(target);
  return [...world.runs.values()].some(
    (run) => split(run.seen.target)[0] === path && (run.endedAt === undefined || run.endedAt > since),
  );
}

/** P2: nothing that began before an invalidation is served to who asks after it. */
function invalidated(run: Run, world: World, sentAt: number): string | undefined {
  const purge = world.purges.find(
    ({ startedAt, resolvedAt, matches }) => resolvedAt < sentAt && run.startedAt < startedAt && matches(run),
  );
  return purge && `it was invalidated by ${purge.what}`;
}
