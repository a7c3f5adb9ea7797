import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Cache, defaultCache } from '../../src/cache.js';
import { type App, USUAL, type WarmOptions } from '../../src/warm/options.js';
import type { WarmProblem, WarmReport } from '../../src/warm/warm.js';
import { type GetOptions, requestHeaders } from './entries.js';
import { EXIT, Failure } from './failure.js';
import { type GlobalOptions, messageOf, withoutPassword } from './session.js';
import { count, type Progress, type Terminal, visible } from './terminal.js';

export interface WarmCommandOptions extends Pick<GlobalOptions, 'redis' | 'cluster' | 'prefix'> {
  readonly app?: string;
  readonly origin?: string;
  readonly sitemap?: string;
  readonly popular?: number;
  readonly tenant?: readonly string[];
  readonly tenantHeader: string;
  readonly header?: readonly string[];
  readonly host?: string;
  readonly concurrency: number;
  readonly retries: number;
  /** Seconds. */
  readonly timeout: number;
}

/** `warm`: an application in this process (`--app`), or one that runs elsewhere (`--origin`). */
export async function warm(
  terminal: Terminal,
  signal: AbortSignal,
  urls: readonly string[],
  options: WarmCommandOptions,
): Promise<void> {
  if ((options.app === undefined) === (options.origin === undefined))
    throw new Failure(
      'Where? Say --app <module> to run an application here, or --origin <url> of one that runs.',
      EXIT.usage,
    );
  const bar = terminal.progress('warming');
  let report: WarmReport;
  try {
    report =
      options.app === undefined
        ? await warmByHttp(options.origin!, urls, options, signal, bar)
        : await warmHere(options.app, urls, options, signal, bar);
  } finally {
    bar.end();
  }
  show(terminal, report);
  if (report.failed > 0) throw new Failure(`${count(report.failed)} requests failed.`);
}

async function warmHere(
  file: string,
  urls: readonly string[],
  options: WarmCommandOptions,
  signal: AbortSignal,
  bar: Progress,
): Promise<WarmReport> {
  // Elsewhere it would be warmed than was said, and be told as done.
  const unused = (['redis', 'cluster', 'prefix'] as const).find((name) => options[name] !== undefined);
  if (unused !== undefined)
    throw new Failure(
      `--${unused} is of no use with --app: the application says where its cache is (by REDIS_URL and CACHE_PREFIX, say).`,
      EXIT.usage,
    );
  const loaded = await load(file);
  const app = loaded.app ?? loaded.default;
  if (app === undefined)
    throw new Failure(`${visible(file)} exports no application: neither app nor a default.`, EXIT.usage);
  const cache = loaded.cache instanceof Cache ? loaded.cache : defaultCache();
  if (cache.settings.redis === undefined)
    throw new Failure(
      'The cache of the application is in memory: what is warmed here would be gone with this process.',
      EXIT.usage,
    );
  const { sitemap, popular, tenant, host, concurrency, retries, timeout, tenantHeader } = options;
  const own = requestHeaders({ tenantHeader, ...(options.header === undefined ? {} : { header: options.header }) });
  const wanted: WarmOptions = {
    ...{ app: app as App, urls, concurrency, retries, timeout: timeout * 1000, signal },
    ...(sitemap === undefined ? {} : { sitemap }),
    ...(popular === undefined ? {} : { popular }),
    ...(tenant === undefined ? {} : { tenants: tenant }),
    ...(host === undefined ? {} : { host }),
    headers: (name) => (name === undefined ? own : { ...own, [tenantHeader.toLowerCase()]: name }),
    onProgress: ({ done, total }) => bar.set(done, total),
  };
  try {
    return await cache.warm(wanted);
  } finally {
    await cache.close();
  }
}

interface Loaded {
  readonly app?: unknown;
  readonly cache?: unknown;
  readonly default?: unknown;
}

async function load(file: string): Promise<Loaded> {
  try {
    const loaded = (await import(pathToFileURL(resolve(file)).href)) as Loaded;
    // Of a CommonJS module the default is all that it exports, a default of its own included.
    const exported = loaded.default as Loaded | undefined;
    return typeof exported === 'object' && exported !== null && ('app' in exported || 'default' in exported)
      ? exported
      : loaded;
  } catch (error) {
    throw new Failure(`${visible(file)} cannot be loaded: ${visible(messageOf(error))}`, EXIT.usage);
  }
}

/** Ordinary requests: what became of them is told by their `Cache-Status`. */
async function warmByHttp(
  origin: string,
  urls: readonly string[],
  options: WarmCommandOptions,
  signal: AbortSignal,
  bar: Progress,
): Promise<WarmReport> {
  if (options.sitemap !== undefined || options.popular !== undefined)
    throw new Failure(
      '--sitemap and --popular need --app: what they name is found inside the application.',
      EXIT.usage,
    );
  if (urls.length === 0) throw new Failure('Which URLs?', EXIT.usage);
  if (!/^https?:\/\//i.test(origin) || !URL.canParse(origin) || new URL(origin).pathname !== '/')
    throw new Failure(
      `--origin is ${visible(origin)}; it takes a URL such as http://localhost:3000: paths stand in the URLs to ask for`,
      EXIT.usage,
    );
  const counts = { warmed: 0, fresh: 0, uncacheable: 0, failed: 0 };
  const problems: WarmProblem[] = [];
  // All of them before the first is asked for: what had been done by then would be told to nobody.
  const addresses = urls.map((url) => ({ url, address: addressOf(url, origin) }));
  const visits = (options.tenant ?? [undefined]).flatMap((tenant) => addresses.map((each) => ({ ...each, tenant })));
  let done = 0;
  const queue = visits.values();
  const work = async () => {
    for (const { url, address, tenant } of queue) {
      signal.throwIfAborted();
      const host = options.host === undefined ? {} : { host: options.host };
      const headers = { ...USUAL, ...host, ...requestHeaders(optionsOf(options, tenant)) };
      const [outcome, reason] = await ask(address, headers, options, signal);
      counts[outcome]++;
      if (outcome === 'failed' || outcome === 'uncacheable')
        problems.push({ url: withoutPassword(url), tenant, reason });
      bar.set(++done, visits.length);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
  return { requested: done, ...counts, problems };
}

/** A path may begin with two slashes; by itself that names a host, which would be sent what is meant for the origin. */
function addressOf(url: string, origin: string): URL {
  const { href } = new URL('/', origin);
  const whole = url.startsWith('/') ? href.slice(0, -1) + url : url;
  if (!URL.canParse(whole, origin))
    throw new Failure(`${visible(url)} is no URL: it takes a path, or http://…`, EXIT.usage);
  return new URL(whole, origin);
}

function optionsOf({ tenantHeader, header }: WarmCommandOptions, tenant: string | undefined): GetOptions {
  return { tenantHeader, ...(header === undefined ? {} : { header }), ...(tenant === undefined ? {} : { tenant }) };
}

async function ask(
  url: URL,
  headers: Record<string, string>,
  { retries, timeout }: WarmCommandOptions,
  signal: AbortSignal,
): Promise<[keyof Omit<WarmReport, 'requested' | 'problems'>, string]> {
  for (let attempt = 0; ; attempt++) {
    const [outcome, reason] = await askOnce(url, headers, timeout, signal);
    if (outcome !== 'failed' || attempt >= retries) return [outcome, reason];
    await pause(Math.min(100 * 2 ** attempt, 5000), undefined, { signal });
  }
}

async function askOnce(
  url: URL,
  headers: Record<string, string>,
  timeout: number,
  stopped: AbortSignal,
): ReturnType<typeof ask> {
  const late = AbortSignal.timeout(timeout * 1000);
  const signal = AbortSignal.any([stopped, late]);
  try {
    // Not by `fetch`, which sends a `Host` of its own.
    const { request } = url.protocol === 'https:' ? https : http;
    const [answer] = (await once(request(url, { headers, signal }).end(), 'response')) as [http.IncomingMessage];
    for await (const _ of answer);
    // Without its strings: a key (`exposeKey`) may have any words in it, and commas.
    const said = String(answer.headers['cache-status'] ?? '').replace(/"(?:[^"\\]|\\.)*"/g, '');
    const own = /(?:^|,)\s*respcache;([^,]*)/.exec(said)?.[1];
    const detail = /;?\s*detail=([\w-]+)/.exec(own ?? '')?.[1];
    if (own !== undefined && /\bhit\b/.test(own)) return ['fresh', ''];
    if (answer.statusCode! >= 500) return ['failed', `status ${answer.statusCode}`];
    if (own === undefined) return ['uncacheable', 'no cacheMiddleware there'];
    // A stream whose length nobody knew says nothing as it leaves; without a reason it is stored if it was whole.
    return detail === undefined ? ['warmed', ''] : ['uncacheable', detail];
  } catch (error) {
    stopped.throwIfAborted();
    // An answer may also have begun, and never end.
    return ['failed', late.aborted ? `not answered within ${timeout} s` : messageOf(error)];
  }
}

function show(terminal: Terminal, report: WarmReport): void {
  if (terminal.json) {
    terminal.document(report);
    return;
  }
  const { requested, warmed, fresh, uncacheable, failed, problems } = report;
  terminal.line(
    `${count(requested)} requests: ${count(warmed)} warmed, ${count(fresh)} fresh already, ${count(uncacheable)} not cacheable, ${count(failed)} failed.`,
  );
  for (const [reason, list] of grouped(problems)) {
    const some = list.slice(0, 3).map(({ url, tenant }) => visible(tenant === undefined ? url : `${url} (${tenant})`));
    terminal.line(`  ${visible(reason)}: ${some.join(', ')}${list.length > 3 ? ` and ${list.length - 3} more` : ''}`);
  }
}

function grouped(problems: readonly WarmProblem[]): Map<string, WarmProblem[]> {
  const groups = new Map<string, WarmProblem[]>();
  for (const problem of problems) groups.set(problem.reason, [...(groups.get(problem.reason) ?? []), problem]);
  return groups;
}
