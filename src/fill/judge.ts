import type { Services } from '../backend.js';
import type { Reason } from '../events.js';
import { makeEtag } from '../http/etag.js';
import { fieldText, NO_REASON } from '../http/headers.js';
import { parseNoVarySearch } from '../http/no-vary-search.js';
import { variantKey, variesBy } from '../http/vary.js';
import type { Plan } from '../lookup/plan.js';
import type { Asker } from '../lookup/reply-to.js';
import { isSelf, leadsBack } from '../request/reference.js';
import type { RequestView } from '../request/request.js';
import type { Fields } from '../types.js';
import { type Assessment, assess, type Context, tagsOf } from './assess.js';
import { keyedOf } from './cacheability.js';
import type { ResponseHead } from './response-head.js';

/** The exchange that a response belongs to: what it is asked by, and what its layers have said by now. */
export interface Seat extends Pick<Asker, 'request' | 'route' | 'control' | 'outside'> {
  /** The handler was asked for a part. */
  readonly ranged: boolean;
}

/** What a response is judged by. `requestedAt`: when the handler was given the request, ms since 1970. */
export function contextOf(services: Services, { credentials }: Plan, requestedAt: number, seat: Seat): Context {
  const { request, route, control, ranged } = seat;
  return { services, request, method: request.method, route, control, credentials, ranged, requestedAt };
}

/** What a response that may be stored was found to be. */
export interface Verdict {
  readonly fields: Fields;
  readonly context: Context;
  readonly assessment: Assessment;
  readonly tags: readonly string[];
  /** The request's fields that it varies by. */
  readonly varies: readonly string[];
  readonly etagMade: boolean;
}

/**
 * Whether a response may be stored, and as what; or why it may not. It is given a tag if it has none. `asked`: the request's
 * fields as they were looked up.
 */
export function judge(head: ResponseHead, seat: Seat, context: Context, asked: Fields): Verdict | Reason {
  const { status, message, bag, whole } = head;
  const { route, request } = seat;
  // Its handler is told so as it leaves, and sends something else; of a hit nobody would be told.
  if (message !== undefined && NO_REASON.test(message)) return 'status';
  const fields = bag.getHeaders();
  const assessment = assess(context, status, fields);
  if (assessment.reason !== undefined) return assessment.reason;
  if (request.method === 'POST' && !(status === 200 && isSelf(request, fieldText(fields, 'content-location'))))
    return 'method';
  // Its hits would lead to itself, and clients that follow them nowhere.
  if (status >= 300 && status < 400 && isLoop(fields, seat)) return 'loop';
  const tags = tagsOf(context, fields);
  if (tags === undefined) return 'tags';
  const { policy, vary, maxBodyBytes } = route;
  if (whole !== undefined && whole.length > maxBodyBytes) return 'too-large';
  const etagMade = policy.makesEtag && whole !== undefined && status === 200 && fields.etag === undefined;
  if (etagMade) bag.setHeader('ETag', makeEtag(whole.bytes()));
  const varies = variesBy(fields, keyedOf(policy, vary, fields)) as readonly string[];
  // What the handler saw under such a field is not what the next client will send.
  if (hasChanged(request, asked, varies, route)) return 'vary-changed';
  return { fields, context, assessment, tags, varies, etagMade };
}

function isLoop(fields: Fields, { request, route }: Seat): boolean {
  const rule = parseNoVarySearch(fieldText(fields, 'no-vary-search'));
  return leadsBack(request, fieldText(fields, 'location'), route.query, rule);
}

/** Whether a layer inside has changed one of these fields since the lookup, or the tenant's, which all answers vary by. */
function hasChanged(
  request: RequestView,
  asked: Fields,
  varies: readonly string[],
  { tenant: { header: tenant }, policy }: Seat['route'],
): boolean {
  const now = request.current ?? request.headers;
  const hasMoved = (name: string) => fieldText(now, name) !== fieldText(asked, name);
  if (tenant !== undefined && hasMoved(tenant)) return true;
  return varies.some(hasMoved) && variantKey(varies, asked, policy) !== variantKey(varies, now, policy);
}
