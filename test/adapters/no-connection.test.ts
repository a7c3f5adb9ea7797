// Hosts without a connection, as packages are that run an application on AWS Lambda: they give a response something that takes what is written.

import { once } from 'node:events';
import { IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type express from 'express';
import type Koa from 'koa';
import { type Cache, createCache } from 'respcache';
import * as forExpress from 'respcache/express';
import * as forKoa from 'respcache/koa';
import { withCache } from 'respcache/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load } from './hosts.js';

let cache: Cache;
beforeEach(() => {
  cache = createCache({ redis: false });
});
afterEach(() => cache.close());

const TEXT = 'José ☕';
const bytes = () => Buffer.from(TEXT);

function ofExpress(version: 'express' | 'express4', mount: boolean): RequestListener {
  const app = load<typeof express>(version)();
  if (mount) app.use(forExpress.cacheMiddleware({ cache }));
  app.all('/', (_req, res) => {
    res.send(TEXT);
  });
  return app;
}

function ofKoa(): RequestListener {
  const app = new (load<typeof Koa>('koa'))();
  app.use(forKoa.cacheMiddleware({ cache }));
  app.use((ctx) => {
    ctx.body = bytes();
  });
  return app.callback();
}

const HOSTED: readonly (readonly [string, () => RequestListener])[] = [
  ['express', () => ofExpress('express', true)],
  ['express4', () => ofExpress('express4', true)],
  ['koa', ofKoa],
  ['withCache around Express', () => withCache(ofExpress('express', false), { cache })],
  ['withCache around a listener', () => withCache((_req, res) => res.end(bytes()), { cache })],
];

/** What of an answer is there as soon as the response says that it has ended, and its `Cache-Status`. */
async function answered(listener: RequestListener, method: string): Promise<[body: string, status: unknown]> {
  const req = new IncomingMessage({ encrypted: true } as unknown as Socket);
  Object.assign(req, { method, url: '/', headers: { host: 'a.test' }, httpVersion: '1.1', complete: true });
  Object.assign(req, { httpVersionMajor: 1, httpVersionMinor: 1 });
  req.push(null);
  const res = new ServerResponse(req);
  const written: Buffer[] = [];
  const nothing = () => {};
  res.assignSocket({
    ...{ writable: true, _writableState: {}, on: nothing, removeListener: nothing },
    ...{ cork: nothing, uncork: nothing, destroy: nothing },
    // It asks nobody how a text is meant.
    write: (data: string | Buffer, encoding: unknown, callback: unknown) => {
      written.push(Buffer.from(data as string));
      for (const each of [encoding, callback]) if (typeof each === 'function') each();
      return true;
    },
  } as unknown as Socket);
  const done = once(res, 'finish');
  listener(req, res);
  if (!res.writableEnded) await done;
  const [, body = ''] = Buffer.concat(written).toString().split('\r\n\r\n');
  return [body, res.getHeader('cache-status')];
}

describe.each(HOSTED)('without a connection, %s', (_, host) => {
  it('answers with the bytes of a short body, stored, served, and as a head of before is sent once more', async () => {
    const listener = host();
    const answers = [];
    for (let times = 0; times < 5; times++) answers.push(await answered(listener, 'GET'));
    expect(answers.map(([body]) => body)).toEqual(answers.map(() => TEXT));
    expect(cache.getStats()).toMatchObject({ hits: 4, misses: 1 });
  });

  it('has not ended a write’s answer that waits for its invalidation', async () => {
    expect((await answered(host(), 'POST'))[0]).toBe(TEXT);
  });
});
