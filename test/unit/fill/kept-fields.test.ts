import { describe, expect, it } from 'vitest';
import { keptFields } from '../../../src/fill/kept-fields.js';
import { saidBy } from '../../../src/lookup/freshness.js';
import { MODES, type Policy } from '../../../src/policy.js';
import type { Fields, HeaderBag } from '../../../src/types.js';
import { bagOf } from '../made.js';

const RFC9111 = MODES.rfc9111.policy;

const kept = (fields: Fields, outside: Fields = {}, policy: Policy = MODES.application.policy) =>
  keptOf(bagOf(fields), outside, policy);
const keptOf = (bag: HeaderBag, outside: Fields, policy: Policy) =>
  keptFields(bag, bag.getHeaders(), outside, saidBy(bag.getHeaders(), ['respcache-cache-control']), policy);
/** The names of the fields that are kept, as they were written. */
const names = (...asked: Parameters<typeof kept>) => kept(...asked).headers.map(([name]) => name);

describe('keptFields', () => {
  it('are all that the handler set, in its order and spelling', () => {
    const fields = { 'X-B': 'b', 'content-TYPE': 'text/plain', ETag: '"a"', Link: ['</a>', '</b>'], 'X-N': 5 };
    expect(kept(fields)).toEqual({
      headers: [
        ['X-B', 'b'],
        ['content-TYPE', 'text/plain'],
        ['ETag', '"a"'],
        ['Link', ['</a>', '</b>']],
        ['X-N', '5'],
      ],
      appended: [],
      removed: [],
    });
  });

  it.each(['Keep-Alive', 'Proxy-Authenticate', 'Proxy-Connection', 'TE', 'Transfer-Encoding', 'Upgrade', 'Connection'])(
    'are none of the connection: %s (RFC 9111 §3.1)',
    (name) => {
      for (const policy of [undefined, RFC9111])
        expect(names({ [name]: 'x', 'X-A': '1' }, {}, policy)).toEqual(['X-A']);
    },
  );

  it('are none that Connection names', () => {
    expect(names({ Connection: 'close, X-Hop , ETag', 'X-Hop': '1', ETag: '"a"', 'X-A': '1' })).toEqual(['X-A']);
    expect(names({ Connection: ['X-One', 'X-Two'], 'X-One': '1', 'X-Two': '2' })).toEqual([]);
  });

  it.each(['Age', 'Content-Length'])('are none that each answer works out anew: %s', (name) => {
    expect(names({ [name]: '5' }, {}, RFC9111)).toEqual([]);
  });

  it.each(['private', 'no-cache'])('are none that a qualified %s names (RFC 9111 §5.2.2.4, §5.2.2.7)', (directive) => {
    const fields = { 'Cache-Control': `max-age=60, ${directive}="X-User, x-cart"`, 'X-User': 'u', 'X-Cart': 'c' };
    for (const policy of [undefined, RFC9111]) expect(names(fields, {}, policy)).toEqual(['Cache-Control']);
  });

  it('are none that either of both names', () => {
    const fields = { 'Cache-Control': 'private=x-user, no-cache="x-cart"', 'X-User': 'u', 'X-Cart': 'c', 'X-A': '1' };
    expect(names(fields)).toEqual(['Cache-Control', 'X-A']);
  });

  it('go by the field for this cache, where there is one (RFC 9213)', () => {
    const own = { 'Respcache-Cache-Control': 'private="x-user"', 'Cache-Control': 'private="x-cart"' };
    expect(names({ ...own, 'X-User': 'u', 'X-Cart': 'c' })).toEqual([
      'Respcache-Cache-Control',
      'Cache-Control',
      'X-Cart',
    ]);
  });

  it.each(['Retry-After', 'X-Request-Id', 'RateLimit', 'RateLimit-Remaining', 'X-RateLimit-Limit', 'Server-Timing'])(
    'are none that speak to one client, but in the mode of the RFC: %s',
    (name) => {
      expect(names({ [name]: '5' })).toEqual([]);
      expect(names({ [name]: '5' }, {}, RFC9111)).toEqual([name]);
    },
  );

  it('are the cookies, in the mode of the RFC', () => {
    expect(kept({ 'Set-Cookie': ['a=b', 'c=d'] }, {}, RFC9111).headers).toEqual([['Set-Cookie', ['a=b', 'c=d']]]);
  });
});

describe('keptFields, where layers outside have set some', () => {
  it('are not those that are as they were', () => {
    const outside = { 'x-powered-by': 'us', 'set-cookie': ['a=b'], 'x-n': 5 };
    expect(kept({ 'X-Powered-By': 'us', 'Set-Cookie': ['a=b'], 'X-N': '5', 'X-A': '1' }, outside)).toEqual({
      headers: [['X-A', '1']],
      appended: [],
      removed: [],
    });
  });

  it('are what the response varies by, whoever said so', () => {
    expect(kept({ Vary: 'Origin' }, { vary: 'Origin' }).headers).toEqual([['Vary', 'Origin']]);
  });

  it('are those that were changed', () => {
    expect(kept({ 'X-A': 'mine' }, { 'x-a': 'yours' })).toMatchObject({ headers: [['X-A', 'mine']], appended: [] });
  });

  it('are what was added in lines of their own', () => {
    expect(kept({ Link: ['</a>', '</b>', '</c>'] }, { link: '</a>' })).toMatchObject({
      headers: [['Link', ['</b>', '</c>']]],
      appended: ['link'],
    });
  });

  it('are what was added to a line', () => {
    expect(kept({ 'X-A': 'one, two, three' }, { 'x-a': 'one' })).toMatchObject({
      headers: [['X-A', 'two, three']],
      appended: ['x-a,'],
    });
  });

  it('are the whole line that was made of several', () => {
    expect(kept({ Link: '</a>, </b>, </c>' }, { link: ['</a>', '</b>'] })).toMatchObject({
      headers: [['Link', '</a>, </b>, </c>']],
      appended: [],
    });
  });

  it.each<[what: string, now: string[], before: string | string[]]>([
    ['one of those before was changed', ['</a>', '</c>', '</d>'], ['</a>', '</b>']],
    ['the one before was added to, and others came behind', ['</a>, </b>', '</c>'], '</a>'],
  ])('are all lines where %s', (_, now, before) => {
    expect(kept({ Link: now }, { link: before })).toMatchObject({ headers: [['Link', now]], appended: [] });
  });

  it('are which version the response is, whoever said so', () => {
    const fields = { ETag: '"a"', 'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT', 'X-A': '1' };
    const outside = { etag: fields.ETag, 'last-modified': fields['Last-Modified'], 'x-a': '1' };
    expect(names(fields, outside)).toEqual(['ETag', 'Last-Modified']);
  });

  it('take away what is said to this cache alone, though a layer outside has said it', () => {
    const said = { 'respcache-cache-control': 'max-age=5', 'x-a': '1' };
    expect(kept(said, said).removed).toEqual(['respcache-cache-control']);
  });

  it('are the whole line of Vary, which each answer joins anew', () => {
    expect(kept({ Vary: 'Origin, Accept' }, { vary: 'Origin' })).toMatchObject({
      headers: [['Vary', 'Origin, Accept']],
      appended: [],
    });
  });

  it('tell which were taken away', () => {
    expect(kept({ 'X-A': '1' }, { 'x-powered-by': 'us', 'x-a': '1' }).removed).toEqual(['x-powered-by']);
  });
});
