// One handler under @nestjs/cache-manager and under respcache/nest, decorated without the syntax for it, which this folder
// is not compiled for.

import 'reflect-metadata';
import * as theirs from '@nestjs/cache-manager';
import { Controller, Get, type INestApplication, Module, Req, Res, type Type, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Request, Response } from 'express';
import type { Cache } from 'respcache';
import * as ours from 'respcache/nest';
import type { Stage } from './stage.js';

export type Handler = (req: Request, res: Response, run: number) => unknown;

/** What is done to the only route of a controller. */
interface Layers {
  readonly method?: MethodDecorator[];
  readonly imports: object[];
  readonly interceptor: Type;
  readonly arrives?: (() => unknown) | undefined;
}

function controllerOf(run: (req: Request, res: Response) => unknown, { method = [], interceptor }: Layers): Type {
  class Routes {
    answer(req: Request, res: Response): unknown {
      return run(req, res);
    }
  }
  const { prototype } = Routes;
  Req()(prototype, 'answer', 0);
  Res({ passthrough: true })(prototype, 'answer', 1);
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'answer') as PropertyDescriptor;
  // As the compiler has it: the last is applied first.
  const decorated = [Get(), ...method].reduceRight((so, decorate) => {
    return (decorate(prototype, 'answer', so) as PropertyDescriptor | undefined) ?? so;
  }, descriptor);
  Object.defineProperty(prototype, 'answer', decorated);
  UseInterceptors(interceptor)(Routes);
  Controller()(Routes);
  return Routes;
}

async function serve(stage: Stage, handler: Handler, layers: Layers): Promise<{ app: INestApplication; port: number }> {
  let runs = 0;
  class Root {}
  const controllers = [controllerOf((req, res) => handler(req, res, ++runs), layers)];
  Module({ imports: layers.imports as [], controllers })(Root);
  const app = await NestFactory.create(Root, { logger: false, abortOnError: false, forceCloseConnections: true });
  app.use((_req: Request, _res: Response, next: () => void) => {
    next();
    layers.arrives?.();
  });
  stage.onClose(() => app.close());
  await app.listen(0, '127.0.0.1');
  return { app, port: Number(new URL(await app.getUrl()).port) };
}

export interface Both {
  readonly old: number;
  readonly now: number;
  readonly manager: theirs.Cache;
  readonly cache: Cache;
}

/** Serves a handler at `/` under both. `key`: given to `@CacheKey` and `@Cacheable`. */
export async function both(
  stage: Stage,
  handler: Handler,
  { key, arrives }: { key?: string; arrives?: () => unknown } = {},
): Promise<Both> {
  const cache = stage.cache();
  const old = await serve(stage, handler, {
    imports: [theirs.CacheModule.register({ ttl: 300_000 })],
    interceptor: theirs.CacheInterceptor,
    method: key === undefined ? [] : [theirs.CacheKey(key)],
    arrives,
  });
  const now = await serve(stage, handler, {
    imports: [ours.CacheModule.forRoot({ cache })],
    interceptor: ours.CacheInterceptor,
    method: key === undefined ? [] : [ours.Cacheable({ key })],
    arrives,
  });
  return { old: old.port, now: now.port, manager: old.app.get(theirs.CACHE_MANAGER), cache };
}
