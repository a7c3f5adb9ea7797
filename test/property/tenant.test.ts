import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeTenant, unescapeTenant } from '../../src/request/tenant.js';
import { anyText } from './texts.js';

describe('escapeTenant', () => {
  it('is injective', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(escapeTenant(a) === escapeTenant(b)).toBe(a === b);
      }),
    );
  });

  it('is injective over what looks escaped already', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        const once = escapeTenant(name);
        expect(escapeTenant(once) === once).toBe(once === name);
      }),
    );
  });

  it('leaves no sign that means something in keys, tags, globs or cluster slots', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        expect(escapeTenant(name)).not.toMatch(/[:~{}*?[\]\\#/\s]/);
        expect(escapeTenant(name)).toMatch(/^[\x21-\x7e]*$/);
      }),
    );
  });

  it('can be undone, but for names so long that only their hash is left', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        const escaped = escapeTenant(name);
        expect(unescapeTenant(escaped)).toBe(escaped.startsWith('%sha256.') ? undefined : name);
      }),
    );
    expect(unescapeTenant(escapeTenant('x'.repeat(500)))).toBeUndefined();
  });

  it('is empty for the empty name alone', () => {
    fc.assert(
      fc.property(anyText, (name) => {
        expect(escapeTenant(name) === '').toBe(name === '');
      }),
    );
  });
});
