import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { vi } from 'vitest';
import type { Receipt } from '../../src/invalidation/ledger.js';
import type { CacheOptions } from '../../src/options.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { type OnRun, type OpenRequest, Process } from './harness.js';

/*
 * The model: a database of versions, several processes with a cache each, and an oracle that is P2 as written. A write
 * bumps the versions of what it changes and invalidates that; once the receipt says durable, no lookup that begins later
 * may serve an older version, in any process. Where it is not durable, that holds in the writer's own process.
 *
 * Time passes, so that entries become stale: they are refreshed beside a request, or their handler is asked and confirms
 * them, whatever has been written since: a handler may know nothing of what was invalidated.
 */

const KEYS = ['a', 'b'] as const;
const TENANTS = ['t1', 't2'] as const;
const HOWS = ['key', 'tag', 'global', 'pattern', 'tenant', 'all'] as const;

/** One cell of the database: a key of a tenant. */
interface Cell {
  readonly tenant: (typeof TENANTS)[number];
  readonly key: (typeof KEYS)[number];
}

export type Operation =
  | { readonly kind: 'request' | 'value'; readonly process: number; readonly cell: Cell }
  | { readonly kind: 'finish' | 'abort' | 'confirm'; readonly which: number }
  | { readonly kind: 'age'; readonly seconds: number }
  | { readonly kind: 'write'; readonly process: number; readonly cell: Cell; readonly how: (typeof HOWS)[number] }
  | { readonly kind: 'cut' | 'restore'; readonly process: number }
  | { readonly kind: 'lose'; readonly what: 'head' | 'table' | 'log' | 'patterns' | 'everything' }
  | { readonly kind: 'save' | 'rollBack' };

const who = fc.integer({ min: 0, max: 2 });
const cell = fc.record({ tenant: fc.constantFrom(...TENANTS), key: fc.constantFrom(...KEYS) });
const which = fc.nat(5);

/** Random interleavings; faults of the network and of Redis only where there are any. */
export function operations(faults: boolean): fc.Arbitrary<Operation[]> {
  const usual: fc.WeightedArbitrary<Operation>[] = [
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('request', 'value'), process: who, cell }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish'), which }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('confirm'), which }) },
    // Into the time while it is served and refreshed, and beyond it.
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('age'), seconds: fc.constantFrom(15, 40) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort'), which }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('write'), process: who, cell, how: fc.constantFrom(...HOWS) }),
    },
  ];
  const what = fc.constantFrom('head', 'table', 'log', 'patterns', 'everything');
  const rare: fc.WeightedArbitrary<Operation>[] = [
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('cut', 'restore'), process: who }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose'), what }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('save', 'rollBack') }) },
  ];
  return fc.array(fc.oneof(...usual, ...(faults ? rare : [])), { minLength: 10, maxLength: 50, size: 'max' });
}

/** What the processes share. */
export interface World {
  /** Looks into the server itself. */
  readonly redis: Redis | undefined;
  /** One link a process; none in memory. */
  readonly proxies: readonly TcpProxy[];
  readonly options: CacheOptions;
}

/** Something older was served than may be. */
export class StaleAnswer extends Error {}

interface Pending {
  readonly open: OpenRequest;
  readonly version: number;
  /** What its client may be given. */
  readonly floor: number;
  done: boolean;
}

let sites = 0;
let runs = 0;

/** The processes of a world. They live through many runs: for each to load a ledger takes longer than a run. */
export class Site {
  readonly world: World;
  readonly prefix: string = `site${sites++}:`;
  readonly processes: Process[];
  /** By how much time has passed faster than it does, ms. */
  passed = 0;
  /** Told of handlers that run beside a request. */
  onRun: OnRun = (_path, _tenant, open) => open.abort();

  constructor(world: World) {
    this.world = world;
    const links = world.redis === undefined ? [undefined] : world.proxies;
    this.processes = links.map((link) => this.#open(link));
  }

  #open(link: TcpProxy | undefined): Process {
    const options = {
      ...this.world.options,
      prefix: this.prefix,
      redis: link ? { port: link.port, host: '127.0.0.1', retryStrategy: () => 2 } : (false as const),
      collapse: false,
      maxDisconnected: 150,
      timeout: 1000,
      sweepInterval: false as const,
      ttl: 10,
      staleWhileRevalidate: 20,
      retain: 100_000,
      clock: { now: () => Date.now() + this.passed },
    };
    return new Process(options, (...run) => this.onRun(...run));
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map(({ cache }) => cache.close()));
    await this.world.redis?.flushall();
  }
}

/** One run of the model: carries out the operations one after the other, fills staying open across them. */
export class Model {
  readonly #world: World;
  readonly #site: Site;
  readonly #processes: readonly Process[];
  /** Behind the names of the tenants: keeps the run apart from those before it. */
  readonly #suffix = `.${runs++}`;
  readonly #versions = new Map<string, number>();
  /** The oldest version that may be served: by all, and by a single process. */
  readonly #floors = new Map<string, number>();
  readonly #pending: Pending[] = [];
  readonly #values: Promise<void>[] = [];
  readonly #latches: (() => void)[] = [];
  /** Resolves when the next factory begins, whoever's it is. */
  #begun!: Promise<void>;
  #begins!: () => void;
  #ending = false;
  #rollBacks = 0;
  #saved: Map<string, Buffer> | undefined;

  constructor(site: Site) {
    this.#site = site;
    this.#world = site.world;
    this.#processes = site.processes;
    this.#awaitBeginning();
  }

  #awaitBeginning(): void {
    this.#begun = new Promise((resolve) => {
      this.#begins = () => {
        resolve();
        this.#awaitBeginning();
      };
    });
  }

  async run(list: readonly Operation[]): Promise<void> {
    this.#site.onRun = (path, tenant, open) => {
      const [name, ofRun] = tenant.split('.');
      if (`.${ofRun}` === this.#suffix) this.#began(open, `${name}${path}`, 0);
      else open.abort();
    };
    try {
      // The run before may have ended anywhere.
      for (const [i] of this.#world.proxies.entries()) await this.#restore(i);
      await Promise.all(this.#processes.map(({ cache }) => cache.has('x', 'x')));
      for (const operation of list) await this.#do(operation);
      for (const [i] of this.#world.proxies.entries()) await this.#restore(i);
      for (const { open, version, done } of this.#pending) if (!done) open.finish(String(version));
      this.#site.passed += 15_000;
      this.#ending = true;
      for (const open of this.#latches) open();
      await Promise.all(this.#values);
      for (const i of this.#processes.keys()) {
        for (const tenant of TENANTS) for (const key of KEYS) await this.#request(i, { tenant, key });
      }
    } finally {
      this.#ending = true;
      for (const open of this.#latches) open();
      await Promise.allSettled(this.#values);
    }
  }

  async #do(operation: Operation): Promise<void> {
    switch (operation.kind) {
      case 'request':
        return this.#request(operation.process, operation.cell);
      case 'value':
        return this.#value(operation.process, operation.cell);
      case 'finish':
      case 'abort':
      case 'confirm':
        return this.#end(operation.kind, operation.which);
      case 'age':
        this.#site.passed += operation.seconds * 1000;
        return;
      case 'write':
        return this.#write(operation.process, operation.cell, operation.how);
      case 'cut':
        return this.#world.proxies[operation.process]?.cut();
      case 'restore':
        return this.#restore(operation.process);
      case 'lose':
        return this.#lose(operation.what);
      case 'save':
        this.#saved = await this.#ledger();
        return;
      case 'rollBack':
        return this.#rollBack();
    }
  }

  async #request(i: number, { tenant, key }: Cell): Promise<void> {
    const at = `${tenant}/${key}`;
    const process = i % this.#processes.length;
    const floor = this.#floor(process, at);
    const before = this.#versions.get(at) ?? 0;
    const open = await this.#processes[process]!.open(`/${key}`, tenant + this.#suffix, [`tag-${key}`]);
    if (open.hit !== undefined) this.#check(`process ${process} served ${at}`, Number(open.hit), floor);
    else this.#began(open, at, floor, before);
    // A refresh beside it has its turn to begin.
    await new Promise(setImmediate);
  }

  /** What the handler reads, it reads as it begins: the worst that it can do. */
  #began(open: OpenRequest, at: string, floor: number, version = this.#versions.get(at) ?? 0): void {
    if (this.#ending) open.finish(String(version));
    else this.#pending.push({ open, version, floor, done: false });
  }

  async #value(i: number, { tenant, key }: Cell): Promise<void> {
    const at = `${tenant}/${key}`;
    const process = i % this.#processes.length;
    const floor = this.#floor(process, at);
    const own = this.#floors.get(`${process} ${at}`) ?? 0;
    const before = this.#rollBacks;
    const { cache } = this.#processes[process]!;
    const factory = async () => {
      const version = this.#versions.get(at) ?? 0;
      const latch = new Promise<void>((resolve) => this.#latches.push(resolve));
      this.#begins();
      if (!this.#ending) await latch;
      return version;
    };
    const answered = cache
      .getOrSet(`/${key}`, factory, tenant + this.#suffix, { tags: [`tag-${key}`] })
      // Who asks while the ledger goes back may be given what is lost with it, and what its process has not read.
      .then((version) => this.#check(`process ${process} gave ${at}`, version, this.#rollBacks > before ? own : floor));
    this.#values.push(answered);
    answered.catch(() => {});
    // It answers, or its factory runs, or it waits for another's: then there is a latch to open, or there will be.
    if (this.#latches.length === 0) await Promise.race([this.#begun, answered]);
  }

  async #end(kind: 'finish' | 'abort' | 'confirm', which: number): Promise<void> {
    const open = this.#pending.filter(({ done }) => !done);
    const chosen = open[which % Math.max(1, open.length)];
    if (chosen !== undefined) {
      chosen.done = true;
      if (kind === 'abort') chosen.open.abort();
      else {
        const given = kind === 'confirm' ? chosen.open.confirm() : undefined;
        if (given === undefined) chosen.open.finish(String(chosen.version));
        else this.#check('a confirmed answer', Number(given), chosen.floor);
      }
    }
    if (kind === 'finish') this.#latches.splice(which % Math.max(1, this.#latches.length), 1)[0]?.();
    // Whatever that set in motion has its turn before the next operation.
    await new Promise(setImmediate);
  }

  async #write(i: number, { tenant, key }: Cell, how: (typeof HOWS)[number]): Promise<void> {
    const process = i % this.#processes.length;
    const { cache } = this.#processes[process]!;
    const reached = TENANTS.flatMap((t) => KEYS.map((k) => [t, k] as const)).filter(([t, k]) =>
      reaches(how, tenant, key, t, k),
    );
    const versions = new Map<string, number>();
    for (const [t, k] of reached) {
      const version = (this.#versions.get(`${t}/${k}`) ?? 0) + 1;
      this.#versions.set(`${t}/${k}`, version);
      versions.set(`${t}/${k}`, version);
    }
    const receipt = await invalidate(cache, how, tenant + this.#suffix, key);
    for (const [at, version] of versions) {
      this.#floors.set(`${process} ${at}`, version);
      if (receipt.durable) this.#floors.set(at, version);
    }
    if (receipt.durable && this.#world.options.consistency !== 'strong') await this.#pushed(receipt.sequence);
  }

  /** In-process copies of other processes obey when the push has come, or refuse to serve where the link is cut. */
  async #pushed(sequence: number): Promise<void> {
    if (this.#world.redis === undefined || this.#world.options.l1 === false) return;
    for (const { cache } of this.#processes) {
      await vi.waitFor(
        () => {
          const { ledger } = cache.services.backend;
          if (ledger.isCurrent() && (ledger.position()?.sequence ?? 0) < sequence) throw new Error('not pushed yet');
        },
        { timeout: 10_000, interval: 1 },
      );
    }
  }

  async #restore(i: number): Promise<void> {
    const proxy = this.#world.proxies[i];
    const process = this.#processes[i];
    if (proxy === undefined || process === undefined) return;
    proxy.restore();
    await vi.waitFor(
      async () => {
        if (!(await process.cache.health()).reachable) throw new Error('not back yet');
      },
      { timeout: 10_000, interval: 2 },
    );
  }

  #name(part: string): string {
    return `${this.#site.prefix}{respcache}:${part}`;
  }

  async #lose(what: 'head' | 'table' | 'log' | 'patterns' | 'everything'): Promise<void> {
    const { redis } = this.#world;
    if (redis === undefined) return;
    if (what === 'everything') await redis.flushall();
    else await redis.del(this.#name(what));
  }

  async #ledger(): Promise<Map<string, Buffer>> {
    const saved = new Map<string, Buffer>();
    for (const part of ['head', 'table', 'log', 'patterns']) {
      const dump = await this.#world.redis?.dumpBuffer(this.#name(part));
      if (dump) saved.set(part, dump);
    }
    return saved;
  }

  /** The ledger as it was at the last `save`, entries as they are: a replica was promoted without the last writes. */
  async #rollBack(): Promise<void> {
    const { redis } = this.#world;
    if (redis === undefined || this.#saved === undefined) return;
    this.#rollBacks++;
    for (const part of ['head', 'table', 'log', 'patterns']) {
      const dump = this.#saved.get(part);
      if (dump === undefined) await redis.del(this.#name(part));
      else await redis.restore(this.#name(part), 0, dump, 'REPLACE');
    }
    // A failover breaks every connection: each process looks at the head again before it goes on.
    for (const [i] of this.#processes.entries()) await this.#restore(i);
    for (const { cache } of this.#processes) await cache.has('x', 'x');
    // What each of them had to enter again goes before this.
    for (const { cache } of this.#processes) await cache.invalidateByTags(['nothing']);
  }

  #floor(process: number, at: string): number {
    return Math.max(this.#floors.get(at) ?? 0, this.#floors.get(`${process} ${at}`) ?? 0);
  }

  #check(what: string, version: number, floor: number): void {
    if (version < floor)
      throw new StaleAnswer(`${what}: version ${version}, although ${floor} was invalidated before it asked`);
  }
}

function reaches(how: (typeof HOWS)[number], tenant: string, key: string, t: string, k: string): boolean {
  if (how === 'all') return true;
  if (how === 'tenant') return t === tenant;
  if (how === 'global') return k === key;
  return t === tenant && k === key;
}

function invalidate(
  cache: Process['cache'],
  how: (typeof HOWS)[number],
  tenant: string,
  key: string,
): Promise<Receipt> {
  switch (how) {
    case 'key':
      return cache.invalidateKey(`/${key}`, tenant);
    case 'tag':
      return cache.invalidateByTags([`tag-${key}`], tenant);
    case 'global':
      return cache.invalidateByTags([`tag-${key}`]);
    case 'pattern':
      return cache.invalidatePattern(`/${key}*`, tenant);
    case 'tenant':
      return cache.invalidateTenant(tenant);
    case 'all':
      return cache.clear();
  }
}
