// What events say of a request, for who writes them down or sends them on.

import type { CacheEvents } from 'respcache';
import { describe, expect, it } from 'vitest';
import { COMBINATIONS, numbered, useBench } from './bench.js';

const bench = useBench();

describe.each(COMBINATIONS)('events: $label', (combination) => {
  it.each(['miss', 'hit', 'bypass'] as const)('of a %s can be written as JSON', async (kind) => {
    const host = await bench.start(combination);
    host.get('/x', {}, numbered());
    const written: CacheEvents[typeof kind][] = [];
    host.cache.on(kind, (event) => written.push(JSON.parse(JSON.stringify(event))));
    const headers = kind === 'bypass' ? { Cookie: 'a=1' } : { 'X-Client-Id': 'acme' };
    for (let asked = kind === 'hit' ? 2 : 1; asked > 0; asked--) await host.ask('/x?b=2', { headers });
    expect(written).toEqual([
      expect.objectContaining({
        route: '/x',
        request: {
          target: '/x?b=2',
          headers: expect.objectContaining(kind === 'bypass' ? { cookie: 'a=1' } : { 'x-client-id': 'acme' }),
          secure: false,
        },
      }),
    ]);
  });
});
