// What docs/in-front.md says of the layers that a hit skips.

import { gzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';
import type { Middleware } from 'koa';
import { rateLimit } from 'respcache/express';
import { rateLimit as rateLimitOfKoa } from 'respcache/koa';
import { describe, expect, it } from 'vitest';
import { IN_FRONT, numbered, useBench } from './bench.js';
import { Layer, load } from './hosts.js';

const bench = useBench();

/** A layer that sets what it is about into every answer. */
function setting(fields: (headers: Record<string, unknown>) => Record<string, string>): Layer {
  return new Layer(
    (req, res, next) => {
      res.set(fields(req.headers));
      next();
    },
    (ctx, next) => {
      ctx.set(fields(ctx.headers));
      return next();
    },
  );
}

const cors = new Layer(
  load<(options: object) => RequestHandler>('cors')({ origin: true, credentials: true }),
  load<(options: object) => Middleware>('@koa/cors')({ credentials: true }),
);

describe.each(IN_FRONT)('a hit of $label', (combination) => {
  it('has the security headers that its layers had set, a nonce too', async () => {
    const host = await bench.start(combination);
    let nonces = 0;
    const names = ['Strict-Transport-Security', 'X-Content-Type-Options', 'Content-Security-Policy'];
    host.use(
      setting(() => ({
        'Strict-Transport-Security': 'max-age=31536000',
        'X-Content-Type-Options': 'nosniff',
        'Content-Security-Policy': `script-src 'nonce-${++nonces}'`,
      })),
    );
    host.get('/a', numbered());
    host.get('/out', ({ cache }) => {
      cache.noStore();
      return { body: 'never stored' };
    });
    const fields = async (path: string) => {
      const answer = await host.ask(path);
      return names.map((name) => answer.header(name));
    };
    const first = await fields('/a');
    expect(first).toEqual(['max-age=31536000', 'nosniff', "script-src 'nonce-1'"]);
    expect(await fields('/a')).toEqual(first);
    expect([(await fields('/out'))[2], (await fields('/out'))[2]]).toEqual([
      "script-src 'nonce-2'",
      "script-src 'nonce-3'",
    ]);
  });

  it('has no id or time of the first request, where they have the usual names', async () => {
    const host = await bench.start(combination);
    const names = ['X-Request-Id', 'X-Correlation-Id', 'traceparent', 'Server-Timing', 'X-RateLimit-Remaining'];
    let ids = 0;
    host.use(setting(() => Object.fromEntries([...names, 'X-My-Id'].map((name) => [name, `${++ids}`]))));
    host.get('/a', numbered());
    const [first, hit] = [await host.ask('/a'), await host.ask('/a')];
    for (const name of names) {
      expect(first.header(name)).toBeDefined();
      expect(hit.header(name)).toBeUndefined();
    }
    expect(hit.header('X-My-Id')).toBe(first.header('X-My-Id'));
  });

  it('has its own origin allowed, and no other one; preflights are not cached', async () => {
    const host = await bench.start(combination);
    host.use(cors);
    host.get('/a', numbered());
    for (const Origin of ['https://a.example', 'https://b.example']) {
      for (let i = 0; i < 2; i++) {
        const answer = await host.ask('/a', { headers: { Origin } });
        expect(answer.header('access-control-allow-origin')).toBe(Origin);
      }
    }
    const headers = { Origin: 'https://c.example', 'Access-Control-Request-Method': 'PUT' };
    const preflight = await host.ask('/a', { method: 'OPTIONS', headers });
    expect(preflight).toMatchObject({ status: 204 });
    expect(preflight.header('access-control-allow-origin')).toBe('https://c.example');
    expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 2 });
  });

  it('has its own origin allowed by a layer that says so to no other one, where the option vary names the field', async () => {
    const host = await bench.start(combination, { vary: ['origin'] });
    const allowed = ({ origin }: Record<string, unknown>) => origin === 'https://a.example';
    type Decide = (error: null, options: object) => void;
    const decided = (req: { headers: Record<string, unknown> }, decide: Decide) =>
      decide(null, { origin: allowed(req.headers) });
    host.use(
      new Layer(load<(decided: unknown) => RequestHandler>('cors')(decided), (ctx, next) => {
        if (allowed(ctx.headers)) ctx.set('Access-Control-Allow-Origin', String(ctx.headers.origin));
        return next();
      }),
    );
    host.get('/a', numbered());
    const origins = [undefined, 'https://b.example', 'https://a.example'];
    for (const origin of [...origins, ...origins]) {
      const answer = await host.ask('/a', { headers: origin === undefined ? {} : { Origin: origin } });
      expect(answer.header('access-control-allow-origin')).toBe(allowed({ origin }) ? origin : undefined);
    }
    expect(host.cache.getStats()).toMatchObject({ hits: 3, misses: 3 });
  });

  it('is of no session: neither with a cookie, nor of an answer that sets one', async () => {
    const host = await bench.start(combination);
    host.use(setting(({ cookie }) => (cookie === undefined ? { 'Set-Cookie': 'sid=new' } : {})));
    const handler = numbered();
    host.get('/a', handler);
    for (const headers of [{}, {}, { Cookie: 'sid=new' }, { Cookie: 'sid=new' }]) await host.ask('/a', { headers });
    expect(handler.runs).toBe(4);
    expect(host.cache.getStats()).toMatchObject({ hits: 0, sets: 0 });
  });

  it('is coded as its client can read it', async () => {
    const host = await bench.start(combination);
    host.get('/a', ({ headers }) => {
      const gzip = headers['accept-encoding'] === 'gzip';
      const fields = { Vary: 'Accept-Encoding', 'Content-Type': 'text/plain' };
      return gzip
        ? { headers: { ...fields, 'Content-Encoding': 'gzip' }, body: gzipSync('text') }
        : { headers: fields, body: Buffer.from('text') };
    });
    for (const coding of ['gzip', 'identity', 'gzip', 'identity']) {
      const answer = await host.ask('/a', { headers: { 'Accept-Encoding': coding } });
      expect(answer.header('content-encoding')).toBe(coding === 'gzip' ? 'gzip' : undefined);
      expect(answer.body).toEqual(coding === 'gzip' ? gzipSync('text') : Buffer.from('text'));
    }
    expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 2 });
  });

  it('is of the same host and protocol', async () => {
    const host = await bench.start(combination);
    host.get('/a', ({ headers }) => ({ body: `${headers.host} ${headers['x-forwarded-proto']}` }));
    for (const Host of ['a.example', 'b.example'])
      for (const proto of ['http', 'https'])
        expect(await host.texts('/a', 2, { headers: { Host, 'X-Forwarded-Proto': proto } })).toEqual(
          Array(2).fill(`${Host} ${proto}`),
        );
    expect(host.cache.getStats()).toMatchObject({ hits: 4, misses: 4 });
  });

  it('is not counted by a limit inside, and tells nobody what another has left', async () => {
    const host = await bench.start(combination);
    const { cache } = host;
    const options = { cache, points: 5, duration: 60, by: () => 'all' };
    host.use(new Layer(rateLimit(options), rateLimitOfKoa(options)));
    host.get('/a', numbered());
    host.get('/b', numbered());
    const left = async (path: string) => (await host.ask(path)).header('ratelimit')?.match(/r=(\d+)/)?.[1];
    expect([await left('/a'), await left('/a'), await left('/a'), await left('/b')]).toEqual([
      '4',
      undefined,
      undefined,
      '3',
    ]);
  });
});
