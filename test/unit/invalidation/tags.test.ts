import { describe, expect, it } from 'vitest';
import {
  EVERYTHING,
  globalTag,
  keyTag,
  keyTags,
  ownTag,
  pathTag,
  purgeTags,
  queryTag,
  tenantTag,
  uriTag,
} from '../../../src/invalidation/tags.js';

describe('purgeTags', () => {
  it('are all that reaches a response', () => {
    const subject = { tenant: 'acme', names: ['/a', '/a?b'], uri: 'http://h/a?b', tags: ['x', 'y'] };
    expect(purgeTags(subject).sort()).toEqual(
      [
        EVERYTHING,
        tenantTag('acme'),
        keyTag('acme', '/a'),
        keyTag('acme', '/a?b'),
        uriTag('acme', 'http://h/a?b'),
        ownTag('acme', 'x'),
        ownTag('acme', 'y'),
        globalTag('x'),
        globalTag('y'),
      ].sort(),
    );
  });

  it('are more for a response that answers several queries: its path, by its URL and by its name', () => {
    const subject = { tenant: 'acme', names: ['/a'], uri: 'http://h/a?b', pathUri: 'http://h/a', tags: [] };
    const more = ['p:acme:http://h/a', 'q:acme:/a'];
    expect(purgeTags(subject)).toEqual(['*', 't:acme', 'k:acme:/a', 'u:acme:http://h/a?b', ...more]);
  });

  it('are more for a response without a query: each name with an empty one, which no other goes by', () => {
    const subject = { tenant: 'acme', names: ['list', '/a'], uri: 'http://h/a', tags: [] };
    const more = ['k:acme:list?', 'k:acme:/a?'];
    expect(purgeTags(subject)).toEqual(['*', 't:acme', 'k:acme:list', 'k:acme:/a', 'u:acme:http://h/a', ...more]);
  });

  it('of a key are its own, and with a query that of all queries of its path', () => {
    expect(keyTags('acme', 'users:list')).toEqual(['k:acme:users:list']);
    expect(keyTags('acme', '/a?b=1')).toEqual(['k:acme:/a?b=1', 'q:acme:/a']);
  });

  it('are few for a value without tags', () => {
    expect(purgeTags({ tenant: '', names: ['k'], tags: [] })).toEqual(['*', 't:', 'k::k']);
  });

  it('of different kinds are never the same, whatever they are called', () => {
    const texts = ['', 'a', 'a:b', ':', '*', 't:a', 'G:a', 'g:a:b'];
    const tenants = ['', 'a', '*', 'G'];
    const all = [
      EVERYTHING,
      ...tenants.map(tenantTag),
      ...texts.map(globalTag),
      ...tenants.flatMap((tenant) =>
        texts.flatMap((text) => [keyTag, queryTag, uriTag, pathTag, ownTag].map((make) => make(tenant, text))),
      ),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});
