import { describe, expect, it } from 'vitest';
import { type AskedForm, choose, isPacked } from '../../../src/compress/choice.js';
import { formOf, inForm, packed } from '../../../src/compress/forms.js';
import { replyInForm } from '../../../src/compress/reply.js';
import type { Coding } from '../../../src/entry/entry.js';
import { HIT } from '../../../src/lookup/reply.js';
import { stored as responseEntry } from '../made.js';

const plain = responseEntry({ body: Buffer.alloc(100, 'x'), negotiated: true, headers: [['ETag', '"t"']] });
const sizes: readonly (readonly [Coding, number])[] = [
  ['gzip', 30],
  ['br', 20],
  ['zstd', 25],
];
const entry = packed(
  plain,
  sizes.map(([coding, bytes]) => ({ coding, bytes: Buffer.alloc(bytes, coding) })),
);
const asked = (accepted?: string, more: Partial<AskedForm> = {}): AskedForm => ({
  ...{ accepted, fixed: false, part: undefined, conditions: undefined },
  ...more,
});
const noneMatch = (ifNoneMatch: string) => ({ conditions: { ifNoneMatch, ifModifiedSince: undefined } });

describe('choose', () => {
  it.each<[accepted: string | undefined, coding: Coding | undefined]>([
    [undefined, undefined],
    ['', undefined],
    ['gzip', 'gzip'],
    ['GZip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['x-gzip;q=0', undefined],
    ['gzip;q=0, x-gzip', undefined],
    ['gzip, deflate, br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['zstd, gzip', 'zstd'],
    ['br;q=0.9, gzip;q=1', 'gzip'],
    ['br;q=0.001', 'br'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['*, br;q=0', 'zstd'],
    ['*;q=0, gzip', 'gzip'],
    ['identity', undefined],
    ['identity;q=1, br;q=0.5', undefined],
    ['identity;q=0.5, br;q=0.5', 'br'],
    ['identity;q=0', undefined],
    ['identity;q=0, *', 'br'],
    ['identity;q=0, zstd', 'zstd'],
    ['deflate, compress', undefined],
    ['br;q=2', undefined],
    ['br;q=0.5, br;q=1', undefined],
    ['br; q=x', undefined],
  ])('of %j is %j', (accepted, coding) => {
    expect(choose(entry, asked(accepted))).toEqual({ coding, part: undefined, held: false });
  });

  it.each([
    ['br;q=0.5, *;q=0.8', undefined],
    ['br;q=0.8, *;q=0.5', 'br'],
  ])('weighs the plain body of %j as what is not named', (accepted, coding) => {
    const single = packed(plain, [{ coding: 'br', bytes: Buffer.alloc(20, 'br') }]);
    expect(choose(single, asked(accepted)).coding).toBe(coding);
  });

  it('does not take a plain body for held that the client says it cannot read', () => {
    const held = (accepted: string) => choose(entry, asked(accepted, noneMatch('"t"'))).held;
    expect([held('br'), held('br, *;q=0'), held('br, identity;q=0')]).toEqual([true, false, false]);
  });

  it('is none where nothing may be changed, or there are no forms yet', () => {
    expect(choose(entry, asked('br', { fixed: true })).coding).toBeUndefined();
    const fixed = { ...entry, headers: [['Cache-Control', 'max-age=1, no-transform'] as const] };
    expect(choose(fixed, asked('br')).coding).toBeUndefined();
    expect(choose(plain, asked('br')).coding).toBeUndefined();
  });

  it('is the form that the client has, if it can read it; what it would be given comes first', () => {
    const held = (accepted: string | undefined, tags: string, of = entry) =>
      choose(of, asked(accepted, noneMatch(tags)));
    expect(held('br', '"t--br"')).toMatchObject({ coding: 'br', held: true });
    expect(held('br, gzip', '"t--gzip"')).toMatchObject({ coding: 'gzip', held: true });
    expect(held('br, gzip', '"t--gzip", "t--br"')).toMatchObject({ coding: 'br', held: true });
    expect(held('br', 'W/"t"')).toMatchObject({ coding: undefined, held: true });
    expect(held('gzip', '"t--br"')).toMatchObject({ coding: 'gzip', held: false });
    expect(held('br, identity;q=0', '"t"')).toMatchObject({ coding: 'br', held: false });
    expect(held('br', '"u--br"')).toMatchObject({ coding: 'br', held: false });
    // What the client has was made of a body that is the same still, though it is not compressed again yet.
    expect(held('br', '"t--br"', plain)).toMatchObject({ coding: 'br', held: true });
    expect(held('br', '"t--br"', { ...plain, status: 404 })).toMatchObject({ coding: undefined, held: false });
  });

  it('is the plain body for a part, unless the client has something else of it', () => {
    const part = (ifRange?: string) => choose(entry, asked('br', { part: { range: 'bytes=0-1', ifRange } }));
    expect(part()).toMatchObject({ coding: undefined, part: { range: 'bytes=0-1' } });
    expect(part('"t"').part).toBeDefined();
    for (const other of ['"t--br"', 'W/"t"', 'Thu, 01 Jan 2015 00:00:00 GMT'])
      expect(part(other), other).toMatchObject({ coding: 'br', part: undefined });
  });

  it('leaves alone what is not negotiated', () => {
    const other = responseEntry({ headers: [['ETag', '"t"']] });
    const part = { range: 'bytes=0-1', ifRange: 'Thu, 01 Jan 2015 00:00:00 GMT' };
    expect(choose(other, asked('br', { part, ...noneMatch('"t--br"') }))).toEqual({
      coding: undefined,
      part,
      held: false,
    });
  });
});

describe('inForm', () => {
  it('gives the bytes of the form with its fields', () => {
    const headers = [
      ['ETag', '"t"'],
      ['content-md5', 'x'],
      ['Content-Encoding', 'identity'],
      ['X-Other', '1'],
    ] as const;
    const form = inForm({ ...entry, headers }, { coding: 'zstd', part: undefined, held: false });
    expect(form.body.toString()).toBe(formOf(entry, 'zstd').toString());
    expect(form.forms).toBeUndefined();
    expect(form.headers).toEqual([
      ['ETag', '"t--zstd"'],
      ['X-Other', '1'],
      ['Content-Encoding', 'zstd'],
    ]);
  });

  it('never gives the bytes of forms as the plain body', () => {
    const choice = choose(entry, asked());
    expect(isPacked(entry, choice)).toBe(true);
    const downstream = { browserTtl: undefined, cdnTtl: undefined, surrogateTags: undefined };
    const options = { now: 0, conditions: undefined, vary: [], outside: {}, downstream, status: HIT };
    const reply = replyInForm(entry, choice, options);
    expect(reply.headers).toContainEqual(['Content-Encoding', 'gzip']);
    expect(reply.body?.toString()).toBe(formOf(entry, 'gzip').toString());
  });
});
