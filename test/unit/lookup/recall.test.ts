import { describe, expect, it } from 'vitest';
import { Engine } from '../../../src/engine.js';
import type { IndexEntry, ResponseEntry } from '../../../src/entry/entry.js';
import { put } from '../../../src/fill/put.js';
import { type Found, Lookup, type Present } from '../../../src/lookup/lookup.js';
import { Planner, wantedBy } from '../../../src/lookup/plan.js';
import { Recall } from '../../../src/lookup/recall.js';
import { Recollections } from '../../../src/lookup/recollections.js';
import { BORN, bagOf, servicesOf, stored, view } from '../made.js';

/** A mount, and one request that has come to it. */
function mounted(varies: string[] = [], now: () => number = () => BORN) {
  const services = servicesOf({}, now);
  const { route } = services.settings;
  const planner = new Planner('');
  const recall = new Recall(services, route, planner, new Recollections());
  const request = view({ headers: { host: 'example.com', accept: 'text/html' } });
  const visit = { request, route, depth: 0 };
  const plan = planner.plan(visit, 'acme', services.events)!;
  const lookup = new Lookup(services.backend);
  const find = () => lookup.find(wantedBy(plan, visit, BORN)) as Found as Present;
  const store = (changes: Partial<ResponseEntry> = {}, index?: IndexEntry) => {
    const entry = stored({ asOf: services.backend.ledger.position()!, ...changes });
    put(services, plan.address, entry, {
      varies,
      request: request.headers,
      search: undefined,
      languageOrder: true,
      index,
    });
  };
  const text = () => {
    const reply = recall.answer(request, bagOf({}));
    if (reply instanceof Promise) throw new Error('not at once');
    return reply && (reply.text ?? reply.body?.toString());
  };
  return { services, recall, request, plan, find, store, text };
}

describe('the short way of hits', () => {
  it.each([[[]], [['accept']]])('leads to what was found, by the fields %j', (varies) => {
    const { recall, request, plan, find, store, text } = mounted(varies);
    store();
    recall.learn(request, plan, find());
    expect(text()).toBe('hello');
  });

  it('knows as many URLs as memory may keep', () => {
    const services = servicesOf({ maxItems: 6000 });
    const { route } = services.settings;
    const engine = new Engine(services);
    const recall = engine.recallFor(route);
    const known = Array.from({ length: 6000 }, (_, i) => {
      const request = view({ target: `/${i}` });
      const visit = { request, route, depth: 0 };
      const plan = engine.planner.plan(visit, 'acme', services.events)!;
      const variant = {
        varies: [],
        request: request.headers,
        search: undefined,
        languageOrder: true,
        index: undefined,
      };
      put(services, plan.address, stored({ asOf: services.backend.ledger.position()! }), variant);
      recall.learn(request, plan, engine.lookup.find(wantedBy(plan, visit, BORN)) as Found as Present);
      return request;
    });
    expect(known.filter((request) => recall.answer(request, bagOf({})) === undefined)).toEqual([]);
  });

  it('keeps a reply only for who asks again before it changes, which is each second', () => {
    let now = BORN;
    const { recall, request, plan, find, store } = mounted([], () => now);
    store();
    recall.learn(request, plan, find());
    const answer = () => recall.answer(request, bagOf({}));
    for (let second = 0; second < 2; second++) {
      const [first, next, last] = [answer(), answer(), answer()];
      expect(next).not.toBe(first);
      expect(last).toBe(next);
      expect(last).toMatchObject({ status: 200, text: 'hello' });
      now += 1000;
    }
  });

  it('does not lead to what has come in the place of what was found, before that is remembered: it may die of other purges', async () => {
    const { services, recall, request, plan, find, store, text } = mounted();
    store();
    const found = find();
    store({ body: Buffer.from('next'), tags: ['next'] });
    recall.learn(request, plan, found);
    await services.backend.purge({ tags: ['g:acme:next'], patterns: [] });
    expect(text()).toBeUndefined();
  });

  it('does not lead past an index that is another by then', () => {
    const { recall, request, plan, find, store, text } = mounted(['accept']);
    store();
    const found = find();
    recall.learn(request, plan, { ...found, index: { ...found.index! } });
    expect(text()).toBeUndefined();
  });
});
