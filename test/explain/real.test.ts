// Requests of frameworks, given to explain as they are, by a layer outside of the cache.

import { createCache, type Explanation } from 'respcache';
import { afterEach, describe, expect, it } from 'vitest';
import { createHost, FRAMEWORKS, type Framework, Layer } from '../adapters/hosts.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of cleanups.splice(0)) await each();
});

/** An application below a path, whose outermost layer notes what explain says. */
function explained(framework: Framework) {
  const cache = createCache({ redis: false });
  const host = createHost(framework, cache);
  cleanups.push(
    () => host.close(),
    () => cache.close(),
  );
  const said: Explanation[] = [];
  const layer = new Layer(
    (req, _res, next) => {
      cache.explain(req).then((each) => {
        said.push(each);
        next();
      }, next);
    },
    async (ctx, next) => {
      said.push(await cache.explain(ctx));
      expect(await cache.explain(ctx.req, { identity: () => 'x' })).toMatchObject({ outcome: 'miss' });
      await next();
    },
  );
  const identity = ({ headers }: { headers: { [name: string]: unknown } }) => headers['x-user'] as string;
  host.mount('/below', layer, { identity, query: { ignore: ['utm_*'] } }, ({ url }) => ({ body: url }));
  return { host, said };
}

describe.each(FRAMEWORKS)('a request of %s', (framework) => {
  it('can be explained as it is: its URL as it came, its headers, and what functions are called with', async () => {
    const { host, said } = explained(framework);
    const sent = { headers: { 'X-Client-Id': 'acme', 'X-User': 'ada', Cookie: 'a=b' } };
    const answers = [await host.ask('/below/a?p=1&utm_x=1', sent), await host.ask('/below/a?p=1', sent)];
    expect(answers.map((each) => each.header('cache-status'))).toEqual([
      expect.stringMatching(/fwd=uri-miss/),
      expect.stringMatching(/hit/),
    ]);
    expect(said.map(({ outcome }) => outcome)).toEqual(['miss', 'hit']);
    expect(said[1]).toMatchObject({ tenant: 'acme', key: expect.stringMatching(/~\/below\/a~p=1~identity=ada$/) });
  });
});
