import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Purge, PurgeTable } from '../../../src/invalidation/purge-table.js';
import { APPEND, BEGIN, SNAPSHOT } from '../../../src/invalidation/redis-scripts.js';
import { appendArguments, parseHead, readSnapshot } from '../../../src/invalidation/redis-table.js';
import { RedisLink } from '../../../src/stores/redis-link.js';
import { type RedisServer, startRedis } from '../../support/redis.js';

const KEYS = ['head', 'table', 'log', 'patterns'];
/** A place that the server's clock does not come to for a hundred years. */
const LATE = 5_000_000_000_000_000;

let server: RedisServer;
let link: RedisLink;

beforeAll(async () => {
  server = await startRedis();
  link = new RedisLink(server.url, () => {});
});
afterAll(async () => {
  await link.close();
  await server.stop();
});
beforeEach(() => server.command('FLUSHALL'));

const run = (...[script, args]: [typeof APPEND, (string | number)[]]) =>
  link.run(script, KEYS, args) as Promise<string[]>;
const append = (table: PurgeTable, purge: Purge) => run(APPEND, appendArguments(table, purge));

/** The table of a new epoch. `known`: the place that its first one is behind. */
async function begin(known = 0): Promise<PurgeTable> {
  const [, head] = await run(BEGIN, [String((await server.command('GET', 'head')) ?? ''), '2.3.2.some', known]);
  const { epoch, sequence } = parseHead(head!)!;
  return new PurgeTable(epoch, sequence, { rows: 2, bits: 3, patterns: 2 });
}

async function loaded(): Promise<PurgeTable> {
  const [head, table, lines] = (await link.run(SNAPSHOT, KEYS, [], true)) as [Buffer, Buffer, Buffer[]];
  return readSnapshot(parseHead(String(head))!, table, lines.map(String))!;
}

const tag = (...tags: string[]): Purge => ({ tags, patterns: [] });
const pattern = (...globs: string[]): Purge => ({ tags: [], patterns: globs.map((glob) => ({ tenant: 'a', glob })) });

describe('the table in Redis', () => {
  it.each<[what: string, purges: Purge[]]>([
    ['tags', [tag('x'), tag('y', 'x'), tag('z')]],
    ['patterns', [pattern('x y*'), pattern('z*')]],
    ['one pattern again and again', [pattern('x*'), pattern('y*'), pattern('x*'), pattern('y*'), pattern('x*')]],
    ['one pattern twice at once', [pattern('x*', 'x*'), pattern('y*')]],
    ['more patterns than there is room for', [pattern('x*'), pattern('y*'), pattern('z*')]],
    ['far more of them at once', [pattern('v*', 'w*', 'x*', 'y*', 'z*')]],
    ['a tenant that is purged before its oldest pattern falls', [pattern('x*', 'y*'), tag('t:a'), pattern('z*')]],
  ])('is that of who has read the log: %s', async (_, purges) => {
    const table = await begin();
    for (const purge of purges) {
      const [verdict, sequence, before] = await append(table, purge);
      expect([verdict, before]).toEqual(['OK', String(table.sequence)]);
      table.apply(purge, Number(sequence));
      expect(await loaded()).toEqual(table);
    }
  });
});

it('many patterns at once are compared with those that are there once: meanwhile Redis answers nobody', async () => {
  const table = await begin();
  await server.command('CONFIG', 'RESETSTAT');
  await append(table, pattern(...Array.from({ length: 100 }, (_, i) => `x:${i}:*`)));
  expect(await server.command('INFO', 'commandstats')).toContain('cmdstat_lrange:calls=1,');
});

describe('a place in the ledger', () => {
  it('is behind the last, whatever the clock of the server says', async () => {
    const table = await begin(LATE);
    expect(table.sequence).toBe(LATE + 1);
    for (const next of [2, 3])
      expect(await append(table, tag('x'))).toEqual(['OK', `${LATE + next}`, `${LATE + next - 1}`]);
  });

  it('is behind what the process knows that asks for it', async () => {
    const table = await begin();
    const before = table.sequence;
    table.sequence = LATE;
    expect(await append(table, tag('x'))).toEqual(['OK', `${LATE + 1}`, `${before}`]);
    expect(await loaded()).toMatchObject({ sequence: LATE + 1 });
  });
});

describe('an epoch', () => {
  it('is begun by one of those who find the same wanting', async () => {
    const first = await begin();
    const found = `${first.epoch}:${first.sequence}`;
    await append(first, pattern('x*'));
    const head = String(await server.command('GET', 'head'));
    // Who has read the head before that may not know what has become of it.
    expect(await run(BEGIN, [found, '2.3.2.other', 0])).toEqual(['EPOCH', head]);
    expect(await run(BEGIN, ['', '2.3.2.other', 0])).toEqual(['EPOCH', head]);
    const [verdict, next] = await run(BEGIN, [head, '2.3.2.other', 0]);
    expect([verdict, await run(BEGIN, [head, '2.3.2.third', 0])]).toEqual(['OK', ['EPOCH', next]]);
    expect(await loaded()).toMatchObject({ patterns: [], sequence: parseHead(next!)!.sequence });
    expect(await append(first, tag('x'))).toEqual(['EPOCH', next]);
  });

  it('wakes those who wait for news by a record that follows on none', async () => {
    const { sequence } = await begin();
    expect(await server.command('XRANGE', 'log', '-', '+')).toEqual([[`${sequence}-0`, ['p', '', 'd', '']]]);
  });

  it.each([
    ['its head', ['DEL', 'head']],
    ['its table', ['DEL', 'table']],
    ['its patterns', ['DEL', 'patterns']],
    ['a part of its table', ['SET', 'table', 'short']],
    ['the size of its table', ['SETRANGE', 'table', '144', 'long']],
    ['the place of its table', ['SETRANGE', 'table', '0', '8 bytes!']],
    ['one of its patterns', ['RPOP', 'patterns']],
  ])('is over without %s: nothing is entered', async (_, command) => {
    const table = await begin();
    await append(table, pattern('x*', 'y*'));
    await server.command(command[0]!, ...command.slice(1));
    const head = (await server.command('GET', 'head')) ?? '';
    expect(await append(table, tag('x'))).toEqual(['LOST', head]);
    expect((await server.command('GET', 'head')) ?? '').toBe(head);
  });
});
