import { describe, expect, it } from 'vitest';
import { routeLabel } from '../../../src/request/route-label.js';

describe('routeLabel', () => {
  it.each([
    ['/', '/'],
    ['/users', '/users'],
    ['/users/', '/users/'],
    ['/users/42', '/users/*'],
    ['/users/42/orders/7', '/users/*/orders/*'],
    ['/orders/6f1c2a9e-8d3b-4b8e-9d52-0c1f6f1d2a3b', '/orders/*'],
    ['/commits/3c9af51d2a30', '/commits/*'],
    ['/tokens/eyJhbGciOiJIUzI1NiJ9abc', '/tokens/*'],
    ['/v2/users', '/v2/users'],
    ['/articles/a-title-of-an-article', '/articles/a-title-of-an-article'],
    [`/x/${'long-'.repeat(20)}`, '/x/*'],
    ['users:list', 'users:list'],
    ['user:42', 'user:*'],
    ['/a/b/c/d/e/f/g/h/i/j', '/a/b/c/d/e/f/g/h/…'],
    ['', ''],
    ['42', '*'],
    ['/a1b2c3d', '/a1b2c3d'],
    ['/a1b2c3d4', '/*'],
    ['/abcdefab', '/abcdefab'],
    ['/release-notes-of-2024', '/*'],
    ['/release.notes.of.124', '/*'],
    ['/release.notes.of.24', '/release.notes.of.24'],
    [`/${'x'.repeat(48)}`, `/${'x'.repeat(48)}`],
    [`/${'x'.repeat(49)}`, '/*'],
    ['/a/1/c/2/e/f/g/h', '/a/*/c/*/e/f/g/h'],
    ['/a/1/c/d/e/f/g/2/i', '/a/*/c/d/e/f/g/*/…'],
    ['a:b/c:4//5:', 'a:b/c:*//*:'],
  ])('%s is %s', (name, label) => {
    expect(routeLabel(name)).toBe(label);
  });
});
