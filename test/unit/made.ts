import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Backend, type Services } from '../../src/backend.js';
import { Compressor } from '../../src/compress/compressor.js';
import { PlainEntries } from '../../src/compress/plain.js';
import { Control } from '../../src/control.js';
import type { ResponseEntry } from '../../src/entry/entry.js';
import { Events } from '../../src/events.js';
import type { Context } from '../../src/fill/assess.js';
import { Comparisons } from '../../src/fill/comparisons.js';
import { type CacheOptions, resolveSettings } from '../../src/options.js';
import { QueryRules } from '../../src/request/query.js';
import type { RequestView } from '../../src/request/request.js';
import { DEFAULT_ROUTE, resolveRoute } from '../../src/route.js';
import type { RouteOptions } from '../../src/route-options.js';
import type { Fields, HeaderBag } from '../../src/types.js';

/** When what the tests have stored was made: ms since 1970, and as a date of HTTP. */
export const BORN: number = Date.UTC(2026, 10, 23, 12, 0, 0);
export const dateAt = (seconds: number): string => new Date(BORN + seconds * 1000).toUTCString();

/** A stored response: a 200 that was fresh for 300 seconds, and is good for nothing afterwards. */
export function stored(changes: Partial<ResponseEntry> = {}): ResponseEntry {
  return {
    kind: 'response',
    asOf: { epoch: 'e', sequence: 1 },
    storedAt: BORN,
    freshUntil: BORN + 300_000,
    expiresAt: BORN + 300_000,
    mustRevalidate: false,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    tags: [],
    status: 200,
    message: undefined,
    headers: [['Content-Type', 'text/plain']],
    removed: [],
    appended: [],
    initialAge: 0,
    name: undefined,
    keyed: [],
    etagMade: false,
    search: undefined,
    cost: 0,
    sharedWith: { authorization: false, cookie: false },
    body: Buffer.from('hello'),
    ...changes,
  };
}

/** A request as the engine sees it. */
export function view(changes: Partial<RequestView> = {}): RequestView {
  return {
    method: 'GET',
    target: '/',
    headers: { host: 'example.com' },
    rawHeaders: [],
    secure: false,
    source: undefined,
    ...changes,
  };
}

/** A response of Node's, with these fields set on it. */
export function bagOf(fields: Fields): HeaderBag {
  // Node's types lack one of its methods.
  const bag = new ServerResponse(new IncomingMessage(new Socket())) as ServerResponse & HeaderBag;
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) bag.setHeader(name, value);
  return bag;
}

/** A cache in memory, whose clock stands still at BORN unless it is given another. */
export function servicesOf(options: CacheOptions = {}, now: () => number = () => BORN): Services {
  const settings = resolveSettings({ redis: false, clock: { now }, ...options });
  const events = new Events();
  const backend = new Backend(settings, events);
  return {
    settings,
    events,
    backend,
    queries: new QueryRules(),
    comparisons: new Comparisons(),
    compressor: new Compressor(backend, events),
    plain: new PlainEntries(),
  };
}

/** The exchange that a response belongs to: a GET whose handler answers at once, at a mount with these options. */
export function contextOf(options: RouteOptions = {}, changes: Partial<Context> = {}): Context {
  return {
    services: servicesOf(),
    request: view(),
    method: 'GET',
    route: resolveRoute(options, DEFAULT_ROUTE),
    control: new Control(),
    credentials: undefined,
    ranged: false,
    requestedAt: BORN,
    ...changes,
  };
}
