// The processes and their Redis, request by request. Memory, its evictions and the purge table are the built package's own;
// what stands between them (lookups, leases, fills, the log) is told here as ARCHITECTURE.md has it.

import { PurgeTable } from '../../build/src/invalidation/purge-table.js';
import { MemoryStore } from '../../build/src/stores/memory.js';
import { BLOCK, loadOf, NOTHING_DONE, PUBLISH, SCAN_STEP, SWEEP } from './operations.js';
import { sizesOf } from './paper.js';

/** ms since 1970 at which simulated time begins: a sequence is µs since then. */
const START = 1_795_858_475_000;
/** How often it is looked how much Redis holds, ms. */
const SAMPLE = 5000;
/** How long a process waits before it asks for another's lease again, ms: at first, and at the most. */
const PAUSES = { first: 4, most: 50 };

/** One process: its memory, and the fills that are under way in it. */
class Process {
  flights = new Map();
  /** How many purges it has read, where it does not follow the log. */
  known = 0;

  constructor({ maxItems, maxBytes, tiers }, clock) {
    this.memory = tiers === 'redis' ? undefined : new MemoryStore({ maxItems, maxBytes, clock });
  }
}

/**
 * A site at work. A push takes no time here, and Redis answers at once: what takes a millisecond is not seen in hits.
 */
class Simulation {
  #now = 0;
  #sequence = START * 1000;
  #setup;
  #site;
  #processes;
  #tables;
  #redis = new Map();
  #leases = new Map();
  /** Fills that are under way, in order of their ends: all handlers take as long. */
  #fills = [];
  #purges = 0;
  #tailSince = 0;
  #sampledAt = 0;
  #sweptAt = 0;
  #sweptPurges = 0;
  counts = { memory: 0, redis: 0, collapsed: 0, miss: 0 };
  done = { ...NOTHING_DONE };
  stored = { samples: 0, entries: 0 };

  constructor({ processes }, setup, site) {
    this.#setup = setup;
    this.#site = site;
    const clock = { now: () => START + this.#now };
    const alone = setup.tiers === 'memory';
    const table = () => new PurgeTable('', this.#sequence, setup.geometry);
    const shared = table();
    // All who follow one log hold the same table.
    this.#processes = Array.from({ length: processes }, () => new Process(setup, clock));
    this.#tables = this.#processes.map(() => (alone ? table() : shared));
  }

  /** Forgets what was counted, and keeps what is stored. */
  reset() {
    for (const name of Object.keys(this.counts)) this.counts[name] = 0;
    Object.assign(this.done, NOTHING_DONE);
    Object.assign(this.stored, { samples: 0, entries: 0 });
  }

  /** One request of a trace. */
  take({ at, process, tenant, page, write }) {
    this.passTo(at * 1000);
    const asked = this.#site.page(tenant, page);
    if (write) this.#purge(process, asked);
    else this.#read(process, asked);
  }

  /** Lets time pass, and what is due happen. */
  passTo(ms) {
    while (this.#fills.length > 0 && this.#fills[0].until <= ms) this.#finish(this.#fills.shift());
    this.#now = ms;
    if (this.#setup.tiers === 'memory') return;
    this.#waitForNews(ms);
    for (; this.#sampledAt + SAMPLE <= ms; this.#sampledAt += SAMPLE) this.#sample();
    for (; this.#sweptAt + SWEEP * 1000 <= ms; this.#sweptAt += SWEEP * 1000) this.#sweep();
  }

  #read(at, page) {
    const process = this.#processes[at];
    const { tiers, strong } = this.#setup;
    const near = process.memory?.read(page.key);
    if (near !== undefined && strong) this.#askForHead(process, 'head');
    if (near !== undefined && this.#stands(at, page.subject, near)) this.counts.memory++;
    else if (tiers !== 'memory' && this.#readFar(at, page)) this.counts.redis++;
    else this.#fill(at, page);
  }

  /** A lookup in Redis: entry and head in one round trip. */
  #readFar(at, page) {
    const process = this.#processes[at];
    this.#askForHead(process, 'lookup');
    const entry = this.#redis.get(page.key)?.entry;
    const there = entry !== undefined && entry.expiresAt > START + this.#now;
    this.done[there ? 'entry' : 'nothing']++;
    if (!there || !this.#stands(at, page.subject, entry)) return false;
    process.memory?.set([{ key: page.key, entry }]);
    return true;
  }

  /** `how`: with an entry, or by itself. */
  #askForHead(process, how) {
    this.done[how]++;
    if (!this.#follows && process.known < this.#purges) this.#catchUp(process);
  }

  #catchUp(process) {
    this.done.catchUp++;
    this.done.caught += this.#purges - process.known;
    process.known = this.#purges;
  }

  /** One runs the handler; who comes meanwhile waits, in this process by its flight, in others by a lease. */
  #fill(at, page) {
    const process = this.#processes[at];
    const flight = process.flights.get(page.key);
    // Those who wait for what a purge by tag kills before it is done would take part again: they are not told apart here.
    if (flight !== undefined && this.#stands(at, page.early, flight)) {
      this.counts.collapsed++;
      return;
    }
    const far = this.#setup.tiers !== 'memory';
    if (far && this.#isHeld(at, page)) return;
    const fill = { at, page, until: this.#now + this.#setup.fill * 1000, asOf: this.#position(at) };
    process.flights.set(page.key, fill);
    if (far) this.#leases.set(page.key, fill);
    this.#fills.push(fill);
    this.counts.miss++;
  }

  /** Asks for the lease; whether another process has it, for which this one waits. */
  #isHeld(at, page) {
    const lease = this.#leases.get(page.key);
    if (lease === undefined || !this.#stands(at, page.early, lease)) {
      this.done.take++;
      this.#readFar(at, page);
      return false;
    }
    this.counts.collapsed++;
    let pause = PAUSES.first;
    for (let ms = this.#now; ms < lease.until; ms += pause, pause = Math.min(2 * pause, PAUSES.most)) {
      this.done.held++;
      this.done.lookup++;
      // What is dead is read all the same.
      this.done[this.#redis.has(page.key) ? 'entry' : 'nothing']++;
    }
    // The last look finds it, the lease given back.
    this.done.take++;
    this.done.release++;
    this.done.lookup++;
    this.done.entry++;
    return true;
  }

  #finish(fill) {
    const { at, page, asOf, until } = fill;
    this.#now = until;
    const process = this.#processes[at];
    if (process.flights.get(page.key) === fill) process.flights.delete(page.key);
    const far = this.#setup.tiers !== 'memory';
    if (far) {
      if (this.#leases.get(page.key) === fill) this.#leases.delete(page.key);
      this.done.release++;
    }
    const entry = this.#site.entry(page, asOf.sequence, START + until, this.#setup.ttl);
    if (!this.#stands(at, page.subject, entry)) return;
    process.memory?.set([{ key: page.key, entry }]);
    if (!far) return;
    this.#redis.set(page.key, { entry, subject: page.subject });
    this.done.put++;
  }

  #purge(at, page) {
    this.#sequence = Math.max(this.#sequence + 1, Math.floor((START + this.#now) * 1000));
    this.#tables[at].apply(this.#site.purge(this.#setup.kind, page), this.#sequence);
    if (this.#setup.tiers === 'memory') return;
    this.#purges++;
    this.done.purge++;
    if (this.#follows) {
      this.done.record += this.#processes.length;
      this.#tailSince = this.#now;
      return;
    }
    const process = this.#processes[at];
    // Its own purge a process applies without reading it, if it follows on what it knows.
    if (process.known === this.#purges - 1) process.known++;
    else this.#catchUp(process);
  }

  get #follows() {
    const { tiers, strong } = this.#setup;
    return tiers === 'both' && !strong;
  }

  #waitForNews(ms) {
    for (; this.#tailSince + BLOCK <= ms; this.#tailSince += BLOCK) {
      if (!this.#follows) continue;
      this.done.silence += this.#processes.length;
      this.done.head += this.#processes.length;
    }
  }

  #sample() {
    for (const [key, { entry }] of this.#redis) if (entry.expiresAt <= START + this.#now) this.#redis.delete(key);
    this.stored.samples++;
    this.stored.entries += this.#redis.size;
    if (this.#setup.publication > 0) this.done.publish += (this.#processes.length * SAMPLE) / 1000 / PUBLISH;
  }

  #sweep() {
    if (!this.#setup.sweeps) return;
    this.done.sweep++;
    if (this.#sweptPurges === this.#purges) return;
    this.#sweptPurges = this.#purges;
    this.done.scan += Math.ceil(this.#redis.size / SCAN_STEP);
    this.done.look += this.#redis.size;
    for (const [key, { entry, subject }] of this.#redis) {
      if (this.#stands(0, subject, entry)) continue;
      this.#redis.delete(key);
      this.done.remove++;
    }
  }

  #position(at) {
    return { sequence: this.#tables[at].sequence };
  }

  #stands(at, subject, { asOf }) {
    return this.#tables[at].stands(subject, asOf.sequence);
  }
}

/**
 * Runs a trace through a site. What happens before `from` (seconds) only fills the cache: it begins empty, and the
 * entries of the first moments expire together.
 * @param {Iterable<object>} requests
 * @param {import('./trace.js').Traffic} traffic
 * @param {import('./paper.js').Setup} setup
 * @param {import('./site.js').Site} site
 * @returns {import('./paper.js').Figures & { reads: number }} `reads`: how many were counted
 */
export function simulate(requests, traffic, setup, site, from = 2 * setup.ttl) {
  const simulation = new Simulation(traffic, setup, site);
  let warm = false;
  for (const request of requests) {
    if (!warm && request.at >= from) {
      simulation.passTo(from * 1000);
      simulation.reset();
      warm = true;
    }
    simulation.take(request);
  }
  simulation.passTo(traffic.seconds * 1000);
  return resultOf(simulation, traffic.seconds - from, setup, site.average(traffic, setup.kind));
}

function resultOf({ counts, done, stored }, seconds, setup, average) {
  const reads = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const shares = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count / reads]));
  const perSecond = Object.fromEntries(Object.entries(done).map(([thing, times]) => [thing, times / seconds]));
  const load = loadOf(perSecond, sizesOf(setup, average));
  return { ...shares, reads, done: perSecond, load, entries: stored.entries / (stored.samples || 1) };
}
