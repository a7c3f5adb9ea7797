import { Writable } from 'node:stream';
import pino from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { Events } from '../../../src/events.js';
import { type Logger, logTo } from '../../../src/stats/log.js';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [detail: string]: unknown;
}

let events: Events;
let lines: Line[];
let now: number;

function started(level: string): Logger {
  lines = [];
  events = new Events();
  now = 0;
  const to = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const logger = pino(
    { level, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
    to,
  );
  logTo(logger, events, { now: () => now });
  return logger;
}

const request = { target: '/x', headers: { authorization: 'secret' }, secure: false };
const hit = { source: 'http', tenant: 't', key: 'client:t:k', ms: 1.234, bytes: 5, request } as const;

describe('a log', () => {
  beforeEach(() => started('debug'));

  it('tells each event in one line, whatever clients have made of a key', () => {
    const key = 'client:t:~a\nHIT client:t:b\u001b[2J\u2028\u009b';
    events.emit('hit', { ...hit, key });
    events.emit('persist', { tenant: 't', key, handler: 'h', id: '1', dead: 'no\r\nroom' });
    expect(lines.map(({ msg }) => msg)).toEqual([
      'HIT client:t:~a\\u000aHIT client:t:b\\u001b[2J\\u2028\\u009b 1.23 ms',
      'DEAD client:t:~a\\u000aHIT client:t:b\\u001b[2J\\u2028\\u009b (h): no\\u000d\\u000aroom',
    ]);
    expect(lines[0]).toMatchObject({ key });
  });

  it('tells of hits, misses and what is stored, with keys and durations, and without credentials', () => {
    events.emit('hit', { ...hit, tier: 'redis' });
    events.emit('hit', { ...hit, stale: true });
    events.emit('hit', { ...hit, collapsed: true });
    events.emit('miss', { ...hit, reason: 'private' });
    events.emit('miss', { ...hit, revalidated: true });
    events.emit('set', { tenant: 't', key: 'client:t:k', ms: 0.5, bytes: 5 });
    const sizes = { plainBytes: 900, bytes: 300 };
    events.emit('compress', { tenant: 't', key: 'client:t:k', ms: 2, codings: ['gzip', 'br'], ...sizes });
    events.emit('bypass', { tenant: 't', reason: 'cookie', route: '/x', request });
    events.emit('skip', { tenant: 't', key: 'client:t:k', reason: 'aborted' });
    events.emit('refresh', { tenant: 't', key: 'client:t:k' });
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['debug', 'HIT client:t:k 1.23 ms'],
      ['debug', 'STALE client:t:k 1.23 ms'],
      ['debug', 'COLLAPSED client:t:k 1.23 ms'],
      ['debug', 'MISS client:t:k 1.23 ms'],
      ['debug', 'REVALIDATED client:t:k 1.23 ms'],
      ['debug', 'SET client:t:k (5 bytes) 0.50 ms'],
      ['debug', 'COMPRESS client:t:k (gzip, br: 300 of 900 bytes) 2.00 ms'],
      ['debug', 'BYPASS /x (cookie)'],
      ['debug', 'SKIP client:t:k (aborted)'],
      ['debug', 'REFRESH client:t:k'],
    ]);
    expect(lines[0]).toMatchObject({ event: 'hit', tenant: 't', key: 'client:t:k', ms: 1.234, tier: 'redis' });
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('tells of errors once in ten seconds for each operation, and how many there were', () => {
    const fail = (operation: string) => events.emit('error', { operation, error: new Error('no Redis') });
    for (let i = 0; i < 100; i++) fail('read');
    fail('write');
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['error', 'respcache: read failed'],
      ['error', 'respcache: write failed'],
    ]);
    expect(lines[0]).toMatchObject({ operation: 'read', err: { message: 'no Redis', type: 'Error' } });
    now = 9999;
    fail('read');
    expect(lines).toHaveLength(2);
    now = 10_000;
    fail('read');
    expect(lines[2]).toMatchObject({ msg: 'respcache: read failed (and 100 more since the last time)', untold: 100 });
  });

  it('tells of errors again at once where the clock has been put back', () => {
    const fail = () => events.emit('error', { operation: 'read', error: new Error('no Redis') });
    now = 3_600_000;
    fail();
    fail();
    now = 0;
    fail();
    fail();
    const told = lines.map(({ msg }) => msg);
    expect(told).toEqual(['respcache: read failed', 'respcache: read failed (and 1 more since the last time)']);
  });

  it('warns of what an operator should know', () => {
    events.emit('purge', { tags: 1, patterns: 0, tenant: 't', durable: true });
    events.emit('purge', { tags: 1, patterns: 0, tenant: 't', durable: false });
    events.emit('breaker', { state: 'open' });
    events.emit('breaker', { state: 'closed' });
    const differences = [{ what: 'body', stored: 'a', fresh: 'b' }];
    events.emit('shadow', { tenant: 't', key: 'k', age: 1, differences: [] });
    events.emit('shadow', { tenant: 't', key: 'k', age: 1, differences, suspect: 'stale' });
    expect(lines.map(({ level }) => level)).toEqual(['debug', 'warn', 'warn', 'info', 'warn']);
    expect(lines[4]!.msg).toBe('SHADOW k differs (stale): body');
  });

  it('makes nothing of what is not kept', () => {
    const logger = started('info');
    let asked = 0;
    const debug = logger.debug;
    logger.debug = (...args: Parameters<typeof debug>) => {
      asked++;
      debug.apply(logger, args);
    };
    events.emit('hit', hit);
    expect([asked, lines]).toEqual([0, []]);
  });

  it('is no concern of a request where it throws', () => {
    const failing = () => {
      throw new Error('disk full');
    };
    const other = new Events();
    logTo({ debug: failing, info: failing, warn: failing, error: failing }, other, { now: () => 0 });
    expect(() => other.emit('hit', hit)).not.toThrow();
    expect(() => other.emit('error', { operation: 'read', error: undefined })).not.toThrow();
  });

  it('nor where it rejects, whatever it is told', async () => {
    const answers: Promise<void>[] = [];
    const failing = () => {
      const answer = Promise.reject(new Error('the line is dead'));
      answers.push(answer);
      return answer;
    };
    const other = new Events();
    logTo({ debug: failing, info: failing, warn: failing, error: failing }, other, { now: () => 0 });
    const { tenant, key } = hit;
    other.emit('hit', hit);
    other.emit('purge', { tags: 1, patterns: 0, tenant, durable: true });
    other.emit('purge', { tags: 1, patterns: 0, tenant, durable: false });
    other.emit('persist', { tenant, key, handler: 'h', id: '1', attempt: 1, ms: 1 });
    other.emit('persist', { tenant, key, handler: 'h', id: '1', dead: 'x' });
    other.emit('shadow', { tenant, key, age: 1, differences: [{ what: 'body', stored: '1', fresh: '2' }] });
    other.emit('breaker', { state: 'open' });
    other.emit('breaker', { state: 'closed' });
    other.emit('error', { operation: 'read', error: undefined });
    const unheard: unknown[] = [];
    const hear = (_error: unknown, answer: unknown) => unheard.push(answer);
    process.prependListener('unhandledRejection', hear);
    await new Promise(setImmediate);
    process.off('unhandledRejection', hear);
    expect([answers.length, unheard.length]).toEqual([9, 0]);
  });
});
