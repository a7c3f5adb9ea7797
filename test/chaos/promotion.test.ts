// A replica is promoted that had not heard of the last invalidations. Whoever has read them enters them again.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EVERYTHING } from '../../src/invalidation/tags.js';
import { type RedisPair, startPair } from '../support/failover.js';
import {
  AFTER,
  ALL_OLD,
  dump,
  epochIn,
  HEAD,
  KINDS,
  type Kind,
  NOTHING_OLD,
  PLACES,
  Process,
  PURGES,
  purgesIn,
  restore,
  type Served,
  world,
} from './places.js';
import { reached } from './rig.js';

interface Watch {
  rounds: number;
  /** Where something invalidated was served. */
  readonly old: string[];
  stop(): Promise<void>;
}

describe('a replica is promoted that lacks the last invalidations', () => {
  let pair: RedisPair;
  const opened: Process[] = [];

  beforeEach(async () => {
    world.state = 'old';
    pair = await startPair();
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((process) => process.close()));
    await pair.stop();
  });

  async function open(kind: Kind): Promise<Process> {
    const process = new Process(pair.url, KINDS[kind]);
    opened.push(process);
    return process.open();
  }

  /** One process of each kind, all of which have the old; and so does the replica, which hears nothing more. */
  async function filled(): Promise<Record<Kind, Process>> {
    const processes = { pushed: await open('pushed'), strong: await open('strong'), bare: await open('bare') };
    await processes.pushed.fill();
    for (const process of Object.values(processes)) expect(await process.served()).toEqual(ALL_OLD);
    await pair.inStep();
    pair.part();
    world.state = 'new';
    return processes;
  }

  /** Invalidates what is not to be kept, by the first, and sees the others obey. */
  async function invalidated(): Promise<Record<Kind, Process>> {
    const processes = await filled();
    for (const { invalidate } of PLACES) {
      const receipt = await invalidate?.(processes.pushed.cache);
      if (receipt === undefined) continue;
      expect(receipt).toMatchObject({ durable: true });
      for (const process of Object.values(processes)) await process.heard(receipt);
    }
    for (const process of Object.values(processes)) expect(await process.served()).toEqual(AFTER);
    expect(await purgesIn(pair.replica)).toEqual([]);
    return processes;
  }

  /** Waits until the promoted server's ledger has been told. Nobody has to ask for anything before it is. */
  async function entered(purges: readonly string[]): Promise<void> {
    await vi.waitFor(async () => expect(await purgesIn(pair.replica)).toEqual(expect.arrayContaining([...purges])), {
      timeout: 10_000,
      interval: 5,
    });
  }

  /** What has been invalidated is still there: it is not served, for all that. */
  async function stillThere(): Promise<void> {
    const keys = PLACES.map(({ client, path }) => `client:${client}:${path}`);
    expect(await pair.replica.command('EXISTS', ...keys)).toBe(PLACES.length);
    expect(await pair.replica.command('EVAL', "return #redis.call('KEYS', 'client:*:~*')", '0')).toBe(PLACES.length);
  }

  /** The master goes, and its replica takes its place. */
  async function failover(): Promise<void> {
    await pair.fail();
    await pair.promote();
    pair.lead();
  }

  /** Asks a process for everything, again and again. */
  function watch(process: Process): Watch {
    const watch: Watch = { rounds: 0, old: [], stop: async () => {} };
    let running = true;
    const asking = (async () => {
      while (running) {
        for (const [path, { response, value }] of Object.entries(await process.served())) {
          if (path !== '/kept' && (response === 'old' || value === 'old')) watch.old.push(path);
        }
        watch.rounds++;
      }
    })();
    // Where the test fails before that, it has been told already.
    asking.catch(() => {});
    watch.stop = async () => {
      running = false;
      await asking;
    };
    return watch;
  }

  /** What is invalidated from now on is obeyed, by each of them; the rest stays as it was. */
  async function obeyAtOnce(all: readonly Process[], before: Served): Promise<void> {
    world.state = 'newest';
    const receipt = await all.at(-1)!.cache.invalidateKey('/kept', 'c1');
    expect(receipt).toMatchObject({ durable: true });
    for (const process of all) {
      await process.heard(receipt);
      expect(await process.served()).toEqual({ ...before, '/kept': { response: 'newest', value: undefined } });
    }
  }

  /** Waits until each has been through once more, from the beginning. */
  async function round(watches: readonly Watch[]): Promise<void> {
    const targets = watches.map(({ rounds }) => rounds + 2);
    await vi.waitFor(
      () => {
        for (const [i, { rounds }] of watches.entries()) expect(rounds).toBeGreaterThanOrEqual(targets[i]!);
      },
      { timeout: 10_000, interval: 5 },
    );
  }

  it.each<[who: string, living: Kind[]]>([
    ['all who knew it', ['pushed', 'strong', 'bare']],
    ['one that was told by the log', ['pushed']],
    ['one that asked, and has copies', ['strong']],
    ['one that asked, and has none', ['bare']],
  ])('what was invalidated does not come back: entered again by %s', async (_who, living) => {
    const processes = await invalidated();
    const gone = Object.entries(processes).filter(([kind]) => !living.includes(kind as Kind));
    await Promise.all(gone.map(([, process]) => process.close()));
    await failover();
    await entered(PURGES);
    await stillThere();
    const later = await open('bare');
    const all = [...living.map((kind) => processes[kind]), later];
    for (const process of all) await reached(process.cache);
    for (const process of all) expect(await process.served()).toEqual(AFTER);
    await obeyAtOnce(all, AFTER);
  });

  it('nor is it served for a moment by any that knew it, while the master is gone and after', async () => {
    const processes = await invalidated();
    const watches = Object.values(processes).map(watch);
    await pair.fail();
    await round(watches);
    await pair.promote();
    // So that many ask before anything is entered again.
    pair.latency = 15;
    pair.lead();
    await entered(PURGES);
    pair.latency = 0;
    await round(watches);
    await Promise.all(watches.map(({ stop }) => stop()));
    expect(watches.map(({ old }) => old)).toEqual([[], [], []]);
  });

  it('nor what was cleared', async () => {
    const processes = await filled();
    const receipt = await processes.pushed.cache.clear();
    expect(receipt).toMatchObject({ durable: true });
    for (const process of Object.values(processes)) await process.heard(receipt);
    for (const process of Object.values(processes)) expect(await process.served()).toEqual(NOTHING_OLD);
    await processes.pushed.close();
    await failover();
    await entered([EVERYTHING]);
    await stillThere();
    const all = [await open('pushed'), processes.strong, processes.bare];
    for (const process of all) await reached(process.cache);
    for (const process of all) expect(await process.served()).toEqual(NOTHING_OLD);
    // What was made since is kept.
    world.state = 'newer';
    for (const process of all) expect(await process.served()).toEqual(NOTHING_OLD);
  });

  it('nor where somebody else has gone on from what the replica had', async () => {
    const { pushed, strong, bare } = await invalidated();
    await pair.fail();
    await pair.promote();
    const other = new Process(pair.replica.url, { l1: false });
    opened.push(await other.open());
    expect(await other.cache.invalidateTenant('somebody')).toMatchObject({ durable: true });
    pair.lead();
    await entered(PURGES);
    await stillThere();
    for (const process of [pushed, strong, bare, other]) {
      await reached(process.cache);
      expect(await process.served()).toEqual(AFTER);
    }
  });

  it('nor where those who know it have it from the table alone: a new ledger begins', async () => {
    const processes = await invalidated();
    const late = await open('bare');
    await Promise.all(Object.values(processes).map((process) => process.close()));
    const before = await epochIn(pair.replica);
    await failover();
    await vi.waitFor(async () => expect(await epochIn(pair.replica)).not.toBe(before), {
      timeout: 10_000,
      interval: 5,
    });
    await stillThere();
    for (const process of [late, await open('pushed')]) {
      await reached(process.cache);
      expect(await process.served()).toEqual(NOTHING_OLD);
    }
  });

  it('nor where the replica lacks the whole ledger: a new one begins, and nothing older is served', async () => {
    pair.part();
    const processes = [await open('pushed'), await open('strong'), await open('bare')];
    await processes[0]!.fill();
    for (const process of processes) expect(await process.served()).toEqual(ALL_OLD);
    world.state = 'new';
    const receipt = await processes[0]!.cache.invalidateByTags(['tag'], 'c1');
    expect(receipt).toMatchObject({ durable: true });
    const before = await epochIn(pair.master);
    const entries = await dump(pair.master);
    await pair.fail();
    await pair.promote();
    expect(await pair.replica.command('EXISTS', HEAD)).toBe(0);
    // As if they had been on another server of a Cluster.
    await restore(pair.replica, entries);
    await stillThere();
    pair.lead();
    const all = [...processes, await open('bare')];
    for (const process of all) {
      await reached(process.cache);
      expect(await process.served()).toEqual(NOTHING_OLD);
    }
    expect(await epochIn(pair.replica)).not.toBe(before);
    world.state = 'newer';
    for (const process of all) expect(await process.served()).toEqual(NOTHING_OLD);
    await obeyAtOnce(all, NOTHING_OLD);
  });

  it('it does come back where nobody who knew it lives: then the server has to see to it (WAIT)', async () => {
    const processes = await invalidated();
    await Promise.all(Object.values(processes).map((process) => process.close()));
    await failover();
    expect(await (await open('bare')).served()).toEqual(ALL_OLD);
  });
});
