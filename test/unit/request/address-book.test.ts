import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressBook } from '../../../src/request/address-book.js';
import { responseAddress } from '../../../src/request/key.js';
import { type QueryRule, SORTED } from '../../../src/request/query.js';
import type { RequestView } from '../../../src/request/request.js';

const IGNORING: QueryRule = { only: undefined, ignore: ['utm_*'], sort: false };

/** Few values, so that requests meet others that differ in one of them. */
const asked = fc.record({
  tenant: fc.constantFrom('', 'a', 'a%0020b'),
  target: fc.constantFrom('/', '/x', '/x?b=1&a=2', '/x?a=2&b=1', '/x?utm_x=1', `/${'y'.repeat(600)}`, '/x y'),
  host: fc.constantFrom('h', 'H', 'h x', undefined),
  forwarded: fc.constantFrom(undefined, undefined, undefined, 'host=other'),
  proto: fc.constantFrom(undefined, undefined, undefined, 'https'),
  secure: fc.boolean(),
  rule: fc.constantFrom(SORTED, IGNORING),
  scope: fc.constantFrom([], [], ['route'], ['key=1']),
});

describe('AddressBook', () => {
  it('gives what responseAddress makes, the first time and every other', () => {
    fc.assert(
      fc.property(fc.array(asked, { minLength: 2, maxLength: 30 }), (all) => {
        const book = new AddressBook('p:');
        for (const { tenant, target, host, forwarded, proto, secure, rule, scope } of [...all, ...all]) {
          const headers = { host, forwarded, 'x-forwarded-proto': proto };
          const request = { method: 'GET', target, headers, secure, rawHeaders: [], source: undefined } as RequestView;
          expect(book.of(tenant, request, rule, scope)).toEqual(responseAddress('p:', tenant, request, rule, scope));
        }
      }),
    );
  });

  it('remembers it', () => {
    const book = new AddressBook('');
    const request = { target: '/x?b&a', headers: { host: 'h' }, secure: false } as unknown as RequestView;
    expect(book.of('t', request, SORTED, [])).toBe(book.of('t', { ...request }, SORTED, []));
  });
});
