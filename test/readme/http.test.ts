// docs/http.md: that each test which its tables name exists, and that its examples do what it says of them.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parseHttpDate } from '../../src/http/date.js';
import { MODES } from '../../src/policy.js';
import { ask } from '../adapters/client.js';
import { DIRECTIVES } from '../conformance/directives.table.js';
import { FAMILY } from '../conformance/family.table.js';
import { FRESHNESS } from '../conformance/freshness.table.js';
import { INVALIDATION } from '../conformance/invalidation.table.js';
import { PASSING } from '../conformance/passing.table.js';
import { RANGE } from '../conformance/range.table.js';
import { STALE } from '../conformance/stale.table.js';
import { STORING } from '../conformance/storing.table.js';
import type { Row } from '../conformance/table.js';
import { VALIDATION } from '../conformance/validation.table.js';
import { VARY } from '../conformance/vary.table.js';
import { Snippets } from './snippets.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/http.md'), 'utf8');

const TABLES: ReadonlyMap<string, readonly Row[]> = new Map(
  Object.entries({
    directives: DIRECTIVES,
    family: FAMILY,
    freshness: FRESHNESS,
    invalidation: INVALIDATION,
    passing: PASSING,
    range: RANGE,
    stale: STALE,
    storing: STORING,
    validation: VALIDATION,
    vary: VARY,
  }),
);

/** A line of the tables of requirements. */
interface Requirement {
  readonly standard: string;
  readonly section: string;
  readonly text: string;
  /** Where it is shown, or why it is not. */
  readonly answer: string;
}

const requirements: Requirement[] = [];
for (const part of page
  .slice(page.indexOf('## Requirements'), page.indexOf('## Departures'))
  .split('\n### ')
  .slice(1)) {
  const standard = part.slice(0, part.search(/[:\n]/));
  for (const line of part.split('\n').filter((each) => /^\| \d/.test(each))) {
    const [, section, level, text, answer, ...rest] = line.split('|').map((cell) => cell.trim());
    if (rest.length !== 1) throw new Error(`not four cells: ${line}`);
    requirements.push({ standard, section: section!, text: `${level} ${text}`.trim(), answer: answer! });
  }
}

/** The tests that a text names: `storing: private`, `unit/http/range: …`. */
function namedIn(text: string): string[] {
  return [...text.matchAll(/`([a-z][\w/-]*: [^`]+)`/g)].map((match) => match[1]!);
}

/** What is wrong with the name of a test; `undefined` if it is there, once. */
function faultOf(named: string): string | undefined {
  const colon = named.indexOf(': ');
  const [place, name] = [named.slice(0, colon), named.slice(colon + 2)];
  const rows = TABLES.get(place);
  if (rows !== undefined) {
    const found = rows.filter((row) => row.name === name || `${partOf(row)}: ${row.name}` === name);
    if (found.length === 1) return undefined;
    const parts = found.map(partOf).join(', ');
    return found.length === 0 ? `no row ${named}` : `several rows ${named}: of ${parts}`;
  }
  const file = join(root, 'test', `${place}.test.ts`);
  if (!existsSync(file)) return `no file for ${named}`;
  return readFileSync(file, 'utf8').replaceAll("\\'", "'").includes(name) ? undefined : `no test ${named}`;
}

/** What a section of a table is about, without the number of the standard's. */
function partOf({ section }: Row): string {
  return section.slice(section.lastIndexOf(': ') + 1).trim();
}

describe('the requirements', () => {
  it('are there for each of the standards', () => {
    const least = { 'RFC 9111': 90, 'RFC 9110': 60, 'RFC 5861': 5, 'RFC 9211': 5, 'RFC 9213': 10, 'RFC 9875': 5 };
    for (const [standard, count] of Object.entries(least)) {
      const found = requirements.filter((each) => each.standard === standard);
      expect(found.length, standard).toBeGreaterThanOrEqual(count);
    }
  });

  it('are shown by tests that exist, each named so that it is the only one', () => {
    expect(namedIn(page.slice(page.indexOf('## Requirements'))).flatMap((named) => faultOf(named) ?? [])).toEqual([]);
  });

  it('each name a test, or say why there is none', () => {
    const bare = requirements.filter(({ answer }) => namedIn(answer).length === 0 && !/^Not ours|\bD\d/.test(answer));
    expect(bare).toEqual([]);
  });

  it('lead to departures that are there, each once', () => {
    const told = [...page.matchAll(/^- \*\*(D\d+)\./gm)].map((match) => match[1]!);
    expect(told).toEqual(told.map((_, i) => `D${i + 1}`));
    const named = requirements.flatMap(({ answer }) => answer.match(/\bD\d+\b/g) ?? []);
    expect([...new Set(named)].filter((each) => !told.includes(each))).toEqual([]);
  });

  it('lead to rows that are not run only where a departure says so', () => {
    const declined = [...TABLES].flatMap(([place, rows]) =>
      rows.filter((row) => row.declined !== undefined).map((row) => ({ place, row })),
    );
    const shown = new Set(requirements.flatMap(({ answer }) => namedIn(answer)));
    const departures = page.slice(page.indexOf('## Departures'));
    for (const { place, row } of declined) {
      const names = [`${place}: ${row.name}`, `${place}: ${partOf(row)}: ${row.name}`];
      expect(
        names.some((each) => shown.has(each)),
        names[0],
      ).toBe(false);
      // Parts are one departure, whatever becomes of them.
      if (!row.name.startsWith('a stored part'))
        expect(
          names.some((each) => departures.includes(each)),
          names[0],
        ).toBe(true);
    }
  });

  it('a date is the same wherever the server stands', () => {
    const zone = process.env.TZ;
    try {
      for (const each of ['UTC', 'Asia/Tokyo', 'America/New_York', 'Pacific/Kiritimati']) {
        process.env.TZ = each;
        for (const text of [
          'Sun, 06 Nov 1994 08:49:37 GMT',
          'Sunday, 06-Nov-94 08:49:37 GMT',
          'Sun Nov  6 08:49:37 1994',
        ]) {
          expect(parseHttpDate(text), `${text} in ${each}`).toBe(784_111_777_000);
        }
      }
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });
});

describe('the modes', () => {
  it('have the defaults that the page says', () => {
    const { application, rfc9111 } = MODES;
    expect([application.requestDirectives, rfc9111.requestDirectives]).toEqual(['ignore', 'honor']);
    expect([application.heuristic, rfc9111.heuristic]).toEqual([0, 0.1]);
    expect([application.storePost, rfc9111.storePost]).toEqual([false, true]);
    expect([application.sort, rfc9111.sort]).toEqual([true, false]);
    expect([application.retain, rfc9111.retain]).toEqual([undefined, 86_400]);
    const table = page.slice(page.indexOf('## The two modes'), page.indexOf('<!-- snippet: modes'));
    for (const option of ['requestDirectives', 'heuristic', 'storePost', 'query.sort', 'retain']) {
      expect(table).toContain(`\`${option}\``);
    }
  });
});

const snippets = new Snippets(page);
const ran = new Set<string>();

afterAll(() => snippets.close());

type Answer = Awaited<ReturnType<typeof ask>> & { readonly cache: string };

interface Served {
  ask(path: string, headers?: Record<string, string>, method?: string): Promise<Answer>;
  /** Asks until the answer's `Cache-Status` is like that. */
  until(path: string, cache: RegExp, headers?: Record<string, string>): Promise<Answer>;
  /** What it has printed so far. */
  printed(): string;
  /** How often a path was asked for. */
  asked(path: string): number;
}

/** Starts an example as a process of its own, and waits until it answers. */
async function serve(name: string): Promise<Served> {
  ran.add(name);
  const started = await snippets.serve(name);
  const port = Number(new URL(started.address).port);
  const asked: string[] = [];
  const served: Served = {
    async ask(path, headers = {}, method = 'GET') {
      asked.push(path);
      const answer = await ask(port, path, { method, headers });
      return Object.assign(answer, { cache: answer.header('cache-status') ?? '' });
    },
    until: (path, cache, headers) =>
      vi.waitFor(
        async () => {
          const answer = await served.ask(path, headers);
          expect(answer.cache).toMatch(cache);
          return answer;
        },
        { interval: 20 },
      ),
    printed: () => started.stdout,
    asked: (path) => asked.filter((each) => each === path).length,
  };
  return served;
}

// Each is a process of its own, and waits a while for its answers to become stale.
describe.concurrent('the examples', () => {
  it('keep what says nothing in one mode, and ask about it in the other', async () => {
    const app = await serve('modes');
    expect((await app.ask('/application')).cache).toBe('respcache; fwd=uri-miss; stored');
    expect((await app.ask('/application')).cache).toMatch(/^respcache; hit; ttl=(59|60)$/);
    expect((await app.ask('/rfc9111')).cache).toBe('respcache; fwd=uri-miss; stored');
    expect(await app.ask('/rfc9111')).toMatchObject({
      status: 200,
      text: 'says nothing of its lifetime',
      cache: expect.stringMatching(/^respcache; fwd=stale; fwd-status=304/),
    });
  });

  it('tell variants apart by what they mean', async () => {
    const app = await serve('vary');
    expect((await app.ask('/hello', { 'Accept-Language': 'de, en;q=0.5' })).text).toBe('Hallo');
    expect(await app.ask('/hello', { 'Accept-Language': 'DE , en ;q=0.50' })).toMatchObject({
      text: 'Hallo',
      cache: expect.stringContaining('; hit;'),
    });
    expect(await app.ask('/hello', { 'Accept-Language': 'en' })).toMatchObject({
      text: 'Hello',
      cache: 'respcache; fwd=vary-miss; stored',
    });
    expect((await app.ask('/hello', { 'Accept-Language': 'de, en;q=0.5', 'X-Client-Id': 'b' })).cache).toContain(
      'uri-miss',
    );
  });

  it('answer queries that differ in nothing that matters', async () => {
    const app = await serve('search');
    expect((await app.ask('/products?id=1&utm_source=a')).cache).toContain('; stored');
    expect((await app.ask('/products?utm_source=b&id=1')).cache).toContain('; hit;');
    expect((await app.ask('/products?id=2&utm_source=a')).text).toBe('{"id":"2"}');
  });

  it('are asked if it is still the same, in Express', async () => {
    const app = await serve('validation');
    const first = await app.ask('/report');
    expect(first.cache).toBe('respcache; fwd=uri-miss; stored');
    // The client's 304 of a miss; the whole is stored for the others.
    expect((await app.ask('/report?b', { 'If-None-Match': '"v1"' })).status).toBe(304);
    expect((await app.ask('/report?b')).text).toBe(first.text);
    const validated = await app.until('/report', /^respcache; fwd=stale; fwd-status=304; stored/);
    expect(validated).toMatchObject({ status: 200, text: first.text });
    expect(await app.until('/report', /fwd-status=304/, { 'If-None-Match': '"v1"' })).toMatchObject({ status: 304 });
    const part = await app.until('/report', /fwd-status=304/, { Range: 'bytes=0-9' });
    expect(part).toMatchObject({ status: 206, text: first.text.slice(0, 10) });
    expect(part.header('cache-control')).toBe('max-age=1, no-transform');
    expect((await app.ask('/report', { Range: 'bytes=0-0,5-5' })).status).toBe(200);
    expect(await app.ask('/report', { Range: 'bytes=9999-' })).toMatchObject({ status: 416 });
    await app.ask('/version', {}, 'PUT');
    expect((await app.until('/report', /fwd-status=200/)).header('etag')).toBe('"v2"');
  });

  it('are asked if it is still the same, in Koa', async () => {
    const app = await serve('koa');
    const first = await app.ask('/');
    expect(first.cache).toBe('respcache; fwd=uri-miss; stored');
    expect(await app.until('/', /^respcache; fwd=stale; fwd-status=304; stored/)).toMatchObject({
      status: 200,
      text: first.text,
    });
    expect((await app.ask('/', { 'If-None-Match': 'W/"v1"' })).status).toBe(304);
  });

  it('answers with what is stale while it is made anew, and in place of errors', async () => {
    const app = await serve('stale');
    expect((await app.ask('/news')).text).toBe('{"run":1}');
    expect((await app.until('/news', /^respcache; hit; ttl=-\d+$/)).text).toBe('{"run":1}');
    await vi.waitFor(async () => expect((await app.ask('/news')).text).not.toBe('{"run":1}'));
    const price = await app.ask('/prices');
    await app.ask('/balance');
    await app.ask('/break', {}, 'POST');
    const standsIn = /^respcache; fwd=stale; fwd-status=500; ttl=-\d+; detail=stale-if-error$/;
    expect(await app.until('/prices', standsIn)).toMatchObject({ status: 200, text: price.text });
    expect(await app.until('/balance', /fwd=stale; detail=aborted/)).toMatchObject({ status: 504, text: '' });
    expect((await app.ask('/prices?other')).status).toBe(500);
    // The layer outside has seen more requests for the news than were sent: those in the background are requests to it.
    await vi.waitFor(
      () => expect(app.printed().match(/GET \/news\n/g)!.length).toBeGreaterThan(app.asked('/news')),
      5000,
    );
  });

  it('take the answer to a POST for that to a GET', async () => {
    const app = await serve('post');
    expect((await app.ask('/notes')).text).toBe('[]');
    expect((await app.ask('/notes')).cache).toContain('; hit;');
    expect(await app.ask('/notes', {}, 'POST')).toMatchObject({
      text: '["note 1"]',
      cache: 'respcache; fwd=method; stored',
    });
    expect(await app.ask('/notes')).toMatchObject({ text: '["note 1"]', cache: expect.stringContaining('; hit;') });
  });

  it('invalidate groups', async () => {
    const app = await serve('groups');
    const first = await app.ask('/users');
    expect((await app.ask('/users')).text).toBe(first.text);
    await app.ask('/import', {}, 'POST');
    expect((await app.ask('/users')).cache).toContain('fwd=uri-miss');
  });

  it('hear clients where they are told to', async () => {
    const app = await serve('directives');
    const asking = (directive: string) => app.ask('/time', { 'Cache-Control': directive });
    expect(await asking('only-if-cached')).toMatchObject({ status: 504, cache: 'respcache; detail=only-if-cached' });
    expect((await asking('no-store')).cache).toBe('respcache; fwd=bypass; detail=request');
    expect((await app.ask('/time')).cache).toContain('fwd=uri-miss; stored');
    expect((await asking('only-if-cached')).cache).toContain('; hit;');
    expect((await asking('no-cache')).cache).toContain('fwd=request');
  });

  it('speak to this cache alone', async () => {
    const app = await serve('targeted');
    const [first, second] = [await app.ask('/page'), await app.ask('/page')];
    expect(second.cache).toMatch(/^respcache; hit; ttl=(3600|3599)$/);
    for (const answer of [first, second]) {
      expect(answer.header('cache-control')).toBe('no-store');
      expect(answer.header('cdn-cache-control')).toBe('max-age=60');
      expect(answer.header('respcache-cache-control')).toBeUndefined();
    }
  });

  it('tells browsers and CDNs what they may keep', async () => {
    const app = await serve('downstream');
    const [first, second] = [await app.ask('/articles/1'), await app.ask('/articles/1')];
    expect(second.cache).toMatch(/^respcache; hit; ttl=86/);
    expect(second.text).toBe(first.text);
    for (const answer of [first, second]) {
      expect(answer.header('cache-control')).toBe('no-cache');
      expect(answer.header('cdn-cache-control')).toMatch(/^max-age=6\d$/);
      expect(answer.header('cache-tag')).toBe('articles,article:1');
    }
    expect((await app.ask('/articles/1', {}, 'PUT')).header('cache-tag')).toBeUndefined();
    expect((await app.ask('/articles/1')).text).not.toBe(first.text);
    const personal = await app.ask('/me');
    expect(personal.header('cache-control')).toBe('private, max-age=5');
    expect(personal.header('cdn-cache-control')).toBeUndefined();
  });

  it('compress once, inside', async () => {
    const app = await serve('compression');
    const plain = await app.ask('/long');
    for (const cache of [/fwd=vary-miss; stored|fwd=vary-miss$/, /; hit;/]) {
      const answer = await app.ask('/long', { 'Accept-Encoding': 'gzip' });
      expect(answer.header('content-encoding')).toBe('gzip');
      expect(gunzipSync(answer.body).toString()).toBe(plain.text);
      expect(answer.cache).toMatch(cache);
    }
    expect((await app.ask('/long')).header('content-encoding')).toBeUndefined();
  });
});

describe('the examples, when they have been run,', () => {
  it('are all that there is of code on the page', () => {
    expect(page.match(/^```\w+$/gm)).toHaveLength(snippets.code.size);
    expect([...snippets.code.keys()].filter((name) => !ran.has(name))).toEqual([]);
  });
});
