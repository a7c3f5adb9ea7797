import { type Choice, choose, isPacked } from '../compress/choice.js';
import { replyInForm } from '../compress/reply.js';
import { asksForFixed } from '../compress/rule.js';
import type { Control } from '../control.js';
import type { ResponseEntry } from '../entry/entry.js';
import type { CacheStatus } from '../http/cache-status.js';
import { type Credentials, isForOne } from '../request/eligibility.js';
import type { RequestView } from '../request/request.js';
import { namesInVary, type Route } from '../route.js';
import type { Fields } from '../types.js';
import type { Conditions } from './conditional.js';
import { forOne } from './downstream.js';
import type { HeldConditions } from './held-conditions.js';
import { gatewayTimeout, type PartAsked, type Reply, withKey } from './reply.js';

/** A request at one cache, and what is known by now of how it may be answered. */
export interface Asker {
  readonly request: RequestView;
  readonly route: Route;
  readonly control: Control;
  /** The response's fields as layers outside had set them when the request came here. */
  readonly outside: Fields;
  readonly conditions: HeldConditions;
  /** The part that is asked for. */
  readonly part: PartAsked | undefined;
  /** Its `Accept-Encoding` as it came: layers inside may change it. */
  readonly accepted: string | undefined;
  /** Under which key it was looked up. */
  readonly key: string | undefined;
  /** By what its answer may be its client's alone; see `Plan`. */
  readonly owner: Credentials | undefined;
}

/** The answer from an entry, for the client that asks. */
export function replyTo(asker: Asker, entry: ResponseEntry, status: CacheStatus, now: number): Reply {
  const { route, outside, control, key, owner } = asker;
  const conditions = asker.conditions.current;
  // No handler tells another cache around this one by which names it can be invalidated.
  control.passOn(entry.tags);
  const options = {
    now,
    conditions,
    vary: namesInVary(route),
    outside,
    downstream: isForOne(owner, entry.sharedWith) ? forOne(route) : route,
    status: withKey(status, route, key),
  };
  return replyInForm(entry, choiceFor(asker, entry, conditions), options, asker.accepted);
}

/** Whether the plain body of an entry is needed for its answer, and the entry has only other forms of it. */
export function needsPlain(asker: Asker, entry: ResponseEntry): boolean {
  return entry.forms !== undefined && isPacked(entry, choiceFor(asker, entry, undefined));
}

/** An answer of the cache's own, where it has nothing that it may serve, and no handler is to be asked. */
export function timeoutFor({ outside, route }: Asker, status: CacheStatus): Reply {
  return gatewayTimeout(status, outside, namesInVary(route));
}

function choiceFor(asker: Asker, entry: ResponseEntry, conditions: Conditions | undefined): Choice {
  const { part, route, request, accepted } = asker;
  const fixed = asksForFixed(route.requestDirectives, request.headers);
  return choose(entry, { accepted, fixed, part, conditions });
}
