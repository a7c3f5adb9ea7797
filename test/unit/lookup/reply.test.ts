import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ResponseEntry } from '../../../src/entry/entry.js';
import type { HeaderLine } from '../../../src/http/headers.js';
import type { Downstream } from '../../../src/lookup/downstream.js';
import {
  changesAt,
  gatewayTimeout,
  inPlaceOf,
  type PartAsked,
  type Reply,
  type ReplyOptions,
  replyFrom,
  validatorsOf,
} from '../../../src/lookup/reply.js';
import { BORN, dateAt, stored } from '../made.js';

const say = (changes: Partial<Downstream> = {}): Downstream => ({
  browserTtl: undefined,
  cdnTtl: undefined,
  surrogateTags: undefined,
  ...changes,
});
const reply = (changes: Partial<ResponseEntry> = {}, options: Partial<ReplyOptions> = {}) =>
  replyFrom(stored(changes), {
    now: BORN + 5500,
    conditions: undefined,
    part: undefined,
    vary: [],
    outside: {},
    downstream: say(),
    status: { hit: true },
    ...options,
  });
/** The values of a field, one for each of its lines. */
const lines = ({ headers }: Pick<Reply, 'headers'>, name: string) =>
  headers.filter(([each]) => each.toLowerCase() === name).flatMap(([, value]) => value);
const names = ({ headers }: Reply) => headers.map(([name]) => name.toLowerCase()).sort();

describe('replyFrom', () => {
  it('gives what was stored, with the lines in their order and spelling', () => {
    const headers = [
      ['X-B', 'b'],
      ['x-a', ['1', '2']],
      ['Content-Type', 'text/plain'],
    ] as const;
    const found = reply({ status: 404, message: 'Nope', headers, removed: ['x-powered-by'] });
    expect(found).toMatchObject({ status: 404, message: 'Nope', removed: ['x-powered-by'] });
    expect(found.headers.slice(0, 3)).toEqual(headers);
    expect(found.body?.toString()).toBe('hello');
  });

  it.each([
    [0, 0, '0'],
    [0, 5500, '5'],
    [100, 5500, '105'],
    // A clock that went back makes nobody younger than he came.
    [100, -5500, '100'],
  ])('has the age: %i seconds when stored, %i ms ago', (initialAge, passed, age) => {
    expect(lines(reply({ initialAge }, { now: BORN + passed }), 'age')).toEqual([age]);
  });

  it('has no age where the handler has just confirmed it, but that which it came with (RFC 9111 §5.1)', () => {
    const status = { forward: 'stale', forwardStatus: 304 } as const;
    expect(lines(reply({}, { now: BORN, status }), 'age')).toEqual([]);
    expect(lines(reply({ initialAge: 7 }, { now: BORN, status }), 'age')).toEqual(['7']);
  });

  it('has the length of its body', () => {
    expect(lines(reply({ body: Buffer.from('\u00fc') }), 'content-length')).toEqual(['2']);
    expect(lines(reply({ body: Buffer.alloc(0) }), 'content-length')).toEqual(['0']);
  });

  it('has neither body nor length with 204', () => {
    const found = reply({ status: 204, body: Buffer.alloc(0), headers: [] });
    expect(found.body).toBeUndefined();
    expect(lines(found, 'content-length')).toEqual([]);
  });

  it('has the date of its making where its handler gave none', () => {
    expect(lines(reply(), 'date')).toEqual(['Mon, 23 Nov 2026 12:00:00 GMT']);
    expect(lines(reply({ headers: [['date', 'Sun, 22 Nov 2026 12:00:00 GMT']] }), 'date')).toEqual([
      'Sun, 22 Nov 2026 12:00:00 GMT',
    ]);
  });

  it.each<
    [stored: string | string[] | undefined, vary: string[], keyed: string[], outside: string | undefined, all: string[]]
  >([
    [undefined, [], [], undefined, []],
    [undefined, ['x-client-id'], [], undefined, ['x-client-id']],
    ['Accept', ['x-client-id'], [], undefined, ['Accept, x-client-id']],
    ['accept', [], ['accept', 'x-plan'], undefined, ['accept, x-plan']],
    ['Accept', ['x-client-id'], [], 'Origin', ['Origin, Accept, x-client-id']],
    [['Accept', 'Origin'], [], [], undefined, ['Accept, Origin']],
    ['Accept', ['a'], [], '*', ['*']],
  ])('varies by all that matters: %j', (stored, vary, keyed, outside, all) => {
    const headers = stored === undefined ? [] : [['Vary', stored] as const];
    expect(lines(reply({ headers, keyed }, { vary, outside: { vary: outside } }), 'vary')).toEqual(all);
  });

  it('stands behind what layers outside have begun: in lines of its own, or in their line', () => {
    const headers: HeaderLine[] = [
      ['Link', ['</b>', '</c>']],
      ['X-A', '2'],
    ];
    const found = reply({ headers, appended: ['link', 'x-a,'] }, { outside: { link: '</a>', 'x-a': '1' } });
    expect(lines(found, 'link')).toEqual(['</a>', '</b>', '</c>']);
    expect(lines(found, 'x-a')).toEqual(['1, 2']);
  });

  it('stands alone where layers outside have not begun it this time', () => {
    const found = reply({
      headers: [
        ['Link', '</b>'],
        ['X-A', '2'],
      ],
      appended: ['link', 'x-a,'],
    });
    expect(lines(found, 'link')).toEqual(['</b>']);
    expect(lines(found, 'x-a')).toEqual(['2']);
  });

  it('tells in Cache-Status how long it stays fresh', () => {
    const status = (...asked: Parameters<typeof reply>) => lines(reply(...asked), 'cache-status');
    expect(status()).toEqual(['respcache; hit; ttl=294']);
    expect(status({ freshUntil: Number.POSITIVE_INFINITY })).toEqual(['respcache; hit']);
    expect(status({}, { status: { hit: true, key: 'k"' } })).toEqual(['respcache; hit; ttl=294; key="k\\""']);
  });

  it('tells in Cache-Status for how long it has not been fresh', () => {
    expect(lines(reply({ freshUntil: BORN, expiresAt: BORN + 60_000 }), 'cache-status')).toEqual([
      'respcache; hit; ttl=-6',
    ]);
  });

  it('tells in Cache-Status that it is the answer to another request', () => {
    expect(lines(reply({}, { status: { forward: 'uri-miss', collapsed: true } }), 'cache-status')).toEqual([
      'respcache; fwd=uri-miss; collapsed; ttl=294',
    ]);
  });

  it('stands in Cache-Status behind what was nearer to the origin (RFC 9211 §2)', () => {
    expect(lines(reply({ headers: [['Cache-Status', 'Inner; hit']] }), 'cache-status')).toEqual([
      'Inner; hit, respcache; hit; ttl=294',
    ]);
    expect(lines(reply({ headers: [['cache-status', ['A; hit', 'B; hit']]] }), 'cache-status').join()).toMatch(
      /^A; hit,\s?B; hit, respcache; hit/,
    );
  });

  it('does not touch the entry', () => {
    const entry = stored(tagged);
    const before = structuredClone(entry.headers);
    reply(tagged, { vary: ['x'], part: { range: 'bytes=0-1', ifRange: undefined } });
    expect(entry.headers).toEqual(before);
  });
});

const tagged = {
  headers: [
    ['ETag', '"a"'],
    ['Content-Type', 'text/plain'],
    ['Content-Encoding', 'gzip'],
    ['Cache-Control', 'max-age=60'],
    ['Content-Location', '/x'],
    ['Expires', '0'],
    ['Vary', 'Accept'],
  ] as const,
};

describe('replyFrom, by the conditions of the request', () => {
  const asked = (ifNoneMatch?: string, ifModifiedSince?: string) => ({ conditions: { ifNoneMatch, ifModifiedSince } });

  it('is a 304 where they say so, without what describes a body (RFC 9110 §15.4.5)', () => {
    const found = reply(tagged, asked('W/"a"'));
    expect(found).toMatchObject({ status: 304, message: undefined, body: undefined });
    expect(names(found)).toEqual(
      ['age', 'cache-control', 'cache-status', 'content-location', 'date', 'etag', 'expires', 'vary'].sort(),
    );
  });

  it('is the whole where they say otherwise', () => {
    const found = reply(tagged, asked('"b"'));
    expect(found.status).toBe(200);
    expect(lines(found, 'content-type')).toEqual(['text/plain']);
  });

  it('goes by a tag that was made here, as by any other', () => {
    expect(reply({ headers: [['ETag', 'W/"5"']], etagMade: true }, asked('W/"5"')).status).toBe(304);
  });

  it('goes by when it was last modified', () => {
    const headers: HeaderLine[] = [['Last-Modified', dateAt(-60)]];
    expect(reply({ headers }, asked(undefined, dateAt(-60))).status).toBe(304);
    expect(reply({ headers }, asked(undefined, dateAt(-61))).status).toBe(200);
  });

  it.each<[what: string, headers: HeaderLine[]]>([
    ['its date', [['Date', dateAt(-60)]]],
    ['when it was stored', []],
  ])('goes by %s, where it does not say when it was modified (RFC 9111 §4.3.2)', (_, headers) => {
    const made = headers.length === 0 ? 0 : -60;
    expect(reply({ headers }, asked(undefined, dateAt(made))).status).toBe(304);
    expect(reply({ headers }, asked(undefined, dateAt(made - 1))).status).toBe(200);
  });

  it('is the whole, where it is no 200', () => {
    expect(reply({ ...tagged, status: 404 }, asked('"a"')).status).toBe(404);
  });
});

describe('replyFrom, for a part (RFC 9110 §14)', () => {
  const STRONG = [
    ['ETag', '"a"'],
    ['Last-Modified', dateAt(-60)],
    ['Content-Type', 'text/plain'],
  ] as const;
  const part = (
    range: string,
    changes: Partial<ResponseEntry> = {},
    ifRange?: string,
    more: Partial<ReplyOptions> = {},
  ) => reply({ headers: STRONG, ...changes }, { part: { range, ifRange }, ...more });

  it.each<[range: string, contentRange: string, body: string]>([
    ['bytes=0-1', 'bytes 0-1/5', 'he'],
    ['bytes=3-', 'bytes 3-4/5', 'lo'],
    ['bytes=-2', 'bytes 3-4/5', 'lo'],
    ['bytes=0-100', 'bytes 0-4/5', 'hello'],
    ['Bytes=4-4', 'bytes 4-4/5', 'o'],
  ])('is a 206 for %s', (range, contentRange, body) => {
    const found = part(range);
    expect(found).toMatchObject({ status: 206, message: undefined });
    expect(lines(found, 'content-range')).toEqual([contentRange]);
    expect(lines(found, 'content-length')).toEqual([String(body.length)]);
    expect(found.body?.toString()).toBe(body);
  });

  it('has the fields that the whole would have (§15.3.7)', () => {
    const found = part('bytes=0-1', { removed: ['x-powered-by'] }, undefined, { vary: ['x-client-id'] });
    expect(names(found)).toEqual(
      [
        ...['age', 'cache-control', 'cache-status', 'content-length', 'content-range', 'content-type'],
        ...['date', 'etag', 'last-modified', 'vary'],
      ].sort(),
    );
    expect(found.removed).toEqual(['x-powered-by']);
  });

  it('has no other Content-Range than its own', () => {
    const found = part('bytes=0-1', { headers: [...STRONG, ['content-range', 'items 0-9/20']] });
    expect(lines(found, 'content-range')).toEqual(['bytes 0-1/5']);
  });

  it('has no digest of other content than its own, and that of the whole representation (RFC 9530)', () => {
    const digests: HeaderLine[] = [
      ['Content-Digest', 'sha-256=:AA==:'],
      ['Content-MD5', 'AA=='],
      ['Repr-Digest', 'sha-256=:AA==:'],
      ['Digest', 'sha-256=AA=='],
    ];
    const found = names(part('bytes=0-1', { headers: [...STRONG, ...digests] }));
    expect(found.filter((name) => /digest|md5/.test(name))).toEqual(['digest', 'repr-digest']);
    expect(names(part('bytes=x', { headers: digests }))).toEqual(
      expect.arrayContaining(['content-digest', 'content-md5']),
    );
  });

  it.each<[control: string | string[] | undefined, out: string]>([
    [undefined, 'no-transform'],
    ['max-age=60', 'max-age=60, no-transform'],
    [['max-age=60', 'public'], 'max-age=60, public, no-transform'],
    ['max-age=60, No-Transform', 'max-age=60, No-Transform'],
  ])('keeps layers outside from compressing it: %j', (control, out) => {
    const headers = control === undefined ? STRONG : [...STRONG, ['Cache-Control', control] as const];
    expect(lines(part('bytes=0-1', { headers }), 'cache-control')).toEqual([out]);
  });

  it('keeps layers outside from compressing it, whatever browsers are told', () => {
    const found = part('bytes=0-1', {}, undefined, { downstream: say({ browserTtl: 0 }) });
    expect(lines(found, 'cache-control')).toEqual(['no-cache, no-transform']);
  });

  it('does not keep them from compressing the whole', () => {
    expect(lines(part('bytes=x'), 'cache-control')).toEqual([]);
  });

  it.each(['bytes=0-1,3-4', 'items=0-1', 'bytes=1-0', 'bytes=', 'nonsense', ''])('is the whole for %j', (range) => {
    const found = part(range);
    expect(found.status).toBe(200);
    expect(found.body?.toString()).toBe('hello');
    expect(lines(found, 'content-range')).toEqual([]);
  });

  it.each(['bytes=5-', 'bytes=5-9', 'bytes=-0'])('is a 416 for %s (§15.5.17)', (range) => {
    const found = part(range, { removed: ['x-powered-by'] }, undefined, {
      vary: ['x-client-id'],
      outside: { vary: 'Origin' },
    });
    expect(found).toMatchObject({ status: 416, message: undefined, removed: ['x-powered-by'] });
    expect(found.body).toHaveLength(0);
    expect(Object.fromEntries(found.headers)).toEqual({
      'Content-Range': 'bytes */5',
      'Content-Length': '0',
      Age: '5',
      'Cache-Status': 'respcache; hit',
      Vary: 'Origin, x-client-id',
    });
  });

  it('is a 416 for a part of nothing', () => {
    expect(part('bytes=0-', { body: Buffer.alloc(0) }).status).toBe(416);
  });

  it.each<[what: string, ifRange: string, status: number]>([
    ['the same strong tag', '"a"', 206],
    ['another tag', '"b"', 200],
    ['a weak tag', 'W/"a"', 200],
    ['a list of tags', '"a", "b"', 200],
    ['the date of modification', dateAt(-60), 206],
    ['an earlier date', dateAt(-61), 200],
    ['a later date', dateAt(-59), 200],
    ['nonsense', 'x', 200],
  ])('goes by If-Range: %s (§13.1.5)', (_, ifRange, status) => {
    expect(part('bytes=0-1', {}, ifRange).status).toBe(status);
  });

  it('is the whole, and no 416, where If-Range does not hold', () => {
    expect(part('bytes=9-', {}, '"b"').status).toBe(200);
    expect(part('bytes=9-', {}, '"a"').status).toBe(416);
  });

  it('does not take a weak tag for the very bytes', () => {
    const headers: HeaderLine[] = [['ETag', 'W/"a"']];
    expect(part('bytes=0-1', { headers }, 'W/"a"').status).toBe(200);
  });

  it('does not take a date for the very bytes where they were made within that second (§8.8.2.2)', () => {
    expect(part('bytes=0-1', { headers: [['Last-Modified', dateAt(0)]] }, dateAt(0)).status).toBe(200);
    const later: HeaderLine[] = [
      ['Last-Modified', dateAt(0)],
      ['Date', dateAt(1)],
    ];
    expect(part('bytes=0-1', { headers: later }, dateAt(0)).status).toBe(206);
  });

  it('is the whole, where the handler takes no ranges (§14.3)', () => {
    const headers: HeaderLine[] = [['Accept-Ranges', 'none']];
    expect(part('bytes=0-1', { headers }).status).toBe(200);
    expect(part('bytes=9-', { headers }).status).toBe(200);
    expect(part('bytes=0-1', { headers: [['Accept-Ranges', 'bytes']] }).status).toBe(206);
  });

  it.each([203, 204, 301, 404])('is the whole of a %i', (status) => {
    expect(part('bytes=0-1', { status }).status).toBe(status);
  });

  it('is a 304 before it is a part, or a 416 (§13.2.2)', () => {
    const conditions = { ifNoneMatch: '"a"', ifModifiedSince: undefined };
    for (const range of ['bytes=0-1', 'bytes=9-']) {
      const found = part(range, {}, undefined, { conditions });
      expect(found).toMatchObject({ status: 304, body: undefined });
      expect(lines(found, 'content-range')).toEqual([]);
    }
  });

  it('is a part where the conditions say that the client has something else', () => {
    const conditions = { ifNoneMatch: '"b"', ifModifiedSince: undefined };
    expect(part('bytes=0-1', {}, undefined, { conditions }).status).toBe(206);
  });

  it('shares the memory of the whole', () => {
    const body = Buffer.alloc(1000);
    expect(part('bytes=10-19', { body }).body?.buffer).toBe(body.buffer);
  });
});

describe('replyFrom, for caches further down', () => {
  const headers: HeaderLine[] = [
    ['Cache-Control', 'max-age=60'],
    ['Expires', dateAt(60)],
    ['Pragma', 'x'],
    ['CDN-Cache-Control', 'max-age=5'],
    ['Cache-Tag', 'mine'],
  ];
  const told = (downstream: Partial<Downstream>, changes: Partial<ResponseEntry> = {}, part?: PartAsked) =>
    reply({ headers, tags: ['a', 'b'], ...changes }, { downstream: say(downstream), part });

  it('has what the handler said, where the options say nothing', () => {
    expect(told({}).headers.slice(0, headers.length)).toEqual(headers);
  });

  it('tells browsers the time that the options give them, counted from now, and nothing that speaks against it', () => {
    const found = told({ browserTtl: 10 }, { initialAge: 100 });
    expect(lines(found, 'cache-control')).toEqual(['max-age=115']);
    expect(lines(found, 'age')).toEqual(['105']);
    expect([...lines(found, 'expires'), ...lines(found, 'pragma')]).toEqual([]);
  });

  it('tells browsers to ask each time', () => {
    expect(lines(told({ browserTtl: 0 }), 'cache-control')).toEqual(['no-cache']);
  });

  it('tells CDNs their own', () => {
    const found = told({ cdnTtl: 10 });
    expect(lines(found, 'cdn-cache-control')).toEqual(['max-age=15']);
    expect(lines(found, 'cache-control')).toEqual(['max-age=60']);
  });

  it('tells CDNs the tags to purge by', () => {
    expect(lines(told({ surrogateTags: 'Cache-Tag' }), 'cache-tag')).toEqual(['a,b']);
  });

  it('tells all of it in a 304 and with a part, too', () => {
    const downstream = say({ browserTtl: 0, cdnTtl: 10, surrogateTags: 'Surrogate-Key' });
    const conditions = { ifNoneMatch: '*', ifModifiedSince: undefined };
    for (const options of [{ conditions }, { part: { range: 'bytes=0-1', ifRange: undefined } }]) {
      const found = reply({ headers, tags: ['a'] }, { downstream, ...options });
      expect(lines(found, 'cache-control')[0]).toMatch(/^no-cache/);
      expect(lines(found, 'cdn-cache-control')).toEqual(['max-age=15']);
      expect(lines(found, 'surrogate-key')).toEqual(['a']);
    }
  });

  it('never tells anybody what was said to this cache alone (RFC 9213 §2)', () => {
    const own = { headers: [['Respcache-Cache-Control', 'max-age=60'] as const] };
    expect(lines(reply(own), 'respcache-cache-control')).toEqual([]);
  });
});

describe('gatewayTimeout', () => {
  it('is a 504 that nobody is to keep', () => {
    const found = gatewayTimeout({ detail: 'only-if-cached' }, { vary: 'Origin' }, ['x-client-id']);
    expect(found).toMatchObject({ status: 504, message: undefined, removed: [] });
    expect(found.body).toHaveLength(0);
    expect(Object.fromEntries(found.headers)).toEqual({
      'Content-Length': '0',
      'Cache-Control': 'no-store',
      'Cache-Status': 'respcache; detail=only-if-cached',
      Vary: 'Origin, x-client-id',
    });
  });

  it('varies by nothing, where nothing matters', () => {
    expect(lines(gatewayTimeout({}, {}, []), 'vary')).toEqual([]);
  });
});

describe('inPlaceOf', () => {
  const plain: Reply = {
    status: 200,
    message: undefined,
    headers: [['ETag', '"a"']],
    removed: ['x-powered-by'],
    body: undefined,
  };

  it('takes away what the handler has set, and what the response took away', () => {
    const found = inPlaceOf(plain, { 'x-handler': '1', etag: '"b"' }, {});
    expect(found.removed).toEqual(['x-powered-by', 'x-handler', 'etag']);
    expect(found.headers).toEqual([['ETag', '"a"']]);
  });

  it('leaves what layers outside have set, and the handler left', () => {
    const found = inPlaceOf(plain, { 'x-a': '1' }, { 'x-a': '1' });
    expect(found.removed).toEqual(['x-powered-by']);
    expect(found.headers).toEqual([['ETag', '"a"']]);
  });

  it('sets again what layers outside had set, and the handler changed or took away', () => {
    const found = inPlaceOf(
      plain,
      { 'x-a': 'changed', 'x-list': ['1', '2'] },
      { 'x-a': '1', 'x-b': 2, 'x-list': ['1'] },
    );
    expect(found.removed).toEqual(['x-powered-by']);
    expect(found.headers).toEqual([
      ['x-a', '1'],
      ['x-b', '2'],
      ['x-list', ['1']],
      ['ETag', '"a"'],
    ]);
  });

  it('does not set again what the response has itself', () => {
    expect(inPlaceOf(plain, { etag: '"handler"' }, { etag: '"outside"' }).headers).toEqual([['ETag', '"a"']]);
  });

  it('does not set again what the response takes away', () => {
    expect(inPlaceOf(plain, {}, { 'x-powered-by': 'us' }).headers).toEqual([['ETag', '"a"']]);
  });

  it('is the same answer otherwise', () => {
    const { headers: _h, removed: _r, ...rest } = inPlaceOf({ ...plain, status: 206, body: Buffer.from('x') }, {}, {});
    expect(rest).toEqual({ status: 206, message: undefined, body: Buffer.from('x') });
  });
});

describe('validatorsOf', () => {
  it('are those that the handler gave', () => {
    const headers: HeaderLine[] = [
      ['etag', 'W/"a"'],
      ['LAST-MODIFIED', dateAt(0)],
    ];
    expect(validatorsOf(stored({ headers }))).toEqual({ etag: 'W/"a"', lastModified: dateAt(0) });
    expect(validatorsOf(stored({ headers: [] }))).toEqual({ etag: undefined, lastModified: undefined });
  });

  it('are not the tag that was made here', () => {
    expect(validatorsOf(stored({ headers: [['ETag', 'W/"5"']], etagMade: true })).etag).toBeUndefined();
  });
});

describe('changesAt', () => {
  const ms = fc.integer({ min: 0, max: 12_000 });
  const FOREVER = fc.constant(Number.POSITIVE_INFINITY);

  it('is when the reply to the same request is another one, and not before', () => {
    fc.assert(
      fc.property(ms, fc.integer({ min: 0, max: 1000 }), fc.oneof(ms, FOREVER), (early, more, lifetime) => {
        fc.pre(early < lifetime);
        const entry = { freshUntil: BORN + lifetime, expiresAt: BORN + lifetime };
        const at = (now: number) => reply(entry, { now: BORN + now }).headers;
        const end = changesAt(stored(entry), BORN + early) - BORN;
        expect(end).toBeGreaterThan(early);
        if (early + more < end) expect(at(early + more)).toEqual(at(early));
        if (end < lifetime) expect(at(end)).not.toEqual(at(early));
      }),
      { numRuns: 500 },
    );
  });

  it('is no sooner than the entry was stored, where a clock went back', () => {
    expect(changesAt(stored({ freshUntil: Number.POSITIVE_INFINITY }), BORN - 5000)).toBe(BORN);
  });
});
