import { heldForm, weightsOf } from '../compress/choice.js';
import { tagOf } from '../compress/tags.js';
import { type CacheStatus, formatCacheStatus } from '../http/cache-status.js';
import { fieldText } from '../http/headers.js';
import { OWN_FIELD } from '../http/own-field.js';
import { withVary } from '../http/vary.js';
import { type Conditions, isNotModified, isOfBody } from '../lookup/conditional.js';
import { type Downstream, downstreamLines, isOverruled } from '../lookup/downstream.js';
import { saidBy } from '../lookup/freshness.js';
import type { Reply } from '../lookup/reply.js';
import type { HeaderBag } from '../types.js';

/** A response that others may be given: what its route has caches further down do, and what it can be invalidated by. */
export interface Shared {
  readonly route: Downstream & { readonly targetedFields: readonly string[] };
  readonly tags: readonly string[];
  /** How old clients take it to be as it leaves, seconds: it may come from another cache. */
  readonly age: number;
}

/**
 * Adds to a handler's response what this cache has to say: which request fields matter, what it did, and, of what it
 * shares, what caches further down are to do.
 */
export function announce(
  bag: HeaderBag,
  vary: readonly string[],
  status: CacheStatus,
  shared: Shared | undefined,
): void {
  const before = fieldText({ vary: bag.getHeader('vary') }, 'vary');
  const varies = withVary(before, vary);
  if (varies !== undefined && varies !== before) bag.setHeader('Vary', varies);
  const upstream = fieldText({ status: bag.getHeader('cache-status') }, 'status');
  const member = formatCacheStatus(status);
  // Caches nearer to the origin stand first (RFC 9211 §2).
  bag.setHeader('Cache-Status', upstream === undefined ? member : `${upstream}, ${member}`);
  const said = shared && saidBy(bag.getHeaders(), shared.route.targetedFields).directives;
  bag.removeHeader(OWN_FIELD);
  if (shared === undefined) return;
  const { route, tags, age } = shared;
  const tagged = tags.length > 0;
  for (const name of Object.keys(bag.getHeaders())) if (isOverruled(name, route, tagged)) bag.removeHeader(name);
  for (const [name, value] of downstreamLines(route, age, tags, said)) bag.setHeader(name, value);
}

/**
 * Answers the conditions that were kept from the handler: its 200 is to leave as a 304. The fields of the body are then
 * gone from the head, and the body goes into the cache alone. `accepted`: the client's `Accept-Encoding`, where it may have
 * been given compressed forms before.
 */
export function reduceToNotModified(
  bag: HeaderBag,
  status: number,
  conditions: Conditions | undefined,
  accepted?: string,
): Reply | undefined {
  if (conditions === undefined) return undefined;
  const fields = bag.getHeaders();
  const etag = fieldText(fields, 'etag');
  const held = status === 200 ? heldForm(etag, conditions, weightsOf(accepted), undefined)?.coding : undefined;
  const unchanged = isNotModified(conditions, status, etag, fieldText(fields, 'last-modified'));
  if (!unchanged && held === undefined) return undefined;
  const headers: Reply['headers'] = unchanged ? [] : [['ETag', tagOf(etag!, held!)]];
  return { status: 304, message: undefined, headers, removed: Object.keys(fields).filter(isOfBody), body: undefined };
}

/**
 * A handler's own 304, to a client that has named the tag of a form, has that tag (RFC 9110 §8.8.3): by the plain one the client
 * would take what it has for the plain bytes. `named`: the tags that the client has named.
 */
export function tagAsNamed(bag: HeaderBag, named: string | undefined, accepted: string | undefined): void {
  if (named === undefined) return;
  const etag = fieldText(bag.getHeaders(), 'etag');
  const conditions = { ifNoneMatch: named, ifModifiedSince: undefined };
  const coding = heldForm(etag, conditions, weightsOf(accepted), undefined)?.coding;
  if (coding !== undefined) bag.setHeader('ETag', tagOf(etag!, coding));
}
