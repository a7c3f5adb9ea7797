import { storeSuite } from 'respcache/testing';
import * as vitest from 'vitest';
import { decode, encode, encodeAtLength } from '../../src/entry/codec.js';
import type { Entry } from '../../src/entry/entry.js';
import { RedisStore } from '../../src/stores/redis.js';
import type { RedisClient } from '../../src/stores/redis-client.js';
import { RedisLink } from '../../src/stores/redis-link.js';
import { counterEntry, responseEntry, START, usualEntry, valueEntry } from '../../src/testing/suite/entries.js';

const { afterAll, beforeAll, beforeEach, describe, expect, it } = vitest;

const fail = (error: unknown) => {
  throw error;
};

function disconnect(client: RedisClient): void {
  client.on('error', () => {});
  client.disconnect();
}

let suites = 0;

/** What a RedisStore does, over whichever client: the suite of all stores, and what is to be seen in Redis itself. */
export function redisSuite(name: string, connect: () => RedisClient): void {
  storeSuite(vitest, name, (now) => {
    const clients = [connect(), connect()] as const;
    const made = (client: RedisClient) => new RedisStore(new RedisLink(client, fail), { now, onDamage: fail });
    const [store, peer] = [made(clients[0]), made(clients[1])];
    const dispose = async () => {
      await Promise.all([store.close(), peer.close()]);
      for (const client of clients) disconnect(client);
    };
    return { store, peer, dispose };
  });

  const suite = ++suites;
  describe(`${name}, seen in Redis`, () => {
    const damages: unknown[] = [];
    let client: RedisClient;
    let store: RedisStore;
    let prefix = '';
    let tests = 0;

    beforeAll(() => {
      client = connect();
      store = new RedisStore(new RedisLink(client, fail), {
        now: () => START,
        onDamage: (error) => damages.push(error),
      });
    });

    afterAll(async () => {
      await store.close();
      disconnect(client);
    });

    beforeEach(() => {
      prefix = `seen:${suite}:${++tests}:`;
      damages.length = 0;
    });

    const at = (key: string) => prefix + key;
    const put = (key: string, entry: Entry) => store.set([{ key: at(key), entry }]);

    it('an entry is one binary frame under its key, its body in it as it is', async () => {
      const entry = responseEntry({ body: Buffer.from([0, 0xff, 0x80, 0x0d, 0x0a]) });
      await put('k', entry);
      const frame = (await client.getBuffer(at('k')))!;
      expect(frame.equals(encode(at('k'), entry))).toBe(true);
      expect(frame.subarray(-5).equals(entry.body)).toBe(true);
    });

    it('a response that an earlier version has written at length is given another in its place', async () => {
      const [entry, next] = [usualEntry(), usualEntry({ body: Buffer.from('next') })];
      const long = encodeAtLength(at('k'), entry);
      expect(encode(at('k'), entry).length).toBeLessThan(long.length);
      await client.set(at('k'), long);
      const [judged] = await store.get([at('k')]);
      expect(await store.swap(at('k'), { ...entry, cost: 1 }, next)).toBe(false);
      expect(await store.swap(at('k'), judged, next)).toBe(true);
      expect((await client.getBuffer(at('k')))!.equals(encode(at('k'), next))).toBe(true);
    });

    it('an entry expires by itself', async () => {
      await put('k', valueEntry({ expiresAt: START + 60_000 }));
      const left = await client.pttl(at('k'));
      expect(left).toBeGreaterThan(50_000);
      expect(left).toBeLessThanOrEqual(60_000);
    });

    it('an entry expires after 60 days, and not at once', async () => {
      await put('k', valueEntry({ expiresAt: START + 60 * 86_400_000 }));
      expect(await client.pttl(at('k'))).toBeGreaterThan(59 * 86_400_000);
    });

    it('an entry for ever has no expiry', async () => {
      await put('k', valueEntry({ expiresAt: START + 1000 }));
      await put('k', valueEntry({ expiresAt: Number.POSITIVE_INFINITY }));
      expect(await client.pttl(at('k'))).toBe(-1);
    });

    it('a counter keeps its expiry', async () => {
      const counter = counterEntry(1, { expiresAt: START + 60_000 });
      await store.increment(at('n'), 1, undefined, counter);
      expect(await client.pttl(at('n'))).toBeGreaterThan(50_000);
      await store.increment(at('n'), 1, (await store.get([at('n')]))[0], counter);
      expect(await client.pttl(at('n'))).toBeGreaterThan(50_000);
      expect(await client.pttl(at('n'))).toBeLessThanOrEqual(60_000);
    });

    it('a counter without expiry has none, and its frame can be read after each step', async () => {
      await store.increment(at('n'), 9, undefined, counterEntry(9));
      await store.increment(at('n'), 1, (await store.get([at('n')]))[0], counterEntry(1));
      expect(await client.pttl(at('n'))).toBe(-1);
      expect(decode(at('n'), (await client.getBuffer(at('n')))!)).toEqual(counterEntry(10));
    });

    it('a counter whose time is over as it begins does not stay for ever', async () => {
      await store.increment(at('n'), 1, undefined, counterEntry(1, { expiresAt: START }));
      expect(await client.pttl(at('n'))).not.toBe(-1);
    });

    it.each<[what: string, bytes: () => Buffer]>([
      [
        'bytes of somebody else',
        () => Buffer.from('a session of another application, say, or anything that is longer'),
      ],
      ['nothing', () => Buffer.alloc(0)],
      ['half a frame', () => encode(at('k'), responseEntry()).subarray(0, 60)],
      ['a field with a line break', () => encode(at('k'), responseEntry({ headers: [['X', 'a\r\nSet-Cookie: b']] }))],
      ['a field with one in its second line', () => encode(at('k'), responseEntry({ headers: [['X', ['a', '\n']]] }))],
      ['a field with a name that is none', () => encode(at('k'), usualEntry({ headers: [['X Y', 'a']] }))],
      ['a reason with a line break', () => encode(at('k'), responseEntry({ message: 'a\nb' }))],
      ['the status of no answer', () => encode(at('k'), responseEntry({ status: 101 }))],
      ['the frame of another key', () => encode(at('other'), valueEntry())],
      ['a frame of an earlier version', () => Buffer.from(encode(at('k'), valueEntry())).fill(1, 2, 3)],
      ['a frame of a later version', () => Buffer.from(encode(at('k'), valueEntry())).fill(4, 2, 3)],
    ])('%s is a miss, and reported', async (_, bytes) => {
      await put('well', valueEntry());
      await client.set(at('k'), bytes());
      expect(await store.get([at('k'), at('well')])).toEqual([undefined, valueEntry()]);
      expect(damages).toEqual([expect.objectContaining({ name: 'FrameError' })]);
    });

    it('a damaged entry is replaced by the next', async () => {
      await client.set(at('k'), 'damaged');
      await put('k', valueEntry());
      expect(await store.get([at('k')])).toEqual([valueEntry()]);
    });

    it('a damaged counter begins anew, and does not stay in the way for ever', async () => {
      await client.set(at('n'), 'damaged');
      const [expected] = await store.get([at('n')]);
      expect(await store.increment(at('n'), 1, expected, counterEntry(1))).toEqual({ value: 1 });
    });

    it('a damaged entry is nothing that a swap would stop for', async () => {
      await client.set(at('k'), 'damaged');
      expect(await store.swap(at('k'), undefined, valueEntry())).toBe(true);
      expect(await store.get([at('k')])).toEqual([valueEntry()]);
      expect(await client.pttl(at('k'))).toBeGreaterThan(50_000);
    });

    it('a sweep leaves what is stored in the place of what it has judged', async () => {
      await put('k', valueEntry({ tags: ['dead'] }));
      const stored: Promise<void>[] = [];
      await store.sweep(prefix, () => {
        // The command is on its way before that of the sweep, which has made up its mind only now.
        stored.push(put('k', valueEntry({ storedAt: START + 1, tags: ['alive'] })));
        return true;
      });
      await Promise.all(stored);
      expect(await store.get([at('k')])).toEqual([valueEntry({ storedAt: START + 1, tags: ['alive'] })]);
    });

    it('a value of another type is nothing of ours, beside entries that are', async () => {
      await client.rpush(at('list'), 'a');
      await put('k', valueEntry());
      expect(await store.get([at('list'), at('k')])).toEqual([undefined, valueEntry()]);
    });

    describe('what is not ours below the prefix', () => {
      const names = ['hash', 'list', 'short', 'text'];
      const putOthers = () =>
        Promise.all([
          client.hset(at('hash'), 'a', 'b'),
          client.rpush(at('list'), 'a'),
          client.set(at('short'), ''),
          client.set(at('text'), 'x'.repeat(100)),
        ]);
      const left = () => Promise.all(names.map((key) => client.exists(at(key))));

      it('is no entry for a sweep', async () => {
        await putOthers();
        await put('ours', valueEntry());
        const asked = new Map<string, boolean>();
        await store.sweep(prefix, (key, entry) => asked.set(key, entry !== undefined) && false);
        expect([...asked].sort()).toEqual([...names.map((key) => [at(key), false]), [at('ours'), true]].sort());
      });

      it('is counted by a scan, and nothing else', async () => {
        await putOthers();
        await put('ours', valueEntry());
        for (const heads of [false, true]) {
          const found: string[] = [];
          let unreadable = 0;
          for await (const step of store.scan(prefix, { heads })) {
            found.push(...step.items.map(({ key }) => key));
            unreadable += step.unreadable;
          }
          // An empty text is for a look at heads the same as none.
          expect(unreadable).toBe(heads ? 3 : 4);
          expect(found).toEqual([at('ours')]);
        }
        expect(damages).toEqual([]);
      });

      it('stays, whatever its type, where it is not said to be dead', async () => {
        await putOthers();
        await put('ours', valueEntry());
        expect(await store.sweep(prefix, (_key, entry) => entry !== undefined)).toBe(1);
        expect(await left()).toEqual([1, 1, 1, 1]);
      });

      it('goes, whatever its type, where it is', async () => {
        await putOthers();
        expect(await store.sweep(prefix, () => true)).toBe(4);
        expect(await left()).toEqual([0, 0, 0, 0]);
      });
    });

    it('of several that find nothing under a key at the same time one is stored', async () => {
      const entries = ['a', 'b', 'c'].map((text) => valueEntry({ body: Buffer.from(text) }));
      const done = await Promise.all(entries.map((entry) => store.swap(at('k'), undefined, entry)));
      expect(done.filter((each) => each)).toHaveLength(1);
      expect(await store.get([at('k')])).toEqual([entries[done.indexOf(true)]]);
    });

    it("closing leaves the caller's client as it was: open, and without our listeners", async () => {
      const [own, untouched] = [connect(), connect()];
      const count = (each: RedisClient) => each.eventNames().reduce((sum, event) => sum + each.listenerCount(event), 0);
      const link = new RedisLink(own, fail);
      const closing = new RedisStore(link, { now: () => START, onDamage: fail });
      link.onReady(() => {});
      await Promise.all([closing.ping(), untouched.ping()]);
      expect(count(own)).toBeGreaterThan(count(untouched));
      await closing.close();
      await closing.close();
      expect(count(own)).toBe(count(untouched));
      expect(own.status).toBe('ready');
      expect(await own.set(at('k'), 'x')).toBe('OK');
      disconnect(untouched);
      disconnect(own);
    });
  });
}
