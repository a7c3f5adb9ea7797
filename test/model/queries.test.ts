// Random stories of one path: what its responses say of their queries (No-Vary-Search) and groups, under some `query` options, with
// invalidations in between. What comes from the cache must be the same resource by the stored response's own word, of the same
// tenant, and made after all that was told to reach it. The oracle is written from the draft and from docs/, not from `src`.
//
//   QUERY_RUNS=20000 npx vitest run test/model/queries    longer; a failure prints the seed and path to play it again

import { once } from 'node:events';
import { Agent, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fc from 'fast-check';
import { type Cache, createCache, type RouteOptions } from 'respcache';
import { cacheMiddleware } from 'respcache/express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../adapters/client.js';

const RUNS = Number(process.env.QUERY_RUNS ?? 120);
const SEED = process.env.QUERY_RUNS === undefined ? { seed: 20261129 } : {};

/** Which parameters a response does not depend on, and whether it depends on their order (draft §5). */
interface Meaning {
  readonly ordered: boolean;
  readonly counts: (name: string) => boolean;
}

const ALL: Meaning = { ordered: true, counts: () => true };
/** Fields, and what the draft says that they mean. */
const SAID: readonly (readonly [field: string | undefined, meaning: Meaning | undefined])[] = [
  [undefined, undefined],
  ['key-order', { ...ALL, ordered: false }],
  ['params', { ...ALL, counts: () => false }],
  ['params=("u1")', { ...ALL, counts: (name) => name !== 'u1' }],
  ['params=("u1" "x y")', { ...ALL, counts: (name) => name !== 'u1' && name !== 'x y' }],
  ['params, except=("a")', { ...ALL, counts: (name) => name === 'a' }],
  ['key-order, params=("b")', { ordered: false, counts: (name) => name !== 'b' }],
  ['params=("a"), except=("b")', undefined],
  ['params=(', undefined],
];

/** A mount's option, and the same as the docs say it. */
interface Mount {
  readonly path: string;
  readonly query: NonNullable<RouteOptions<unknown>['query']>;
  readonly meaning: Meaning;
}

const MOUNTS: readonly Mount[] = [
  { path: '/sorted', query: {}, meaning: { ...ALL, ordered: false } },
  { path: '/as-sent', query: { sort: false }, meaning: ALL },
  {
    path: '/ignoring',
    query: { ignore: ['u*'] },
    meaning: { ordered: false, counts: (name) => !name.startsWith('u') },
  },
  { path: '/only', query: { only: ['a', 'b'] }, meaning: { ordered: false, counts: (name) => 'ab'.includes(name) } },
];

const PARAMETERS = ['a=1', 'a=2', 'b=1', 'b=2', 'u1=1', 'u1=2', 'u2=1', 'x+y=1', 'x%20y=2', '%61=1', 'a'];
const PURGES = ['post', 'key', 'path', 'pattern', 'group', 'tag', 'tenant'] as const;

const tenant = fc.constantFrom('one', 'one', 'two');
const query = fc.array(fc.constantFrom(...PARAMETERS), { maxLength: 3 }).map((all) => all.join('&'));

/** What is asked for with one of some queries, and what the handler says if it is asked. */
const asking = (queries: readonly string[]) =>
  fc.record({
    kind: fc.constant('ask' as const),
    tenant,
    query: fc.constantFrom(...queries),
    says: fc.constantFrom(...SAID),
    grouped: fc.boolean(),
  });
const purging = (queries: readonly string[]) =>
  fc.record({
    kind: fc.constant('purge' as const),
    tenant,
    query: fc.constantFrom(...queries),
    how: fc.constantFrom(...PURGES),
  });
/** Few queries, so that things meet. */
const steps = fc.array(query, { minLength: 1, maxLength: 3 }).chain((queries) =>
  fc.array(fc.oneof({ weight: 2, arbitrary: asking(queries) }, { weight: 1, arbitrary: purging(queries) }), {
    minLength: 3,
    maxLength: 14,
  }),
);
const story = fc.tuple(fc.constantFrom(...MOUNTS), steps);

type Drawn<F extends (queries: readonly string[]) => fc.Arbitrary<unknown>> =
  ReturnType<F> extends fc.Arbitrary<infer T> ? T : never;
type Asking = Drawn<typeof asking>;
type Purging = Drawn<typeof purging>;

/** A response, and by how many steps of its story it was preceded. */
interface Made extends Asking {
  readonly at: number;
}

/** What is left of a query by several meanings, one after the other: values as they were sent. */
function reduced(text: string, ...meanings: Meaning[]): string {
  const all = text.split('&').filter((each) => each !== '');
  const named = all.map((each) => ({ each, name: decodeURIComponent(each.split('=')[0]!.replaceAll('+', ' ')) }));
  const kept = named.filter(({ name }) => meanings.every(({ counts }) => counts(name)));
  if (meanings.some(({ ordered }) => !ordered)) kept.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return kept.map(({ each }) => each).join('&');
}

/** Draft §6: whether a stored response answers a query. */
function answers({ query, says: [, said] }: Made, asked: string, { meaning }: Mount): boolean {
  const meanings = said === undefined ? [meaning] : [meaning, said];
  return reduced(query, ...meanings) === reduced(asked, ...meanings);
}

/** docs/invalidation.md, docs/http.md: whether an invalidation must have reached a response to this query. */
function isReached(made: Made, asked: string, purge: Purging, { meaning }: Mount): boolean {
  if (made.tenant !== purge.tenant) return purge.how === 'tag' && made.grouped;
  if (purge.how === 'group' || purge.how === 'tag') return made.grouped;
  if (purge.how === 'tenant' || purge.how === 'path' || made.says[1] !== undefined) return true;
  const name = (text: string) => reduced(text, { ...meaning, ordered: false });
  if (purge.how === 'pattern') return name(made.query) !== '' && name(made.query).startsWith(purge.query);
  return [made.query, asked].some((each) => name(each) === name(purge.query));
}

describe('responses that answer several queries', () => {
  const agent = new Agent({ keepAlive: true });
  const cache: Cache = createCache({ redis: false });
  const made = new Map<string, Made>();
  let server: Server;
  let now: Made;
  let stories = 0;

  beforeAll(async () => {
    const app = express();
    for (const { path, query } of MOUNTS) app.use(path, cacheMiddleware({ cache, query, ttl: 60 }));
    app.get('/:mount/:story', (_req, res) => {
      const { says, grouped } = now;
      if (says[0] !== undefined) res.set('No-Vary-Search', says[0]);
      if (grouped) res.set('Cache-Groups', '"group"');
      made.set(String(made.size), now);
      res.send(String(made.size - 1));
    });
    app.post('/:mount/:story', (req, res) => {
      if (req.get('x-group') !== undefined) res.set('Cache-Group-Invalidation', '"other", "group"');
      res.end();
    });
    server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterAll(async () => {
    agent.destroy();
    server.close();
    await cache.close();
  });

  async function send(path: string, query: string, method: string, headers: Record<string, string>) {
    const { port } = server.address() as AddressInfo;
    return ask(port, query === '' ? path : `${path}?${query}`, { method, headers: { Host: 'h', ...headers }, agent });
  }

  async function invalidate(path: string, { how, query, tenant }: Purging): Promise<unknown> {
    const url = query === '' ? path : `${path}?${query}`;
    if (how === 'key') return cache.invalidateKey(url, tenant);
    if (how === 'path') return cache.invalidateKey(path, tenant);
    if (how === 'pattern') return cache.invalidatePattern(`${path}[?]${query}*`, tenant);
    if (how === 'tag') return cache.invalidateByTags(['group']);
    if (how === 'tenant') return cache.invalidateTenant(tenant);
    const group: Record<string, string> = how === 'group' ? { 'X-Group': '1' } : {};
    // The group's own request is made elsewhere: it changes nothing else of this story.
    return send(how === 'group' ? '/sorted/elsewhere' : path, query, 'POST', { 'X-Client-Id': tenant, ...group });
  }

  it('are given for those alone, and for none once anything has reached them', {
    timeout: 60_000 + RUNS * 100,
  }, async () => {
    const property = fc.asyncProperty(story, async ([mount, steps]) => {
      const path = `${mount.path}/${++stories}`;
      for (const [at, step] of steps.entries()) {
        if (step.kind === 'purge') {
          await invalidate(path, step);
          continue;
        }
        now = { ...step, at };
        const headers = { 'X-Client-Id': step.tenant };
        const { text } = await send(path, step.query, 'GET', headers);
        const response = made.get(text)!;
        expect(response.tenant).toBe(step.tenant);
        expect(answers(response, step.query, mount)).toBe(true);
        const purges = steps.slice(response.at, at).filter((each) => each.kind === 'purge');
        expect(purges.filter((each) => isReached(response, step.query, each, mount))).toEqual([]);
        // And it is of use: the same, asked for once more, is at hand.
        expect((await send(path, step.query, 'GET', headers)).text).toBe(text);
      }
    });
    await fc.assert(property, { numRuns: RUNS, ...SEED });
  });
});
