import type { Cache, Receipt } from 'respcache';

/** Every way to invalidate `users:list` of client `c`, which has the tag `users`. */
export const INVALIDATIONS: [how: string, invalidate: (cache: Cache) => Promise<Receipt | boolean>][] = [
  ['delete', (cache) => cache.delete('users:list', 'c')],
  ['invalidateKey', (cache) => cache.invalidateKey('users:list', 'c')],
  ['invalidateByTags for its client', (cache) => cache.invalidateByTags(['users'], 'c')],
  ['invalidateByTags for all clients', (cache) => cache.invalidateByTags(['others', 'users'])],
  ['invalidatePattern with a glob', (cache) => cache.invalidatePattern('users:*', 'c')],
  ['invalidatePattern with a place in the hierarchy', (cache) => cache.invalidatePattern('users', 'c')],
  ['invalidateTenant', (cache) => cache.invalidateTenant('c')],
  ['clear', (cache) => cache.clear()],
];

/** Invalidations that do not reach it. */
export const MISSES: [how: string, invalidate: (cache: Cache) => Promise<Receipt | boolean>][] = [
  ['delete of another key', (cache) => cache.delete('users:count', 'c')],
  ['delete of the same key of another client', (cache) => cache.delete('users:list', 'd')],
  ['invalidateByTags with another tag', (cache) => cache.invalidateByTags(['user'], 'c')],
  ['invalidateByTags for another client', (cache) => cache.invalidateByTags(['users'], 'd')],
  ['invalidatePattern with a part of a word', (cache) => cache.invalidatePattern('user', 'c')],
  ['invalidatePattern with a longer place', (cache) => cache.invalidatePattern('users:list:page', 'c')],
  ['invalidatePattern for another client', (cache) => cache.invalidatePattern('*', 'd')],
  ['invalidateTenant of another client', (cache) => cache.invalidateTenant('d')],
];
