import { expect, it } from 'vitest';
import { Mounts } from '../../src/mounts.js';
import { DEFAULT_ROUTE, type Route, resolveRoute } from '../../src/route.js';

const identity = () => 'me';

function listed(...mounts: [route: Route, outer?: Route][]): string[] {
  const known = new Mounts();
  for (const mount of mounts) known.add(...mount);
  return known.all.map(({ route, depth }) => `${'inside '.repeat(depth)}${route.exposeKey ? 'shown' : 'plain'}`);
}
const plain = DEFAULT_ROUTE;
const same = resolveRoute({ ttl: 7, key: 'a', exposeKey: true }, plain);
const elsewhere = resolveRoute({ identity, exposeKey: true }, plain);

it('is known once, however many mounts look up in one place', () => {
  expect(listed([plain], [same], [plain])).toEqual(['plain']);
});

it('is known by each place, in the order of the mounts', () => {
  expect(listed([plain], [elsewhere])).toEqual(['plain', 'shown']);
  expect(listed([elsewhere], [plain])).toEqual(['shown', 'plain']);
});

it('has a place of its own inside of another only where it looks elsewhere', () => {
  expect(listed([plain], [same, plain])).toEqual(['plain']);
  expect(listed([plain], [elsewhere, plain])).toEqual(['plain', 'inside shown']);
});

it('has another place at each depth', () => {
  const deeper = resolveRoute({ personal: ['x-user'] }, elsewhere);
  expect(listed([elsewhere, plain], [deeper, elsewhere])).toEqual(['inside shown', 'inside inside shown']);
});

it('tells keys by functions apart, and names not', () => {
  const by = (key: () => string) => resolveRoute({ key }, plain);
  expect(listed([by(() => 'a')], [by(() => 'a')], [resolveRoute({ key: 'a' }, plain)])).toHaveLength(3);
  expect(listed([resolveRoute({ key: 'a' }, plain)], [resolveRoute({ key: 'b' }, plain)])).toHaveLength(1);
});

it('keeps the newest hundred', () => {
  const many = Array.from({ length: 150 }, (_, i) => resolveRoute({ identity: () => `${i}` }, plain));
  const known = new Mounts();
  for (const route of many) known.add(route);
  expect(known.all.map(({ route }) => route)).toEqual(many.slice(50));
});
