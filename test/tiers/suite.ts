import type { Cache, CacheOptions, Receipt } from 'respcache';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Answer, Process, type World } from './process.js';
import type { Site, Version } from './sites.js';

/** ms. So long that the log is read without an empty answer meanwhile: what is heard of has been pushed. */
const LONG = 60_000;
/** ms. */
const BOUND = 1000;
const PUSHED: CacheOptions = { maxDisconnected: LONG };
const STRONG: CacheOptions = { consistency: 'strong' };
const BARE: CacheOptions = { l1: false };

const WAYS: [how: string, invalidate: (cache: Cache) => Promise<Receipt>][] = [
  ['key', (cache) => cache.invalidateKey('/a', 'c')],
  ['tag', (cache) => cache.invalidateByTags(['tag-a'], 'c')],
  ['tag of all clients', (cache) => cache.invalidateByTags(['tag-a'])],
  ['pattern', (cache) => cache.invalidatePattern('/a*', 'c')],
  ['client', (cache) => cache.invalidateTenant('c')],
  ['everything', (cache) => cache.clear()],
];

const hit = (text: string): Answer => ({ text, hit: true });
const made = (text: string): Answer => ({ text, hit: false });

let suites = 0;

/** What memory before Redis does, in two processes: `here` may be cut off, `there` may not. */
export function tiersSuite(name: string, site: Site, version: Version): void {
  const suite = ++suites;
  describe(name, () => {
    const opened: Process[] = [];
    let world: World;
    let prefix = '';
    let tests = 0;

    afterEach(async () => {
      site.restore();
      await Promise.all(opened.splice(0).map((process) => process.close()));
    });

    async function open(options: CacheOptions): Promise<[here: Process, there: Process]> {
      world = { state: 'old' };
      prefix = `tiers${suite}:${++tests}:`;
      // With patience, where nothing else is said: the deadline is not what is tested here.
      const all = { prefix, timeout: 5000, ...options };
      const [here, there] = [true, false].map((far) => new Process(site.connect(version, far), world, all)) as [
        Process,
        Process,
      ];
      opened.push(here, there);
      await Promise.all([here.ready(), there.ready()]);
      return [here, there];
    }

    /** What one command asks for where there is one server, and takes several on a Cluster. */
    const commands = (keys: number) => (site.servers.length === 1 ? Math.min(keys, 1) : keys);

    /** How many commands have asked the servers for keys so far. */
    async function reads(): Promise<number> {
      const infos = await Promise.all(site.servers.map((server) => server.command('INFO', 'commandstats')));
      const calls = (info: unknown, command: string) =>
        Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(String(info))?.[1] ?? 0);
      return infos.reduce<number>((sum, info) => sum + calls(info, 'get') + calls(info, 'mget'), 0);
    }

    /** The connections that the servers have, but for those that ask for them. */
    async function connections(): Promise<string[]> {
      const lists = await Promise.all(
        site.servers.map(async (server) => {
          const lines = String(await server.command('CLIENT', 'LIST')).split('\n');
          return lines.filter((line) => line.startsWith('id=') && !line.includes(' cmd=client'));
        }),
      );
      return lists.flatMap((lines, i) => lines.map((line) => `${i} ${/^id=\d+/.exec(line)![0]}`));
    }

    /** One of them has filled, and the other has taken it from Redis. */
    async function both(here: Process, there: Process, path = '/a'): Promise<void> {
      expect(await there.fill(path)).toEqual(made('old'));
      expect(await here.get(path)).toEqual(hit('old'));
    }

    it.each([
      ['memory asks for nothing', PUSHED, 0],
      ['memory asks for the head alone where consistency is strong', STRONG, 1],
      ['Redis asks for head and entry', BARE, 2],
    ])('a hit from %s', async (_from, options, most) => {
      const [here, there] = await open(options);
      await both(here, there);
      const before = await reads();
      for (let i = 0; i < 5; i++) for (const each of [here, there]) expect(await each.get('/a')).toEqual(hit('old'));
      expect((await reads()) - before).toBe(10 * commands(most));
    });

    describe.each(WAYS)('an invalidation by %s', (_how, invalidate) => {
      it('is pushed to the other process, and its copy is dead', async () => {
        const [here, there] = await open(PUSHED);
        await both(here, there);
        world.state = 'new';
        expect(await here.get('/a')).toEqual(hit('old'));
        const receipt = await invalidate(there.cache);
        expect(receipt).toMatchObject({ durable: true });
        expect(await there.get('/a')).toEqual(made('new'));
        await here.heard(receipt);
        expect(await here.get('/a')).toMatchObject({ text: 'new' });
      });

      it('is obeyed at once where consistency is strong', async () => {
        const [here, there] = await open(STRONG);
        await both(here, there);
        world.state = 'new';
        expect(await here.get('/a')).toEqual(hit('old'));
        expect(await invalidate(there.cache)).toMatchObject({ durable: true });
        expect(await here.get('/a')).toEqual(made('new'));
        expect(await there.get('/a')).toMatchObject({ text: 'new' });
      });
    });

    it('an invalidation is pushed also where copies may be served for ever without a word from Redis', async () => {
      const [here, there] = await open({ maxDisconnected: Number.POSITIVE_INFINITY });
      await both(here, there);
      world.state = 'new';
      await here.heard(await there.cache.invalidateKey('/a', 'c'));
      expect(await here.get('/a')).toMatchObject({ text: 'new' });
    });

    it.each([
      ['pushed', PUSHED],
      ['strong', STRONG],
      ['none', BARE],
    ])('what reaches Redis late, made before an invalidation, is not taken from there: %s', async (_how, options) => {
      const [here, there] = await open(options);
      await there.fill('/a');
      const [key] = (
        await Promise.all(site.servers.map((server) => server.command('KEYS', `${prefix}client:*`)))
      ).flat();
      const frame = await there.client.getBuffer(String(key));
      world.state = 'new';
      const receipt = await there.cache.invalidateByTags(['tag-a'], 'c');
      if (options === PUSHED) await here.heard(receipt);
      await there.client.set(String(key), frame!);
      expect(await here.get('/a')).toEqual(made('new'));
      expect(await here.get('/a')).toEqual(hit('new'));
      await there.client.set(String(key), frame!);
      // Here a copy of the new is kept, if any.
      expect(await here.get('/a')).toMatchObject({ text: 'new' });
      expect(await there.get('/a')).toMatchObject({ text: 'new' });
    });

    it('cut off from Redis, memory is served for as long as it may, and not longer', async () => {
      const [here, there] = await open({ maxDisconnected: BOUND, timeout: 100 });
      await both(here, there);
      expect(await here.get('/a')).toEqual(hit('old'));
      world.state = 'new';
      site.cut();
      const cut = performance.now();
      expect(await there.cache.invalidateTenant('c')).toMatchObject({ durable: true });
      expect(await here.get('/a')).toEqual(hit('old'));
      let last = 0;
      for (let asked = performance.now(); (await here.get('/a')).hit; asked = performance.now()) {
        last = asked;
        expect(last - cut).toBeLessThanOrEqual(BOUND);
      }
      for (let i = 0; i < 10; i++) expect(await here.get('/a')).toEqual(made('new'));
      site.restore();
      await here.ready();
      expect(await here.get('/a')).toMatchObject({ text: 'new' });
      await vi.waitFor(async () => expect(await here.get('/a')).toEqual(hit('new')), { timeout: 5000, interval: 5 });
    });

    it('cut off from Redis, nothing is served where no copies are kept', async () => {
      const [here, there] = await open({ ...BARE, timeout: 100 });
      await both(here, there);
      world.state = 'new';
      site.cut();
      expect(await here.get('/a')).toEqual(made('new'));
      expect(await there.get('/a')).toEqual(hit('old'));
    });

    it.each([
      ['pushed', PUSHED, 0],
      ['strong', STRONG, 1],
    ])('variants and their index are kept in memory, and die together: %s', async (_how, options, most) => {
      const [here, there] = await open(options);
      for (const language of ['de', 'en']) await there.fill('/varied', { 'accept-language': language });
      const ask = (process: Process, language: string) => process.get('/varied', { 'accept-language': language });
      for (const language of ['de', 'en']) expect(await ask(here, language)).toEqual(hit(`old in ${language}`));
      const before = await reads();
      for (const each of [here, there, here]) {
        for (const language of ['de', 'en']) expect(await ask(each, language)).toEqual(hit(`old in ${language}`));
      }
      expect((await reads()) - before).toBe(6 * commands(most));
      expect(await ask(here, 'fr')).toEqual(made('old in fr'));
      world.state = 'new';
      const receipt = await there.cache.invalidateKey('/varied', 'c');
      if (options === PUSHED) await here.heard(receipt);
      for (const language of ['de', 'en', 'fr']) expect(await ask(here, language)).toEqual(made(`new in ${language}`));
    });

    it('values are never kept in memory: what another process sets is seen at once', async () => {
      const [here, there] = await open(PUSHED);
      await there.cache.set('k', 1, 'c');
      expect(await here.cache.get('k', 'c')).toBe(1);
      await there.cache.set('k', 2, 'c');
      expect(await here.cache.get('k', 'c')).toBe(2);
      expect(await here.cache.getOrSet('k', () => 0, 'c')).toBe(2);
    });

    it('the connection that follows the log ends with the cache, and the client stays', async () => {
      const [here, there] = await open(PUSHED);
      const client = site.connect(version, false);
      await client.ping();
      if ('nodes' in client) {
        await Promise.all(client.nodes('master').map((node) => node.ping()));
        // A Cluster's client has one more connection for subscriptions, which it makes beside the others.
        await client.subscribe('nothing');
        await client.unsubscribe('nothing');
      }
      const before = new Set(await connections());
      const third = new Process(client, world, { ...PUSHED, prefix });
      opened.push(third);
      await third.ready();
      // A node of a Cluster may not have counted it yet.
      const own = await vi.waitFor(async () => {
        const found = (await connections()).filter((each) => !before.has(each));
        expect(found).not.toEqual([]);
        return found;
      });
      await third.cache.close();
      const left = async () => (await connections()).filter((each) => own.includes(each));
      await vi.waitFor(async () => expect(await left()).toEqual([]), { interval: 10 });
      expect(await client.ping()).toBe('PONG');
      for (const each of [here, there]) expect(each.cache.services.backend.ledger.isCurrent()).toBe(true);
    });
  });
}
