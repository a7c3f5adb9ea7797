// The head of a hit is kept as Node has written it, for the next ones: layers outside must not notice. What leaves is
// compared in test/property/written-head.test.ts.

import { Agent, ServerResponse } from 'node:http';
import type { Express, RequestHandler, Response } from 'express';
import type Koa from 'koa';
import { cacheMiddleware } from 'respcache/express';
import { cacheMiddleware as cacheInKoa } from 'respcache/koa';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { WrittenHead } from '../../adapters/node/written-head.js';
import { load } from './hosts.js';
import { useNode } from './node-host.js';

const { serve } = useNode();
/** Only what leaves a connection open is kept. */
const agent = new Agent({ keepAlive: true });
afterAll(() => agent.destroy());
afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

/** So many hits have a head made, look at it, keep it, and are given it. */
const HITS = 6;

const answering: RequestHandler = (_req, res) => {
  res.status(200).set('X-Own', 'yes').send('hello');
};

describe.each(['express4', 'express'])('under %s', (name) => {
  const make = load<() => Express>(name);

  it('a layer outside that looks at a response in the end finds all of its fields', async () => {
    const put = vi.spyOn(WrittenHead.prototype, 'put');
    const found: unknown[] = [];
    const watching: RequestHandler = (_req, res, next) => {
      res.status(404);
      res.on('finish', () => {
        found.push([
          res.statusCode,
          res.statusMessage,
          res.getHeader('content-length'),
          res.getHeader('X-Own'),
          res.getHeaderNames().filter((each) => each !== 'date' && each !== 'x-powered-by'),
          { ...res.getHeaders(), date: undefined },
          res.headersSent,
          res.writableEnded,
        ]);
      });
      next();
    };
    const host = await serve('memory', (cache) => make().use(watching, cacheMiddleware({ cache }), answering));
    await host.texts('/', HITS, { agent });
    expect(found).toHaveLength(HITS);
    for (const each of found.slice(1)) expect(each).toEqual(found[1]);
    expect(found[1]).toEqual(expect.arrayContaining([200, 'OK', '5', 'yes', true]));
    expect(put).toHaveLastReturnedWith(true);
  });

  it('what a layer outside sets is what leaves, though it is another thing each time', async () => {
    let nonce = 0;
    const signing: RequestHandler = (_req, res, next) => {
      res.set('Content-Security-Policy', `nonce-${nonce++}`);
      next();
    };
    const host = await serve('memory', (cache) => make().use(signing, cacheMiddleware({ cache }), answering));
    for (let i = 0; i < HITS; i++)
      expect((await host.ask('/', { agent })).header('content-security-policy')).toBe(`nonce-${i}`);
  });

  it('what a layer outside sets is what leaves, though it is the same list with another line in it', async () => {
    const links: string[] = [];
    const linking: RequestHandler = (_req, res, next) => {
      links.push(`</${links.length}>`);
      res.setHeader('Link', links);
      next();
    };
    const host = await serve('memory', (cache) => make().use(linking, cacheMiddleware({ cache }), answering));
    for (let i = 0; i < HITS; i++) expect((await host.ask('/', { agent })).all('link')).toHaveLength(i + 1);
  });

  it.each([true, null, new Date(0), [true, 1]])('what a layer outside sets may be no text: %j', async (value) => {
    const flagging: RequestHandler = (_req, res, next) => {
      res.setHeader('X-Flag', value as unknown as string);
      next();
    };
    const host = await serve('memory', (cache) => make().use(flagging, cacheMiddleware({ cache }), answering));
    for (let i = 0; i < HITS; i++) {
      const answer = await host.ask('/', { agent });
      expect([answer.status, answer.text, answer.all('x-flag')]).toEqual([200, 'hello', [value].flat().map(String)]);
    }
  });

  it("methods of the application in the place of Node's are asked for each hit", async () => {
    const app = make();
    let heads = 0;
    const { writeHead } = app.response as Response;
    app.response.writeHead = function (this: Response, ...given: unknown[]) {
      heads++;
      return Reflect.apply(writeHead, this, given);
    } as typeof writeHead;
    const host = await serve('memory', (cache) => app.use(cacheMiddleware({ cache }), answering));
    await host.texts('/', HITS, { agent });
    expect(heads).toBe(HITS);
  });
});

it("what has been put in the place of Node's methods before adds to each answer its own", async () => {
  let spans = 0;
  const { writeHead } = ServerResponse.prototype;
  vi.spyOn(ServerResponse.prototype, 'writeHead').mockImplementation(function (
    this: ServerResponse,
    ...given: unknown[]
  ) {
    this.setHeader('Traceparent', `span-${spans++}`);
    return Reflect.apply(writeHead, this, given);
  });
  vi.resetModules();
  const adapter = await import('respcache/express');
  const { createCache } = await import('respcache');
  const host = await serve('memory', () => {
    const app = load<() => Express>('express')();
    const cache = createCache({ redis: false });
    return app.use(adapter.cacheMiddleware({ cache }), answering);
  });
  for (let i = 0; i < HITS; i++) expect((await host.ask('/', { agent })).header('traceparent')).toBe(`span-${i}`);
});

it.each(['koa2', 'koa'])(
  '%s: where the cache is the first layer, a hit has no field that Koa takes off',
  async (name) => {
    const host = await serve('memory', (cache) => {
      const app = new (load<typeof Koa>(name))();
      app.use(cacheInKoa({ cache }));
      app.use((ctx) => {
        ctx.status = 204;
        ctx.set('X-Own', 'yes');
        ctx.body = 'left out';
      });
      return app.callback();
    });
    for (let i = 0; i < HITS; i++) {
      const answer = await host.ask('/', { agent });
      expect([answer.status, answer.header('content-type'), answer.lines.some(([field]) => field === 'X-Own')]).toEqual(
        [204, undefined, true],
      );
    }
  },
);
