import { emitKeypressEvents } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { escapeTenant, shownTenant } from '../../src/request/tenant.js';
import { OUTCOMES, type Outcomes, type Stats } from '../../src/stats/figures.js';
import { fleetReport } from '../../src/stats/fleet.js';
import type { Report } from '../../src/stats/report.js';
import type { RedisLink } from '../../src/stores/redis-link.js';
import { Failure } from './failure.js';
import { failureOf } from './session.js';
import { bytes, count, ms, span, type Terminal, visible, visibleJson } from './terminal.js';

const LISTED = 15;
/** How many lines of a screen `top` needs for all else, some of them broken in two. */
const OTHER_LINES = 17;

export interface StatsOptions {
  readonly tenant?: string;
}

/** `stats`: what all processes have counted. */
export async function stats(
  link: RedisLink,
  prefix: string,
  terminal: Terminal,
  { tenant }: StatsOptions,
): Promise<void> {
  const report = await reported(link, prefix);
  if (tenant !== undefined) return one(terminal, tenant, report);
  if (terminal.json) return terminal.document(report);
  summary(terminal, report);
  rankings(terminal, report);
  const reasons = Object.entries(report.reasons).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0) return;
  terminal.line();
  terminal.table(
    ['not stored because', 'times>'],
    reasons.map(([reason, times]) => [reason, count(times)]),
  );
}

async function reported(link: RedisLink, prefix: string): Promise<Report> {
  const report = await fleetReport(link, prefix);
  if (report !== undefined) return report;
  const where = prefix === '' ? 'without a prefix' : `under the prefix ${visible(prefix)}`;
  throw new Failure(
    `No process tells its figures on this Redis ${where}. (They do so every few seconds while they run; see publishInterval.)`,
  );
}

function one(terminal: Terminal, tenant: string, { tenants = {} }: Report): void {
  const name = shownTenant(escapeTenant(tenant));
  const found = Object.hasOwn(tenants, name) ? tenants[name] : undefined;
  if (found === undefined)
    throw new Failure(`No process has figures of the tenant ${visible(tenant)} among the most asked.`);
  if (terminal.json) terminal.document(found);
  else ranking(terminal, 'tenant', { [tenant]: found }, undefined);
}

function summary(terminal: Terminal, report: Report): void {
  const { totalRequests, hitRate, outcomes, latency, store, ledger } = report;
  const status =
    report.status === 'healthy' ? terminal.paint('green', 'healthy') : terminal.paint('red', report.status);
  terminal.line(
    `${terminal.paint('bold', `${hitRate.toFixed(2)} %`)} hits of ${count(totalRequests)} requests, ` +
      `${report.processes} ${report.processes === 1 ? 'process' : 'processes'}, ${status}, since ${span((report.now - report.since) / 1000)}`,
  );
  terminal.line(OUTCOMES.map((name) => `${name} ${count(outcomes[name])}`).join('  '));
  const times = (['hit', 'miss', 'set'] as const).map(
    (kind) => `${kind} ${ms(latency[kind].p50)} / ${ms(latency[kind].p99)}`,
  );
  terminal.line(`latency (median / p99): ${times.join('  ')}`);
  terminal.line(
    `memory ${bytes(store.bytes)} in ${count(store.items)} entries  served ${bytes(report.bytes.served)}  stored ${bytes(report.bytes.stored)}  ` +
      `errors ${count(report.errors)} (${report.recentErrors} recently)  breaker ${store.breaker}  ledger ${ledger.lag ?? '?'} ms behind at the most`,
  );
}

function rankings(terminal: Terminal, { routes = {}, tenants = {}, other }: Report, most = LISTED): void {
  terminal.line();
  ranking(terminal, 'route', routes, other?.routes, most);
  terminal.line();
  ranking(terminal, 'tenant', tenants, other?.tenants, most);
}

function ranking(
  terminal: Terminal,
  what: string,
  all: Readonly<Record<string, Stats>>,
  other: Stats | undefined,
  most = LISTED,
): void {
  const row = (name: string, { totalRequests, hitRate, averageHitTime, averageMissTime }: Stats) => [
    // Of requests that name no tenant.
    name === '' ? '(none)' : visible(name),
    count(totalRequests),
    `${hitRate.toFixed(1)} %`,
    ms(averageHitTime),
    ms(averageMissTime),
  ];
  const ranked = Object.entries(all).sort(([, a], [, b]) => b.totalRequests - a.totalRequests);
  const rows = ranked.slice(0, most).map(([name, figures]) => row(name, figures));
  if (other !== undefined && other.totalRequests > 0) rows.push(row('(other)', other));
  terminal.table([what, 'requests>', 'hits>', 'hit>', 'miss>'], rows);
}

export interface TopOptions {
  readonly interval: number;
  readonly count?: number;
}

/** `top`: the same, live: what was asked in the last minute. */
export async function top(
  link: RedisLink,
  prefix: string,
  terminal: Terminal,
  signal: AbortSignal,
  options: TopOptions,
): Promise<void> {
  const { stdin, stdout } = terminal.streams;
  const live = stdout.isTTY === true && !terminal.json;
  const stopped = new AbortController();
  const either = AbortSignal.any([signal, stopped.signal]);
  const restore = live ? listenForQ(stdin as NodeJS.ReadStream, () => stopped.abort()) : () => {};
  try {
    for (let shown = 0; !either.aborted && terminal.read; ) {
      const report = await reported(link, prefix).catch((error) => {
        // Whoever looks at what happens wants to see it end, too.
        if (shown === 0) throw error;
        return failureOf(error).message;
      });
      if (live) stdout.write('\x1b[H\x1b[2J');
      if (typeof report === 'string') trouble(terminal, report);
      else if (terminal.json) terminal.line(visibleJson(report));
      else screen(terminal, report, live);
      if (++shown === options.count) return;
      await pause(options.interval * 1000, undefined, { signal: either }).catch(() => {});
    }
  } finally {
    restore();
  }
}

function trouble(terminal: Terminal, message: string): void {
  if (terminal.json) terminal.line(visibleJson({ error: message }));
  else terminal.line(`${new Date().toISOString()} ${visible(message)}`);
}

function screen(terminal: Terminal, report: Report, whole: boolean): void {
  const rates = ratesOf(report);
  const line = OUTCOMES.map((name) => `${name} ${rates[name].toFixed(1)}`).join('  ');
  const sum = OUTCOMES.reduce((all, name) => all + rates[name], 0);
  if (!whole) {
    terminal.line(`${new Date(report.now).toISOString()} ${sum.toFixed(1)}/s  ${line}`);
    return;
  }
  summary(terminal, report);
  terminal.line(`${terminal.paint('bold', `${sum.toFixed(1)} requests a second`)} in the last minute: ${line}`);
  // What is above the screen's first line nobody sees. Some terminals say 0 for what they do not know.
  const rows = terminal.streams.stdout.rows || Number.POSITIVE_INFINITY;
  rankings(terminal, report, Math.min(LISTED, Math.max(1, Math.floor((rows - OTHER_LINES) / 2))));
  terminal.line();
  terminal.line(terminal.paint('dim', 'q quits'));
}

/** Requests a second in the last minute, by outcome. What is known are whole steps: so it is up to one of them less. */
function ratesOf({ timeline, now }: Report): Record<keyof Outcomes, number> {
  const step = timeline.step * 1000;
  const from = Math.ceil((now - 60_000) / step) * step;
  const recent = timeline.slots.filter(({ at }) => at >= from);
  return Object.fromEntries(
    OUTCOMES.map((name) => [
      name,
      recent.reduce((sum, { outcomes }) => sum + outcomes[name], 0) / ((now - from) / 1000),
    ]),
  ) as ReturnType<typeof ratesOf>;
}

function listenForQ(stdin: NodeJS.ReadStream, quit: () => void): () => void {
  if (!stdin.isTTY) return () => {};
  emitKeypressEvents(stdin);
  const listener = (_text: string, key: { name?: string; ctrl?: boolean }) => {
    if (key.name === 'q' || (key.ctrl && key.name === 'c')) quit();
  };
  stdin.setRawMode(true).on('keypress', listener).resume();
  return () => void stdin.setRawMode(false).off('keypress', listener).pause();
}
