// What the cache does with Redis, and what each of these things is in commands and bytes. The formulas and the simulator
// both say how often; what it comes to is said here, once.

import { GEOMETRY } from '../../build/src/invalidation/purge-table.js';
import { newEpoch } from '../../build/src/invalidation/redis-table.js';

/**
 * How often each thing is done: in a time, or a second.
 *
 *   lookup    a lookup in Redis, which reads the ledger's head, and an entry: `nothing` is there, or the `entry`; dead ones
 *             count, too: their bytes come all the same. Lookups of one turn of the event loop share a command, which is
 *             left out of account: a busy site asks less than is said here
 *   head      the ledger's head is read by itself: in strict step, and whenever the log has been silent
 *   take      a lease is asked for, and had; `held`: another process has it
 *   release   a lease is given back
 *   put       an entry is stored
 *   purge     a purge is entered
 *   record    the tail of one process is given a purge
 *   silence   the tail of one process is given nothing, and asks for the head
 *   catchUp   a process reads the log because the head was ahead of it; `caught`: the records that it is given
 *   publish   a process tells the others its figures
 *   sweep     one goes through the namespace; `scan`: a step of it; `look`: a key of it; `remove`: a dead one
 */
export const NOTHING_DONE = Object.freeze({
  ...{
    lookup: 0,
    nothing: 0,
    entry: 0,
    head: 0,
    take: 0,
    held: 0,
    release: 0,
    put: 0,
    purge: 0,
    record: 0,
    silence: 0,
  },
  ...{ catchUp: 0, caught: 0, publish: 0, sweep: 0, scan: 0, look: 0, remove: 0 },
});

/** How often `block` elapses without news, ms; and the seconds between publications and sweeps: the defaults. */
export const BLOCK = 333;
export const PUBLISH = 5;
export const SWEEP = 60;
/** Keys that a step of a sweep asks for. */
export const SCAN_STEP = 250;

const HEAD = `${newEpoch(GEOMETRY)}.1795858475000000:1795858475000000`.length;
const SEQUENCE = 16;
const SHA = 40;
/** `<token> <epoch> <sequence>` */
const LEASE = 12 + 1 + (HEAD - SEQUENCE - 1) + 1 + SEQUENCE;
const LEDGER_KEY = '{respcache}:table'.length;

const digits = (number) => String(Math.round(number)).length;
const bulk = (length) => 1 + digits(length) + 2 + length + 2;
const line = (length) => 1 + digits(length) + 2;
/** A command, or an array, of texts so long (RESP). */
const list = (...lengths) => line(lengths.length) + lengths.reduce((sum, length) => sum + bulk(length), 0);
const NIL = 5;
const OK = 5;

/** What a purge that raises so many buckets and names so many patterns runs in its script. */
function insideOfPurge({ tags, patterns }) {
  const inside = { type: 4, get: 1, strlen: 1, getrange: 1, llen: 1, time: 1, xadd: 1, set: 1 };
  return { ...inside, setrange: 4 * tags + 1, ...(patterns > 0 ? { lrange: 1, rpush: patterns } : {}) };
}

/**
 * What one of each thing is: the commands that Redis counts (those inside scripts, too), and the bytes that it is sent
 * and sends.
 * @param {{ frame: number, key: number, record: number, buckets: number, purged: { tags: number, patterns: number },
 *   publication: number, cluster?: boolean }} sizes bytes of an entry, its key, the record of a purge, and figures;
 *   `cluster`: keys lie on several servers, so that each is asked for by a command of its own
 */
export function prices({ frame, key, record, purged, publication, cluster = false }) {
  const entry = cluster ? { commands: { get: 1 }, in: list(3, key) } : { commands: {}, in: bulk(key) };
  const lease = key + 'lease:'.length;
  const logged = line(2) + bulk(SEQUENCE + 2) + list(1, SEQUENCE, 1, record);
  const offsets = 4 * purged.tags;
  const purge = list(
    ...[7, SHA, 1, LEDGER_KEY - 1, LEDGER_KEY, LEDGER_KEY - 2, LEDGER_KEY + 3, HEAD - SEQUENCE - 1, SEQUENCE, record],
    ...[5, 3, 7, 2, ...Array(offsets).fill(7), ...(purged.patterns > 0 ? [31, record - 30] : [])],
  );
  return {
    head: { commands: { get: 1 }, in: list(3, LEDGER_KEY - 1), out: bulk(HEAD) },
    lookup: cluster
      ? { commands: { get: 1 }, in: list(3, LEDGER_KEY - 1), out: bulk(HEAD) }
      : { commands: { mget: 1 }, in: list(4, LEDGER_KEY - 1), out: line(2) + bulk(HEAD) },
    nothing: { ...entry, out: NIL },
    entry: { ...entry, out: bulk(frame) },
    take: { commands: { evalsha: 1, get: 1, set: 1 }, in: list(7, SHA, 1, lease, LEASE, 4, 0), out: bulk(5) },
    held: { commands: { evalsha: 1, get: 1 }, in: list(7, SHA, 1, lease, LEASE, 4, 0), out: bulk(LEASE) },
    release: { commands: { evalsha: 1, get: 1, del: 1 }, in: list(7, SHA, 1, lease, LEASE, 1), out: 4 },
    put: { commands: { set: 1 }, in: list(3, key, frame, 2, 6), out: OK },
    purge: { commands: { evalsha: 1, ...insideOfPurge(purged) }, in: purge, out: list(2, SEQUENCE, SEQUENCE) },
    record: {
      commands: { xread: 1 },
      in: list(5, 5, 4, 5, 3, 7, LEDGER_KEY - 2, SEQUENCE + 2),
      out: 2 * line(1) + bulk(LEDGER_KEY - 2) + line(1) + logged,
    },
    silence: { commands: { xread: 1 }, in: list(5, 5, 4, 5, 3, 7, LEDGER_KEY - 2, SEQUENCE + 2), out: NIL },
    // It begins with the record that the process already has.
    catchUp: { commands: { xrange: 1 }, in: list(6, LEDGER_KEY - 2, SEQUENCE + 2, 1, 5, 4), out: line(1) + logged },
    caught: { commands: {}, in: 0, out: logged },
    publish: {
      commands: { set: 1, zadd: 1, pexpire: 1 },
      in: list(3, 54, publication, 2, 5) + list(4, 17, 13, 36) + list(7, 17, 5),
      out: OK + 4 + 4,
    },
    sweep: { commands: { set: 2, get: 1, del: 1 }, in: 200, out: 50 },
    scan: { commands: { scan: 1 }, in: list(4, 5, 5, 8, 5, 3), out: 20 + SCAN_STEP * bulk(key) },
    look: { commands: { getrange: 1 }, in: list(8, key, 1, 4), out: bulk(Math.min(frame, 4096)) },
    remove: { commands: { evalsha: 1, getrange: 1, unlink: 1 }, in: list(7, SHA, 1, key, 44), out: 4 },
  };
}

/**
 * What is asked of Redis: calls of each command, of all, and bytes that it is sent (`in`) and sends.
 * @typedef {{ commands: Record<string, number>, total: number, in: number, out: number }} Load
 */

/**
 * What things done so often come to.
 * @returns {Load}
 */
export function loadOf(done, sizes) {
  const commands = {};
  const load = { commands, total: 0, in: 0, out: 0 };
  for (const [thing, price] of Object.entries(prices(sizes))) {
    const times = done[thing];
    load.in += times * price.in;
    load.out += times * price.out;
    for (const [name, calls] of Object.entries(price.commands)) {
      commands[name] = (commands[name] ?? 0) + times * calls;
      load.total += times * calls;
    }
  }
  return load;
}

/** What two servers have to do together. */
export function addLoads(a, b) {
  const commands = { ...a.commands };
  for (const [name, calls] of Object.entries(b.commands)) commands[name] = (commands[name] ?? 0) + calls;
  return { commands, total: a.total + b.total, in: a.in + b.in, out: a.out + b.out };
}

/** What is done with entries, which lie evenly on all shards of a Cluster; the rest is done where the ledger is. */
const SPREAD = ['nothing', 'entry', 'take', 'held', 'release', 'put', 'scan', 'look', 'remove'];

/**
 * What a Cluster's shards have to do: first the one that has the ledger, then the others, which are all alike.
 * @returns {Load[]}
 */
export function loadsOfShards(done, shards, sizes) {
  const entries = { ...NOTHING_DONE };
  for (const thing of SPREAD) entries[thing] = done[thing] / shards;
  const cluster = shards > 1;
  const all = [{ ...done, ...pick(entries, SPREAD) }, ...Array(shards - 1).fill(entries)];
  return all.map((each) => loadOf(each, { ...sizes, cluster }));
}

function pick(object, names) {
  return Object.fromEntries(names.map((name) => [name, object[name]]));
}
