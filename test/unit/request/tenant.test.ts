import { describe, expect, it } from 'vitest';
import type { RequestView } from '../../../src/request/request.js';
import { escapeTenant, NO_TENANT, resolveTenant, shownTenant, type TenantRule } from '../../../src/request/tenant.js';
import type { Fields } from '../../../src/types.js';

const request = (headers: Fields = {}): RequestView => ({
  method: 'GET',
  target: '/',
  headers,
  rawHeaders: [],
  secure: false,
  source: 'the source',
});
const byHeader = (required = false): TenantRule => ({ header: 'x-client-id', resolve: undefined, required });
const byFunction = (resolve: TenantRule['resolve']): TenantRule => ({ header: undefined, resolve, required: true });

describe('resolveTenant', () => {
  it.each<[headers: Fields, tenant: string | undefined]>([
    [{ 'x-client-id': 'acme' }, 'acme'],
    [{ 'x-client-id': 'a:b' }, 'a%003Ab'],
    [{ 'x-client-id': ['a', 'b'] }, 'a%002C%0020b'],
    [{}, NO_TENANT],
    // An empty name is neither a tenant nor none: nobody knows whose the request is.
    [{ 'x-client-id': '' }, undefined],
  ])('by header: %j', (headers, tenant) => {
    expect(resolveTenant(byHeader(), request(headers))).toBe(tenant);
  });

  it('passes by what lacks a required header', () => {
    expect(resolveTenant(byHeader(true), request())).toBeUndefined();
  });

  it('without a rule there is one tenant', () => {
    const rule = { header: undefined, resolve: undefined, required: false };
    expect(resolveTenant(rule, request({ 'x-client-id': 'acme' }))).toBe(NO_TENANT);
  });

  it('asks a function with the source of the request', () => {
    expect(
      resolveTenant(
        byFunction((source) => `${source}!`),
        request(),
      ),
    ).toBe('the%0020source%0021');
  });

  it.each([7, {}])('says so where a function finds %j, which is no name', (found) => {
    const find = () =>
      resolveTenant(
        byFunction(() => found as never),
        request(),
      );
    expect(find).toThrow(`the option tenant gave ${JSON.stringify(found)}; it takes a function that gives a text`);
  });

  it.each([undefined, null, ''])('fails closed where a function finds %j', (found) => {
    expect(
      resolveTenant(
        byFunction(() => found),
        request(),
      ),
    ).toBeUndefined();
  });

  it.each<[found: string | undefined, tenant: string | undefined]>([
    ['a b', 'a%0020b'],
    ['', undefined],
    [undefined, undefined],
  ])('waits for a promise of %j', async (found, tenant) => {
    const resolved = resolveTenant(
      byFunction(async () => found),
      request(),
    );
    expect(resolved).toBeInstanceOf(Promise);
    expect(await resolved).toBe(tenant);
  });
});

describe('escapeTenant', () => {
  it.each([
    ['client-123', 'client-123'],
    ['user@example.com', 'user@example.com'],
    ['A_b.c+d', 'A_b.c+d'],
    ['a:b', 'a%003Ab'],
    ['100%', '100%0025'],
    ['%003A', '%0025003A'],
    ['~*?[]{}\\', '%007E%002A%003F%005B%005D%007B%007D%005C'],
    ['\u00fc', '%00FC'],
    ['\u{1F600}', '%D83D%DE00'],
    ['\uD800', '%D800'],
    ['a\n', 'a%000A'],
    ['', ''],
  ])('%j', (name, escaped) => {
    expect(escapeTenant(name)).toBe(escaped);
  });
});

describe('escapeTenant, of a long name', () => {
  it('is a hash from 201 signs on, those counted that escapes have', () => {
    expect(escapeTenant('x'.repeat(200))).toBe('x'.repeat(200));
    expect(escapeTenant(':'.repeat(40))).toBe('%003A'.repeat(40));
    const hashed = ['x'.repeat(201), 'x'.repeat(202), ':'.repeat(41), ':'.repeat(42)].map(escapeTenant);
    for (const each of hashed) expect(each).toMatch(/^%sha256\.[\w-]{43}$/);
    expect(new Set(hashed).size).toBe(4);
  });
});

describe('shownTenant', () => {
  it.each(['acme', 'a:b', '100%', '%003A', '\u00fc', '\u{1F600}', ''])('is the name: %j', (name) => {
    expect(shownTenant(escapeTenant(name))).toBe(name);
  });

  it('is the hash of a name that is too long, and no name looks like one', () => {
    const hashed = escapeTenant('x'.repeat(201));
    expect(shownTenant(hashed)).toBe(hashed);
    expect(shownTenant(escapeTenant(hashed))).toBe(escapeTenant(hashed));
  });
});
