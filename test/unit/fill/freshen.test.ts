import { describe, expect, it } from 'vitest';
import type { ResponseEntry } from '../../../src/entry/entry.js';
import type { Context } from '../../../src/fill/assess.js';
import { type Freshened, freshened, headSpeaksOf, type Stamp, speaksOf } from '../../../src/fill/freshen.js';
import type { HeaderLine } from '../../../src/http/headers.js';
import type { RouteOptions } from '../../../src/route-options.js';
import type { Fields } from '../../../src/types.js';
import { BORN, bagOf, contextOf, dateAt, servicesOf, stored } from '../made.js';

/** When the handler has said that the response is still the same. */
const NOW = BORN + 400_000;
const STAMP: Stamp = { now: NOW, name: undefined, tags: [], cost: 12, outside: {} };

const OLD: readonly HeaderLine[] = [
  ['Content-Type', 'text/plain'],
  ['ETag', '"a"'],
  ['Date', dateAt(0)],
  ['Cache-Control', 'max-age=300'],
];

interface More {
  readonly entry?: Partial<ResponseEntry>;
  readonly options?: RouteOptions;
  readonly stamp?: Partial<Stamp>;
  readonly context?: Partial<Context>;
}

/** What becomes of a stored response, by the fields of a newer head. */
function fresh(fields: Fields, { entry, options, stamp, context }: More = {}): Freshened {
  const services = servicesOf({}, () => NOW);
  const at = contextOf(options, { services, requestedAt: NOW, ...context });
  return freshened(at, stored({ headers: OLD, ...entry }), bagOf(fields), { ...STAMP, ...stamp });
}
const lines = (found: Freshened) =>
  Object.fromEntries(found.entry.headers.map(([name, value]) => [name.toLowerCase(), value]));

describe('speaksOf (RFC 9111 §4.3.4)', () => {
  const speaks = (said: Fields, ...headers: HeaderLine[]) => speaksOf(said, stored({ headers }));
  const EARLY = dateAt(-60);

  it.each<[what: string, said: Fields, headers: HeaderLine[]]>([
    ['the same strong tag', { etag: '"a"' }, [['ETag', '"a"']]],
    ['the same strong tag, whatever the date', { etag: '"a"', 'last-modified': EARLY }, [['etag', '"a"']]],
    ['a weak tag of the same weak one', { etag: 'W/"a"' }, [['ETag', 'W/"a"']]],
    ['a weak tag of the same strong one', { etag: 'W/"a"' }, [['ETag', '"a"']]],
    ['the same date', { 'last-modified': EARLY }, [['Last-Modified', EARLY]]],
    [
      'a date, of what has a tag and that date',
      { 'last-modified': EARLY },
      [
        ['ETag', '"a"'],
        ['Last-Modified', EARLY],
      ],
    ],
    ['a date, of what has none', { 'last-modified': EARLY }, [['ETag', '"a"']]],
    [
      'a date and a tag, of what has that date alone',
      { etag: '"a"', 'last-modified': EARLY },
      [['Last-Modified', EARLY]],
    ],
    [
      'a weak tag and a date, of that date',
      { etag: 'W/"a"', 'last-modified': dateAt(0) },
      [['Last-Modified', dateAt(0)]],
    ],
    [
      'a strong tag and a date that was strong when it was made',
      { etag: '"a"', 'last-modified': dateAt(0) },
      [
        ['Last-Modified', dateAt(0)],
        ['Date', dateAt(1)],
      ],
    ],
    ['nothing, of what has a tag', {}, [['ETag', '"a"']]],
    ['nothing, of what has nothing', {}, []],
    ['a tag that is none, if it is the same', { etag: 'a' }, [['ETag', 'a']]],
  ])('is so for %s', (_, said, headers) => {
    expect(speaks(said, ...headers)).toBe(true);
  });

  it.each<[what: string, said: Fields, headers: HeaderLine[]]>([
    ['another strong tag', { etag: '"b"' }, [['ETag', '"a"']]],
    [
      'another strong tag, whatever the date',
      { etag: '"b"', 'last-modified': EARLY },
      [
        ['ETag', '"a"'],
        ['Last-Modified', EARLY],
      ],
    ],
    ['a strong tag of a weak one', { etag: '"a"' }, [['ETag', 'W/"a"']]],
    ['a strong tag of what has none', { etag: '"a"' }, []],
    ['another weak tag', { etag: 'W/"b"' }, [['ETag', 'W/"a"']]],
    ['a weak tag of what has none', { etag: 'W/"a"' }, []],
    ['a tag, of what has a date alone', { etag: '"a"' }, [['Last-Modified', EARLY]]],
    [
      'a strong tag and a date that is not as strong',
      { etag: '"a"', 'last-modified': dateAt(0) },
      [['Last-Modified', dateAt(0)]],
    ],
    [
      'a strong tag and a date that was not as strong when it was made',
      { etag: '"a"', 'last-modified': EARLY },
      [
        ['Last-Modified', EARLY],
        ['Date', EARLY],
      ],
    ],
    ['another date', { 'last-modified': dateAt(-30) }, [['Last-Modified', EARLY]]],
  ])('is not so for %s', (_, said, headers) => {
    expect(speaks(said, ...headers)).toBe(false);
  });

  it('does not take a tag that was made here for one of the handler', () => {
    const entry = stored({ headers: [['ETag', 'W/"5"']], etagMade: true });
    expect(speaksOf({ etag: 'W/"5"' }, entry)).toBe(false);
    expect(speaksOf({}, entry)).toBe(true);
  });
});

describe('headSpeaksOf (RFC 9111 §4.3.5)', () => {
  const entry = stored({
    headers: [
      ['ETag', '"a"'],
      ['Last-Modified', dateAt(-60)],
    ],
  });

  it.each<[fields: Fields]>([
    [{ etag: '"a"' }],
    [{ 'last-modified': dateAt(-60) }],
    [{ 'content-length': '5' }],
    [{ 'content-length': 5 }],
    [{ etag: '"a"', 'last-modified': dateAt(-60), 'content-length': '5' }],
  ])('is so where all that it says is the same: %j', (fields) => {
    expect(headSpeaksOf(fields, entry, true)).toBe(true);
    expect(headSpeaksOf(fields, entry, false)).toBe(true);
  });

  it.each<[fields: Fields]>([
    [{ etag: '"b"' }],
    [{ etag: 'W/"a"' }],
    [{ 'last-modified': dateAt(-30) }],
    [{ 'content-length': '6' }],
    [{ etag: '"a"', 'content-length': '6' }],
    [{ etag: '"b"', 'last-modified': dateAt(-60), 'content-length': '5' }],
  ])('is not so where anything differs: %j', (fields) => {
    expect(headSpeaksOf(fields, entry, true)).toBe(false);
    expect(headSpeaksOf(fields, entry, false)).toBe(false);
  });

  it('is not so for a validator that the stored response does not have', () => {
    expect(headSpeaksOf({ etag: '"a"' }, stored(), false)).toBe(false);
  });

  it('is not so for what is stored with another status: it cannot be what a GET would get now', () => {
    expect(headSpeaksOf({ etag: '"a"' }, stored({ ...entry, status: 404 }), false)).toBe(false);
  });

  it('is not so for what varies by more, and may be another variant of the same length, unless a validator says so', () => {
    const head = { vary: 'Accept-Language', 'content-length': '5' };
    expect(headSpeaksOf(head, entry, false)).toBe(false);
    expect(headSpeaksOf({ ...head, vary: '*' }, entry, false)).toBe(false);
    expect(headSpeaksOf({ ...head, etag: '"a"' }, entry, false)).toBe(true);
    expect(headSpeaksOf({ ...head, 'last-modified': dateAt(-60) }, entry, false)).toBe(true);
    expect(headSpeaksOf(head, stored({ headers: [['Vary', 'accept-language, Accept']] }), false)).toBe(true);
    expect(headSpeaksOf(head, stored({ keyed: ['accept-language'] }), false)).toBe(true);
  });

  it('is so where it says nothing, unless something has to be there', () => {
    expect(headSpeaksOf({ 'x-a': '1' }, entry, false)).toBe(true);
    expect(headSpeaksOf({ 'x-a': '1' }, entry, true)).toBe(false);
  });
});

describe('the fields of a response that was confirmed (RFC 9111 §3.2)', () => {
  it('are those of the newer head, and what it does not say stays', () => {
    const found = fresh({ 'Cache-Control': 'max-age=60', 'X-New': '1', Date: dateAt(400) });
    expect(found.entry.headers).toEqual([
      ['Content-Type', 'text/plain'],
      ['ETag', '"a"'],
      ['Cache-Control', 'max-age=60'],
      ['X-New', '1'],
      ['Date', dateAt(400)],
    ]);
  });

  it('are replaced whole, however many lines there were', () => {
    const entry = { headers: [['Link', ['</a>', '</b>']] as const] };
    expect(lines(fresh({ Link: '</c>' }, { entry })).link).toBe('</c>');
    expect(lines(fresh({ LINK: ['</c>', '</d>'] }, { entry })).link).toEqual(['</c>', '</d>']);
  });

  it('may be replaced in their type', () => {
    expect(lines(fresh({ 'Content-Type': 'text/html' }))['content-type']).toBe('text/html');
  });

  it.each([
    ...['Content-Encoding', 'Content-Range'],
    // Those of a 304 or a HEAD are of no bytes at all (RFC 9530).
    ...['Content-Digest', 'Repr-Digest', 'Digest', 'Content-MD5'],
  ])('stay as they are with the bytes: %s', (name) => {
    const entry = { headers: [[name, 'old'] as const] };
    expect(lines(fresh({ [name]: 'new' }, { entry }))[name.toLowerCase()]).toBe('old');
    expect(lines(fresh({ [name]: 'new' }))).not.toHaveProperty(name.toLowerCase());
  });

  it('never are the length of a body that is not there', () => {
    expect(lines(fresh({ 'Content-Length': 0 }))).not.toHaveProperty('content-length');
  });

  it('are none of the connection', () => {
    const found = fresh({ Connection: 'X-Hop', 'X-Hop': '1', 'Keep-Alive': 'timeout=5' });
    expect(found.entry.headers).toEqual(stored({ headers: OLD }).headers.filter(([name]) => name !== 'Date'));
  });

  it('are not the date of before, where the newer head has none', () => {
    expect(lines(fresh({}))).not.toHaveProperty('date');
  });

  it.each(['private', 'no-cache'])('are none that the newer head keeps out by a qualified %s', (name) => {
    const found = fresh({ 'Cache-Control': `max-age=60, ${name}="x-user"`, 'X-User': 'new' });
    expect(lines(found)).not.toHaveProperty('x-user');
  });

  it('are none that the newer head keeps out, though they were kept before', () => {
    const entry = { headers: [...OLD, ['X-User', 'old'] as const] };
    expect(lines(fresh({ 'Cache-Control': 'private="x-user"' }, { entry }))).not.toHaveProperty('x-user');
  });

  it('are none that the stored response keeps out, where the newer head does not say so again', () => {
    const entry = {
      headers: [
        ['ETag', '"a"'],
        ['Cache-Control', 'max-age=60, private="x-user"'],
      ] as const,
    };
    expect(lines(fresh({ 'X-User': 'somebody' }, { entry }))).not.toHaveProperty('x-user');
  });

  it('are not those of one client, but in the mode of the RFC', () => {
    expect(lines(fresh({ 'Retry-After': '5' }))).not.toHaveProperty('retry-after');
    expect(lines(fresh({ 'Retry-After': '5' }, { options: { mode: 'rfc9111' } }))).toHaveProperty('retry-after', '5');
  });

  it('are not what layers outside have set on every response', () => {
    const found = fresh({ 'X-Powered-By': 'us' }, { stamp: { outside: { 'x-powered-by': 'us' } } });
    expect(lines(found)).not.toHaveProperty('x-powered-by');
  });

  it('stay taken away and added to, where the newer head does not say otherwise', () => {
    const entry = { headers: [...OLD, ['Link', '</b>'] as const], removed: ['x-powered-by'], appended: ['link'] };
    expect(fresh({}, { entry }).entry).toMatchObject({ removed: ['x-powered-by'], appended: ['link'] });
  });

  it('are no longer added to, where the newer head has put others in their place', () => {
    const entry = { headers: [['Link', '</b>'] as const, ['X-A', '2'] as const], appended: ['link', 'x-a,'] };
    const found = fresh({ Link: '</c>', 'X-A': '3' }, { entry });
    expect(found.entry.appended).toEqual([]);
    expect(lines(found)).toEqual({ link: '</c>', 'x-a': '3' });
  });

  it('are not what layers outside say of how long, for whom and for which queries it is, which counts all the same', () => {
    const outside = {
      'respcache-cache-control': 'max-age=5',
      expires: dateAt(460),
      'no-vary-search': 'params=("u")',
      'cache-groups': '"b"',
    };
    const targeted = fresh(outside, { stamp: { outside } });
    expect(targeted.entry.freshUntil).toBe(NOW + 5000);
    expect(targeted.rule).toEqual({ keyOrder: false, ignore: ['u'], except: [] });
    expect(targeted.entry.tags).toEqual(['b']);
    expect(Object.keys(lines(targeted))).toEqual(['content-type', 'etag', 'cache-control']);
    const plain = { 'cache-control': 'max-age=7' };
    expect(fresh(plain, { entry: { headers: [] }, stamp: { outside: plain } }).entry.freshUntil).toBe(NOW + 7000);
    const { expires } = outside;
    const dated = fresh({ expires, date: dateAt(400) }, { entry: { headers: [] }, stamp: { outside: { expires } } });
    expect(dated.entry.freshUntil).toBe(NOW + 60_000);
  });

  it('are added to, where the newer head adds to what stands outside', () => {
    const entry = { headers: [['X-A', '2'] as const], appended: ['x-a,'] };
    const found = fresh(
      { Link: ['</a>', '</b>'], 'X-A': '1, 3' },
      { entry, stamp: { outside: { link: '</a>', 'x-a': '1' } } },
    );
    expect([...found.entry.appended].sort()).toEqual(['link', 'x-a,']);
    expect(lines(found)).toEqual({ link: ['</b>'], 'x-a': '3' });
  });

  it('are told to vary by the coding that the stored bytes were chosen by, though the newer head has nothing to compress', () => {
    const headers: HeaderLine[] = [
      ['Vary', 'Accept, Accept-Encoding'],
      ['Content-Encoding', 'gzip'],
    ];
    const confirmed = fresh({ Vary: 'Accept', 'X-A': '1' }, { entry: { headers } });
    expect(lines(confirmed)).toEqual({ vary: 'Accept, Accept-Encoding', 'content-encoding': 'gzip', 'x-a': '1' });
    expect(confirmed.varies).toEqual(['accept', 'accept-encoding']);
    expect(lines(fresh({ vary: ['Accept', 'Origin'] }, { entry: { headers } })).vary).toBe(
      'Accept, Origin, Accept-Encoding',
    );
    expect(lines(fresh({ Vary: 'Accept' }, { entry: { headers: [['Vary', 'Accept']] } })).vary).toBe('Accept');
  });

  it('have the tag of before, where the newer head has none: that is the handler’s', () => {
    const confirmed = fresh({});
    expect(confirmed.entry.etagMade).toBe(false);
    expect(lines(confirmed).etag).toBe('"a"');
  });

  it('leave the tag that was made here, until the handler gives one', () => {
    const entry = { headers: [['ETag', 'W/"5"'] as const], etagMade: true };
    expect(fresh({}, { entry }).entry).toMatchObject({ etagMade: true });
    const given = fresh({ ETag: '"a"' }, { entry });
    expect(given.entry).toMatchObject({ etagMade: false });
    expect(lines(given).etag).toBe('"a"');
  });
});

describe('a response that was confirmed', () => {
  it('keeps its body, and the place in the ledger that this was made at', () => {
    const { entry } = fresh({});
    expect(entry.body.toString()).toBe('hello');
    expect(entry).toMatchObject({ kind: 'response', status: 200, asOf: { epoch: 'e', sequence: 1 } });
  });

  it('is stored anew, for as long as the newer head says', () => {
    expect(fresh({ 'Cache-Control': 'max-age=60', Date: dateAt(400) }).entry).toMatchObject({
      storedAt: NOW,
      freshUntil: NOW + 60_000,
      initialAge: 0,
    });
  });

  it('is stored for as long as it says itself, where the newer head does not', () => {
    expect(fresh({}).entry.freshUntil).toBe(NOW + 300_000);
  });

  it('is stored for as long as the options say, where neither does', () => {
    const entry = { headers: [['ETag', '"a"'] as const] };
    expect(fresh({}, { entry, options: { ttl: 7 } }).entry.freshUntil).toBe(NOW + 7000);
  });

  it('is kept beyond that, to be confirmed once more, where the handler has given it a tag; one that was made here is none', () => {
    const { freshUntil, expiresAt } = fresh({}).entry;
    expect(expiresAt).toBe(freshUntil + 300_000);
    const made = fresh({}, { entry: { etagMade: true } }).entry;
    expect(made.expiresAt).toBe(made.freshUntil);
    expect(fresh({ ETag: '"a"' }, { entry: { etagMade: true } }).entry.expiresAt).toBe(expiresAt);
  });

  it('has the age that the newer head comes with, and none of before (§4.2.3)', () => {
    const entry = { initialAge: 1000 };
    expect(fresh({}, { entry }).entry).toMatchObject({ initialAge: 0 });
    expect(fresh({ Age: '20' }, { entry }).entry).toMatchObject({ initialAge: 20, freshUntil: NOW + 280_000 });
    expect(fresh({ Date: dateAt(390) }, { entry }).entry).toMatchObject({ initialAge: 10, freshUntil: NOW + 290_000 });
    expect(lines(fresh({ Age: '20' }))).not.toHaveProperty('age');
  });

  it('counts its age from when the handler was asked', () => {
    expect(fresh({}, { context: { requestedAt: NOW - 5000 } }).entry).toMatchObject({ initialAge: 5 });
  });

  it('has new windows and rules for when it is stale', () => {
    const found = fresh({ 'Cache-Control': 'max-age=60, must-revalidate' }, { entry: { staleIfError: 60 } });
    expect(found.entry).toMatchObject({ mustRevalidate: true, staleIfError: 0, sharedWith: { authorization: true } });
  });

  it('has its tags, and those that were said meanwhile, each once', () => {
    const found = fresh(
      { 'Cache-Groups': '"group"' },
      { entry: { tags: ['old', 'route'] }, options: { tags: ['route'] }, stamp: { tags: ['said', 'old'] } },
    );
    expect(found.entry.tags).toEqual(['old', 'route', 'group', 'said']);
  });

  it('keeps its tags where those of the route cannot be had', () => {
    const fails = () => {
      throw new Error('no');
    };
    expect(fresh({}, { entry: { tags: ['old'] }, options: { tags: fails } }).entry.tags).toEqual(['old']);
  });

  it('is called what the route calls it, or what it was called', () => {
    expect(fresh({}, { entry: { name: 'old' }, stamp: { name: 'new' } }).entry.name).toBe('new');
    expect(fresh({}, { entry: { name: 'old' } }).entry.name).toBe('old');
  });

  it('has the cost of the run that confirmed it', () => {
    expect(fresh({}, { entry: { cost: 5 } }).entry.cost).toBe(12);
  });

  it.each<[fields: Fields, reason: Freshened['reason']]>([
    [{}, undefined],
    [{ 'Cache-Control': 'no-store' }, 'no-store'],
    [{ 'Cache-Control': 'private' }, 'private'],
    [{ 'Cache-Control': 'max-age=0' }, 'not-fresh'],
    [{ 'Set-Cookie': 'a=b' }, 'set-cookie'],
    [{ Vary: '*' }, 'vary-star'],
  ])('may be stored again, or not, as its new fields say: %j', (fields, reason) => {
    expect(fresh(fields).reason).toBe(reason);
  });

  it('is judged as a response to a GET of the whole, whatever asked for it', () => {
    const context = { method: 'HEAD', ranged: true };
    expect(fresh({}, { context }).reason).toBeUndefined();
    expect(fresh({}, { context, entry: { status: 404 } }).reason).toBeUndefined();
  });

  it('depends on its query as its new fields say, or as it did', () => {
    const headers = [...OLD, ['No-Vary-Search', 'params=("x")'] as const];
    const entry = { headers, search: '[false,"params","x"]' };
    expect(fresh({}, { entry }).entry.search).toBe('[false,"params","x"]');
    expect(fresh({ 'No-Vary-Search': 'params=("y")' }, { entry }).entry.search).toBe('[false,"params","y"]');
    expect(fresh({ 'No-Vary-Search': 'params=?0' }, { entry }).entry.search).toBeUndefined();
  });

  it('varies by what its new fields, and its route, say', () => {
    const entry = { headers: [['Vary', 'Accept'] as const], keyed: ['x-plan'] };
    expect(fresh({}, { entry }).varies).toEqual(['accept', 'x-plan']);
    expect(fresh({ Vary: 'Origin' }, { entry }).varies).toEqual(['origin', 'x-plan']);
    expect(fresh({ Vary: '*' }, { entry }).varies).toEqual([]);
  });

  it('does not touch the entry that it was', () => {
    const before = stored({ headers: OLD });
    const copy = structuredClone(before.headers);
    freshened(contextOf(), before, bagOf({ 'X-New': '1' }), STAMP);
    expect(before.headers).toEqual(copy);
  });
});
