import { expect, it } from 'vitest';
import { Planner } from '../../../src/lookup/plan.js';
import { DEFAULT_ROUTE, resolveRoute } from '../../../src/route.js';
import type { RouteOptions } from '../../../src/route-options.js';
import { servicesOf, view } from '../made.js';

const { events } = servicesOf();

/** Where a mount with these options looks, the outermost or one inside others that look elsewhere. */
const keyOf = (options: RouteOptions, depth = 0) =>
  new Planner('').plan({ request: view(), route: resolveRoute(options, DEFAULT_ROUTE), depth }, 'acme', events)!.address
    .key;

it('each mount that tells apart what another does not has a place of its own, also where its function says nothing', () => {
  const places = [
    keyOf({}),
    keyOf({}, 1),
    keyOf({}, 2),
    keyOf({}, 3),
    keyOf({ key: () => '' }),
    keyOf({ key: () => 'a' }),
    keyOf({ key: () => 'b' }),
    keyOf({ key: () => 'key' }),
    keyOf({ identity: () => 'a' }),
    keyOf({ key: () => 'a', identity: () => 'a' }),
  ];
  expect(new Set(places).size).toBe(places.length);
  // A name is no part of it, and nor is nobody.
  expect([keyOf({ key: 'name' }), keyOf({ identity: () => '' })]).toEqual([places[0], places[0]]);
});
