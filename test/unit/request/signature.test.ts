import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestView } from '../../../src/request/request.js';
import { Signature } from '../../../src/request/signature.js';
import { DEFAULT_ROUTE, type RouteOptions, resolveRoute } from '../../../src/route-options.js';

const signatureOn = (options: RouteOptions = {}) => new Signature(resolveRoute(options, DEFAULT_ROUTE));
const request = (changes: Partial<RequestView> & { headers?: Record<string, unknown> } = {}) =>
  ({ method: 'GET', target: '/x', headers: { host: 'h' }, secure: false, rawHeaders: [], ...changes }) as RequestView;

describe('Signature', () => {
  it('is the same for requests that say the same in all that a lookup goes by, and another for all others', () => {
    const value = fc.constantFrom(undefined, '', 'a', 'b', 'a\n8 b', '1 a');
    const asked = fc.record({
      target: fc.constantFrom('/x', '/x?a', 's/x', '/x\n0 a', '/', '*'),
      secure: fc.boolean(),
      host: value,
      tenant: value,
      language: value,
      proto: value,
    });
    type Asked = typeof asked extends fc.Arbitrary<infer A> ? A : never;
    const signature = signatureOn();
    expect(signature.add(['accept-language'])).toBe(true);
    const of = ({ target, secure, host, tenant, language, proto }: Asked) =>
      signature.of(
        request({
          target,
          secure,
          headers: { host, 'x-client-id': tenant, 'accept-language': language, 'x-forwarded-proto': proto },
        }),
      );
    fc.assert(
      fc.property(asked, asked, (one, two) => {
        const [first, second] = [of(one), of(two)];
        if (first === undefined || second === undefined) return;
        expect(first === second).toBe(JSON.stringify(one) === JSON.stringify(two));
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[string, RouteOptions, Parameters<typeof request>[0]]>([
    ['credentials', {}, { headers: { authorization: 'x' } }],
    ['cookies', {}, { headers: { cookie: 'x' } }],
    ['what the application takes for personal', { personal: ['x-api-key'] }, { headers: { 'x-api-key': 'x' } }],
    ['preconditions', {}, { headers: { 'if-match': '*' } }],
    ['what a client asks of the cache', { requestDirectives: 'honor' }, { headers: { 'cache-control': 'no-cache' } }],
    ['a method that is not looked up', {}, { method: 'POST' }],
    ['a target that is no path', {}, { target: 'http://h/x' }],
    ['several lines of a field', {}, { headers: { host: ['a', 'b'] } }],
    ['a run of the cache', {}, { refreshing: {} }],
    ['what is too long', {}, { target: `/${'x'.repeat(5000)}` }],
    ['a route that asks a function', { when: () => true }, {}],
    ['a tenant that a function finds', { tenant: () => 'a' }, {}],
    ['a user that a function finds', { identity: () => 'a' }, {}],
    ['shadow mode', { shadow: 0.5 }, {}],
    ['early refreshes', { earlyRefresh: 1 }, {}],
  ])('is none for %s', (_what, options, changes) => {
    expect(signatureOn().of(request())).toBeDefined();
    expect(signatureOn(options).of(request(changes))).toBeUndefined();
  });

  it('takes no field that every object has, and no more fields than it can', () => {
    const signature = signatureOn();
    expect(signature.add(['constructor'])).toBe(false);
    expect(signature.add(Array.from({ length: 16 }, (_, i) => `x-${i}`))).toBe(true);
    expect(signature.add(['x-3', 'host'])).toBe(true);
    expect(signature.add(['x-17'])).toBe(false);
  });
});
