import { describe, expect, it } from 'vitest';
import { shared } from '../../../src/entry/shared.js';
import { stored } from '../made.js';

describe('shared', () => {
  const made = (etag: string) =>
    stored({
      headers: [
        ['Content-Type', ['text', 'plain'].join('/')],
        ['X-Several', ['a', 'b']],
        ['X-Long', 'x'.repeat(300)],
        ['ETag', etag],
      ],
      tags: [],
      keyed: ['accept'],
    });

  it('changes nothing of an entry', () => {
    for (const entry of [made('"a"'), stored({ tags: ['t'], removed: ['x'], appended: ['y'] })])
      expect(shared(entry)).toEqual(entry);
  });

  it('holds lines and empty lists once for all entries that have the same, and not what each has of its own', () => {
    const [one, two] = [shared(made('"a"')), shared(made('"b"'))];
    expect(two.headers[0]).toBe(one.headers[0]);
    expect(two.tags).toBe(one.tags);
    expect(two.removed).toBe(one.appended);
    expect(two.sharedWith).toBe(one.sharedWith);
    expect(two.headers.map(([, value]) => value)).toEqual(['text/plain', ['a', 'b'], 'x'.repeat(300), '"b"']);
    expect(two.body).not.toBe(one.body);
  });
});
