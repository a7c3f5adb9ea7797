import { describe, expect, it } from 'vitest';
import { type Asked, askedBy } from '../../../src/request/directives.js';
import type { Fields } from '../../../src/types.js';

const NOTHING: Asked = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
};
const asked = (cacheControl: string | string[]) => askedBy({ 'cache-control': cacheControl });

describe('askedBy', () => {
  it.each<[fields: Fields]>([[{}], [{ 'cache-control': '' }], [{ 'cache-control': ' , ,' }], [{ pragma: 'x' }]])(
    'is nothing at all for %j',
    (fields) => {
      expect(askedBy(fields)).toBeUndefined();
    },
  );

  it.each<[cacheControl: string | string[], what: Partial<Asked>]>([
    ['no-cache', { noCache: true }],
    ['No-Cache', { noCache: true }],
    [['min-fresh=1', 'no-cache'], { minFresh: 1, noCache: true }],
    ['no-store', { noStore: true }],
    ['NO-STORE', { noStore: true }],
    ['only-if-cached', { onlyIfCached: true }],
    ['max-age=0', { maxAge: 0 }],
    ['max-age=60', { maxAge: 60 }],
    ['max-age="60"', { maxAge: 60 }],
    ['min-fresh=30', { minFresh: 30 }],
    ['max-stale=30', { maxStale: 30 }],
    ['max-stale=0', { maxStale: 0 }],
    ['no-transform', {}],
    ['unknown=1', {}],
    ['no-cache, no-store, max-age=1', { noCache: true, noStore: true, maxAge: 1 }],
  ])('understands %j (RFC 9111 §5.2.1)', (cacheControl, what) => {
    expect(asked(cacheControl)).toEqual({ ...NOTHING, ...what });
  });

  it('takes a max-stale without an argument for any age (§5.2.1.2)', () => {
    expect(asked('max-stale')).toEqual({ ...NOTHING, maxStale: Number.POSITIVE_INFINITY });
  });

  it('is no more than can be told apart (§1.2.2)', () => {
    expect(asked('max-age=99999999999')).toEqual({ ...NOTHING, maxAge: 2 ** 31 });
  });

  it.each(['max-age', 'min-fresh'])('passes over %s without an argument', (name) => {
    expect(asked(name)).toEqual(NOTHING);
  });

  it.each(
    ['max-age', 'min-fresh', 'max-stale'].flatMap((name) =>
      ['soon', '-1', '1.5', '1e3', '', '"'].map((value) => `${name}=${value}`),
    ),
  )('passes over what cannot be read: %s', (cacheControl) => {
    expect(asked(cacheControl)).toEqual(NOTHING);
  });

  it('passes over a number that is given twice, and differently', () => {
    expect(asked('max-age=1, max-age=2')).toEqual(NOTHING);
  });

  it.each<[directive: string, what: Partial<Asked>]>([
    ['no-cache=1', { noCache: true }],
    ['no-store="x"', { noStore: true }],
    ['only-if-cached=0', { onlyIfCached: true }],
  ])('hears %s, whose argument means nothing', (directive, what) => {
    expect(asked(directive)).toEqual({ ...NOTHING, ...what });
  });

  it.each(['no-cache', 'NO-CACHE', 'x, no-cache', 'no-cache, x=y'])('takes Pragma: %s for no-cache', (pragma) => {
    expect(askedBy({ pragma })).toEqual({ ...NOTHING, noCache: true });
  });

  it('does not look at Pragma where there is Cache-Control (§5.4)', () => {
    expect(askedBy({ pragma: 'no-cache', 'cache-control': 'max-age=60' })).toEqual({ ...NOTHING, maxAge: 60 });
    expect(askedBy({ pragma: 'no-cache', 'cache-control': '' })).toBeUndefined();
  });
});
