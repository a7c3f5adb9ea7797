import { beforeEach, describe, expect, it } from 'vitest';
import { Popular } from '../../../src/stats/popular.js';

let popular: Popular;
beforeEach(() => {
  popular = new Popular({ now: () => 0 });
});

const ask = (target: string, times = 1, headers: Record<string, string> = {}) => {
  for (let i = 0; i < times; i++) popular.add(target, 't', { target, headers, secure: false }, 0);
};

describe('Popular', () => {
  it('keeps what is often asked for, whatever else is asked for once', () => {
    for (let i = 0; i < 20_000; i++) {
      ask(`/once/${i}`);
      if (i % 10 === 0) ask('/often');
    }
    const [first] = popular.top(10);
    expect(first).toMatchObject({ target: '/often' });
    expect(first!.count).toBeGreaterThan(500);
    expect(popular.top(Number.POSITIVE_INFINITY).length).toBeLessThanOrEqual(500);
  });

  it('counts each request of a cache that is not busy, and about as many of one that is', () => {
    ask('/few', 900);
    expect(popular.top(1)).toMatchObject([{ count: 900 }]);
    ask('/many', 100_000);
    const { count } = popular.top(1)[0]!;
    // Ten times its standard deviation.
    expect(Math.abs(count - 100_000)).toBeLessThan(8400);
  });

  it('forgets what is older than an hour, also where the clock was put back meanwhile', () => {
    let now = 10 * 3_600_000;
    const put = new Popular({ now: () => now });
    const add = (target: string) => put.add(target, 't', { target, headers: {}, secure: false }, now);
    add('/before');
    now = 0;
    add('/then');
    now = 3_500_000;
    expect(put.top(10).map(({ target }) => target)).toEqual(['/then']);
    add('/later');
    now = 4_200_000;
    expect(put.top(10).map(({ target }) => target)).toEqual(['/later']);
  });

  it('leaves out what was asked for over HTTP/2, over which nothing can be warmed', () => {
    ask('/old', 1, {});
    ask('/new', 2, { ':path': '/new', ':authority': 'api.example.com' });
    expect(popular.top(10).map(({ target }) => target)).toEqual(['/old']);
  });

  it('does not keep targets that are longer than memory should bear', () => {
    ask(`/${'x'.repeat(5000)}`);
    expect(popular.top(10)).toEqual([]);
  });

  it('keeps the fields by which an answer is found again, and no credentials', () => {
    const headers = { host: 'h', accept: 'a', 'x-forwarded-proto': 'https', cookie: 'secret', authorization: 'secret' };
    ask('/x', 1, headers);
    expect(popular.top(1)[0]!.headers).toEqual({ host: 'h', accept: 'a', 'x-forwarded-proto': 'https' });
  });
});
