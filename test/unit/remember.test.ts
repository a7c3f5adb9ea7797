import { describe, expect, it } from 'vitest';
import { remember } from '../../src/remember.js';

describe('remember', () => {
  it('lets go of what was put there longest ago, once there are too many', () => {
    const map = new Map<string, number>();
    for (const [i, key] of ['a', 'b', 'c', 'd'].entries()) remember(map, key, i, 3);
    expect([...map]).toEqual([
      ['b', 1],
      ['c', 2],
      ['d', 3],
    ]);
  });

  it('counts what is put there again as new, and lets nothing go for it', () => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    remember(map, 'a', 3, 2);
    expect([...map]).toEqual([
      ['b', 2],
      ['a', 3],
    ]);
  });
});
