import { describe, expect, it } from 'vitest';
import { isSelf, sameOrigin } from '../../../src/request/reference.js';
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
