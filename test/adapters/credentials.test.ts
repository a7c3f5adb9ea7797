// P5: requests with Authorization, Cookie or what the option `personal` names, and answers with Set-Cookie, as long as nothing says what makes them safe.

import type { RouteOptions } from 'respcache';
import { describe, expect, it } from 'vitest';
import { NEWEST, numbered, useBench } from './bench.js';
import type { Handler, Source } from './hosts.js';

const bench = useBench();

const CREDENTIALS = [
  ['Authorization', 'Bearer one', 'Bearer two'],
  ['Cookie', 'sid=one', 'sid=two'],
  ['X-Api-Key', 'one', 'two'],
] as const;

describe.each(NEWEST)('credentials: $label', (combination) => {
  describe.each(CREDENTIALS)('%s', (field, one, two) => {
    const name = field.toLowerCase();
    const reason = name === 'x-api-key' ? 'personal' : name;
    const start = () => bench.start(combination, { personal: ['X-Api-Key'] });
    const by = (value: string) => ({ headers: { [field]: value } });
    /** Says who asked, and how often it has run. */
    const personal = (headers = {}) => numbered((asked) => ({ headers, body: `for ${asked.headers[name]}` }));

    it('keeps what it brought from everybody, its sender too', async () => {
      const host = await start();
      const handler = personal();
      host.get('/me', {}, handler);
      const answer = await host.ask('/me', by(one));
      expect(answer.header('cache-status')).toBe(`respcache; fwd=bypass; detail=${reason}`);
      expect(await host.texts('/me', 1)).toEqual(['for undefined']);
      expect(await host.texts('/me', 1, by(two))).toEqual([`for ${two}`]);
      expect(await host.texts('/me', 1, by(one))).toEqual([`for ${one}`]);
      expect(handler.runs).toBe(4);
    });

    it('is not given what an anonymous request left', async () => {
      const host = await start();
      host.get('/me', {}, personal());
      expect(await host.texts('/me', 2)).toEqual(['for undefined', 'for undefined']);
      const answer = await host.ask('/me', by(one));
      expect(answer.text).toBe(`for ${one}`);
      expect(answer.header('cache-status')).toBe(`respcache; fwd=bypass; detail=${reason}`);
    });

    it('does not replace what an anonymous request left', async () => {
      const host = await start();
      const handler = personal();
      host.get('/me', {}, handler);
      await host.texts('/me', 1);
      await host.texts('/me', 1, by(one));
      expect(await host.texts('/me', 1)).toEqual(['for undefined']);
      expect(handler.runs).toBe(2);
    });

    it.each(['public', 'PUBLIC, max-age=60', 's-maxage=60', 'max-age=1, S-MaxAge="60"'])(
      'is shared where the answer says %s',
      async (value) => {
        const host = await start();
        host.get('/me', {}, numbered({ headers: { 'Cache-Control': value } }));
        expect(await host.texts('/me', 1, by(one))).toEqual(['run 1']);
        expect(await host.texts('/me', 1, by(two))).toEqual(['run 1']);
        expect(await host.texts('/me', 1)).toEqual(['run 1']);
      },
    );

    it.each(['max-age=60', 's-maxage=0', 'x-public', 'x="public"', 'immutable, max-age=60'])(
      'is not shared where the answer says %s',
      async (value) => {
        const host = await start();
        const handler = numbered({ headers: { 'Cache-Control': value } });
        host.get('/me', {}, handler);
        await host.ask('/me');
        await host.ask('/me', by(one));
        await host.ask('/me', by(one));
        expect(await host.texts('/me', 1, by(two))).toEqual([`run ${handler.runs}`]);
        expect(handler.runs).toBeGreaterThanOrEqual(4);
      },
    );

    // RFC 9111 §3.5 lets it in for Authorization; of what else is personal the answer knows nothing.
    it(`${field === 'Authorization' ? 'is' : 'is not'} shared where the answer says must-revalidate`, async () => {
      const host = await start();
      host.get('/me', {}, numbered({ headers: { 'Cache-Control': 'must-revalidate, max-age=60' } }));
      await host.ask('/me', by(one));
      expect(await host.texts('/me', 1, by(two))).toEqual([field === 'Authorization' ? 'run 1' : 'run 2']);
    });

    it('has an answer of its own where the route varies by it', async () => {
      const host = await start();
      const handler = personal();
      host.get('/me', { vary: [field] }, handler);
      for (const value of [one, two, one, two]) {
        expect(await host.texts('/me', 1, by(value))).toEqual([`for ${value}`]);
      }
      expect(await host.texts('/me', 2)).toEqual(['for undefined', 'for undefined']);
      expect(handler.runs).toBe(3);
      expect((await host.ask('/me', by(one))).header('vary')?.toLowerCase()).toContain(name);
    });

    it('is not opened by a Vary of the answer alone', async () => {
      const host = await start();
      const handler = personal({ Vary: field });
      host.get('/me', {}, handler);
      await host.ask('/me');
      for (const value of [one, two, one, two]) {
        expect(await host.texts('/me', 1, by(value))).toEqual([`for ${value}`]);
      }
      expect(handler.runs).toBe(5);
    });

    const user = (source: Source) => String(source.headers[name]);

    it.each<[string, RouteOptions<Source>]>([
      ['a key function', { key: user }],
      ['identity', { identity: user }],
    ])('has an answer of its own where %s tells users apart', async (_, options) => {
      const host = await start();
      const handler = personal();
      host.get('/me', options, handler);
      for (const value of [one, two, one, two]) {
        expect(await host.texts('/me', 1, by(value))).toEqual([`for ${value}`]);
      }
      expect(await host.texts('/me', 2)).toEqual(['for undefined', 'for undefined']);
      expect(handler.runs).toBe(3);
    });

    it.each<[string, RouteOptions<Source>]>([
      ['identity', { identity: () => undefined }],
      ['a key function', { key: () => undefined }],
      ['identity, by an empty text,', { identity: () => '' }],
      ['a key function, by an empty text,', { key: () => '' }],
    ])('is bypassed where %s knows nobody', async (_, options) => {
      const host = await start();
      host.get('/me', options, personal());
      await host.ask('/me');
      for (const value of [one, two, one]) expect(await host.texts('/me', 1, by(value))).toEqual([`for ${value}`]);
    });

    it('is not opened by the name of a route', async () => {
      const host = await start();
      host.get('/me', { key: 'users:me' }, personal());
      await host.ask('/me');
      for (const value of [one, two, one]) expect(await host.texts('/me', 1, by(value))).toEqual([`for ${value}`]);
      expect(await host.texts('/me', 1)).toEqual(['for undefined']);
    });

    const fails = () => {
      throw new Error('nobody');
    };

    const takes = 'it takes a function that gives a text, or nothing';

    it.each<[string, RouteOptions<Source>, told: string | undefined]>([
      ['a key function throws', { key: fails }, 'nobody'],
      ['identity throws', { identity: fails }, 'nobody'],
      [
        'a key function gives no text',
        { key: (() => ({ id: 1 })) as unknown as () => string },
        `the option key gave {"id":1}; ${takes}`,
      ],
      [
        'identity gives no text',
        { identity: (() => 7) as unknown as () => string },
        `the option identity gave 7; ${takes}`,
      ],
      [
        'identity promises',
        { identity: (async () => 'x') as unknown as () => string },
        'the option identity gave a promise; it takes a function that answers at once',
      ],
      ['identity says that there is none', { identity: (() => null) as unknown as () => string }, undefined],
      ['tenant gives no text', { tenant: (() => 7) as unknown as () => string }, `the option tenant gave 7; ${takes}`],
    ])('is bypassed where %s, and so are others', async (_, options, told) => {
      const host = await start();
      const errors: unknown[] = [];
      host.cache.on('error', ({ error }) => errors.push((error as Error).message));
      host.get('/me', options, numbered());
      const answer = await host.ask('/me', by(one));
      expect(errors).toEqual(told === undefined ? [] : [told]);
      expect(answer).toMatchObject({ status: 200, text: 'run 1' });
      const reason = options.tenant === undefined ? 'key' : 'tenant';
      expect(answer.header('cache-status')).toBe(`respcache; fwd=bypass; detail=${reason}`);
      expect(await host.texts('/me', 1, by(one))).toEqual(['run 2']);
      expect(await host.texts('/me', 2)).toEqual(['run 3', 'run 4']);
    });
  });

  it('that an inner mount alone knows are looked up there alone', async () => {
    const host = await bench.start(combination);
    const handler = numbered(({ headers }) => ({ body: `for ${headers['x-api-key']}` }));
    host.use({});
    host.get('/me', { personal: ['x-api-key'] }, handler);
    for (const value of ['one', 'two', 'one'])
      expect(await host.texts('/me', 1, { headers: { 'X-Api-Key': value } })).toEqual([`for ${value}`]);
    expect(await host.texts('/me', 2)).toEqual(['for undefined', 'for undefined']);
    expect(await host.texts('/me', 1, { headers: { 'X-Api-Key': 'one' } })).toEqual(['for one']);
    expect(handler.runs).toBe(5);
  });

  it('are each to be made safe: an answer that varies by one of two is kept from everybody', async () => {
    const host = await bench.start(combination);
    host.get('/me', { vary: ['Cookie'] }, numbered());
    const both = { headers: { Authorization: 'Bearer one', Cookie: 'sid=one' } };
    expect(await host.texts('/me', 2, both)).toEqual(['run 1', 'run 2']);
    expect(await host.texts('/me', 1, { headers: { Cookie: 'sid=one' } })).toEqual(['run 3']);
  });

  it('in the key of one tenant are nothing to another', async () => {
    const host = await bench.start(combination);
    host.get('/me', { identity: () => 'one' }, ({ headers }) => ({ body: String(headers['x-client-id']) }));
    for (const name of ['a', 'b', 'a']) {
      expect(await host.texts('/me', 1, { headers: { 'X-Client-Id': name, Cookie: 'x=1' } })).toEqual([name]);
    }
  });

  it('deceive nobody: a private page under the name of a style sheet is not left for others', async () => {
    const host = await bench.start(combination);
    const account: Handler = ({ headers }) => ({
      headers: { 'Content-Type': 'text/css' },
      body: headers.cookie === undefined ? 'please log in' : `account of ${headers.cookie}`,
    });
    host.use({}, account);
    const path = '/account/x.css';
    expect((await host.ask(path, { headers: { Cookie: 'sid=victim' } })).text).toBe('account of sid=victim');
    expect((await host.ask(path)).text).toBe('please log in');
    expect((await host.ask(path, { headers: { Cookie: 'sid=attacker' } })).text).toBe('account of sid=attacker');
  });
});
