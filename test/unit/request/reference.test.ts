import { describe, expect, it } from 'vitest';
import { isSelf, sameOrigin } from '../../../src/request/reference.js';
import type { Fields } from '../../../src/types.js';
import { view } from '../made.js';

describe('sameOrigin', () => {
  it.each([
    ['/x?b&a', '/x?b&a'],
    ['x', '/users/x'],
    ['?c', '/users/5?c'],
    ['HTTP://EXAMPLE.com:80/x#y', '/x'],
    ['//example.com/../x', '/x'],
  ])('leads by %j to %j', (reference, target) => {
    expect(sameOrigin(view({ target: '/users/5' }), reference)).toBe(target);
  });

  it.each([
    undefined,
    'https://example.com/x',
    '//other.example/x',
    'http://example.com:8080/',
    'mailto:a@b',
    'http://',
  ])('leads nowhere by %j', (reference) => {
    expect(sameOrigin(view(), reference)).toBeUndefined();
  });

  it.each<[reference: string, fields: Fields]>([
    ['https://example.com/x', { 'x-forwarded-proto': 'https' }],
    ['http://example.com/x', { 'x-forwarded-proto': 'https' }],
    ['http://shop.example/x', { 'x-forwarded-host': 'Shop.example' }],
    ['https://shop.example/x', { 'x-forwarded-host': 'shop.example, inner', 'x-forwarded-proto': 'https,http' }],
    ['https://shop.example:8443/x', { 'x-forwarded-host': 'shop.example:8443', 'x-forwarded-proto': 'https' }],
    [
      'https://shop.example:8443/x',
      { 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https', 'x-forwarded-port': '8443' },
    ],
    ['https://shop.example/x', { forwarded: 'for=10.0.0.1;host="shop.example";Proto=https' }],
    ['http://shop.example/x', { host: undefined, ':authority': 'shop.example' }],
  ])('leads by %j to its path, where proxies, or the connection, say %j', (reference, fields) => {
    const headers = { host: 'example.com', ...fields };
    expect(sameOrigin(view({ headers }), reference)).toBe('/x');
    expect(sameOrigin(view({ headers }), 'http://other.example/x')).toBeUndefined();
    expect(sameOrigin(view({ headers }), 'ftp://example.com/x')).toBeUndefined();
  });

  it.each<Fields>([
    { 'x-forwarded-host': '[', 'x-forwarded-proto': ' ,', 'x-forwarded-port': 'x', forwarded: 'host=' },
    { 'x-forwarded-proto': 'javascript' },
  ])('leads by what proxies say that is none, %j, as without it', (fields) => {
    const headers = { host: 'example.com', ...fields };
    expect(sameOrigin(view({ headers }), 'http://example.com/x')).toBe('/x');
    expect(sameOrigin(view({ headers }), 'https://example.com/x')).toBeUndefined();
  });

  it('leads nowhere where the request has no usable host', () => {
    expect(sameOrigin(view({ headers: {} }), '/x')).toBeUndefined();
  });
});

describe('isSelf', () => {
  const request = view({ target: '/users?b=2&a=1' });

  it.each(['/users?b=2&a=1', '?b=2&a=1', 'http://example.com/users?b=2&a=1', '/x/../users?b=2&a=1', ''])(
    'is so for %j',
    (reference) => {
      expect(isSelf(request, reference)).toBe(true);
    },
  );

  it.each([undefined, '/users', '/users?a=1&b=2', '/users/5?b=2&a=1', 'https://example.com/users?b=2&a=1'])(
    'is not so for %j',
    (reference) => {
      expect(isSelf(request, reference)).toBe(false);
    },
  );

  it('is never so where the request has no usable host', () => {
    expect(isSelf(view({ headers: {} }), '/')).toBe(false);
  });
});
