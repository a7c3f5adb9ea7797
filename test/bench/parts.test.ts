// The parts of the benchmark that could be wrong without anybody seeing it in its figures.

import { spawnSync } from 'node:child_process';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AnswerReader } from '../../bench/lib/answers.js';
import { asksRedis } from '../../bench/lib/crew.js';
import { judgeGoals } from '../../bench/lib/goals.js';
import { withResults } from '../../bench/lib/page.js';
import { asMarkdown, asText, grid, markdownTable } from '../../bench/lib/report.js';
import { quantile, spread } from '../../bench/lib/spread.js';
import { payload, requests } from '../../bench/lib/traffic.js';
import { isSteady, warm } from '../../bench/lib/warming.js';
import { groupsOf } from '../../bench/scenes/groups.js';
import { chosenScenes } from '../../bench/scenes/index.js';

describe('figures', () => {
  it('has quantiles between two values in proportion', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4, 5], 0.99)).toBeCloseTo(4.96);
    expect(quantile([7], 0.99)).toBe(7);
    expect(spread([4, 1, 3, 2, 5])).toEqual({ median: 3, low: 2, high: 4, rounds: [4, 1, 3, 2, 5] });
  });
});

describe('traffic', () => {
  it.each([100, 1024, 51_200, 1_048_576])('has a body of exactly %i bytes that is what JSON makes of it', (size) => {
    const body = payload(size);
    expect(body).toHaveLength(size);
    expect(JSON.stringify(JSON.parse(body.toString()))).toBe(body.toString());
  });

  it('asks for pages by turns, for new ones, or by Zipf', () => {
    const pages = (options: object, count: number) => {
      const next = requests(options);
      return Array.from({ length: count }, () => Number(/page=(\d+)/.exec(next().toString())?.[1]));
    };
    expect(pages({ urls: 2 }, 5)).toEqual([0, 1, 0, 1, 0]);
    expect(pages({ fresh: true }, 4)).toEqual([0, 1, 2, 3]);
    const byLaw = pages({ keys: 3 }, 60_000);
    for (const page of [0, 1, 2]) {
      expect(byLaw.filter((each) => each === page).length / 60_000).toBeCloseTo(
        1 / (page + 1) / (1 + 1 / 2 + 1 / 3),
        1,
      );
    }
    expect(pages({ keys: 3 }, 100)).toEqual(byLaw.slice(0, 100));
  });
});

describe('an answer', () => {
  const body = payload(9000);
  const head = (fields: string) => Buffer.from(`HTTP/1.1 200 OK\r\nCache-Status: respcache; hit\r\n${fields}\r\n\r\n`);
  const whole = Buffer.concat([head(`Content-Length: ${body.length}`), body]);
  /** The answers' reader is given pieces of so many bytes. How many answers became whole, and with the mark? */
  const read = (bytes: Buffer, size: number, expected: object = {}) => {
    const reader = new AnswerReader({ body, mark: 'respcache; hit', ...expected });
    const marks: boolean[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      if (reader.push(bytes.subarray(at, at + size))) marks.push(reader.marked);
    }
    return marks;
  };
  const chunked = (bytes: Buffer, fields = '') => {
    const pieces = [bytes.subarray(0, 20), bytes.subarray(20)].flatMap((piece) => [
      Buffer.from(`${piece.length.toString(16)}\r\n`),
      piece,
      Buffer.from('\r\n'),
    ]);
    return Buffer.concat([head(`Transfer-Encoding: chunked${fields}`), ...pieces, Buffer.from('0\r\n\r\n')]);
  };

  it.each([1, 7, 4096, 100_000])('is read in pieces of %i bytes', (size) => {
    expect(read(whole, size)).toEqual([true]);
    expect(read(chunked(gzipSync(body), '\r\nContent-Encoding: gzip'), size, { encoded: true })).toEqual([true]);
  });

  it('is unmarked without its mark, or uncompressed where it was to be compressed', () => {
    expect(read(whole, 4096, { mark: 'fwd=uri-miss' })).toEqual([false]);
    expect(read(whole, 4096, { encoded: true })).toEqual([false]);
    const compressed = brotliCompressSync(body);
    const fields = `Content-Encoding: br\r\nContent-Length: ${compressed.length}`;
    expect(read(Buffer.concat([head(fields), compressed]), 4096, { encoded: true })).toEqual([true]);
  });

  it('is wrong with another status, length or byte, compressed or not', () => {
    const other = Buffer.from(body);
    other[8000] = 1;
    expect(() => read(Buffer.from(whole.toString('latin1').replace('200', '500')), 4096)).toThrow(
      'not "HTTP/1.1 200 "',
    );
    expect(() => read(Buffer.concat([head('Content-Length: 5'), Buffer.from('short')]), 4096)).toThrow('a length of 5');
    expect(() => read(Buffer.concat([whole.subarray(0, -body.length), other]), 4096)).toThrow('other bytes');
    expect(() => read(Buffer.concat([whole, Buffer.from('more')]), 100_000)).toThrow('4 bytes more');
    const compressed = chunked(gzipSync(other), '\r\nContent-Encoding: gzip');
    expect(() => read(compressed, 4096, { encoded: true })).toThrow('other bytes');
  });

  it('without a body is a 304', () => {
    const answer = Buffer.from('HTTP/1.1 304 Not Modified\r\nCache-Status: respcache; hit\r\n\r\n');
    expect(read(Buffer.concat([answer]), 4096, { status: 304 })).toEqual([true]);
    expect(() => read(whole, 100_000, { status: 304 })).toThrow('not "HTTP/1.1 304 ", but "HTTP/1.1 200 OK"');
  });
});

const rounds = (median: number) => spread([median, median, median]);
const RUN = {
  date: '2026-11-28',
  machine: { cpu: 'A | B', cores: 2, system: 'Linux', free: 1.9, respcache: '1.0.0' },
  nodes: [] as object[],
};
const row = (name: string, ratio: number) => {
  const [group, what] = ['Express 5', name.replace('express ', '')];
  const rate = rounds(1000 * ratio);
  return { name, group, what, rate, ratio: rounds(ratio), cpu: rounds(10), over: rounds(1), turns: { 0: rate.rounds } };
};
const result = (rows: object[]) => {
  const scenes = [{ name: 'hit-1k', rows }];
  const goals = judgeGoals({ node: '24.1.0', scenes });
  const options = { rounds: 3, seconds: 1, connections: 64, quick: false, dists: 1 };
  return { node: '24.1.0', options, scenes, goals, notes: [] };
};
const failed = { name: 'express apicache memory', group: 'Express 5', what: 'apicache memory', failed: 'it | fell' };

describe('goals', () => {
  const verdict = (rows: object[], what: string) => result(rows).goals.find((goal) => goal.what === what);
  const OURS = 'express, middleware, memory, 1k: of the bare handler';

  it('are reached, not reached, or not measured', () => {
    expect(verdict([row('express hit memory', 0.95)], OURS)).toMatchObject({ found: 0.95, verdict: 'reached' });
    expect(verdict([row('express hit memory', 0.94)], OURS)).toMatchObject({ found: 0.94, verdict: 'not reached' });
    expect(verdict([], OURS)).toMatchObject({ found: undefined, verdict: 'not measured' });
  });

  it('compare two within their rounds', () => {
    const rows = [row('express hit memory', 0.9), row('express apicache memory', 0.6)];
    const goal = verdict(rows, 'express, middleware, memory: of apicache');
    expect(goal?.found).toBeCloseTo(1.5);
    expect(verdict([rows[0]!, failed], 'express, middleware, memory: of apicache')?.verdict).toBe('not measured');
  });

  it('compare two by the rounds of the group that has both', () => {
    const hit = { ...row('express hit memory', 0.9), turns: { 0: [900, 900], 2: [400, 200] } };
    const apicache = { ...row('express apicache memory', 0.6), turns: { 1: [10, 10], 2: [200, 100] } };
    const what = 'express, middleware, memory: of apicache';
    expect(verdict([hit, apicache], what)?.found).toBe(2);
    expect(verdict([hit, { ...apicache, turns: { 1: [10, 10] } }], what)?.verdict).toBe('not measured');
  });

  it('are those of a Node version', () => {
    const of = (node: string) => judgeGoals({ node, scenes: [] }).map(({ what, goal }) => `${what} ${goal}`);
    expect(of('20.1.0')).toContain('withCache, memory: of bare Express ≥ 5');
    expect(of('24.1.0')).not.toContain('withCache, memory: of bare Express ≥ 5');
    expect(of('26.1.0')).toContain('withCache, memory: of bare Express ≥ 1.25');
  });
});

describe('a report', () => {
  const run = { ...RUN, nodes: [result([row('express hit memory', 0.5), failed])] };

  it('has a Markdown table for each scene, with what failed, and the goals', () => {
    const text = asMarkdown(run);
    expect(text).toContain('| hit memory | 500 | (500–500) | 0.50 | (0.50–0.50) | 10.0 | +1.0 |');
    expect(text).toContain('| apicache memory | it \\| fell |  |  |  |  |  |');
    expect(text).toContain('| express, middleware, memory, 1k: of the bare handler | ≥ 0.95 | 0.50 | not reached |');
    expect(text).toContain('### Node 24.1.0\n\n64 connections, 3 rounds of 1 s.\n');
  });

  it('is for a terminal, too', () => {
    expect(asText(run)).toMatch(/hit memory +500 +\(500–500\) +0\.50/);
    expect(asText(run)).toMatch(/apicache memory +it \| fell/);
  });

  it('leaves out the columns that nobody has anything in', () => {
    const [headings] = grid('hit-1k', [row('express hit memory', 0.5)]);
    expect(headings).toContain('CPU µs');
    expect(headings).not.toContain('hits');
    expect(markdownTable(['', 'a'], [{ name: 'G', cells: [['x', '1']] }])).toBe(
      '|  | a |\n| --- | --: |\n| **G** |  |\n| x | 1 |\n',
    );
  });

  it.each(['hit-1k', 'latency', 'cold', 'memory'])('calls nobody of %s a limit whose own limit has failed', (scene) => {
    const figures = { rate: rounds(1), p50: rounds(1), p99: rounds(1), took: rounds(1), entries: 1, beyond: 1 };
    const said = (more: object) =>
      JSON.stringify(grid(scene, [{ ...row('express a', 1), ratio: undefined, ...figures, ...more }]));
    expect(said({ limit: 'express bare', over: undefined })).not.toContain('a limit');
    expect(said({ over: undefined })).toContain('a limit');
  });

  it('says why nobody of a scene was measured', () => {
    const run = { ...RUN, nodes: [result([failed])] };
    expect(asText(run)).toMatch(/apicache memory +it \| fell/);
    expect(asMarkdown(run)).toContain('| apicache memory | it \\| fell |');
  });

  it('takes the place of the one before, and nothing else of the page', () => {
    const page = 'before\n<!-- results: begin (npm run bench -- --write) -->\nold\n<!-- results: end -->\nafter\n';
    const written = withResults(page, 'new');
    expect(written).toBe(page.replace('\nold\n', '\n\nnew\n\n'));
    expect(withResults(written, 'new')).toBe(written);
    expect(() => withResults('no marks', 'new')).toThrow('results: begin');
  });
});

describe('the choice', () => {
  const options = { quick: false, everything: false, scene: /^hit-1k$/, only: /./, dists: ['file:///dist'] };
  const names = (more: object) =>
    chosenScenes({ ...options, ...more }).flatMap(({ name, entries }) =>
      entries.map((entry) => `${name} ${entry.name}`),
    );

  it('brings the limits of those chosen along', () => {
    expect(names({ only: /express hit memory$/ })).toEqual(['hit-1k express bare', 'hit-1k express hit memory']);
    expect(names({ only: /koa withCache hit redis/ })).toEqual([
      'hit-1k http one getBuffer',
      'hit-1k koa withCache hit redis',
    ]);
  });

  it('has each of ours once for each build', () => {
    const dists = ['file:///a', 'file:///b'];
    const both = ['express bare', 'express hit memory #1', 'express hit memory #2'].map((name) => `hit-1k ${name}`);
    expect(names({ only: /express hit memory/, dists })).toEqual(both);
  });

  it('compares each build with a limit of its own where the limit is one of ours', () => {
    const dists = ['file:///a', 'file:///b'];
    const [scene] = chosenScenes({ ...options, scene: /^compression$/, only: /koa hit compress/, dists });
    expect(scene?.entries.map(({ name, limit }) => [name, limit])).toEqual([
      ['koa hit uncompressed #1', undefined],
      ['koa hit uncompressed #2', undefined],
      ['koa hit compress #1', 'koa hit uncompressed #1'],
      ['koa hit compress #2', 'koa hit uncompressed #2'],
    ]);
    const [all] = chosenScenes({ ...options, scene: /^compression$/, dists });
    const bare = all?.entries.find(({ name }) => name === 'express bare under compression()');
    expect(bare?.limit).toBe('express hit uncompressed #1');
  });

  it('knows whose hits need Redis, which has a core of its own then', () => {
    const asking = (name: string) =>
      chosenScenes({ ...options, scene: new RegExp(`^${name}$`) })
        .flatMap(({ entries }) => entries)
        .filter(asksRedis)
        .map((entry) => entry.name);
    const ofHits = asking('hit-1k');
    expect(ofHits).toContain('express hit redis');
    expect(ofHits).toContain('http one getBuffer');
    for (const name of ['express hit tiers', 'express hit memory', 'express bare', 'outside nginx'])
      expect(ofHits).not.toContain(name);
    expect(asking('keys-10k')).toEqual([]);
    expect(asking('keys-1m')).toEqual(['express respcache tiers', 'koa respcache tiers']);
  });

  it('leaves some scenes out until they are named', () => {
    const scenes = (more: object) => new Set(names({ ...more }).map((name) => name.split(' ')[0]));
    expect(scenes({ scene: /(?:)/ })).not.toContain('hit-1m');
    expect(scenes({ scene: /^hit-1m$/ })).toContain('hit-1m');
    expect(scenes({ scene: /(?:)/, size: '1m' })).toContain('hit-1m');
    expect(scenes({ scene: /(?:)/, everything: true })).toContain('hit-1m');
  });

  it('is smaller when it has to be quick, and knows limits for all who have one', () => {
    expect(names({ quick: true }).length).toBeLessThan(names({}).length);
    for (const quick of [true, false]) {
      for (const { name, entries } of chosenScenes({ ...options, quick, everything: !quick, scene: /./ })) {
        const all = new Set(entries.map((entry) => entry.name));
        for (const { limit, name: who } of entries)
          expect(limit === undefined || all.has(limit), `${name} ${who}`).toBe(true);
      }
    }
  });
});

describe('groups', () => {
  const scenes = (more: object = {}) =>
    chosenScenes({ quick: false, everything: true, scene: /./, only: /./, dists: ['file:///dist'], ...more });
  const named = (scene: Parameters<typeof groupsOf>[0]) =>
    groupsOf(scene).map((group) => group.map(({ name }) => name));

  it.each([true, false])('are few processes, have everybody, and each with the limit (quick: %s)', (quick) => {
    for (const scene of scenes({ quick, everything: !quick })) {
      const groups = named(scene);
      expect(new Set(groups.flat())).toEqual(new Set(scene.entries.map(({ name }) => name)));
      for (const group of groups) expect(group.length).toBeLessThanOrEqual(quick ? 7 : 5);
      for (const { name, limit } of scene.entries.filter((each) => each.limit !== undefined)) {
        const own = groups.filter((group) => group.includes(name));
        expect(own.every((group) => group.includes(limit!))).toBe(true);
      }
    }
  });

  it('have all who are compared beside the limit', () => {
    const groups = named(scenes({ scene: /^hit-1k$/ })[0]!);
    const front = ['express withCache hit memory', 'express createServer hit memory'];
    const others = ['http bare', 'express bare', 'express apicache memory', 'outside nginx', 'outside varnish'];
    for (const pair of [
      ['express hit memory', 'express apicache memory'],
      ['koa hit memory', 'koa koa-cash memory'],
      ...front.flatMap((mine) => others.map((theirs) => [mine, theirs])),
    ]) {
      expect(
        groups.some((group) => pair.every((name) => group.includes(name))),
        pair.join(', '),
      ).toBe(true);
    }
  });

  it('have those of ours that the goals name with their limits alone, first of all', () => {
    const groups = named(scenes({ scene: /^hit-1k$/ })[0]!);
    for (const name of [
      'express hit memory',
      'koa hit redis',
      'express withCache hit memory',
      'express createServer hit redis',
    ]) {
      const first = groups.find((group) => group.includes(name));
      expect(first).toHaveLength(2);
    }
  });

  it('have no limits alone where somebody is compared with them', () => {
    const only = /^(?!.*ioredis 5)/;
    for (const group of named(scenes({ scene: /^hit-1k$/, only })[0]!)) expect(group.length).toBeGreaterThan(1);
  });

  it('have all builds of one name, and none twice', () => {
    const dists = ['file:///a', 'file:///b'];
    expect(named(scenes({ scene: /^hit-1k$/, only: /express hit memory/, dists })[0]!)).toEqual([
      ['express bare', 'express hit memory #1', 'express hit memory #2'],
    ]);
  });
});

describe('misses', () => {
  const handlers = (scene: RegExp) =>
    new Set(
      chosenScenes({ quick: false, scene, only: /./, dists: ['file:///dist'] }).flatMap(({ entries }) =>
        entries.map(({ config }) => config.handler),
      ),
    );

  it('are judged by routes that answer with JSON, all of them, and the limit', () => {
    expect(handlers(/^miss$/)).toEqual(new Set(['json']));
    expect(handlers(/^miss-buffer$/)).toEqual(new Set([undefined]));
    expect(handlers(/^miss-await$/)).toEqual(new Set(['await']));
  });
});

describe('warming', () => {
  it('is over when none of the last steps was notably cheaper', () => {
    expect(isSteady([100, 90, 80], 3)).toBe(false);
    expect(isSteady([100, 90, 80, 70], 3)).toBe(false);
    expect(isSteady([100, 70, 90, 80, 70], 3)).toBe(true);
    expect(isSteady([100, 70, 90, 80, 67], 3)).toBe(false);
  });

  /** How many requests a contender is warmed with whose steps cost so much, and the same for ever afterwards. */
  const warmed = async (costs: number[], more: object = {}) => {
    let [sent, step] = [0, 0];
    const load = async ({ most, least }: { most: number; least: number }) => {
      const answers = Math.max(least, most);
      const cpu = costs[step++] ?? costs.at(-1);
      sent += answers;
      return cpu === undefined ? { answers } : { answers, cpu };
    };
    const bounds = { step: 100, patience: 2, least: 0, most: 1000, seconds: 60, urls: 10, ...more };
    await warm(load, bounds);
    return sent;
  };

  it('goes on as long as the cost falls, within its bounds', async () => {
    expect(await warmed([50])).toBe(300);
    expect(await warmed([90, 80, 70, 60, 50])).toBe(700);
    expect(await warmed(Array.from({ length: 50 }, (_, i) => 0.9 ** i))).toBe(1000);
    expect(await warmed([90, 80, 70, 60, 50], { seconds: 0 })).toBe(100);
    expect(await warmed([50], { seconds: 0, least: 150 })).toBe(200);
    expect(await warmed([50], { least: 1000 })).toBe(1000);
    expect(await warmed([])).toBe(100);
  });
});

describe('the machine', () => {
  it('has no more free cores than this process may use', () => {
    const script = `
      import { machine } from ${JSON.stringify(new URL('../../bench/lib/machine.js', import.meta.url).href)};
      const { cores, free } = await machine();
      console.log(cores, free <= cores);
    `;
    // The system's figures are of all cores, here as if there were many with nothing to do.
    const idle = `
      import os from 'node:os';
      import { syncBuiltinESMExports } from 'node:module';
      os.cpus = () => Array.from({ length: 100 }, () => ({ model: 'A', times: { idle: performance.now() } }));
      os.availableParallelism = () => 1;
      syncBuiltinESMExports();
    `;
    const run = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(idle)}`, '--input-type=module', '--eval', script],
      { encoding: 'utf8' },
    );
    expect(run.stdout, run.stderr).toBe('1 true\n');
  });
});
