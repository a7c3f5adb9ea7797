// Fields between caches: those for this one alone, those for others further down, groups, searches, and what it says it did.

import { createCache, type RouteOptions } from 'respcache';
import { parseList } from 'structured-headers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../support/port.js';
import { type ClockedHost, Gate, NEWEST, numbered, START, stream, useBench } from './bench.js';
import type { Answer, Ask } from './client.js';
import { createHost, type Handler, type Host, Layer, type Said, type Source } from './hosts.js';
import { nextEvent, Traffic, told } from './traffic.js';

const bench = useBench();

const http = (ms: number) => new Date(ms).toUTCString();
const OWN = 'Respcache-Cache-Control';
const CDN = 'CDN-Cache-Control';

function fieldsOf(answer: Answer, ...names: string[]) {
  return names.map((name) => answer.header(name));
}

describe.each(NEWEST)('fields: $label', (combination) => {
  /** How long an answer with these fields is fresh here, by its hit; `undefined`: it is not stored. */
  async function lifetimes(host: Host, options: RouteOptions<Source>, values: readonly Said['headers'][]) {
    const found: unknown[] = [];
    for (const [i, headers] of values.entries()) host.get(`/${i}`, options, numbered({ headers: headers ?? {} }));
    for (const i of values.keys()) {
      await host.ask(`/${i}`);
      const again = told(await host.ask(`/${i}`));
      found.push(again.hit === true ? again.ttl : undefined);
    }
    return found;
  }

  describe(OWN, () => {
    it('rules this cache, whatever Cache-Control and Expires say to others', async () => {
      const host = await bench.start(combination);
      const others = { 'Cache-Control': 'max-age=60', Expires: http(START + 60_000) };
      const values = [
        { ...others, [OWN]: 'max-age=5' },
        { 'Cache-Control': 'no-store, private', [OWN]: 'max-age=5' },
        { ...others, [OWN]: 'no-store' },
        { ...others, [OWN]: 'private' },
        { ...others, [OWN]: 'max-age=0' },
        { ...others, [OWN]: 's-maxage=7, max-age=5' },
        { ...others, [OWN]: ['max-age=5', 'must-revalidate'] },
        // It says nothing of how long: the options do.
        { ...others, [OWN]: 'public' },
        // What does not parse is not there (RFC 9213 §2.1).
        { ...others, [OWN]: 'Max-Age=5' },
        { ...others, [OWN]: 'max-age=5,' },
        { ...others, [OWN]: '' },
        { ...others, [OWN]: 'max-age="5"' },
      ];
      expect(await lifetimes(host, { ttl: 300 }, values)).toEqual([
        ...[5, 5, undefined, undefined, undefined, 7, 5],
        ...[300, 60, 60, 60, undefined],
      ]);
    });

    it('never leaves, and what it speaks for does', async () => {
      const host = await bench.start(combination, { staleIfError: 60 });
      let well = true;
      const fields = { 'Cache-Control': 'max-age=9', [OWN]: 'max-age=5', ETag: '"a"' };
      host.all('/x', {}, ({ headers }) =>
        !well
          ? { status: 500, headers: fields, body: 'x' }
          : headers['if-none-match'] === '"a"'
            ? { status: 304, headers: fields }
            : { headers: fields, body: 'x' },
      );
      host.get('/stream', {}, () => ({ headers: fields, body: stream(['x']) }));
      host.get('/none', {}, () => ({ headers: { ...fields, [OWN]: 'no-store' }, body: 'x' }));
      host.get('/error', {}, () => ({ status: 500, headers: fields, body: 'x' }));
      const conditional = { headers: { 'If-None-Match': '"a"' } };
      const answers = [
        await host.ask('/x', conditional),
        await host.ask('/x'),
        await host.ask('/x', conditional),
        await host.ask('/x', { method: 'HEAD' }),
        await host.ask('/x', { headers: { Range: 'bytes=0-0' } }),
        await host.ask('/x', { headers: { Cookie: 'a=1' } }),
        await host.ask('/other', { method: 'HEAD' }),
        await host.ask('/stream'),
        await host.ask('/stream'),
        await host.ask('/none'),
        await host.ask('/error'),
      ];
      host.clock.forward(5);
      answers.push(await host.ask('/x'));
      host.clock.forward(5);
      well = false;
      const standIn = await host.ask('/x');
      expect(told(standIn)).toMatchObject({ detail: 'stale-if-error' });
      answers.push(standIn, await host.ask('/x', { method: 'POST' }));
      for (const answer of answers) expect(answer.all(OWN)).toEqual([]);
      const controls = answers.map((answer) => answer.header('cache-control'));
      expect(controls).toEqual([
        ...['max-age=9', 'max-age=9', 'max-age=9', 'max-age=9', 'max-age=9, no-transform', 'max-age=9'],
        ...[undefined, 'max-age=9', 'max-age=9', 'max-age=9', 'max-age=9', 'max-age=9', 'max-age=9', 'max-age=9'],
      ]);
    });

    it('of a layer outside rules this cache, and never leaves either', async () => {
      const host = await bench.start(combination);
      const outside = new Layer(
        (_req, res, next) => {
          res.set(OWN, 'max-age=5');
          next();
        },
        (ctx, next) => {
          ctx.set(OWN, 'max-age=5');
          return next();
        },
      );
      host.use(outside, {});
      host.get('/', {}, numbered());
      const answers = [await host.ask('/'), await host.ask('/'), await host.ask('/')];
      expect(answers.map(({ text }) => text)).toEqual(['run 1', 'run 1', 'run 1']);
      for (const answer of answers) expect(answer.all(OWN)).toEqual([]);
      host.clock.forward(5);
      expect((await host.ask('/')).text).toBe('run 2');
    });

    it('has windows for what is stale, too', async () => {
      const host = await bench.start(combination);
      const headers = { 'Cache-Control': 'max-age=60, must-revalidate', [OWN]: 'max-age=5, stale-while-revalidate=10' };
      host.get('/x', {}, numbered({ headers }));
      const [filled] = [nextEvent(host.cache, 'set'), await host.ask('/x')];
      await filled;
      host.clock.forward(5);
      const stored = nextEvent(host.cache, 'set');
      expect((await host.ask('/x')).text).toBe('run 1');
      await stored;
      expect((await host.ask('/x')).text).toBe('run 2');
    });
  });

  describe(CDN, () => {
    const values = [
      { 'Cache-Control': 'max-age=60', [CDN]: 'max-age=5' },
      { 'Cache-Control': 'max-age=60', [CDN]: 'no-store' },
      { 'Cache-Control': 'max-age=60', [CDN]: 'max-age=5', [OWN]: 'max-age=3' },
      { 'Cache-Control': 'max-age=60', [CDN]: 'max-age=5', [OWN]: 'NONE' },
    ];

    it('is for others, and passes', async () => {
      const host = await bench.start(combination);
      expect(await lifetimes(host, {}, values)).toEqual([60, 60, 3, 60]);
      expect((await host.ask('/0')).header(CDN)).toBe('max-age=5');
    });

    it.each<[readonly string[], unknown[]]>([
      [[CDN], [5, undefined, 5, 5]],
      [
        [OWN, CDN],
        [5, undefined, 3, 5],
      ],
      [
        [CDN, OWN],
        [5, undefined, 5, 5],
      ],
      [[], [60, 60, 60, 60]],
    ])('is heard where the option says so, in its order: %j', async (targetedFields, expected) => {
      const host = await bench.start(combination);
      expect(await lifetimes(host, { targetedFields }, values)).toEqual(expected);
      expect(fieldsOf(await host.ask('/2'), CDN, OWN)).toEqual(['max-age=5', undefined]);
    });
  });

  describe('browserTtl, cdnTtl and surrogateTags', () => {
    const NAMES = ['Cache-Control', CDN, 'Cache-Tag', 'Expires', 'Pragma'];
    const SAID = { ETag: '"a"', Expires: http(START + 9_000), Pragma: 'x', 'Last-Modified': http(START - 9_000) };
    const options: RouteOptions<Source> = {
      browserTtl: 30,
      cdnTtl: 600,
      surrogateTags: 'Cache-Tag',
      tags: ['of route'],
    };

    it('replace what the handler says, on misses and hits, whole, in part and not at all', async () => {
      const host = await bench.start(combination);
      host.all('/x', options, ({ cache, headers }) => {
        cache.tag('own,tag');
        const fields = { ...SAID, 'Cache-Control': 'max-age=10, public', [CDN]: 'no-store', 'Cache-Tag': 'x' };
        return headers['if-none-match'] === '"a"' ? { status: 304, headers: fields } : { headers: fields, body: 'x' };
      });
      const tagged = { headers: { 'If-None-Match': '"a"' } };
      const expected = (ttl: number, more = '') => [
        `max-age=${30 + ttl}${more}`,
        `max-age=${600 + ttl}`,
        'of%20route,own%2Ctag',
        undefined,
        undefined,
      ];
      expect(fieldsOf(await host.ask('/x'), ...NAMES)).toEqual(expected(0));
      expect(fieldsOf(await host.ask('/x?304', tagged), ...NAMES)).toEqual(expected(0));
      host.clock.forward(7);
      for (const ask of [{}, tagged, { method: 'HEAD' }]) {
        const hit = await host.ask('/x', ask);
        expect(hit.header('age')).toBe('7');
        expect(fieldsOf(hit, ...NAMES)).toEqual(expected(7));
      }
      expect(fieldsOf(await host.ask('/x', { headers: { Range: 'bytes=0-0' } }), ...NAMES)).toEqual(
        expected(7, ', no-transform'),
      );
      host.clock.forward(3);
      for (const ask of [{}, tagged]) {
        const validated = await host.ask('/x', ask);
        expect(validated.status).toBe(ask === tagged ? 304 : 200);
        expect(fieldsOf(validated, ...NAMES)).toEqual(expected(0));
        host.clock.forward(10);
      }
    });

    it('count from when the client gets it: what is stale, or was old as it came', async () => {
      const host = await bench.start(combination);
      host.get('/stale', { ...options, ttl: 10, staleWhileRevalidate: 60 }, numbered());
      host.get('/old', options, numbered({ headers: { Age: '100', 'Cache-Control': 'max-age=900' } }));
      host.get(
        '/dated',
        options,
        numbered({ headers: { Date: http(START - 100_000), 'Cache-Control': 'max-age=900' } }),
      );
      const told = async (path: string) => fieldsOf(await host.ask(path), 'age', 'cache-control', CDN);
      expect(await told('/stale')).toEqual([undefined, 'max-age=30', 'max-age=600']);
      expect(await told('/old')).toEqual(['100', 'max-age=130', 'max-age=700']);
      expect(await told('/dated')).toEqual([undefined, 'max-age=130', 'max-age=700']);
      host.clock.forward(25);
      expect(await told('/stale')).toEqual(['25', 'max-age=55', 'max-age=625']);
      for (const path of ['/old', '/dated']) expect(await told(path)).toEqual(['125', 'max-age=155', 'max-age=725']);
    });

    it('0 has them ask each time', async () => {
      const host = await bench.start(combination);
      host.get('/x', { browserTtl: 0, cdnTtl: 0 }, numbered());
      for (let i = 0; i < 2; i++) {
        expect(fieldsOf(await host.ask('/x'), 'cache-control', CDN)).toEqual(['no-cache', 'no-cache']);
        host.clock.forward(5);
      }
    });

    it('are said of what only Redis keeps from being stored: no invalidation would reach it further down', async () => {
      const cache = createCache({ redis: { host: '127.0.0.1', port: await freePort() }, timeout: 50 });
      const host = createHost(combination.framework, cache);
      onTestFinished(async () => {
        await host.close();
        await cache.close();
      });
      host.get('/x', options, numbered({ headers: { 'Cache-Control': 'max-age=900' } }));
      host.get('/private', options, numbered({ headers: { 'Cache-Control': 'private, max-age=900' } }));
      const answer = await host.ask('/x');
      expect(answer.header('cache-status')).toBe('respcache; fwd=uri-miss; detail=unavailable');
      expect(fieldsOf(answer, 'cache-control', CDN, 'cache-tag')).toEqual(['max-age=30', 'max-age=600', 'of%20route']);
      const own = await host.ask('/private');
      expect(fieldsOf(own, 'cache-control', CDN)).toEqual(['private, max-age=900', undefined]);
    });

    it('each leave what the others are about to the handler', async () => {
      const host = await bench.start(combination);
      const said = { 'Cache-Control': 'max-age=10', [CDN]: 'max-age=11', 'Surrogate-Key': 'x' };
      host.get('/browser', { browserTtl: 1 }, numbered({ headers: said }));
      host.get('/cdn', { cdnTtl: 1 }, numbered({ headers: said }));
      host.get('/tags', { surrogateTags: 'Surrogate-Key', tags: ['a', 'b c', 'ü"'] }, numbered({ headers: said }));
      const names = ['cache-control', CDN, 'surrogate-key'];
      for (let i = 0; i < 2; i++) {
        expect(fieldsOf(await host.ask('/browser'), ...names)).toEqual(['max-age=1', 'max-age=11', 'x']);
        expect(fieldsOf(await host.ask('/cdn'), ...names)).toEqual(['max-age=10', 'max-age=1', 'x']);
        const tags = (await host.ask('/tags')).header('surrogate-key');
        expect(tags?.split(' ').map(decodeURIComponent)).toEqual(['a', 'b c', 'ü"']);
      }
    });

    it('leave the field for tags to a handler whose response has none here', async () => {
      const host = await bench.start(combination);
      const said = { 'Surrogate-Key': 'x y', ETag: '"a"' };
      host.get('/x', { surrogateTags: 'Surrogate-Key', browserTtl: 0 }, ({ headers }) =>
        headers['if-none-match'] === '"a"' ? { status: 304, headers: said } : { headers: said, body: 'x' },
      );
      for (let i = 0; i < 2; i++)
        expect(fieldsOf(await host.ask('/x'), 'surrogate-key', 'cache-control')).toEqual(['x y', 'no-cache']);
      host.clock.forward(600);
      expect(fieldsOf(await host.ask('/x'), 'surrogate-key', 'cache-control')).toEqual(['x y', 'no-cache']);
    });

    it.each<[what: string, more: RouteOptions<Source>, field: string]>([
      ['identity', { identity: ({ headers }) => headers['x-user'] as string | undefined }, 'X-User'],
      ['a key function', { key: ({ headers }) => `of ${headers.cookie}` }, 'Cookie'],
      ['a key function, of Authorization,', { key: ({ headers }) => `of ${headers.authorization}` }, 'Authorization'],
      ['the option vary', { personal: ['x-api-key'], vary: ['x-api-key'] }, 'X-Api-Key'],
    ])('tell no CDN of what %s keeps apart, and browsers that it is theirs alone', async (_, more, field) => {
      const host = await bench.start(combination);
      const name = field.toLowerCase();
      host.get('/me', { ...options, ...more }, ({ headers }) => ({
        headers: { [CDN]: 'max-age=1', ETag: '"a"' },
        status: headers['if-none-match'] === '"a"' ? 304 : 200,
        body: headers['if-none-match'] === '"a"' ? '' : `for ${headers[name]}`,
      }));
      host.get('/all', { ...options, ...more }, numbered({ headers: { 'Cache-Control': 'public' } }));
      const said = { 'Cache-Control': 'max-age=60', [CDN]: 'max-age=1' };
      host.get('/compared', { ...options, ...more, shadow: 1 }, numbered({ headers: said }));
      host.post('/posted', { ...options, ...more, storePost: true }, () => ({
        headers: { ...said, 'Content-Location': '/posted' },
        body: 'posted',
      }));
      const names = ['cache-control', CDN, 'cache-tag'];
      const own = { headers: { [field]: 'ann' } };
      const miss = await host.ask('/me', own);
      const theirs = (seconds: number) => [`private, max-age=${seconds}`, 'max-age=1', undefined];
      expect([told(miss).stored, ...fieldsOf(miss, ...names)]).toEqual([true, ...theirs(30)]);
      host.clock.forward(7);
      const hit = await host.ask('/me', own);
      expect([hit.text, told(hit).hit, ...fieldsOf(hit, ...names)]).toEqual(['for ann', true, ...theirs(37)]);
      host.clock.forward(300);
      const confirmed = await host.ask('/me', own);
      expect([told(confirmed)['fwd-status'], ...fieldsOf(confirmed, ...names)]).toEqual([304, ...theirs(30)]);
      for (const [path, ask] of [
        ['/compared', own],
        ['/compared', own],
        ['/posted', { ...own, method: 'POST' }],
      ] as const)
        expect(fieldsOf(await host.ask(path, ask), ...names), path).toEqual(theirs(30));
      // Its handler says that it is for all.
      for (let i = 0; i < 2; i++)
        expect(fieldsOf(await host.ask('/all', own), ...names)).toEqual(['max-age=30', 'max-age=600', 'of%20route']);
    });

    it('leave with a field that is for one client what keeps it from others', async () => {
      const host = await bench.start(combination);
      const said = { 'Cache-Control': 'max-age=10, private="x-me", no-cache="x-now"', 'X-Me': 'me', 'X-Now': 'now' };
      host.get('/x', { browserTtl: 30, cdnTtl: 0 }, numbered({ headers: said }));
      host.get('/cdn', { cdnTtl: 30 }, numbered({ headers: said }));
      host.get(
        '/own',
        { browserTtl: 30 },
        numbered({ headers: { [OWN]: 'max-age=10, private="x-me"', 'X-Me': 'me' } }),
      );
      const names = ['cache-control', CDN, 'x-me', 'x-now'];
      const narrowed = 'private="x-me", no-cache="x-now"';
      expect(fieldsOf(await host.ask('/x'), ...names)).toEqual([
        `max-age=30, ${narrowed}`,
        `no-cache, ${narrowed}`,
        'me',
        'now',
      ]);
      expect(fieldsOf(await host.ask('/cdn'), CDN, 'x-me')).toEqual([`max-age=30, ${narrowed}`, 'me']);
      expect(fieldsOf(await host.ask('/own'), 'cache-control', 'x-me')).toEqual(['max-age=30, private="x-me"', 'me']);
      // What is stored is without them, and for all.
      expect(fieldsOf(await host.ask('/x'), ...names)).toEqual(['max-age=30', 'no-cache', undefined, undefined]);
    });

    it('are about what is shared: whatever is not keeps what its handler says', async () => {
      const host = await bench.start(combination);
      const said = { 'Cache-Control': 'max-age=10', Expires: http(START + 9_000) };
      const cases: [string, Said, Ask?][] = [
        ['private', { headers: { ...said, 'Cache-Control': 'private, max-age=10' } }],
        ['no-store', { headers: { ...said, 'Cache-Control': 'no-store' } }],
        ['cookie', { headers: { ...said, 'Set-Cookie': 'a=1' } }],
        ['error', { status: 500, headers: said }],
        ['status', { status: 302, headers: {} }],
        ['vary', { headers: { ...said, Vary: '*' } }],
        ['too-large', { headers: said, body: 'x'.repeat(99) }],
        ['authorized', { headers: said }, { headers: { Authorization: 'a' } }],
        ['visitor', { headers: said }, { headers: { Cookie: 'a=1' } }],
        ['method', { headers: said }, { method: 'POST' }],
        ['when', { headers: said }],
        ['handler', { headers: said }],
      ];
      for (const [name, answer] of cases) {
        const when = () => name !== 'when';
        host.all(`/${name}`, { ...options, maxBodyBytes: 50, when }, ({ cache }) => {
          if (name === 'handler') cache.noStore();
          return { body: 'x', ...answer };
        });
      }
      for (const [name, { headers }, ask] of cases) {
        for (let i = 0; i < 2; i++) {
          const answer = await host.ask(`/${name}`, ask);
          expect(told(answer), name).not.toHaveProperty('hit');
          expect(fieldsOf(answer, 'cache-control', 'expires', CDN, 'cache-tag'), name).toEqual([
            headers?.['Cache-Control'],
            headers?.Expires,
            undefined,
            undefined,
          ]);
        }
      }
    });
  });

  describe('Cache-Groups', () => {
    const by = (tenant: string, more: Ask = {}) => ({ ...more, headers: { 'X-Client-Id': tenant, ...more.headers } });

    async function grouped(options: RouteOptions<Source> = {}): Promise<ClockedHost> {
      const host = await bench.start(combination);
      host.get('/a', options, numbered({ headers: { 'Cache-Groups': '"a", "all";x=1' } }));
      host.get('/b', options, numbered({ headers: { 'Cache-Groups': ['"b"', '"all"'] } }));
      host.get('/other', options, numbered({ headers: { 'Cache-Groups': 'a, 1, ("a"), "A"' } }));
      host.get('/broken', options, numbered({ headers: { 'Cache-Groups': '"a", "' } }));
      host.all('/do', options, ({ headers }) => ({
        status: Number(headers['x-status'] ?? 200),
        headers: { 'Cache-Group-Invalidation': String(headers['x-groups']) },
      }));
      for (const path of ['/a', '/b', '/other', '/broken']) {
        for (const tenant of ['one', 'two']) await host.ask(path, by(tenant));
      }
      return host;
    }

    /** Which are still there, of which tenant. */
    async function left(host: Host): Promise<string[]> {
      const found: string[] = [];
      for (const path of ['/a', '/b', '/other', '/broken']) {
        for (const tenant of ['one', 'two']) {
          if (told(await host.ask(path, by(tenant))).hit) found.push(`${path} ${tenant}`);
        }
      }
      return found;
    }

    const EVERYTHING = [
      '/a one',
      '/a two',
      '/b one',
      '/b two',
      '/other one',
      '/other two',
      '/broken one',
      '/broken two',
    ];
    const without = (...gone: string[]) => EVERYTHING.filter((each) => !gone.includes(each));

    it.each<[string, string, string[]]>([
      ['POST', '"a"', ['/a one']],
      ['DELETE', '"b"', ['/b one']],
      ['PUT', '"x", "all"', ['/a one', '/b one']],
      ['POST', '"a", "b"', ['/a one', '/b one']],
      ['POST', '"A"', ['/other one']],
      ['POST', 'a', []],
      ['POST', '"a", "', []],
      ['POST', '', []],
      ['GET', '"a"', []],
      ['OPTIONS', '"a"', []],
    ])('die in their tenant by a %s that invalidates %s', async (method, groups, gone) => {
      const host = await grouped();
      const answer = await host.ask('/do', by('one', { method, headers: { 'X-Groups': groups } }));
      expect(answer.header('cache-group-invalidation')).toBe(groups);
      expect(await left(host)).toEqual(without(...gone));
    });

    it.each([400, 404, 500])('live on where the request fails with %i', async (status) => {
      const host = await grouped();
      const headers = { 'X-Groups': '"a"', 'X-Status': String(status) };
      await host.ask('/do', by('one', { method: 'POST', headers }));
      expect(await left(host)).toEqual(EVERYTHING);
    });

    it('are tags, for whoever invalidates and for a CDN', async () => {
      const host = await grouped({ surrogateTags: 'Cache-Tag', tags: ['own'] });
      for (let i = 0; i < 2; i++) {
        const answer = await host.ask('/a', by('one'));
        expect(fieldsOf(answer, 'cache-tag', 'cache-groups')).toEqual(['own,a,all', '"a", "all";x=1']);
      }
      await host.cache.invalidateByTags(['a'], 'one');
      await host.cache.invalidateByTags(['b']);
      expect(await left(host)).toEqual(without('/a one', '/b one', '/b two'));
    });

    it('are those of the answer that confirms, too', async () => {
      const host = await bench.start(combination);
      host.get('/x', {}, ({ headers }) =>
        headers['if-none-match'] === undefined
          ? { headers: { ETag: '"a"', 'Cache-Control': 'max-age=10', 'Cache-Groups': '"old"' }, body: 'x' }
          : { status: 304, headers: { ETag: '"a"', 'Cache-Groups': '"new"' } },
      );
      for (const group of ['old', 'new']) {
        await host.ask('/x', by('one'));
        host.clock.forward(10);
        expect(told(await host.ask('/x', by('one')))).toMatchObject({ 'fwd-status': 304, stored: true });
        await host.cache.invalidateByTags([group], 'one');
        expect(told(await host.ask('/x', by('one'))), group).toMatchObject({ fwd: 'uri-miss' });
      }
    });
  });

  describe('No-Vary-Search', () => {
    it.each<[string, string[], string[]]>([
      ['params=("utm" "ref")', ['/x?a=1', '/x?a=1&utm=2', '/x?utm=3&a=1&ref=4'], ['/x?a=2', '/x?b=1', '/x', '/x?A=1']],
      ['params, except=("a")', ['/x?a=1', '/x?b=1&a=1&c=2'], ['/x?a=2', '/x', '/x?a=2&a=1']],
      ['except=("a")', ['/x?a=1', '/x?b=1&a=1&c=2'], ['/x?a=2', '/x']],
      ['params', ['/x?a=1', '/x?b=2'], ['/y', '/x/?a=1']],
    ])('%s makes one of what does not differ', async (value, same, others) => {
      const host = await bench.start(combination);
      const handler = numbered(({ url }) => ({ headers: { 'No-Vary-Search': value }, body: url }));
      host.use({}, handler);
      await host.ask(same[0]!);
      for (const url of same) {
        const answer = await host.ask(url);
        expect(answer.text, url).toBe(same[0]);
        expect(told(answer), url).toMatchObject({ hit: true });
      }
      for (const url of others) expect((await host.ask(url)).text, url).toBe(url);
      expect(handler.runs).toBe(1 + others.length);
      // Each is there under its own.
      for (const url of [...others, same.at(-1)!]) expect(told(await host.ask(url)), url).toMatchObject({ hit: true });
    });

    it.each(['', 'params=("a', 'params=(a)', 'x', 'key-order=1', 'params=?0'])('%j says nothing', async (value) => {
      const host = await bench.start(combination);
      host.use({}, ({ url }) => ({ headers: { 'No-Vary-Search': value }, body: url }));
      for (const url of ['/x?a=1', '/x?a=2', '/x?a=1', '/x?b=1&a=1']) expect((await host.ask(url)).text).toBe(url);
    });

    it('key-order makes one of any order, where the order would count', async () => {
      const host = await bench.start(combination);
      host.get('/x', { query: { sort: false } }, ({ url }) => ({
        headers: { 'No-Vary-Search': 'key-order' },
        body: url,
      }));
      expect(await host.texts('/x?a=1&b=2', 1)).toEqual(['/x?a=1&b=2']);
      expect(await host.texts('/x?b=2&a=1', 1)).toEqual(['/x?a=1&b=2']);
      expect(await host.texts('/x?b=2&a=2', 1)).toEqual(['/x?b=2&a=2']);
    });

    it('is of each tenant and path alone, and what it makes one dies as one', async () => {
      const host = await bench.start(combination);
      host.use({}, ({ url, headers }) => ({
        headers: { 'No-Vary-Search': 'params=("utm")' },
        body: `${headers['x-client-id']} ${url}`,
      }));
      const ask = (tenant: string, url: string) => host.ask(url, { headers: { 'X-Client-Id': tenant } });
      for (const tenant of ['a', 'b']) {
        for (const url of ['/x?p=1', '/y?p=1']) expect((await ask(tenant, url)).text).toBe(`${tenant} ${url}`);
      }
      await host.cache.delete('/x?p=1', 'a');
      expect((await ask('a', '/x?p=1&utm=2')).text).toBe('a /x?p=1&utm=2');
      expect((await ask('a', '/y?p=1&utm=2')).text).toBe('a /y?p=1');
      expect((await ask('b', '/x?p=1&utm=2')).text).toBe('b /x?p=1');
    });

    it('that is taken back is no longer gone by', async () => {
      const host = await bench.start(combination);
      const handler: Handler = ({ url, headers }) => ({
        headers: headers['x-rule'] === undefined ? { Vary: 'X-Rule' } : { 'No-Vary-Search': 'params', Vary: 'X-Rule' },
        body: url,
      });
      host.use({ ttl: 10 }, handler);
      const ruled = { headers: { 'X-Rule': '1' } };
      await host.ask('/x?a=1', ruled);
      expect((await host.ask('/x?a=2', ruled)).text).toBe('/x?a=1');
      host.clock.forward(10);
      for (const url of ['/x?a=1', '/x?a=2', '/x?a=1', '/x?a=3']) expect((await host.ask(url)).text).toBe(url);
    });

    const several = ['/x?a=2', '/x?a=3', '/x', '/x?a=4&a=5', '/x?a=2'];
    it.each<[what: string, then: string | undefined, urls: string[]]>([
      ['taken back', undefined, several],
      ['taken back to who asks for the shortest', undefined, ['/x', ...several]],
      ['another', 'params=("b")', several],
    ])('that is %s gives nobody what was made for another URL, be it waited for', async (_, then, urls) => {
      const host = await bench.start(combination);
      const [traffic, gate] = [new Traffic(), new Gate()];
      let said: string | undefined = 'params=("a")';
      host.use(traffic.layer, {});
      host.use(async ({ url }) => {
        if (said !== 'params=("a")') await gate.opened;
        return { headers: said === undefined ? {} : { 'No-Vary-Search': said }, body: url };
      });
      await host.ask('/x?a=1');
      await host.cache.clear();
      said = then;
      const answers = [];
      for (const [i, url] of urls.entries()) {
        answers.push(host.ask(url));
        await traffic.begun(i + 2);
      }
      gate.open();
      expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(urls);
    });
  });

  describe('a guess at how long', () => {
    const aged = (seconds: number, more: Said['headers'] = {}) => ({
      'Last-Modified': http(START - seconds * 1000),
      ...more,
    });
    const values = [
      aged(1000),
      aged(1000, { 'Cache-Control': 'public' }),
      aged(1000, { 'Cache-Control': 'max-age=7' }),
      aged(1000, { Expires: http(START + 8000) }),
      aged(1000, { Date: http(START - 500_000) }),
      aged(10_000_000_000),
      aged(-1000),
      { 'Last-Modified': 'long ago' },
      {},
    ];

    it('is none in an application: what the options say counts', async () => {
      const host = await bench.start(combination);
      expect(await lifetimes(host, { ttl: 300 }, values)).toEqual([300, 300, 7, 8, 300, 300, 300, 300, 300]);
    });

    it('is made where the option wants it, at most a day', async () => {
      const host = await bench.start(combination);
      expect(await lifetimes(host, { ttl: 300, heuristic: 0.5 }, values)).toEqual(
        // (Half of 500 s, of which 500 have passed.)
        [500, 500, 7, 8, undefined, 86_400, undefined, 300, 300],
      );
    });

    it("is a tenth in mode 'rfc9111', where nothing else says anything", async () => {
      const host = await bench.start(combination, { mode: 'rfc9111' });
      expect(await lifetimes(host, {}, values)).toEqual([
        100,
        100,
        7,
        8,
        undefined,
        86_400,
        undefined,
        undefined,
        undefined,
      ]);
      const other = await bench.start(combination, { mode: 'rfc9111' });
      expect(await lifetimes(other, { heuristic: 0 }, values)).toEqual([
        ...[undefined, undefined, 7, 8, undefined, undefined, undefined, undefined, undefined],
      ]);
    });
  });

  describe('Vary', () => {
    it.each<[string, string, (string | undefined)[][], 'application' | 'rfc9111']>([
      [
        'Accept-Encoding',
        'application',
        [
          ['gzip, br', 'br,gzip', 'GZIP , br;q=1', 'br;q=1.0,gzip', 'gzip,,br'],
          ['gzip;q=0.5, br', 'br, gzip;q=0.50'],
          ['gzip'],
          [''],
          [undefined],
          ['br, gzip;q=0'],
        ],
        'application',
      ],
      [
        'Accept-Language',
        'application',
        [
          ['de, en;q=0.5', 'DE,en;q=0.5', 'en;q=0.5, de', 'de;q=1,en;q=0.500'],
          ['de, en'],
          ['en, de'],
          ['en;q=0.8, de;q=0.5'],
          ['de'],
          [undefined],
        ],
        'application',
      ],
      ['Accept-Language', 'rfc9111', [['de, en', 'en,de', 'EN , de;q=1'], ['de', 'DE'], ['de-at']], 'rfc9111'],
      ['X-List', 'application', [['a, b', 'a,b', ' a ,  b '], ['b, a'], ['A, b'], ['a'], ['']], 'application'],
    ])('%s: what means the same is the same, mode %s', async (name, _, groups, mode) => {
      const host = await bench.start(combination, { mode });
      const handler = numbered(({ headers }) => ({
        headers: { Vary: name, 'Cache-Control': 'max-age=60' },
        body: String(headers[name.toLowerCase()]),
      }));
      host.get('/x', {}, handler);
      for (const group of groups) {
        for (const value of group) {
          const answer = await host.ask('/x', { headers: value === undefined ? {} : { [name]: value } });
          expect(answer.text.trim(), `${value}`).toBe(String(group[0]).trim());
        }
      }
      expect(handler.runs).toBe(groups.length);
    });
  });

  describe('Cache-Status', () => {
    it('says what was done, and why nothing was stored, in the words of RFC 9211', async () => {
      const host = await bench.start(combination, { ttl: 10, staleIfError: 60 });
      const route = (path: string, said: Said, options: RouteOptions<Source> = {}) =>
        host.all(path, options, () => ({ body: 'x', ...said }));
      route('/x', {});
      route('/vary', { headers: { Vary: 'Accept' } });
      route('/no-store', { headers: { 'Cache-Control': 'no-store' } });
      route('/private', { headers: { 'Cache-Control': 'private' } });
      route('/no-cache', { headers: { 'Cache-Control': 'no-cache' } });
      route('/not-fresh', { headers: { 'Cache-Control': 'max-age=0' } });
      route('/set-cookie', { headers: { 'Set-Cookie': 'a=1' } });
      route('/vary-star', { headers: { Vary: '*' } });
      route('/status', { status: 403 });
      route('/event-stream', { headers: { 'Content-Type': 'text/event-stream' } });
      route('/too-large', { body: 'x'.repeat(99) }, { maxBodyBytes: 50 });
      route('/when', {}, { when: () => false });
      route('/tenant', {}, { tenant: { required: true } });
      route('/streamed', {});
      route('/honor', {}, { requestDirectives: 'honor' });
      const asking = (directive: string) => ({ headers: { 'Cache-Control': directive } });
      const expectations: [string, Ask, object][] = [
        ['/x', {}, { fwd: 'uri-miss', stored: true }],
        ['/x', {}, { hit: true, ttl: 10 }],
        ['/x', { method: 'HEAD' }, { hit: true, ttl: 10 }],
        ['/x', { headers: { Range: 'bytes=0-0' } }, { hit: true, ttl: 10 }],
        ['/x', { headers: { Range: 'bytes=9-' } }, { hit: true }],
        ['/x?1', { method: 'HEAD' }, { fwd: 'uri-miss', detail: 'head' }],
        ['/x', { method: 'POST' }, { fwd: 'method', detail: 'method' }],
        ['/x', { headers: { Cookie: 'a=1' } }, { fwd: 'bypass', detail: 'cookie' }],
        ['/x', { headers: { Authorization: 'a' } }, { fwd: 'bypass', detail: 'authorization' }],
        ['/x', { headers: { 'If-Match': '"a"' } }, { fwd: 'bypass', detail: 'precondition' }],
        ['/vary', { headers: { Accept: 'a/a' } }, { fwd: 'uri-miss', stored: true }],
        ['/vary', { headers: { Accept: 'b/b' } }, { fwd: 'vary-miss', stored: true }],
        ...['no-store', 'private', 'no-cache', 'not-fresh', 'set-cookie', 'vary-star', 'status', 'event-stream'].map(
          (detail): [string, Ask, object] => [`/${detail}`, {}, { fwd: 'uri-miss', detail }],
        ),
        ['/too-large', {}, { fwd: 'uri-miss', detail: 'too-large' }],
        ['/when', {}, { fwd: 'bypass', detail: 'when' }],
        ['/tenant', {}, { fwd: 'bypass', detail: 'tenant' }],
        ['/honor', asking('only-if-cached'), { detail: 'only-if-cached' }],
        ['/honor', asking('no-store'), { fwd: 'bypass', detail: 'request' }],
        ['/honor', asking('no-cache'), { fwd: 'uri-miss', stored: true }],
        ['/honor', asking('no-cache'), { fwd: 'request', 'fwd-status': 200, stored: true }],
      ];
      for (const [path, ask, expected] of expectations) {
        const answer = await host.ask(path, ask);
        expect(told(answer), `${path} ${JSON.stringify(ask)}`).toEqual({ name: 'respcache', ...expected });
        expect(parseList(answer.header('cache-status')!).length).toBe(1);
      }
      expect((await host.ask('/honor?2', asking('only-if-cached'))).status).toBe(504);
    });

    it('says what became of what is stale, and of those who waited', async () => {
      const host = await bench.start(combination, { ttl: 10, staleWhileRevalidate: 5, staleIfError: 60 });
      const traffic = new Traffic();
      const gate = new Gate();
      let status: number | undefined;
      host.use(traffic.layer, {});
      host.get('/x', async ({ headers }) => {
        if (headers['x-wait'] !== undefined) await gate.opened;
        const found = headers['if-none-match'] === undefined ? 200 : 304;
        return { status: status ?? found, headers: { ETag: status === undefined ? '"a"' : '"b"' }, body: 'x' };
      });
      const waiting = { headers: { 'X-Wait': '1' } };
      const both = [host.ask('/x', waiting)];
      await traffic.begun(1);
      both.push(host.ask('/x'));
      await traffic.begun(2);
      const filled = nextEvent(host.cache, 'set');
      gate.open();
      expect((await Promise.all(both)).map(told)).toEqual([
        { name: 'respcache', fwd: 'uri-miss', stored: true },
        { name: 'respcache', fwd: 'uri-miss', collapsed: true, ttl: 10 },
      ]);
      await filled;
      const stale = (value: number | undefined, more: object) => async (): Promise<void> => {
        host.clock.forward(15);
        status = value;
        expect(told(await host.ask('/x'))).toEqual({ name: 'respcache', fwd: 'stale', ...more });
      };
      await stale(undefined, { 'fwd-status': 304, stored: true, ttl: 10 })();
      await stale(200, { 'fwd-status': 200, stored: true })();
      await stale(503, { 'fwd-status': 503, ttl: -5, detail: 'stale-if-error' })();
      await stale(404, { 'fwd-status': 404, stored: true })();
      host.clock.forward(12);
      expect(told(await host.ask('/x'))).toEqual({ name: 'respcache', hit: true, ttl: -2 });
    });

    it('says the key in a way that can be read, where it is asked to', async () => {
      const host = await bench.start(combination);
      host.use({ exposeKey: true }, numbered());
      for (const target of ['/x?a="b"\\', '/%C3%BC?%22', '/x~y;z,w?q=*']) {
        for (let i = 0; i < 2; i++) {
          const { key } = told(await host.ask(target, { headers: { 'X-Client-Id': 'ü "a", b\\' } }));
          expect(typeof key).toBe('string');
          expect(key).toMatch(/^[\x20-\x7e]+$/);
        }
      }
    });

    it('stands behind what caches nearer to the handler say, however they say it', async () => {
      const host = await bench.start(combination);
      const upstream = ['a; hit; ttl=1', '"b c"; fwd=stale; fwd-status=304'];
      host.get('/x', {}, numbered({ headers: { 'Cache-Status': upstream } }));
      for (let i = 0; i < 2; i++) {
        const answer = await host.ask('/x');
        const list = parseList(answer.header('cache-status')!);
        expect(list.map(([item]) => String(item))).toEqual(['a', 'b c', 'respcache']);
      }
    });
  });
});
