// The statistics as the dashboard sees them, from scripted data: for the tests of the page and for its screenshots.

import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

const OUTCOMES = ['fresh', 'stale', 'collapsed', 'revalidated', 'miss', 'bypass'];
const STEP = 5;
const SLOTS = 180;

/**
 * A report of a busy cache.
 *
 * @param {object} [options]
 * @param {number} [options.now] ms since 1970
 * @param {boolean} [options.authorized]
 * @param {Record<string, object>} [options.more] lies over the report
 * @returns {any}
 */
export function sampleReport({ now = Date.now(), authorized = true, more = {} } = {}) {
  const slots = timeline(now);
  const outcomes = {
    fresh: 1_148_214,
    stale: 8_120,
    collapsed: 21_407,
    revalidated: 3_944,
    miss: 38_260,
    bypass: 14_031,
  };
  return {
    ...figuresOf(outcomes, 0.34, 41.6),
    errors: 3,
    deletes: 4_182,
    reasons: {
      cookie: 9_713,
      authorization: 4_318,
      'set-cookie': 2_204,
      'no-store': 1_131,
      private: 640,
      'too-large': 212,
      invalidated: 87,
      aborted: 19,
    },
    tiers: { memory: 1_012_336, redis: 165_405 },
    refreshes: 8_066,
    shadow: { compared: 0, different: 0 },
    latency: {
      hit: { p50: 0.21, p90: 0.62, p99: 2.4, max: 38.1 },
      miss: { p50: 28.4, p90: 96.2, p99: 312, max: 2_140 },
      set: { p50: 0.44, p90: 1.1, p99: 3.7, max: 51.2 },
    },
    scope: 'process',
    processes: 1,
    since: now - 97_340_000,
    now,
    status: 'healthy',
    recentErrors: 0,
    store: {
      kind: 'redis',
      breaker: 'closed',
      items: 8_214,
      bytes: 43_200_512,
      maxItems: 10_000,
      maxBytes: 67_108_864,
    },
    ledger: { epoch: 'k3v9-7f2c', sequence: now * 1000, lag: 41, current: true },
    timeline: { step: STEP, slots },
    authorized,
    ...(authorized ? named() : {}),
    ...more,
  };
}

/** The answer of `explain` for something that is stored, but invalidated. */
export function sampleExplanation(now = Date.now()) {
  return {
    outcome: 'miss',
    reason: 'invalidated',
    tenant: 'acme',
    key: 'client:acme:~https://shop.example~/users~page=2',
    steps: [
      { step: 'method', ok: true, text: 'GET is looked up' },
      { step: 'tenant', ok: true, text: 'acme, by the header x-client-id' },
      { step: 'credentials', ok: true, text: 'neither Cookie nor Authorization' },
      { step: 'stored', ok: true, text: 'found in Redis, under the route users:list' },
      { step: 'variant', ok: true, text: 'the same Accept-Encoding' },
      { step: 'invalidated', ok: false, text: 'a purge of the tag users is younger than its run' },
    ],
    entry: {
      tier: 'redis',
      status: 200,
      bytes: 18_422,
      contentType: 'application/json; charset=utf-8',
      storedAt: now - 48_000,
      age: 48,
      freshFor: 252,
      keptFor: 552,
      tags: ['users', 'org:7', 'page:2'],
      name: 'users:list',
      varies: ['accept-encoding'],
      headers: {
        'content-type': 'application/json; charset=utf-8',
        etag: 'W/"47f6-q1"',
        link: ['</users?page=1>; rel="prev"', '</users?page=3>; rel="next"'],
      },
    },
    killedBy: { by: 'tag', name: 'users', sequence: (now - 12_000) * 1000, at: now - 12_000 },
  };
}

function figuresOf(outcomes, hitTime, missTime) {
  const hits = outcomes.fresh + outcomes.stale + outcomes.collapsed;
  const misses = outcomes.revalidated + outcomes.miss;
  return {
    hits,
    misses,
    sets: Math.round(misses * 0.83),
    deletes: 0,
    errors: 0,
    totalRequests: hits + misses + outcomes.bypass,
    hitRate: Math.round((hits / Math.max(1, hits + misses)) * 10_000) / 100,
    averageHitTime: hitTime,
    averageMissTime: missTime,
    averageSetTime: 0.58,
    collapsed: outcomes.collapsed,
    stale: outcomes.stale,
    revalidated: outcomes.revalidated,
    bypassed: outcomes.bypass,
    reasons: {},
    outcomes,
    bytes: { served: hits * 9_412, stored: misses * 10_240 },
  };
}

function named() {
  const share = (requests, missing, hit, miss) => {
    const misses = Math.round(requests * missing);
    const outcomes = { fresh: requests - misses, stale: 0, collapsed: 0, revalidated: 0, miss: misses, bypass: 0 };
    return figuresOf(outcomes, hit, miss);
  };
  const rows = (names) => Object.fromEntries(names.map(([name, ...rest]) => [name, share(...rest)]));
  return {
    routes: rows([
      ['products:list', 412_806, 0.012, 0.26, 38.1],
      ['products:one', 338_112, 0.021, 0.31, 22.4],
      ['users:list', 181_440, 0.038, 0.35, 61.7],
      ['/api/v2/search', 96_214, 0.162, 0.44, 128],
      ['prices', 84_019, 0.044, 0.22, 17.9],
      ['reports:monthly', 31_877, 0.087, 0.91, 642],
      ['/api/v2/organisations/:id/members', 28_405, 0.059, 0.38, 33.5],
      ['stock', 22_960, 0.212, 0.29, 12.2],
      ['countries', 9_122, 0.001, 0.19, 8.4],
      ['feed', 4_310, 0.094, 0.52, 74.4],
    ]),
    tenants: rows([
      ['acme', 388_204, 0.018, 0.29, 40.2],
      ['globex', 274_991, 0.026, 0.33, 44.8],
      ['initech', 201_337, 0.031, 0.36, 39.1],
      ['umbrella', 143_608, 0.049, 0.35, 51.3],
      ['', 98_415, 0.022, 0.24, 28.6],
      ['hooli', 61_730, 0.083, 0.41, 47.7],
      ['stark industries', 30_118, 0.041, 0.38, 36.0],
      ['wayne', 11_862, 0.127, 0.47, 58.9],
    ]),
    other: {
      routes: figuresOf({ fresh: 0, stale: 0, collapsed: 0, revalidated: 0, miss: 0, bypass: 0 }, 0, 0),
      tenants: share(23_711, 0.19, 0.5, 49),
    },
  };
}

/** A wave with a purge, a slow spell and a gap in it; the same at each call. */
function timeline(now) {
  const last = Math.floor(now / 1000 / STEP) * STEP;
  const noise = (index, seed) => {
    const value = Math.sin(index * 12.9898 + seed * 78.233) * 43_758.5453;
    return value - Math.floor(value);
  };
  return Array.from({ length: SLOTS }, (_, index) => {
    const purged = Math.exp(-(((index - 118) / 5) ** 2)) + 0.5 * Math.exp(-(((index - 40) / 3) ** 2));
    const all = 900 + 260 * Math.sin(index / 28) + 130 * noise(index, 1);
    const miss = all * (0.028 + 0.2 * purged + 0.012 * noise(index, 2));
    const parts = {
      stale: all * (0.006 + 0.05 * purged),
      collapsed: miss * (0.2 + 0.5 * purged),
      revalidated: all * 0.006 * (1 + noise(index, 3)),
      miss,
      bypass: all * (0.012 + 0.008 * noise(index, 4)),
    };
    const others = Object.values(parts).reduce((sum, each) => sum + each, 0);
    const part = index === SLOTS - 1 ? (now / 1000 - last) / STEP : 1;
    return {
      at: (last - (SLOTS - 1 - index) * STEP) * 1000,
      outcomes: Object.fromEntries(OUTCOMES.map((name) => [name, Math.round((parts[name] ?? all - others) * part)])),
      hitTime: 0.24 + 0.12 * noise(index, 5) + 0.5 * purged,
      missTime: 34 + 18 * noise(index, 6) + 90 * purged,
    };
  });
}

/**
 * Serves the page at `/cache/dashboard`, and beside it what it asks for. Answers and reports can be changed at any
 * time; every request is kept.
 *
 * @param {object} options
 * @param {(nonce: string) => string} options.page
 * @param {(nonce: string) => string} options.policy
 * @param {any} [options.report] what a stream begins with
 */
export async function startFakeStatistics({ page, policy, report = sampleReport() }) {
  const streams = new Set();
  const told = new EventEmitter();
  const fake = {
    report,
    explanation: /** @type {any} */ (sampleExplanation()),
    receipt: /** @type {any} */ ({ sequence: 1_700_000_000_000_001, durable: true }),
    warmed: /** @type {any} */ ({ requested: 3, warmed: 2, fresh: 0, uncacheable: 0, failed: 1, problems: [] }),
    /** What the paths beside the page answer with instead of 200. */
    status: 200,
    /** @type {{ method: string, url: URL, headers: import('node:http').IncomingHttpHeaders, body?: any }[]} */
    requests: [],
    /** Sends a report to all who listen, and to those who come. */
    push(next) {
      fake.report = next;
      for (const stream of streams) stream.write(eventOf(next));
    },
    /** Cuts the streams off, as a server does that dies. */
    drop() {
      for (const stream of streams) stream.destroy();
    },
    /** Ends the streams properly: what was sent before arrives. */
    end() {
      for (const stream of streams) stream.end();
    },
    /** The next request to that path; of `gone`: the next stream that ends. @param {string} path @returns {Promise<any>} */
    async next(path) {
      const [request] = await once(told, path);
      return request;
    },
    url: '',
    /** Ends the server with all that is open. */
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  const server = createServer(async (req, res) => {
    const url = new URL(req.url ?? '/', 'http://localhost');
    const body = req.method === 'POST' ? await json(req) : undefined;
    const request = { method: req.method ?? '', url, headers: req.headers, body };
    fake.requests.push(request);
    if (url.pathname.endsWith('/events')) res.on('close', () => told.emit('gone'));
    answer(fake, streams, { page, policy }, request, res);
    told.emit(url.pathname.replace(/^\/cache\//, ''), request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  fake.url = `http://127.0.0.1:${port}/cache/dashboard`;
  return fake;
}

function answer(fake, streams, { page, policy }, { method, url, body }, res) {
  const route = `${method} ${url.pathname}`;
  if (/^GET \/cache\/dashboard\/?$/.test(route)) {
    const nonce = 'bm9uY2Ugb2YgYSB0ZXN0';
    res.setHeader('content-security-policy', policy(nonce));
    return res.setHeader('content-type', 'text/html; charset=utf-8').end(page(nonce));
  }
  if (fake.status !== 200)
    return res.writeHead(fake.status, { 'content-type': 'application/json' }).end('{"error":"not found"}');
  if (route === 'GET /cache/events') {
    streams.add(res);
    res.on('close', () => streams.delete(res));
    return res.writeHead(200, { 'content-type': 'text/event-stream' }).write(eventOf(fake.report));
  }
  const answers = {
    'GET /cache/explain': fake.explanation,
    'POST /cache/invalidate': fake.receipt,
    'POST /cache/clear': fake.receipt,
    'POST /cache/warm': fake.warmed,
  };
  const found = answers[route];
  const refused = found === undefined || (method === 'POST' && typeof body !== 'object');
  return res
    .writeHead(refused ? 404 : 200, { 'content-type': 'application/json' })
    .end(JSON.stringify(refused ? { error: 'not found' } : found));
}

function eventOf(report) {
  return `event: stats\ndata: ${JSON.stringify(report)}\n\n`;
}
