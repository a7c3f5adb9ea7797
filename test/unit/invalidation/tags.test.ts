import { describe, expect, it } from 'vitest';
import { EVERYTHING, globalTag, keyTag, ownTag, purgeTags, tenantTag, uriTag } from '../../../src/invalidation/tags.js';

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
        texts.flatMap((text) => [keyTag, uriTag, ownTag].map((make) => make(tenant, text))),
      ),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});
