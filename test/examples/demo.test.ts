import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { verdict } from '../../examples/demo/run.js';
import { painter, table } from '../../examples/demo/table.js';
import { freePort } from '../support/port.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { Example } from './child.js';

const FIGURES = [
  'hits',
  'misses',
  'sets',
  'deletes',
  'errors',
  'totalRequests',
  'hitRate',
  'averageHitTime',
  'averageSetTime',
];

const examples: Example[] = [];

function start(args: readonly string[] = [], env: Record<string, string> = {}): Example {
  const example = new Example('demo.js', args, env);
  examples.push(example);
  return example;
}

/** The rows of both tables of steps, in their order. */
const rowsOf = (example: Example) => example.plain.split('\n').filter((line) => /^[✓✗] /.test(line));

let redis: RedisServer;
let silent: number;
/** The whole demo takes seconds, most of them waiting for its slow database: it runs in all circumstances at once. */
let runs: Record<'memory' | 'redis' | 'silent' | 'cramped', Example>;

beforeAll(async () => {
  redis = await startRedis({ config: { requirepass: 'pass-phrase' } });
  await redis.command('SET', 'somebody:else', 'stays');
  silent = await freePort();
  runs = {
    memory: start(),
    redis: start([], { REDIS_URL: redis.url.replace('//', '//:pass-phrase@') }),
    silent: start([], { REDIS_URL: `redis://:pass-phrase@127.0.0.1:${silent}` }),
    // A store that has room for nothing.
    cramped: start([], { CACHE_MAX_BYTES: '1' }),
  };
});

afterAll(async () => {
  for (const example of examples) example.kill();
  await redis.stop();
});

describe('the demo', () => {
  describe.each(['memory', 'redis'] as const)('on %s', (store) => {
    let example: Example;
    let code: number | null;

    beforeAll(async () => {
      example = runs[store];
      code = await example.end();
    });

    it('ends with 0 and nothing on stderr', () => {
      expect(example.stderr).toBe('');
      expect(code).toBe(0);
    });

    it('says where the cache is, without the password', () => {
      const where = store === 'redis' ? `Redis at 127.0.0.1:${redis.port}` : 'embedded';
      expect(example.stdout).toContain(`Store: ${where}`);
      expect(example.stdout).not.toContain('pass-phrase');
    });

    it('shows the same steps for both applications, and each as it should be', () => {
      const rows = rowsOf(example);
      expect(rows.every((row) => row.startsWith('✓'))).toBe(true);
      const shown = rows.map((row) => row.replace(/\d+\.\d ms/, '').replace(/\s+/g, ' '));
      const half = shown.length / 2;
      expect(half).toBeGreaterThanOrEqual(25);
      expect(shown.slice(0, half)).toEqual(shown.slice(half));
    });

    it.each([
      ['a miss that reads the database', /first read .* acme .* GET .* 200 +MISS +\d+\.\d ms +0 → 1$/],
      ['a hit that does not', /acme .* GET .* 200 +HIT +\d+\.\d ms +1$/],
      ['a 304', /acme .* 304 +HIT, 304/],
      ['HEAD from the stored GET', /HEAD \/zones\?.* 200 +HIT/],
      ['a write that invalidates', /acme +PATCH .* 200 +invalidated/],
      ['another tenant unaffected', /unaffected +globex +GET .* 200 +HIT/],
      ['a cookie that passes by', /acme .* 200 +bypass: cookie/],
    ])('shows %s', (_what, pattern) => {
      expect(rowsOf(example).filter((row) => pattern.test(row))).not.toHaveLength(0);
    });

    it('aligns the columns of its tables', () => {
      let gaps: number[] = [];
      for (const line of example.plain.split('\n')) {
        if (line.startsWith('──')) gaps = [...line.matchAll(/ (?= )/g)].map(({ index }) => index);
        if (!/^[✓✗] /.test(line)) continue;
        expect(gaps).toHaveLength(8);
        expect(gaps.map((gap) => line.slice(gap, gap + 2).trim())).toEqual(gaps.map(() => ''));
      }
    });

    it('shows the nine figures of each application', () => {
      const figures = example.plain.slice(example.plain.indexOf('Statistics'));
      for (const figure of FIGURES)
        expect(figures).toMatch(new RegExp(`^${figure} +\\d+(\\.\\d+)? +\\d+(\\.\\d+)?`, 'm'));
      expect(figures).toMatch(/^hits +12 +12$/m);
    });

    it('prints no colours into a pipe', () => {
      expect(example.stdout).toBe(example.plain);
    });
  });

  it('leaves nothing of its own in Redis, and what is not its own alone', async () => {
    await runs.redis.end();
    expect(await redis.command('KEYS', '*')).toEqual(['somebody:else']);
  });

  it('goes through to the end and exits with 1 when Redis does not answer', async () => {
    const example = runs.silent;
    expect(await example.end()).toBe(1);
    expect(example.stderr).toContain(`Redis at 127.0.0.1:${silent} does not answer (ECONNREFUSED)`);
    expect(example.stdout + example.stderr).not.toContain('pass-phrase');
    expect(rowsOf(example).length).toBeGreaterThanOrEqual(50);
    expect(rowsOf(example).every((row) => row.startsWith('✓'))).toBe(true);
  });

  it('exits with 1 and names the step when something is not as it should be', async () => {
    const example = runs.cramped;
    expect(await example.end()).toBe(1);
    expect(example.stderr).toMatch(/^FAILED Express, step 2, GET \/zones\?.*: cache: expected HIT, got MISS;.*reads/m);
    expect(example.stderr).toMatch(/^FAILED Koa, step 2, /m);
    expect(rowsOf(example)[1]).toMatch(/^✗ {2}2/);
    expect(example.stdout).not.toContain('as they should be');
  });

  it.concurrent.each([
    ['REDIS_URL', 'http://user:pass-phrase@nowhere'],
    ['CACHE_TTL', 'soon'],
  ])('names %s when it cannot be used', async (name, value) => {
    const example = start([], { [name]: value });
    expect(await example.end()).toBe(1);
    expect(example.stderr).toMatch(new RegExp(`^environment variable ${name} is ".*"; it takes`));
    expect(example.stderr).not.toContain('pass-phrase');
  });

  it.concurrent('explains itself', async () => {
    const example = start(['--help']);
    expect(await example.end()).toBe(0);
    expect(example.stdout).toMatch(/^Usage: npm run demo/);
    for (const word of ['--serve', 'REDIS_URL', 'ADMIN_TOKEN', 'NO_COLOR']) expect(example.stdout).toContain(word);
  });

  it.concurrent.each([{ args: ['--server'] }, { args: ['serve'] }, { args: ['--serve', '-x'] }])(
    'refuses what it does not know: $args',
    async ({ args }) => {
      const example = start(args);
      expect(await example.end()).toBe(2);
      expect(example.stderr).toContain(`Unknown argument: ${args.at(-1)}`);
      expect(example.stdout).toBe('');
    },
  );
});

describe.concurrent('the demo with --serve', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('serves both applications until %s', async (signal) => {
    const example = start(['--serve']);
    await example.prints(/Ctrl-C/);
    for (const origin of originsOf(example)) {
      const answers = [await ask(origin), await ask(origin)].map(({ headers }) => headers.get('cache-status'));
      expect(answers).toEqual(['respcache; fwd=uri-miss; stored', expect.stringMatching(/^respcache; hit/)]);
    }
    example.child.kill(signal);
    expect(await example.end()).toBe(0);
    expect(example.stderr).toBe('');
  });

  it('takes free ports where 3000 and 3001 are taken', async () => {
    const taken = createServer().listen(3000, '127.0.0.1');
    // By us, or by somebody else: it is taken.
    await Promise.race([once(taken, 'listening'), once(taken, 'error')]).catch(() => {});
    const example = start(['--serve']);
    await example.prints(/Ctrl-C/);
    const origins = originsOf(example);
    expect(origins).not.toContain('http://127.0.0.1:3000');
    for (const origin of origins) expect((await ask(origin)).status).toBe(200);
    example.child.kill('SIGTERM');
    expect(await example.end()).toBe(0);
    taken.close();
  });

  it('on Redis leaves nothing of its own there', async () => {
    const example = start(['--serve'], { REDIS_URL: redis.url.replace('//', '//:pass-phrase@') });
    await example.prints(/Ctrl-C/);
    for (const origin of originsOf(example)) await ask(origin);
    const stored = () => redis.command('KEYS', 'respcache-demo:*:client:acme:*');
    await vi.waitFor(async () => expect(await stored()).toHaveLength(2), { interval: 10 });
    example.child.kill('SIGTERM');
    expect(await example.end()).toBe(0);
    expect(await redis.command('KEYS', '*')).toEqual(['somebody:else']);
  });

  it('serves although Redis does not answer, and says so', async () => {
    const example = start(['--serve'], { REDIS_URL: `redis://127.0.0.1:${silent}` });
    await example.prints(/Ctrl-C/);
    // It comes by another pipe than the line above.
    await vi.waitFor(() => expect(example.stderr).toContain(`Redis at 127.0.0.1:${silent} does not answer`));
    for (const origin of originsOf(example)) expect((await ask(origin)).status).toBe(200);
    example.child.kill('SIGTERM');
    expect(await example.end()).toBe(0);
  });

  it('shows no token', async () => {
    const example = start(['--serve'], { ADMIN_TOKEN: 'pass-phrase' });
    await example.prints(/Ctrl-C/);
    expect(example.stdout).toContain('$ADMIN_TOKEN');
    expect(example.stdout).not.toContain('pass-phrase');
    example.child.kill('SIGTERM');
    expect(await example.end()).toBe(0);
  });

  function originsOf(example: Example): string[] {
    const origins = [...example.plain.matchAll(/^(?:Express|Koa), (http:\S+)$/gm)].map(([, origin]) => origin!);
    expect(origins).toHaveLength(2);
    return origins;
  }

  const ask = (origin: string) => fetch(`${origin}/stats`, { headers: { 'x-client-id': 'acme' } });
});

describe('the verdict on an answer', () => {
  const of = (said: string | undefined, status = 200, purges: { durable: boolean }[] = []) =>
    verdict({ status, headers: said === undefined ? {} : { 'cache-status': said } }, purges);

  it.each([
    ['respcache; hit; ttl=299', 'HIT'],
    ['respcache; fwd=uri-miss; stored', 'MISS'],
    ['respcache; fwd=vary-miss; stored', 'MISS'],
    ['respcache; fwd=uri-miss; detail=unavailable', 'MISS: unavailable'],
    ['respcache; fwd=bypass; detail=cookie', 'bypass: cookie'],
    [undefined, 'not asked'],
  ])('%j is %s', (said, words) => {
    expect(of(said)).toBe(words);
  });

  it('tells a 304 from a whole answer', () => {
    expect(of('respcache; hit; ttl=299', 304)).toBe('HIT, 304');
  });

  it('tells whether a write has invalidated something, and for every process', () => {
    const said = 'respcache; fwd=method; detail=method';
    expect(of(said)).toBe('untouched');
    expect(of(said, 200, [{ durable: true }])).toBe('invalidated');
    expect(of(said, 200, [{ durable: false }])).toBe('invalidated here');
  });
});

describe('the table', () => {
  const terminal = { isTTY: true };

  it('is coloured on a terminal', () => {
    expect(painter(terminal, {})('green', 'HIT')).toBe('\u001b[32mHIT\u001b[0m');
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('is not coloured with %j', (env) => {
    expect(painter(terminal, env)('green', 'HIT')).toBe('HIT');
  });

  it('is not coloured in a pipe', () => {
    expect(painter({}, {})('green', 'HIT')).toBe('HIT');
  });

  it('lines up its columns, numbers to the right', () => {
    const columns = [{ title: 'figure' }, { title: 'n', right: true }];
    const plain = painter({}, {});
    expect(
      table(
        columns,
        [
          ['hits', '12'],
          ['misses', '5'],
        ],
        () => undefined,
        plain,
      ).split('\n'),
    ).toEqual(['figure   n', '──────  ──', 'hits    12', 'misses   5']);
  });
});
