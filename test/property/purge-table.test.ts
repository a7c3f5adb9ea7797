import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesPattern } from '../../src/invalidation/pattern.js';
import { GEOMETRY, type Geometry, type Purge, PurgeTable } from '../../src/invalidation/purge-table.js';
import {
  EVERYTHING,
  globalTag,
  keyTag,
  ownTag,
  purgeTags,
  type Subject,
  tenantTag,
  uriTag,
} from '../../src/invalidation/tags.js';

const tenant = fc.constantFrom('', 'a', 'b');
const name = fc.constantFrom('users', 'users:list', 'posts:1', '/users', '/users?x=1');
const tagName = fc.constantFrom('t1', 't2', 't3');
const uri = fc.constantFrom('http://h/users', 'http://h/posts');

const tag = fc.oneof(
  fc.constant(EVERYTHING),
  tenant.map(tenantTag),
  fc.tuple(tenant, name).map((parts) => keyTag(...parts)),
  fc.tuple(tenant, uri).map((parts) => uriTag(...parts)),
  fc.tuple(tenant, tagName).map((parts) => ownTag(...parts)),
  tagName.map(globalTag),
);
const glob = fc.constantFrom('users', 'users:*', '*', 'posts:?', '/users*', 'nothing');
const purge: fc.Arbitrary<Purge> = fc.record({
  tags: fc.array(tag, { maxLength: 2 }),
  patterns: fc.array(fc.record({ tenant, glob }), { maxLength: 2 }),
});
/** How far each purge is above the one before, and what it is. */
const history = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), purge), { maxLength: 30 });
const subject: fc.Arbitrary<Subject> = fc.record({
  tenant,
  names: fc.array(name, { minLength: 1, maxLength: 2 }),
  uri,
  tags: fc.array(tagName, { maxLength: 2 }),
});

interface Record {
  readonly sequence: number;
  readonly purge: Purge;
}

/** The plain truth: all purges that there were, one by one. */
function reaches({ tags, patterns }: Purge, about: Subject): boolean {
  const own = purgeTags(about);
  return (
    tags.some((each) => own.includes(each)) ||
    patterns.some((each) => each.tenant === about.tenant && about.names.some((n) => matchesPattern(each.glob, n)))
  );
}

function replay(steps: readonly (readonly [number, Purge])[], geometry: Geometry) {
  const table = new PurgeTable('e', 100, geometry);
  const records: Record[] = [];
  let sequence = 100;
  for (const [step, each] of steps) {
    sequence += step;
    table.apply(each, sequence);
    records.push({ sequence, purge: each });
  }
  const isPurgedAfter = (about: Subject, asOf: number) =>
    records.some((record) => record.sequence > asOf && reaches(record.purge, about));
  return { table, isPurgedAfter, positions: [100, ...records.map((record) => record.sequence)] };
}

const TINY: Geometry = { rows: 2, bits: 2, patterns: 3 };

describe('PurgeTable against a list of all purges', () => {
  it.each([
    ['large', GEOMETRY],
    ['tiny, where all collides', TINY],
  ])('never lets stand what was purged, in a table that is %s', (_, geometry) => {
    fc.assert(
      fc.property(history, subject, (steps, about) => {
        const { table, isPurgedAfter, positions } = replay(steps, geometry);
        for (const asOf of positions) if (isPurgedAfter(about, asOf)) expect(table.stands(about, asOf)).toBe(false);
      }),
      { numRuns: geometry === TINY ? 300 : 60 },
    );
  });

  it('lets stand what was not purged, with few tags and patterns', () => {
    fc.assert(
      fc.property(history, subject, (steps, about) => {
        const { table, isPurgedAfter, positions } = replay(steps, GEOMETRY);
        for (const asOf of positions) expect(table.stands(about, asOf)).toBe(!isPurgedAfter(about, asOf));
      }),
      { numRuns: 60 },
    );
  });

  it('lets stand whatever is as new as the last purge', () => {
    fc.assert(
      fc.property(history, subject, (steps, about) => {
        const { table } = replay(steps, TINY);
        expect(table.stands(about, table.sequence)).toBe(true);
      }),
    );
  });

  it('once dead is dead: more purges never bring an entry back', () => {
    fc.assert(
      fc.property(history, history, subject, (steps, more, about) => {
        const before = replay(steps, TINY);
        const after = replay([...steps, ...more], TINY);
        for (const asOf of before.positions) {
          if (!before.table.stands(about, asOf)) expect(after.table.stands(about, asOf)).toBe(false);
        }
      }),
    );
  });

  it('a tenant is never reached by the patterns and folded patterns of another', () => {
    const foreign = fc.array(
      fc.tuple(
        fc.constant(1),
        fc.record({ tags: fc.constant([]), patterns: fc.array(fc.record({ tenant: fc.constant('b'), glob })) }),
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(foreign, subject, (steps, about) => {
        const { table } = replay(steps, { ...GEOMETRY, patterns: 3 });
        expect(table.stands({ ...about, tenant: 'a' }, 100)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
