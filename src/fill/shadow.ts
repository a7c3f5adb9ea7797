import { createHash, hash } from 'node:crypto';
import type { Services } from '../backend.js';
import type { ResponseEntry } from '../entry/entry.js';
import type { ShadowDifference } from '../events.js';
import { makeEtag } from '../http/etag.js';
import type { HeaderLine } from '../http/headers.js';
import { saidBy } from '../lookup/freshness.js';
import type { Plan } from '../lookup/plan.js';
import { ageOf } from '../lookup/usable.js';
import { responseSubject } from '../request/key.js';
import type { RequestView } from '../request/request.js';
import type { Route } from '../route.js';
import type { Fields } from '../types.js';
import { contextOf, judge, type Seat } from './judge.js';
import { keptFields } from './kept-fields.js';
import type { ResponseHead } from './response-head.js';

/** Fields that are another each time without the answer being another. */
const PASSING: ReadonlySet<string> = new Set([
  'date',
  'age',
  'expires',
  'cache-status',
  'content-length',
  'vary',
  // What it holds is for one client, and for no log.
  'set-cookie',
]);

/** One request whose handler was asked although there was an answer: what it says is compared with what is stored. */
export class Shadow {
  readonly plan: Plan;
  readonly #services: Services;
  readonly #request: RequestView;
  readonly #stored: ResponseEntry;
  /** The request's fields as they were looked up: layers inside may change them. */
  readonly #asked: Fields;
  readonly #requestedAt: number;
  readonly #body = createHash('sha256');
  #bytes = 0;
  #differences: ShadowDifference[] | undefined;

  constructor(services: Services, request: RequestView, plan: Plan, stored: ResponseEntry) {
    this.#services = services;
    this.#request = request;
    this.plan = plan;
    this.#stored = stored;
    this.#asked = { ...request.headers };
    this.#requestedAt = services.settings.clock.now();
  }

  /** The head of the handler's response, before this cache has added to it. It is given a tag as any other. */
  head({ status, bag, whole }: ResponseHead, outside: Fields, { policy, targetedFields }: Route): void {
    // A handler that fails says nothing of what is stored.
    if (status >= 500) return;
    const fields = bag.getHeaders();
    const { headers } = keptFields(bag, fields, outside, saidBy(fields, targetedFields), policy);
    this.#differences = fieldDifferences(this.#stored, headers);
    if (status !== this.#stored.status) this.#differs('status', String(this.#stored.status), String(status));
    if (fields['set-cookie'] !== undefined) this.#differs('set-cookie', 'none', 'there is one');
    const isTagged = !policy.makesEtag || status !== 200 || fields.etag !== undefined;
    if (whole !== undefined && !isTagged) bag.setHeader('ETag', makeEtag(whole.bytes()));
  }

  /** The tags of the handler's response, if it could be stored; `undefined` if not. */
  tags(head: ResponseHead, seat: Seat): readonly string[] | undefined {
    const verdict = judge(head, seat, contextOf(this.#services, this.plan, this.#requestedAt, seat), this.#asked);
    return typeof verdict === 'string' ? undefined : [...new Set([...verdict.tags, ...seat.control.tags])];
  }

  add(chunk: Uint8Array | string, encoding?: BufferEncoding): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    this.#bytes += bytes.length;
    this.#body.update(bytes);
  }

  /** The response was whole: tells how it compares. */
  finish(): void {
    const differences = this.#differences;
    const { address } = this.plan;
    const { name, asOf, storedAt, body, status } = this.#stored;
    if (differences === undefined) return;
    // What was invalidated meanwhile would not have been served any more.
    if (!this.#services.backend.ledger.stands(responseSubject(address, this.#stored), asOf)) return;
    const fresh = `${this.#bytes} bytes, sha256 ${this.#body.digest('hex')}`;
    const stored = `${body.length} bytes, sha256 ${hash('sha256', body)}`;
    // A handler may know that there is no body to make.
    if (fresh !== stored && status !== 304) this.#differs('body', stored, fresh);
    const { tenant, key, names } = address;
    const suspect = this.#services.comparisons.judge(key, storedAt, differences.length === 0);
    const age = ageOf(this.#stored, this.#services.settings.clock.now());
    const about = { tenant, key, request: this.#request, route: name ?? names[0]!, age };
    const found = differences.length === 0 && suspect !== 'varies' ? {} : { suspect };
    this.#services.events.emit('shadow', { ...about, differences, ...found });
  }

  #differs(what: string, stored: string, fresh: string): void {
    this.#differences?.push({ what, stored, fresh });
  }
}

function fieldDifferences({ headers, etagMade }: ResponseEntry, now: readonly HeaderLine[]): ShadowDifference[] {
  const before = asMap(headers);
  const after = asMap(now);
  const differences: ShadowDifference[] = [];
  for (const what of new Set([...before.keys(), ...after.keys()])) {
    if (PASSING.has(what) || (what === 'etag' && etagMade)) continue;
    const [stored = 'none', fresh = 'none'] = [before.get(what), after.get(what)];
    if (stored !== fresh) differences.push({ what, stored, fresh });
  }
  return differences;
}

function asMap(lines: readonly HeaderLine[]): Map<string, string> {
  return new Map(lines.map(([name, value]) => [name.toLowerCase(), String(value)]));
}
