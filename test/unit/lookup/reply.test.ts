import { describe, expect, it } from 'vitest';
import type { ResponseEntry } from '../../../src/entry/entry.js';
import { type Reply, type ReplyOptions, replyFrom } from '../../../src/lookup/reply.js';

const BORN = Date.UTC(2026, 10, 23, 12, 0, 0);

const entry = (changes: Partial<ResponseEntry> = {}): ResponseEntry => ({
  kind: 'response',
  asOf: { epoch: 'e', sequence: 1 },
  storedAt: BORN,
  expiresAt: BORN + 300_000,
  tags: [],
  status: 200,
  message: undefined,
  headers: [['Content-Type', 'text/plain']],
  removed: [],
  appended: [],
  initialAge: 0,
  name: undefined,
  keyed: [],
  cost: 0,
  sharedWith: { authorization: false, cookie: false },
  body: Buffer.from('hello'),
  ...changes,
});
const reply = (changes: Partial<ResponseEntry> = {}, options: Partial<ReplyOptions> = {}) =>
  replyFrom(entry(changes), {
    now: BORN + 5500,
    conditions: undefined,
    vary: [],
    outside: {},
    key: undefined,
    ...options,
  });
/** The values of a field, one for each of its lines. */
const lines = ({ headers }: Reply, name: string) =>
  headers.filter(([each]) => each.toLowerCase() === name).flatMap(([, value]) => value);

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

  it('tells in Cache-Status how long it stays fresh', () => {
    expect(lines(reply(), 'cache-status')).toEqual(['respcache; hit; ttl=294']);
    expect(lines(reply({ expiresAt: Number.POSITIVE_INFINITY }), 'cache-status')).toEqual(['respcache; hit']);
    expect(lines(reply({}, { key: 'k"' }), 'cache-status')).toEqual(['respcache; hit; ttl=294; key="k\\""']);
  });

  it('tells in Cache-Status that it is the answer to another request', () => {
    expect(lines(reply({}, { collapsed: 'uri-miss' }), 'cache-status')).toEqual([
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

  it('is a 304 where the conditions say so, without what describes a body (RFC 9110 §15.4.5)', () => {
    const found = reply(tagged, { conditions: { ifNoneMatch: 'W/"a"', ifModifiedSince: undefined } });
    expect(found).toMatchObject({ status: 304, message: undefined, body: undefined });
    const names = found.headers.map(([name]) => name.toLowerCase()).sort();
    expect(names).toEqual(
      ['age', 'cache-control', 'cache-status', 'content-location', 'date', 'etag', 'expires', 'vary'].sort(),
    );
  });

  it('is the whole where the conditions say otherwise', () => {
    const found = reply(tagged, { conditions: { ifNoneMatch: '"b"', ifModifiedSince: undefined } });
    expect(found.status).toBe(200);
    expect(lines(found, 'content-type')).toEqual(['text/plain']);
  });

  it('does not touch the entry', () => {
    const stored = entry(tagged);
    const before = structuredClone(stored.headers);
    replyFrom(stored, { now: BORN, conditions: undefined, vary: ['x'], outside: {}, key: undefined });
    expect(stored.headers).toEqual(before);
  });
});
