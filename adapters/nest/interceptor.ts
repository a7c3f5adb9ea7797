import { errorMonitor } from 'node:events';
import type { Readable } from 'node:stream';
import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Request, Response } from 'express';
import { type Observable, of } from 'rxjs';
import type { Cache } from '../../src/cache.js';
import { RespcacheError } from '../../src/errors.js';
import { after, type MaybePromise } from '../../src/types.js';
import { exchangeOf } from '../node/exchanges.js';
import { send } from '../node/send.js';
import { silence } from '../node/silence.js';
import { isEvents } from './behaviour.js';
import { kept } from './kept.js';
import { type ChosenRoute, type Layers, layersOf } from './layers.js';
import { CacheService } from './service.js';
import { hearUnsaid } from './unsaid.js';

/** The layers that a request has been through: a route that is decorated and covered as well has them once. */
const passed = new WeakMap<object, Set<unknown>>();

function isFirst(req: object, layer: unknown): boolean {
  const layers = kept(passed, req, () => new Set());
  if (layers.has(layer)) return false;
  layers.add(layer);
  return true;
}

/** What the decorators put before their routes. It does what they say, and nothing to other routes. @internal */
export class DecoratedInterceptor implements NestInterceptor {
  /** Whether routes without `@Cacheable` are cached, too. */
  protected readonly all: boolean = false;
  readonly #cache: Cache;

  constructor(cache: CacheService) {
    this.#cache = cache;
  }

  /** Answers from the cache, or lets the handler run and listens to its answer. */
  intercept(context: ExecutionContext, next: CallHandler): MaybePromise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const res = expressOnly(http.getResponse<Response>());
    const route = { controller: context.getClass(), handler: context.getHandler() };
    return this.#pass(http.getRequest<Request>(), res, route, next);
  }

  #pass(req: Request, res: Response, route: ChosenRoute, next: CallHandler): MaybePromise<Observable<unknown>> {
    const { find, purges } = layersOf(this.#cache, route, this.all);
    const run = () => {
      for (const purge of purges) if (isFirst(req, purge)) purge(req, res);
      const exchange = exchangeOf(this.#cache.engine, res);
      if (exchange === undefined || !isFirst(req, exchange)) return next.handle();
      return hearUnsaid(next.handle(), exchange, res, isEvents(route.handler));
    };
    if (find === undefined || !isFirst(req, find)) return run();
    return after<Awaited<ReturnType<NonNullable<Layers['find']>>>, Observable<unknown>>(find(req, res), (found) => {
      if (found === undefined) {
        refuseBroken(res);
        return run();
      }
      send(res, found);
      // Nest takes a value from every route and answers with it. An Observable without one is an error to it, and one
      // that does not end leaves the interceptors around this one waiting.
      silence(res, ['render']);
      return of(undefined);
    });
  }
}

/**
 * Caches the routes it stands before: as `@Cacheable` says, and those without it with the cache's own options, as
 * `cacheMiddleware()` does. Guards run first, so that a hit is for whom they let pass. What is stored is the answer as it
 * left, so that for a hit nothing inside runs; interceptors outside are given `undefined`.
 *
 * @example
 * ```ts
 * @Controller('users')
 * @UseInterceptors(CacheInterceptor) // or for all: { provide: APP_INTERCEPTOR, useClass: CacheInterceptor }
 * export class UsersController {}
 * ```
 */
export class CacheInterceptor extends DecoratedInterceptor {
  protected override readonly all = true;
}

Injectable()(DecoratedInterceptor);
Inject(CacheService)(DecoratedInterceptor, undefined, 0);
Injectable()(CacheInterceptor);
Inject(CacheService)(CacheInterceptor, undefined, 0);

/** Where the stream of a file breaks Nest 10 ends the answer, and whoever sees that takes it for all of it. */
function refuseBroken(res: Response): void {
  res.once('pipe', (source: Readable) => {
    // Before whoever ends the answer hears of it, and without being taken for somebody who sees to it.
    source.once(errorMonitor, () => res.cache.noStore('aborted'));
  });
}

function expressOnly(res: Response): Response {
  if (typeof (res as Partial<Response>).setHeader === 'function') return res;
  throw new RespcacheError('respcache/nest caches routes of the Express platform (@nestjs/platform-express) only');
}
