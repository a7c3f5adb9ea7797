// Express gives each request and response its prototypes, and with them, in the V8 of Node 20 and 22, a shape of its own.
// Behind a mount all share one, and are otherwise as they were.

import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import type { Application, NextFunction, Request, Response } from 'express';
import { createCache } from 'respcache';
import { cacheMiddleware, createServer, invalidate } from 'respcache/express';
import { afterEach, describe, expect, it } from 'vitest';
import { shareShape } from '../../adapters/express/prototypes.js';
import { load } from './hosts.js';

const EXPRESS = ['express4', 'express'].map((name) => [name, load<typeof import('express')>(name)] as const);

setFlagsFromString('--allow-natives-syntax');
const haveSameShape = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean;
const isDictionary = new Function('each', 'return !%HasFastProperties(each)') as (each: object) => boolean;

const opened: http.Server[] = [];

afterEach(async () => {
  for (const server of opened.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function ask(server: http.Server, ...paths: string[]): Promise<string[]> {
  opened.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const texts = [];
  for (const path of paths) {
    const request = http.get({ port, host: '127.0.0.1', path, agent: false });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    texts.push((await response.toArray()).join(''));
  }
  return texts;
}

/** How many shapes there are among those that were made: a full collection of garbage may part them once. */
const shapesOf = (made: readonly object[]) =>
  made.filter((each, at) => !made.slice(0, at).some((before) => haveSameShape(before, each))).length;
const PATHS = Array.from({ length: 12 }, (_, page) => `/${page}`);

/** What a layer outside may put around a response. */
const STRICT: [string, ProxyHandler<http.ServerResponse>][] = [
  ['lets nothing be taken away', { deleteProperty: () => false }],
  ['throws when something is taken away', { deleteProperty: () => expect.fail('taken away') }],
  ['lets nothing be put back', { defineProperty: (_, name) => name !== 'req' }],
];

describe.each(EXPRESS)('%s', (_, express) => {
  function watched(...layers: ((req: Request, res: Response, next: NextFunction) => void)[]) {
    const app = express();
    const seen: [Request, Response][] = [];
    for (const layer of layers) app.use(layer);
    app.use((req, res) => {
      seen.push([req, res]);
      res.send(req.url);
    });
    return { app, seen };
  }
  const mount = () => cacheMiddleware({ cache: createCache({ redis: false }) }) as never;

  it.each([
    ['a cache', mount],
    ['an invalidation', () => invalidate('a', { cache: createCache({ redis: false }) }) as never],
  ])('has requests and responses of one shape behind %s', async (_, layer) => {
    const shapes: number[] = [];
    // One application in a hundred gets nothing of it (see `shareShape`), but never three.
    for (let i = 0; i < 3; i++) {
      const { app, seen } = watched(layer());
      expect(await ask(http.createServer(app), ...PATHS)).toEqual(PATHS);
      expect(seen.map(([req, res]) => [req.res === res, res.req === req])).toEqual(
        Array(PATHS.length).fill([true, true]),
      );
      shapes.push(Math.max(shapesOf(seen.map(([req]) => req)), shapesOf(seen.map(([, res]) => res))));
    }
    expect(Math.min(...shapes)).toBeLessThan(4);
  });

  it('has them so in a server of ours, too, where they are no dictionaries', async () => {
    const { app, seen } = watched(mount());
    await ask(createServer(app, { cache: createCache({ redis: false }) }), ...PATHS);
    expect(shapesOf(seen.map(([req]) => req))).toBeLessThan(4);
    expect(shapesOf(seen.map(([, res]) => res))).toBeLessThan(4);
    expect(seen.flat().filter(isDictionary)).toEqual([]);
  });

  it('leaves every property as it was', async () => {
    const described = (req: Request, res: Response) => [req, res].map((each) => Object.getOwnPropertyDescriptors(each));
    const told: ReturnType<typeof described>[] = [];
    const tell = (req: Request, res: Response, next: NextFunction) => {
      told.push(described(req, res));
      next();
    };
    const unusual = (req: Request, res: Response, next: NextFunction) => {
      Object.defineProperty(res, 'req', { value: req, enumerable: false, writable: false });
      Object.defineProperty(req, 'res', { get: () => res });
      next();
    };
    const { app } = watched(
      unusual,
      tell,
      (req, res, next) => {
        shareShape(req, res);
        next();
      },
      tell,
    );
    expect(await ask(http.createServer(app), '/a')).toEqual(['/a']);
    expect(told[1]).toEqual(told[0]);
    expect(told[0]![1]!.req).toMatchObject({ enumerable: false, writable: false });
  });

  it.each(STRICT)('leaves alone what stands in a proxy that %s', async (_, handler) => {
    const app = express();
    app.use(mount());
    app.use((req, res) => {
      res.send(`${req.url} ${req.res === res} ${res.req === req}`);
    });
    const server = http.createServer((req, res) => {
      const wrapped = new Proxy<http.ServerResponse>(res, {
        ...handler,
        get(target, name) {
          const value = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
        set: (target, name, value) => Reflect.set(target, name, value),
      });
      app(req, wrapped);
    });
    expect(await ask(server, '/a', '/a')).toEqual(['/a true true', '/a true true']);
  });

  it('serves those that cannot be changed', async () => {
    const { app } = watched((req, res, next) => {
      Object.defineProperty(res, 'req', { configurable: false, writable: false });
      Object.defineProperty(req, 'res', { configurable: false, writable: false });
      next();
    }, mount());
    expect(await ask(http.createServer(app as Application), '/a', '/a')).toEqual(['/a', '/a']);
  });
});
