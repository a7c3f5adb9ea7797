import { describe, expect, it } from 'vitest';
import { Generations } from '../../src/generations.js';

describe('Generations', () => {
  it('keeps at most two generations, and what is asked for longer than what is not', () => {
    const kept = new Generations<number>(10);
    for (let i = 0; i < 1000; i++) {
      kept.set(`key ${i}`, i);
      expect(kept.get('key 0')).toBe(0);
    }
    const left = Array.from({ length: 1000 }, (_, i) => kept.get(`key ${i}`)).filter((each) => each !== undefined);
    expect(left.length).toBeLessThanOrEqual(20);
    expect(left).toContain(0);
  });
});
