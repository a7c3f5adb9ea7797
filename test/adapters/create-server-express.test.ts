// What an application of Express sees of its requests in a server of `createServer`: the same, whether they are the
// application's from the start or Express makes them so.

import type { IncomingMessage, ServerResponse } from 'node:http';
import * as http from 'node:http';
import type { Express, NextFunction, Request, Response } from 'express';
import type { Cache } from 'respcache';
import { createServer } from 'respcache/express';
import { describe, expect, it } from 'vitest';
import { constructorsOf, prototypesHelp } from '../../adapters/express/prototypes.js';
import { serverOf } from '../../adapters/node/server.js';
import { load } from './hosts.js';
import { useNode, type Wrapped } from './node-host.js';

const bench = useNode();

type Augmented = { greeting?: string };
type Make = (app: Express, cache: Cache) => http.Server;

const WAYS: readonly [string, Make][] = [
  ['as they are made on this Node', (app, cache) => createServer(app, { cache })],
  ['that are its own from the start', (app, cache) => serverOf(app, { cache }, constructorsOf(app))],
  ['that Express makes its own', (app, cache) => serverOf(app, { cache })],
];
const EXPRESS = ['express4', 'express'].map((name) => [name, load<typeof import('express')>(name)] as const);
const TABLE = EXPRESS.flatMap(([name, express]) =>
  WAYS.map(([way, make]) => ({ name, express, make, label: `${name} with requests ${way}` })),
);

describe.each(TABLE)('$label', ({ express, make }) => {
  const serve = (app: Express, later: () => void = () => {}): Promise<Wrapped> =>
    bench.serve('memory', (cache) => {
      const server = make(app, cache);
      later();
      return server;
    });
  const isOf = (app: Express) => (req: Request, res: Response) => [
    Object.getPrototypeOf(req) === app.request,
    Object.getPrototypeOf(res) === app.response,
    req.app === app,
    res.app === app,
  ];
  const YES = [true, true, true, true];

  it('knows its requests and responses', async () => {
    const app = express();
    app.set('trust proxy', true);
    app.get('/a', (req, res) => {
      res.locals.seen = true;
      res.json({
        own: isOf(app)(req, res),
        node: [req instanceof http.IncomingMessage, res instanceof http.ServerResponse],
        circle: [req.res === res, res.req === req],
        names: [req.constructor.name, res.constructor.name],
        asked: [req.ip, req.hostname, req.protocol, req.query.q, req.get('x-a'), req.originalUrl, req.baseUrl],
        locals: res.locals,
      });
    });
    const host = await serve(app);
    const headers = {
      'X-Forwarded-For': '1.2.3.4',
      'X-Forwarded-Host': 'there',
      'X-Forwarded-Proto': 'https',
      'X-A': 'a',
    };
    const asked = async () => JSON.parse((await host.ask('/a?q=1', { headers })).text) as unknown;
    const expected = {
      own: YES,
      node: [true, true],
      circle: [true, true],
      names: ['IncomingMessage', 'ServerResponse'],
      asked: ['1.2.3.4', 'there', 'https', '1', 'a', '/a?q=1', ''],
      locals: { seen: true },
    };
    expect([await asked(), await asked()]).toEqual([expected, expected]);
    expect(host.cache.getStats()).toMatchObject({ hits: 1, misses: 1 });
  });

  it('has what was added to its requests and responses, before and after', async () => {
    const app = express();
    (app.request as Augmented).greeting = 'hello';
    app.get('/a', (req, res) => {
      res.send(`${(req as Augmented).greeting} ${(res as Augmented).greeting}`);
    });
    const host = await serve(app, () => {
      (app.response as Augmented).greeting = 'world';
    });
    expect(await host.texts('/a', 2)).toEqual(['hello world', 'hello world']);
  });

  it('may be given other prototypes later', async () => {
    const app = express();
    app.get('/a', (req, res) => void res.json([...isOf(app)(req, res), (req as Augmented).greeting]));
    const host = await serve(app, () => {
      app.request = Object.assign(Object.create(app.request), { greeting: 'other' });
    });
    expect(JSON.parse((await host.ask('/a')).text)).toEqual([...YES, 'other']);
  });

  it('has its errors handled', async () => {
    const app = express();
    app.get('/next', (_req, _res, next) => next(new Error('given')));
    app.get('/thrown', () => {
      throw new Error('thrown');
    });
    app.use((error: Error, req: Request, res: Response, _next: NextFunction) => {
      res.status(418).json([error.message, ...isOf(app)(req, res)]);
    });
    const host = await serve(app);
    for (const what of ['given', 'thrown'])
      expect(await host.ask(what === 'given' ? '/next' : '/thrown')).toMatchObject({
        status: 418,
        text: JSON.stringify([what, ...YES]),
      });
    expect(await host.ask('/none')).toMatchObject({ status: 404 });
  });

  it.each(['before', 'after'] as const)('has applications mounted inside %s the server is made', async (when) => {
    const app = express();
    const [sub, deep] = [express(), express()];
    const seen: unknown[] = [];
    const telling = (of: Express) => (req: Request, res: Response) => {
      res.json({ own: isOf(of)(req, res), base: req.baseUrl, greeting: (req as Augmented).greeting, seen });
    };
    const mount = () => {
      deep.get('/c', telling(deep));
      sub.use('/deep', deep);
      sub.get('/b', telling(sub));
      sub.use((req, res, next) => {
        seen.push(isOf(sub)(req, res));
        next();
      });
      app.use('/sub', sub);
      app.get('/sub/passed', telling(app));
      (app.request as Augmented).greeting = 'inherited';
    };
    if (when === 'before') mount();
    const host = await serve(app, when === 'after' ? mount : undefined);
    const ask = async (path: string) => JSON.parse((await host.ask(path)).text) as unknown;
    for (let i = 0; i < 2; i++) {
      expect(await ask('/sub/b')).toEqual({ own: YES, base: '/sub', greeting: 'inherited', seen: [] });
      expect(await ask('/sub/deep/c')).toEqual({ own: YES, base: '/sub/deep', greeting: 'inherited', seen: [] });
      seen.length = 0;
    }
    expect(await ask('/sub/passed')).toEqual({ own: YES, base: '', greeting: 'inherited', seen: [YES] });
    expect(host.cache.getStats()).toMatchObject({ hits: 2, misses: 3, totalRequests: 5 });
  });

  it('may be mounted in another one, before and after', async () => {
    const app = express();
    const parents = [express(), express()];
    app.get('/a', (req, res) => void res.json([...isOf(app)(req, res), (req as Augmented).greeting]));
    parents[0]!.use(app);
    const host = await serve(app, () => {
      parents[1]!.use(app);
      (parents[1]!.request as Augmented).greeting = 'of the parent';
    });
    expect(JSON.parse((await host.ask('/a')).text)).toEqual([...YES, 'of the parent']);
  });

  it('is run in the background with its own requests', async () => {
    const app = express();
    const seen: unknown[] = [];
    app.get('/a', (req, res) => {
      seen.push([...isOf(app)(req, res), req instanceof http.IncomingMessage, req.res === res]);
      res.set('Cache-Control', 'max-age=10, stale-while-revalidate=100').send(`run ${seen.length}`);
    });
    const host = await serve(app);
    expect(await host.texts('/a', 1)).toEqual(['run 1']);
    host.clock.forward(20);
    expect(await host.texts('/a', 1)).toEqual(['run 1']);
    await expect.poll(() => host.texts('/a', 1)).toEqual(['run 2']);
    expect(await host.cache.warm({ app: host.server, urls: ['/a?b'] })).toMatchObject({ warmed: 1 });
    expect(seen).toEqual(Array(3).fill([...YES, true, true]));
  });

  it('answers hits by Node’s own methods', async () => {
    const app = express();
    const ended = counting(app);
    const host = await serve(app);
    expect(await host.texts('/a', 1)).toEqual(['a']);
    const before = ended();
    expect(await host.texts('/a', 2)).toEqual(['a', 'a']);
    expect(ended()).toBe(before);
  });
});

/** Puts a method in the place of Node's that counts its calls. */
function counting(app: Express): () => number {
  let ended = 0;
  const end = http.ServerResponse.prototype.end as (...given: unknown[]) => ServerResponse;
  app.get('/a', (_req, res) => void res.send('a'));
  app.response.end = function (this: ServerResponse, ...given: unknown[]) {
    ended++;
    return end.apply(this, given);
  } as never;
  return () => ended;
}

describe('constructors of an application’s requests and responses', () => {
  const express = EXPRESS[1]![1];

  it('are used where they help', () => {
    const versions = ['20.19.0', '22.23.3', '24.1.0', '26.0.0', '2.0.0', '200.0.0', ''];
    expect(versions.filter(prototypesHelp)).toEqual(['20.19.0', '22.23.3']);
  });

  it.each(EXPRESS)('%s has them', (_, each) => {
    const app = each();
    const { IncomingMessage: Req, ServerResponse: Res } = constructorsOf(app);
    expect(Req?.prototype).toBe(app.request);
    expect(Res?.prototype).toBe(app.response);
    expect([Req, Res].map(Object.getPrototypeOf)).toEqual([http.IncomingMessage, http.ServerResponse]);
  });

  it.each<[string, () => object]>([
    ['a function', () => () => {}],
    ['a router', () => express.Router()],
    ['an application whose requests are not Node’s', () => Object.assign(express(), { request: {} })],
    [
      'an application that overrides a method of Node’s',
      () => {
        const app = express();
        app.request.destroy = () => app.request as never;
        return app;
      },
    ],
    [
      'an application whose responses cannot be made so',
      () => {
        const app = express();
        Object.defineProperty(app.response, 'sendDate', { get: () => true });
        return app;
      },
    ],
  ])('%s has none', (_, make) => {
    expect(constructorsOf(make())).toEqual({});
  });

  it('have methods that are put there later see hits', async () => {
    const app = express();
    let ended = () => 0;
    const host = await bench.serve('memory', (cache) => {
      const server = serverOf(app, { cache }, constructorsOf(app));
      ended = counting(app);
      return server;
    });
    expect(await host.texts('/a', 1)).toEqual(['a']);
    const before = ended();
    expect(await host.texts('/a', 2)).toEqual(['a', 'a']);
    expect(ended()).toBe(before + 2);
  });

  it('are not put in place of the caller’s', async () => {
    class Own extends http.IncomingMessage {
      own = 'own';
    }
    const app = express();
    app.get('/a', (req, res) => void res.send((req as unknown as Own).own));
    const host = await bench.serve('memory', (cache) =>
      serverOf(app, { cache, http: { IncomingMessage: Own as never } }, constructorsOf(app)),
    );
    const made: [IncomingMessage, ServerResponse][] = [];
    host.server.prependListener('request', (req, res) => {
      made.push([Object.getPrototypeOf(req), Object.getPrototypeOf(res)]);
    });
    expect(await host.texts('/a', 1)).toEqual(['own']);
    expect(made).toEqual([[Own.prototype, http.ServerResponse.prototype]]);
  });
});
