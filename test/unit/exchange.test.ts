import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Entry } from '../../src/entry/entry.js';
import { Exchange } from '../../src/exchange.js';
import { parseNoVarySearch } from '../../src/http/no-vary-search.js';
import { Planner } from '../../src/lookup/plan.js';
import { HIT } from '../../src/lookup/reply.js';
import type { RequestView } from '../../src/request/request.js';
import { BORN, bagOf, servicesOf, stored, view } from './made.js';

/** A request whose lookup is under way, what it would be forwarded with, and what is counted for it: reasons, or a hit. */
function asked(request: Partial<RequestView> = {}) {
  const services = servicesOf();
  const counted: (string | undefined)[] = [];
  services.events.on('miss', ({ reason }) => counted.push(reason));
  services.events.on('bypass', ({ reason }) => counted.push(reason));
  services.events.on('hit', () => counted.push('hit'));
  const exchange = new Exchange(services, view(request), services.settings.route, {});
  const plan = new Planner('').plan(exchange, 'acme', services.events)!;
  const lead = { filled: vi.fn(), unfilled: vi.fn(), abandoned: vi.fn() };
  const forward = (stale?: ReturnType<typeof stored>) =>
    exchange.forward(plan, { forward: 'uri-miss', index: undefined, lead, stale });
  const kept = () => (services.backend.read([plan.address.key]) as (Entry | undefined)[])[0];
  const head = (status = 200, fields: Record<string, string> = {}) =>
    exchange.head({ status, message: undefined, bag: bagOf(fields), whole: undefined });
  return { services, exchange, plan, counted, lead, forward, kept, head };
}

/** Time passes only as a test says so. */
function standStill(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

describe('an exchange', () => {
  it('lets nobody wait for a run that begins when its request was given up long ago', () => {
    const { exchange, counted, lead, forward } = asked();
    exchange.abandon();
    forward();
    expect(lead.abandoned).toHaveBeenCalledOnce();
    expect(counted).toEqual(['aborted']);
    expect(exchange.mayFill).toBe(false);
  });

  it('lets them go when it is given up later', () => {
    const { exchange, counted, lead, forward } = asked();
    forward();
    expect(lead.abandoned).not.toHaveBeenCalled();
    exchange.abandon();
    expect(lead.abandoned).toHaveBeenCalledOnce();
    expect(counted).toEqual(['aborted']);
  });

  it('waits once for the handler of a client that has gone, however many tell of that', () => {
    standStill();
    const { exchange, forward } = asked();
    forward();
    exchange.leave(false);
    exchange.leave(false);
    exchange.end();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('shows layers outside the request as it came, where it was given up while it was looked up', () => {
    for (const how of ['forward', 'shadow'] as const) {
      const headers = { host: 'example.com', 'if-none-match': '"a"' };
      const { exchange, plan, forward } = asked({ headers });
      exchange.abandon();
      if (how === 'forward') forward();
      else exchange.shadow(plan, stored());
      expect(exchange.request.headers, how).toHaveProperty('if-none-match', '"a"');
    }
  });

  it('is counted once, whatever another mount finds that has looked it up when it was given up', () => {
    const hit = asked();
    hit.forward();
    hit.exchange.abandon();
    hit.exchange.serve(hit.plan, stored(), HIT, 0, {});
    expect(hit.counted).toEqual(['aborted']);
    const declined = asked();
    declined.forward();
    declined.exchange.abandon();
    declined.exchange.declined('only-if-cached');
    expect(declined.counted).toEqual(['aborted']);
  });

  it('is served where the cache has nothing to give and asks nobody', () => {
    const { exchange } = asked();
    exchange.declined('only-if-cached');
    expect(exchange.isServed).toBe(true);
  });

  it('is counted where its answer was given before it came to a mount', () => {
    const { exchange, counted, head } = asked();
    head();
    exchange.bypass('begun');
    expect(counted).toEqual(['begun']);
  });

  it('tells no key where a mount inside has it pass by', () => {
    const { exchange, plan, forward } = asked();
    forward();
    expect(exchange.key).toBe(plan.address.key);
    exchange.bypass('when');
    expect(exchange.key).toBeUndefined();
  });

  it('is not counted where it was only under an invalidation', () => {
    const { exchange, counted } = asked();
    exchange.onSuccess(() => ({ tags: [], patterns: [] }));
    exchange.abandon();
    expect(counted).toEqual([]);
  });

  it('that passes by keeps its reason where nothing comes of it', () => {
    const { exchange, counted } = asked();
    exchange.bypass('when');
    exchange.abandon();
    expect(counted).toEqual(['when']);
  });

  it.each<[what: string, body: string, cut: boolean, isKept: boolean]>([
    ['whole', 'whole', false, true],
    ['whole, but the server has broken it off', 'whole', true, false],
    ['in part', 'who', false, false],
  ])('leaves to the store what its client has taken: %s', (_, body, cut, isKept) => {
    standStill();
    const { exchange, forward, head, kept, lead } = asked();
    forward();
    head(200, { 'content-length': '5' });
    exchange.write(body);
    exchange.leave(cut);
    // Its handler gives up, or says nothing any more.
    exchange.abandon();
    expect(kept() !== undefined).toBe(isKept);
    expect(lead[isKept ? 'filled' : 'abandoned']).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each<[reason: string, end: (of: ReturnType<typeof asked>) => void, word: 'unfilled' | 'abandoned']>([
    ['length-mismatch', ({ exchange }) => exchange.end(), 'unfilled'],
    ['aborted', ({ exchange }) => exchange.abandon(), 'abandoned'],
  ])('has nobody wait for less than the whole, and tells of it as %s', (reason, end, word) => {
    const all = asked();
    const { services, exchange, forward, head, lead, kept } = all;
    const skipped: string[] = [];
    services.events.on('skip', (event) => skipped.push(event.reason));
    forward();
    head(200, { 'content-length': '5' });
    exchange.write('who');
    end(all);
    expect(lead[word]).toHaveBeenCalledOnce();
    expect([skipped, kept()]).toEqual([[reason], undefined]);
  });

  it('is stored once, however often its end is told', () => {
    const { services, exchange, forward, head } = asked();
    const sets = vi.fn();
    services.events.on('set', sets);
    forward();
    head();
    exchange.write('x');
    exchange.end();
    exchange.end();
    expect(sets).toHaveBeenCalledOnce();
  });

  it('does not invalidate in the end for a client that has gone what its handler has failed to change', async () => {
    standStill();
    const { services, exchange, forward, head } = asked();
    const purges = vi.fn();
    services.events.on('purge', purges);
    exchange.onSuccess(() => ({ tags: ['g:acme:x'], patterns: [] }));
    forward();
    head(404, { 'content-length': '5' });
    exchange.write('whole');
    exchange.leave(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(purges).not.toHaveBeenCalled();
  });

  it('invalidates for the method that a layer inside has made of its own, though its handler says nothing', async () => {
    const { services, exchange } = asked({ currentMethod: 'DELETE' });
    const purges = vi.fn();
    services.events.on('purge', purges);
    await exchange.invalidate({});
    expect(purges).toHaveBeenCalledOnce();
  });

  it.each<[what: string, go: (of: ReturnType<typeof asked>) => unknown, ms: number]>([
    ['something stands in for a failure', ({ exchange }) => exchange.failed(bagOf({})), 1000],
    ['a 304 speaks of something else', ({ head }) => head(304, { etag: '"other"' }), 10_000],
  ])('lets those go who wait for it as soon as %s', (_, go, ms) => {
    const all = asked();
    const { services, forward, lead } = all;
    const asOf = services.backend.ledger.position()!;
    forward(stored({ asOf, freshUntil: BORN, staleIfError: 600, headers: [['ETag', '"a"']] }));
    go(all);
    expect(lead.unfilled.mock.calls).toEqual([[ms]]);
  });

  it('is stored where its query leads by the word of the 304 that confirms it', () => {
    const { services, plan, forward, head } = asked({ target: '/?a=1' });
    const asOf = services.backend.ledger.position()!;
    forward(stored({ asOf, freshUntil: BORN, headers: [['ETag', '"a"']] }));
    head(304, { etag: '"a"', 'no-vary-search': 'params', 'cache-control': 'max-age=60' });
    const { key } = plan.addressFor(parseNoVarySearch('params'));
    expect(key).not.toBe(plan.address.key);
    expect(services.backend.read([key])).toMatchObject([{ kind: 'response' }]);
  });

  it('waits for nobody whose answer has ended: a stream may say so behind that', () => {
    standStill();
    const { exchange, forward, head } = asked();
    forward();
    head(200, { 'content-length': '5' });
    exchange.write('whole');
    exchange.end();
    exchange.leave(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each<[what: string, go: (of: ReturnType<typeof asked>) => unknown]>([
    ['given up', ({ exchange }) => exchange.abandon()],
    ['answered', ({ head }) => head()],
    ['stood in for, as it failed', ({ exchange }) => expect(exchange.failed(bagOf({}))).toBeDefined()],
    ['stood in for, as it hung up', ({ exchange }) => expect(exchange.hungUp(bagOf({}))).toBeDefined()],
  ])('has no stand-in for what has been %s', (_, go) => {
    const all = asked();
    const { services, exchange, forward } = all;
    const asOf = services.backend.ledger.position()!;
    forward(stored({ asOf, freshUntil: BORN, staleIfError: 600 }));
    go(all);
    expect(exchange.failed(bagOf({}))).toBeUndefined();
    expect(exchange.hungUp(bagOf({}))).toBeUndefined();
  });
});
