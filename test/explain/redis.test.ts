import { createCache } from 'respcache';
import { describe, expect, it } from 'vitest';
import { byUrl, standalone, useBackend } from '../service/backends.js';
import { against, Stage, textOf } from './stage.js';
import { explainSuite } from './suite.js';

describe('explain, on Redis', () => {
  explainSuite(byUrl);

  describe('where Redis is not well', () => {
    const bench = useBackend(standalone(({ url }) => url));
    const server = () => bench.servers[0]!;

    it('says that what is stored is in Redis, where this process keeps nothing', async () => {
      const here = new Stage(bench, { l1: false }).route('/a');
      await here.ask('/a');
      expect(await here.explain('/a')).toMatchObject({ outcome: 'hit', entry: { tier: 'redis' } });
    });

    it('leaves what is kept in this process as it is', async () => {
      const filling = new Stage(bench).route('/a');
      await filling.ask('/a');
      const looking = new Stage(bench);
      const headers = { host: `127.0.0.1:${await filling.host.port()}` };
      for (let i = 0; i < 2; i++) {
        const found = await looking.cache.explain({ url: '/a', headers });
        expect(found).toMatchObject({ outcome: 'hit', entry: { tier: 'redis' } });
      }
    });

    it('says that it was stamped by a ledger that is gone', async () => {
      const here = new Stage(bench, { l1: false }).route('/a');
      await here.ask('/a');
      await server().command('DEL', '{respcache}:head', '{respcache}:table', '{respcache}:log');
      const found = await here.explain('/a');
      expect(found.outcome).toBe('miss');
      expect(against(found)).toEqual(['invalidated']);
      expect(textOf(found, 'invalidated')).toContain('lost or begun anew');
      expect(found.killedBy).toBeUndefined();
    });

    it('says that it does not answer, and names the purge that waits for it', async () => {
      const here = new Stage(bench, { timeout: 200, maxDisconnected: 60_000 }).route('/a', {}, { tags: ['t'] });
      await here.ask('/a');
      await server().pause();
      try {
        expect((await here.cache.invalidateByTags(['t'], 'another')).durable).toBe(false);
        expect((await here.explain('/a')).outcome).toBe('hit');
        await here.cache.invalidateByTags(['t']);
        const found = await here.explain('/a');
        expect(found).toMatchObject({
          outcome: 'miss',
          killedBy: { by: 'tag of all tenants', name: 't', pending: true, at: here.clock.now() },
        });
        expect(against(found)).toEqual(['redis', 'invalidated']);
        const other = await here.explain('/b');
        expect(other.outcome).toBe('miss');
        expect(against(other)).toEqual(['redis']);
      } finally {
        await server().resume();
      }
    });
  });

  it('does not reject where Redis was never there', async () => {
    const cache = createCache({ redis: { port: 1, host: '127.0.0.1' }, prefix: 'gone:' });
    try {
      const found = await cache.explain({ url: '/a' });
      expect(found).toMatchObject({ outcome: 'miss', reason: 'unavailable' });
      expect(against(found)).toEqual(['redis', 'storable']);
    } finally {
      await cache.close();
    }
  });
});
