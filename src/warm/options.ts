import { type IncomingMessage, Server, type ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { atOnce } from '../ask.js';
import { aboveZero, aFunction, anObject, aSignal, flag, knownOnly, notNegative, texts, wholeNumber } from '../check.js';
import { ConfigError } from '../errors.js';

/** An application: Express', Koa's, a listener, or a server that has one. */
export type App =
  | ((req: IncomingMessage, res: ServerResponse) => unknown)
  | {
      /** What Koa's applications have. */
      callback(): (req: IncomingMessage, res: ServerResponse) => unknown;
    }
  | NetServer;

/** How far warming is. */
export interface WarmProgress {
  /** How many requests there are to make: each URL for each tenant, and the popular ones. */
  readonly total: number;
  /** How many of them are done, be they warmed or not. */
  readonly done: number;
}

/** What to fill the cache with, and how. */
export interface WarmOptions {
  /** The application whose handlers are run, in this process. */
  app: App;
  /** Paths with their queries, or absolute URLs: their host is then the request's. */
  urls?: readonly string[];
  /** The path of a sitemap of the application's, or its XML; of an index, all its sitemaps. */
  sitemap?: string;
  /** How many of the URLs that were most requested in the last hour; with `tenants`, as many for each. */
  popular?: number;
  /** The clients (tenants) for which it is done. Default: requests without; of the popular ones, whoever asked. */
  tenants?: readonly string[];
  /** Fields of the requests: an object, or a function of the tenant; needed where a function finds the tenant. */
  headers?:
    | Readonly<Record<string, string>>
    | ((tenant: string | undefined) => Readonly<Record<string, string>> | undefined);
  /** The `Host` of requests to paths: it is a part of the key. Default `localhost`. */
  host?: string;
  /** Whether they come over TLS, as far as the application can see. Default `false`. */
  secure?: boolean;
  /** How many requests are under way at the same time. Default 4. */
  concurrency?: number;
  /** How often a request that fails (5xx, no answer, invalidated meanwhile) is tried again. Default 2. */
  retries?: number;
  /** How long a request may take, ms. Default 30,000. */
  timeout?: number;
  /** What stays fresh for this many seconds more is left as it is. Default 0: whatever is fresh. */
  minFresh?: number;
  /** Told now and then how far it is. */
  onProgress?: (progress: WarmProgress) => void;
  /** Ends it before its time: the promise then rejects with the signal's reason, and `keepWarm` begins no more rounds. */
  signal?: AbortSignal;
}

/** Warm options, checked and complete. */
export interface WarmPlan {
  readonly server: NetServer;
  readonly urls: readonly string[];
  readonly sitemap: string | undefined;
  readonly popular: number;
  readonly tenants: readonly string[] | undefined;
  readonly headers: (tenant: string | undefined) => Readonly<Record<string, string>>;
  readonly host: string;
  readonly secure: boolean;
  readonly concurrency: number;
  readonly retries: number;
  readonly timeout: number;
  readonly minFresh: number;
  readonly onProgress: (progress: WarmProgress) => void;
  readonly signal: AbortSignal | undefined;
}

const NAMES = [
  'app',
  'urls',
  'sitemap',
  'popular',
  'tenants',
  'headers',
  'host',
  'secure',
  'concurrency',
  'retries',
  'timeout',
  'minFresh',
  'onProgress',
  'signal',
];

/** A browser of today asks so; other forms of an answer can be asked for by `headers`. */
export const USUAL = { accept: '*/*', 'accept-encoding': 'gzip, deflate, br, zstd' };

/** Checks the options and fills them up. `named`: the header fields that name the tenant. @throws {ConfigError} */
export function resolveWarm(options: WarmOptions, named: readonly string[]): WarmPlan {
  anObject('the options of warm', options);
  knownOnly('of warm: ', options, NAMES);
  const { urls = [], sitemap, popular = 0, tenants, headers = {}, onProgress = () => {} } = options;
  if (Array.isArray(urls) && urls.length === 0 && sitemap === undefined && popular === 0)
    throw new ConfigError(
      'what warm() is given',
      { urls: options.urls, popular: options.popular },
      'urls, a sitemap, or popular',
    );
  if (tenants !== undefined && named.length === 0 && typeof headers !== 'function')
    throw new ConfigError('option headers of warm', headers, 'a function of the tenant, which no header names here');
  const own = typeof headers === 'function' ? headers : () => anObject('option headers of warm', headers);
  return {
    server: serverOf(options.app),
    urls: texts('option urls', urls).map(aUrl),
    sitemap: sitemap === undefined ? undefined : aText('option sitemap', sitemap),
    popular: wholeNumber('option popular', popular, 0, 10_000),
    tenants: tenants === undefined ? undefined : texts('option tenants', tenants),
    headers: (tenant) => ({
      ...USUAL,
      ...(tenant === undefined ? {} : Object.fromEntries(named.map((header) => [header, tenant]))),
      // A name in capitals would be a second field, and Node make one of both: of two tenants a third.
      ...inSmallLetters(atOnce('the option headers of warm', own(tenant))),
    }),
    host: aText('option host', options.host ?? 'localhost'),
    secure: flag('option secure', options.secure ?? false),
    concurrency: wholeNumber('option concurrency', options.concurrency ?? 4, 1, 1000),
    retries: wholeNumber('option retries', options.retries ?? 2, 0, 100),
    timeout: aboveZero('option timeout of warm', options.timeout ?? 30_000, 'milliseconds'),
    minFresh: notNegative('option minFresh', options.minFresh ?? 0, 'seconds'),
    onProgress: aFunction('option onProgress', onProgress),
    signal: aSignal(options.signal),
  };
}

function inSmallLetters(fields: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(fields ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}

function aText(setting: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ConfigError(setting, value, 'a text that is not empty');
}

function aUrl(url: string): string {
  if (!/^https?:/i.test(url) || URL.canParse(url)) return url;
  throw new ConfigError('option urls', url, 'paths, or absolute http URLs');
}

function serverOf(app: unknown): NetServer {
  if (app instanceof NetServer && app.listenerCount('request') > 0) return app;
  const { callback } = (app ?? {}) as { callback?: unknown };
  if (typeof callback === 'function') return new Server(callback.call(app));
  if (typeof app === 'function') return new Server(app as () => void);
  throw new ConfigError('option app', app, "Express' or Koa's application, a listener (req, res), or an http.Server");
}
