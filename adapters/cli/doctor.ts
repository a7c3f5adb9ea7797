import type { Redis } from 'ioredis';
import { orAborted } from '../../src/aborted.js';
import { withDeadline } from '../../src/deadline.js';
import { UnavailableError } from '../../src/errors.js';
import { epochStart, parseHead, readSnapshot } from '../../src/invalidation/redis-table.js';
import { fleetReport } from '../../src/stats/fleet.js';
import type { RedisLink } from '../../src/stores/redis-link.js';
import { script } from '../../src/stores/script.js';
import { Failure } from './failure.js';
import { messageOf } from './session.js';
import { bytes, ms, span, type Terminal, visible } from './terminal.js';

/** What was looked at, how it is, and what to do about it. */
interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly text: string;
}

type Check = (link: RedisLink, prefix: string) => Promise<readonly Omit<Finding, 'check'>[]>;

const ok = (text: string) => [{ state: 'ok', text }] as const;
const warning = (text: string) => [{ state: 'warning', text }] as const;
const problem = (text: string) => [{ state: 'problem', text }] as const;

const PINGS = 50;
/** How long a request waits for Redis, ms: the default of the option `timeout`. */
const DEADLINE = 50;
/** What a check may take, ms: fifty round trips over a long way, too. */
const PATIENCE = 10_000;

/** What the cache asks of Redis, in scripts and without. */
const NEEDED: readonly string[] = (
  'EVAL EVALSHA GET MGET SET SETRANGE GETRANGE STRLEN TYPE TIME PTTL DEL UNLINK SCAN ' +
  'LRANGE LLEN LREM LPOP RPUSH XADD XRANGE XREAD ZADD ZRANGE ZREM ZREMRANGEBYSCORE PEXPIRE'
).split(' ');

/** KEYS a key with the prefix; ARGV commands. Returns those that this user may not run on it; before Redis 7 nobody can tell. */
const RIGHTS = script(
  `
local missing = {}
for _, name in ipairs(redis.acl_check_cmd and ARGV or {}) do
  local may
  if name == 'EVAL' or name == 'EVALSHA' then may = redis.acl_check_cmd(name, '', 1, KEYS[1])
  else may = redis.acl_check_cmd(name, KEYS[1]) end
  if not may then missing[#missing + 1] = name end
end
return missing
`,
  { reads: true },
);

const CHECKS: Readonly<Record<string, Check>> = {
  version: each(async (info) => {
    const version = info.get('redis_version') ?? info.get('valkey_version') ?? 'unknown';
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < 6 || (major === 6 && minor < 2))
      return problem(`Redis ${version}: 6.2 or newer is needed; take 7 or newer.`);
    if (major < 7) return warning(`Redis ${version}: before 7 an invalidation fails while Redis is out of memory.`);
    return ok(`Redis ${version}`);
  }),
  memory: each(async (info, node) => {
    const policy = await setting(node, 'maxmemory-policy', info);
    const most = Number(info.get('maxmemory') ?? 0);
    const used = Number(info.get('used_memory') ?? 0);
    const evicted = Number(info.get('evicted_keys') ?? 0);
    const state = `${bytes(used)} of ${most === 0 ? 'no bound' : bytes(most)}, ${policy}, ${evicted} keys evicted so far`;
    if (most === 0)
      return warning(
        `${state}. Set maxmemory, and maxmemory-policy volatile-lru: else Redis grows until the machine ends it.`,
      );
    if (policy.startsWith('allkeys'))
      return warning(`${state}. It may evict the ledger, and with it the whole cache: take volatile-lru.`);
    if (policy === 'noeviction' && used >= most)
      return problem(`${state}. It is full: nothing more is stored. Raise maxmemory, and take volatile-lru.`);
    if (policy === 'noeviction') return warning(`${state}. A full Redis takes nothing more: take volatile-lru.`);
    return ok(state);
  }),
  latency: async ({ client }) => {
    const times: number[] = [];
    for (let i = 0; i < PINGS; i++) {
      const started = performance.now();
      await client.ping();
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    const median = times[PINGS / 2]!;
    const text = `a round trip takes ${ms(median)} (longest of ${PINGS}: ${ms(times.at(-1)!)})`;
    if (median > DEADLINE / 2)
      return problem(`${text}: requests wait for ${DEADLINE} ms at the most. Bring Redis nearer, or raise timeout.`);
    return times.at(-1)! > DEADLINE
      ? warning(`${text}: the longest is beyond the ${DEADLINE} ms that requests wait.`)
      : ok(text);
  },
  clock: async ({ client }) => {
    const before = Date.now();
    const [seconds, micros] = (await client.time()) as unknown as [number, number];
    const off = Number(seconds) * 1000 + Number(micros) / 1000 - (before + Date.now()) / 2;
    const text = `Redis' clock is ${ms(Math.abs(off))} ${off < 0 ? 'behind' : 'ahead of'} this machine's`;
    return Math.abs(off) > 5000
      ? warning(`${text}: entries live longer or shorter by that. Run NTP on both.`)
      : ok(text);
  },
  rights: async (link, prefix) => {
    let missing: string[];
    try {
      // A user may be confined to keys with this prefix.
      missing = (await link.run(RIGHTS, [`${prefix}{respcache}:head`], [...NEEDED])) as string[];
    } catch (error) {
      return problem(`Scripts may not be run (${visible(messageOf(error))}): invalidation needs EVAL and EVALSHA.`);
    }
    if (missing.length === 0) return ok('scripts may be run');
    return problem(`This user may not run ${missing.join(', ')}: docs/security.md has the rights that are needed.`);
  },
  cluster: async ({ client }) => {
    if (!('nodes' in client)) return alone(textOf(await client.info()));
    const info = textOf(await client.cluster('INFO'));
    const masters = client.nodes('master').length;
    const state = `${masters} masters, ${info.get('cluster_slots_ok')} of 16384 slots served`;
    return info.get('cluster_state') === 'ok'
      ? ok(state)
      : problem(`${state}: the cluster is ${info.get('cluster_state')}.`);
  },
  replication: each(async (info) => {
    const role = info.get('role');
    if (role === undefined) return problem('It does not say whether it is a master.');
    if (role !== 'master')
      return problem(`It is a ${role}: a replica may not know the newest invalidation. Name the master.`);
    const replicas = Number(info.get('connected_slaves') ?? 0);
    return ok(replicas === 0 ? 'a master without replicas' : `a master with ${replicas} replicas`);
  }),
  ledger: async ({ client }, prefix) => {
    const name = (part: string) => `${prefix}{respcache}:${part}`;
    const [text, table, patterns, log] = await Promise.all([
      client.get(name('head')),
      client.getBuffer(name('table')),
      client.lrange(name('patterns'), 0, -1),
      client.xlen(name('log')),
    ]);
    if (text === null && table === null && log === 0) return ok('none yet: the first process begins it');
    const head = text === null ? undefined : parseHead(text);
    if (head === undefined || table === null || readSnapshot(head, table, patterns) === undefined) {
      // Written by several commands' worth of a script, read by several: another purge may have come between.
      const again = await client.get(name('head'));
      if (again !== text) return ok('in use: it moves too fast to be looked at');
      return problem(
        'Its parts do not belong together, or are missing: the next invalidation begins it anew, and everything is a miss once.',
      );
    }
    const began = span(Date.now() / 1000 - epochStart(head.epoch) / 1_000_000);
    const last =
      head.sequence === epochStart(head.epoch)
        ? 'nothing was invalidated since'
        : `last invalidation ${span(Date.now() / 1000 - head.sequence / 1_000_000)} ago`;
    return ok(
      `begun ${began} ago, ${last}; table ${bytes(table.length)}, ${log} in the log, ${patterns.length} patterns`,
    );
  },
  processes: async (link, prefix) => {
    const report = await fleetReport(link, prefix);
    if (report === undefined)
      return warning('None tells its figures: none runs with this prefix, or publishInterval is false.');
    const head = parseHead((await link.client.get(`${prefix}{respcache}:head`)) ?? '');
    const state = `${report.processes} tell their figures, ${report.recentErrors} errors lately`;
    if (report.ledger.epoch !== head?.epoch)
      return warning(`${state}; one of them has not learnt of the present ledger yet.`);
    return report.status === 'healthy' ? ok(state) : warning(`${state}; they say that they are ${report.status}.`);
  },
};

/** `doctor`: looks at everything that the cache depends on, and changes nothing. */
export async function doctor(link: RedisLink, prefix: string, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const findings: Finding[] = [];
  let answers = true;
  for (const [check, look] of Object.entries(CHECKS)) {
    let found: readonly Omit<Finding, 'check'>[];
    try {
      found = await orAborted(withDeadline(look(link, prefix), PATIENCE, 'the answer of Redis'), signal);
    } catch (error) {
      signal.throwIfAborted();
      found = problem(`It could not be looked at: ${visible(messageOf(error))}`);
      answers = !(error instanceof UnavailableError);
    }
    findings.push(...found.map((each) => ({ check, ...each })));
    // Each of the others would take as long.
    if (!answers) break;
  }
  if (terminal.json) terminal.document({ findings });
  else {
    const signs = {
      ok: terminal.paint('green', '✓'),
      warning: terminal.paint('yellow', '!'),
      problem: terminal.paint('red', '✗'),
    };
    for (const { check, state, text } of findings) terminal.line(`${signs[state]} ${check.padEnd(12)} ${text}`);
  }
  const problems = findings.filter(({ state }) => state === 'problem').length;
  if (problems > 0) throw new Failure(`${problems} ${problems === 1 ? 'problem' : 'problems'} found.`);
}

/** What is named by one URL. */
function alone(info: Map<string, string>): readonly Omit<Finding, 'check'>[] {
  const mode = info.get('redis_mode');
  if (mode === 'cluster')
    return problem('It is a node of a Cluster: name that, here by --cluster, in applications by { cluster }.');
  if (mode === 'sentinel')
    return problem(
      'It is a Sentinel, which keeps nothing: name the master here, and in applications { sentinels, name }.',
    );
  return ok('a single server');
}

/** A check of every server that holds keys. */
function each(look: (info: Map<string, string>, node: Redis) => Promise<readonly Omit<Finding, 'check'>[]>): Check {
  return async (link) => {
    const nodes = link.masters();
    const found = await Promise.all(
      nodes.map(async (node) => {
        const findings = await look(textOf(await node.info()), node);
        const where = nodes.length > 1 ? `${node.options.host}:${node.options.port}: ` : '';
        return findings.map(({ state, text }) => ({ state, text: where + text }));
      }),
    );
    return found.flat();
  };
}

/** What may be forbidden to ask for is in INFO, too. */
async function setting(node: Redis, name: string, info: Map<string, string>): Promise<string> {
  const told = info.get(name.replaceAll('-', '_'));
  if (told !== undefined) return told;
  const [, value = 'unknown'] = await node.config('GET', name);
  return value;
}

function textOf(info: unknown): Map<string, string> {
  const lines = String(info)
    .split(/\r?\n/)
    .filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)] as const));
}
