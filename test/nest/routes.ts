import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Head,
  Header,
  HttpCode,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Redirect,
  Render,
  Req,
  Res,
  Scope,
  Sse,
  StreamableFile,
  UseFilters,
  UseGuards,
  UseInterceptors,
  VersioningType,
} from '@nestjs/common';
import { APP_INTERCEPTOR, REQUEST } from '@nestjs/core';
import type { Request, Response } from 'express';
import { cacheMiddleware } from 'respcache/express';
import { Cacheable, CacheInterceptor, CacheInvalidate } from 'respcache/nest';
import { concat, finalize, ignoreElements, lastValueFrom, map, of, timeout, timer } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { commonOfVersion, memory, withCache } from './host.js';

describe('routes', () => {
  const onHeaders = createRequire(import.meta.url)('on-headers') as (res: Response, listener: () => void) => void;

  let runs = 0;

  beforeEach(() => {
    runs = 0;
  });

  const HIT = /^respcache; hit/;

  const versionIn = ({ headers }: Request) => String(headers['x-version']);

  it('is tested with the version of NestJS that the project names', () => {
    expect(commonOfVersion().Module).toBe(Module);
  });

  describe('@Cacheable on a route', () => {
    @Controller('users')
    class Users {
      @Get()
      @UseInterceptors(CacheInterceptor)
      @Cacheable({ key: 'users:list', ttl: 300, tags: ['users', 'list'] })
      async findAll() {
        return [{ run: ++runs }];
      }

      @Get('bare')
      @Cacheable({ ttl: 60 })
      bare() {
        return { run: ++runs };
      }

      @Cacheable({ ttl: 60 })
      @Get('above')
      above() {
        return { run: ++runs };
      }
    }

    it('caches the whole answer, as the guide writes it, once for both decorators', async () => {
      const cache = memory();
      const { http } = await withCache(cache, { controllers: [Users] });
      const first = await http
        .get('/users')
        .set('x-client-id', 'a')
        .expect(200, [{ run: 1 }]);
      expect(first.headers['cache-status']).toBe('respcache; fwd=uri-miss; stored');
      const second = await http
        .get('/users')
        .set('x-client-id', 'a')
        .expect(200, [{ run: 1 }]);
      expect(second.headers['cache-status']).toMatch(HIT);
      expect(second.headers['content-type']).toBe(first.headers['content-type']);
      await http
        .get('/users')
        .set('x-client-id', 'b')
        .expect(200, [{ run: 2 }]);
      expect(cache.getStats()).toMatchObject({ totalRequests: 3, hits: 1, misses: 2, sets: 2, errors: 0 });
    });

    it.each(['/users/bare', '/users/above'])('needs no interceptor of its own: %s', async (path) => {
      const { http } = await withCache(memory(), { controllers: [Users] });
      await http.get(path).expect({ run: 1 });
      await http.get(path).expect({ run: 1 }).expect('cache-status', HIT);
    });

    it('answers conditions and HEAD from what is stored', async () => {
      const { http } = await withCache(memory(), { controllers: [Users] });
      const { headers } = await http.get('/users');
      await http.get('/users').set('if-none-match', headers.etag!).expect(304);
      const head = await http.head('/users').expect(200).expect('cache-status', HIT);
      expect(head.headers['content-length']).toBe(headers['content-length']);
      expect(runs).toBe(1);
    });

    it('runs the handler once for many at the same time', async () => {
      const { http } = await withCache(memory(), { controllers: [Users] });
      const answers = await Promise.all(Array.from({ length: 5 }, () => http.get('/users')));
      for (const { body } of answers) expect(body).toEqual([{ run: 1 }]);
    });

    it('leaves what may be personal alone', async () => {
      const { http } = await withCache(memory(), { controllers: [Users] });
      for (const run of [1, 2]) await http.get('/users').set('authorization', 'Bearer x').expect([{ run }]);
    });

    it('is one cache with a mount around the application', async () => {
      const cache = memory();
      const { http } = await withCache(cache, { controllers: [Users] }, (app) => app.use(cacheMiddleware({ cache })));
      for (let i = 0; i < 2; i++) await http.get('/users').expect([{ run: 1 }]);
      expect(cache.getStats()).toMatchObject({ totalRequests: 2, hits: 1, misses: 1 });
      await cache.invalidateByTags(['list']);
      await http.get('/users').expect([{ run: 2 }]);
    });

    it('leaves the connection of a hit usable', async () => {
      const { app } = await withCache(memory(), { controllers: [Users] });
      const sockets = new Set<unknown>();
      app.getHttpServer().on('connection', (socket: unknown) => sockets.add(socket));
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let i = 0; i < 5; i++) {
        const { port } = app.getHttpServer().address() as AddressInfo;
        const [answer] = (await once(get({ port, path: '/users', agent }), 'response')) as [IncomingMessage];
        expect(JSON.parse(await text(answer))).toEqual([{ run: 1 }]);
      }
      agent.destroy();
      expect(sockets.size).toBe(1);
    });
  });

  describe('around the cache', () => {
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const request = context.switchToHttp().getRequest<Request & { user?: string }>();
        request.user = request.get('x-user') ?? 'nobody';
        return request.user !== 'nobody';
      }
    }

    it('guards run first: a hit is for whom they let pass', async () => {
      @Controller()
      @UseGuards(Guard)
      class Guarded {
        @Get()
        @Cacheable()
        read() {
          return { run: ++runs };
        }
      }
      const { http } = await withCache(memory(), { controllers: [Guarded] });
      await http.get('/').set('x-user', 'ada').expect(200);
      await http.get('/').expect(403);
      await http.get('/').set('x-user', 'bob').expect(200, { run: 1 }).expect('cache-status', HIT);
    });

    it('the tenant may be what a guard has found', async () => {
      @Controller()
      @UseGuards(Guard)
      class Guarded {
        @Get('by-option')
        @Cacheable()
        option() {
          return { run: ++runs };
        }

        @Get('by-decorator')
        @Cacheable({ clientId: (req: Request & { user: string }) => `of-${req.user}` })
        decorator() {
          return { run: ++runs };
        }
      }
      const cache = memory({ tenant: (req) => (req as { user?: string }).user });
      const { http } = await withCache(cache, { controllers: [Guarded] });
      for (const path of ['/by-option', '/by-decorator']) {
        const before = runs;
        await http
          .get(path)
          .set('x-user', 'ada')
          .expect({ run: before + 1 });
        await http
          .get(path)
          .set('x-user', 'bob')
          .expect({ run: before + 2 });
        await http
          .get(path)
          .set('x-user', 'ada')
          .expect({ run: before + 1 });
      }
      await cache.invalidateTenant('of-ada');
      await http.get('/by-decorator').set('x-user', 'ada').expect({ run: 5 });
      await http.get('/by-option').set('x-user', 'ada').expect({ run: 1 });
    });

    it('interceptors outside see each request end, inside only those that run the handler', async () => {
      const log: string[] = [];
      class Logging implements NestInterceptor {
        constructor(readonly name: string) {}
        intercept(_context: ExecutionContext, next: CallHandler) {
          return next.handle().pipe(
            timeout(1000),
            map((data: unknown) => ({ [this.name]: data ?? null })),
            finalize(() => log.push(this.name)),
          );
        }
      }
      @Controller()
      @UseInterceptors(new Logging('outer'))
      class Wrapped {
        @Get()
        @UseInterceptors(CacheInterceptor, new Logging('inner'))
        @Cacheable()
        read() {
          return of({ run: ++runs });
        }
      }
      const caught: unknown[] = [];
      @Catch()
      class All implements ExceptionFilter {
        catch(error: unknown) {
          caught.push(error);
        }
      }
      const { http } = await withCache(memory(), { controllers: [Wrapped] }, (app) => app.useGlobalFilters(new All()));
      for (let i = 0; i < 2; i++) await http.get('/').expect({ outer: { inner: { run: 1 } } });
      // The answer of a hit has left before Nest hears of it.
      await expect.poll(() => log).toEqual(['inner', 'outer', 'outer']);
      expect(caught).toEqual([]);
    });

    it('what an interceptor outside fails with after a hit changes nothing of the answer', async () => {
      class Broken implements NestInterceptor {
        intercept(_context: ExecutionContext, next: CallHandler) {
          return next.handle().pipe(map((data: { run: number }) => ({ run: data.run })));
        }
      }
      @Controller()
      @UseInterceptors(Broken)
      class Wrapped {
        @Get()
        @Cacheable()
        read() {
          return { run: ++runs };
        }
      }
      @Catch()
      class Answering implements ExceptionFilter {
        catch(_error: unknown, host: Parameters<ExceptionFilter['catch']>[1]) {
          host.switchToHttp().getResponse<Response>().status(500).set('x-failed', 'yes').json({ failed: true });
        }
      }
      const statuses: number[] = [];
      const errors: unknown[] = [];
      const { http } = await withCache(memory(), { controllers: [Wrapped] }, (app) => {
        app.useGlobalFilters(new Answering());
        app.use((_req: Request, res: Response, next: () => void) => {
          res.on('finish', () => statuses.push(res.statusCode));
          const { json } = res;
          res.json = (body) => {
            try {
              return json.call(res, body);
            } catch (error) {
              errors.push(error);
              throw error;
            }
          };
          next();
        });
      });
      for (let i = 0; i < 2; i++) await http.get('/').expect(200, { run: 1 });
      await expect.poll(() => statuses).toHaveLength(2);
      expect(errors).toEqual([]);
      expect(statuses).toEqual([200, 200]);
    });

    it('layers that hold the end of an answer back add to a hit as ever', async () => {
      @Controller()
      class Plain {
        @Get()
        @Cacheable()
        read() {
          return { run: ++runs };
        }
      }
      const holding = (_req: Request, res: Response, next: () => void) => {
        onHeaders(res, () => res.setHeader('x-late', 'yes'));
        const end = res.end.bind(res) as (...args: unknown[]) => Response;
        res.end = ((...args: unknown[]) => {
          setTimeout(() => end(...args), 5);
          return res;
        }) as Response['end'];
        next();
      };
      const { http } = await withCache(memory(), { controllers: [Plain] }, (app) => app.use(holding));
      const { headers } = await http.get('/').expect(200);
      for (const condition of ['"other"', headers.etag!]) {
        const hit = await http.get('/').set('if-none-match', condition);
        expect(hit.status).toBe(condition === headers.etag ? 304 : 200);
        expect(hit.headers).toMatchObject({ 'cache-status': expect.stringMatching(HIT), 'x-late': 'yes' });
      }
      expect(runs).toBe(1);
    });

    it.each([
      ['header', { type: VersioningType.HEADER as const, header: 'x-version' }],
      ['media type', { type: VersioningType.MEDIA_TYPE as const, key: 'v=' }],
      ['function', { type: VersioningType.CUSTOM as const, extractor: (req: unknown) => versionIn(req as Request) }],
    ])('versions of a route that a %s tells apart do not share an answer', async (_by, versioning) => {
      @Controller({ path: 'v', version: '1' })
      class First {
        readonly name: string = 'first';
        @Get()
        @Cacheable()
        read() {
          return { by: this.name, run: ++runs };
        }
        @Get('covered')
        covered() {
          return { by: this.name, run: ++runs };
        }
        @Post()
        @CacheInvalidate('/v')
        write() {}
      }
      // It inherits the very methods.
      @Controller({ path: 'v', version: '2' })
      class Second extends First {
        override readonly name = 'second';
      }
      const { http } = await withCache(
        memory(),
        { controllers: [First, Second], providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }] },
        (app) => app.enableVersioning(versioning),
      );
      const ask = (path: string, version: string) =>
        http
          .get(path)
          .set({ 'x-version': version, accept: `application/json;v=${version}` })
          .expect(200);
      for (const path of ['/v', '/v/covered']) {
        const by = [await ask(path, '1'), await ask(path, '2'), await ask(path, '1'), await ask(path, '2')];
        expect(by.map(({ body }) => body.by)).toEqual(['first', 'second', 'first', 'second']);
      }
      expect(runs).toBe(4);
      await http.post('/v').set({ 'x-version': '1', accept: 'application/json;v=1' }).expect(201);
      expect([(await ask('/v', '1')).body.run, (await ask('/v', '2')).body.run]).toEqual([5, 6]);
    });

    it('a stale answer is given while the application makes it anew in the background, guards and all', async () => {
      let now = Date.now();
      let guarded = 0;
      class Counting implements CanActivate {
        canActivate() {
          guarded++;
          return true;
        }
      }
      @Controller()
      @UseGuards(Counting)
      class Slow {
        @Get()
        @Cacheable({ ttl: 10, staleWhileRevalidate: 60 })
        read() {
          return { run: ++runs };
        }
      }
      const { http } = await withCache(memory({ clock: { now: () => now } }), { controllers: [Slow] });
      await http.get('/').expect({ run: 1 });
      now += 20_000;
      await http.get('/').expect({ run: 1 });
      await expect.poll(async () => (await http.get('/')).body).toEqual({ run: 2 });
      expect(runs).toBe(2);
      expect(guarded).toBeGreaterThanOrEqual(4);
    });

    it('pipes and exceptions: filters answer, what failed is not stored, nobody waits for it', async () => {
      @Catch(BadRequestException)
      class Filter implements ExceptionFilter {
        catch(_error: unknown, host: Parameters<ExceptionFilter['catch']>[1]) {
          host.switchToHttp().getResponse<Response>().status(418).json({ filtered: true });
        }
      }
      @Controller()
      @UseFilters(Filter)
      class Failing {
        @Get('piped/:id')
        @Cacheable()
        piped(@Param('id', ParseIntPipe) id: number) {
          return { id, run: ++runs };
        }

        @Get('throws')
        @Cacheable()
        async throws() {
          runs++;
          throw new Error('on purpose');
        }

        @Get('missing')
        @Cacheable()
        missing() {
          throw new NotFoundException(`run ${++runs}`);
        }
      }
      const { http } = await withCache(memory(), { controllers: [Failing] });
      await http.get('/piped/x').expect(418, { filtered: true });
      for (let i = 0; i < 2; i++) await http.get('/piped/7').expect({ id: 7, run: 1 });
      const failed = await Promise.all([http.get('/throws'), http.get('/throws'), http.get('/throws')]);
      expect(failed.map(({ status }) => status)).toEqual([500, 500, 500]);
      expect(runs).toBe(4);
      for (let i = 0; i < 2; i++) expect((await http.get('/missing').expect(404)).body.message).toBe('run 5');
    });

    it('request-scoped controllers and providers', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class Tenant {
        constructor(@Inject(REQUEST) private readonly request: Request) {}
        get name() {
          return this.request.get('x-client-id');
        }
      }
      @Controller()
      class Scoped {
        constructor(private readonly tenant: Tenant) {}
        @Get()
        @Cacheable()
        read() {
          return { tenant: this.tenant.name, run: ++runs };
        }
      }
      const { http } = await withCache(memory(), { controllers: [Scoped], providers: [Tenant] });
      for (const [tenant, run] of [
        ['a', 1],
        ['b', 2],
        ['a', 1],
        ['b', 2],
      ] as const)
        await http.get('/').set('x-client-id', tenant).expect({ tenant, run });
    });
  });

  describe('what is no request of Express', () => {
    const intercept = (type: string, response: object) => {
      const http = { getRequest: () => ({}), getResponse: () => response };
      const context = { getType: () => type, switchToHttp: () => http, getHandler: () => intercept };
      const next = { handle: () => of('handled') };
      return new CacheInterceptor(memory()).intercept(context as unknown as ExecutionContext, next);
    };

    it('messages and the like pass by', async () => {
      expect(await lastValueFrom(await intercept('rpc', {}))).toBe('handled');
    });

    it('another platform is told so', () => {
      expect(() => intercept('http', { raw: {} })).toThrow('respcache/nest caches routes of the Express platform');
    });
  });

  describe('ways to answer', () => {
    // Nest 10 ends the answer with the last event, which may then be lost.
    const EVENTS = concat(of({ data: 'one' }, { data: 'two' }), timer(20).pipe(ignoreElements()));

    @Controller()
    class Ways {
      @Get('res')
      @Cacheable()
      res(@Res() res: Response) {
        res.json({ run: ++runs });
      }

      @Get('passthrough')
      @Cacheable()
      passthrough(@Res({ passthrough: true }) res: Response) {
        res.cache.tag('told').ttl(60);
        res.set('x-run', String(++runs));
        return { run: runs };
      }

      @Get('file')
      @Cacheable()
      file() {
        return new StreamableFile(Readable.from([Buffer.from('run '), Buffer.from(String(++runs))]), {
          type: 'text/plain',
        });
      }

      @Get('broken')
      @Cacheable()
      broken() {
        runs++;
        const pieces = ['of one piece', new Error('the disk is gone')];
        const read = function (this: Readable) {
          const piece = pieces.shift();
          if (typeof piece === 'string') this.push(piece);
          else this.destroy(piece);
        };
        return new StreamableFile(new Readable({ read }));
      }

      @Get('code')
      @HttpCode(203)
      @Header('x-static', 'yes')
      @Cacheable()
      code() {
        return `run ${++runs}`;
      }

      @Get('tagged')
      @Header('ETag', '"own"')
      @Header('Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT')
      @Cacheable()
      tagged() {
        return { run: ++runs };
      }

      @Get('nothing')
      @Cacheable()
      nothing() {
        runs++;
      }

      @Get('moved')
      @Redirect('/there', 301)
      @Cacheable()
      moved() {
        runs++;
      }

      @Get('view')
      @Render('page')
      @Cacheable()
      view() {
        return { run: ++runs };
      }

      @Sse('events')
      @Cacheable()
      events() {
        runs++;
        return EVENTS;
      }

      @Sse('events-alone')
      eventsAlone() {
        return EVENTS;
      }

      @Head('head')
      @Cacheable()
      head() {
        runs++;
      }
    }

    const PATHS = ['/res', '/passthrough', '/file', '/code', '/tagged', '/nothing', '/moved', '/view'];

    it.each(PATHS)('%s', async (path) => {
      const cache = memory();
      const { http } = await withCache(cache, { controllers: [Ways] }, (app) => {
        const express = app.getHttpAdapter().getInstance();
        express.engine('txt', (_path: string, data: { run: number }, done: (e: unknown, text?: string) => void) =>
          done(data.run === undefined ? new Error('no data') : null, `run ${data.run}`),
        );
        express.set('view engine', 'txt');
        express.set('views', import.meta.dirname);
      });
      const [first, second] = [await http.get(path).redirects(0), await http.get(path).redirects(0)];
      expect(runs).toBe(1);
      expect(second.headers['cache-status']).toMatch(HIT);
      expect(second.status).toBe(first.status);
      expect(second.text).toBe(first.text);
      const own = ({
        date,
        age,
        'cache-status': _,
        connection,
        'transfer-encoding': __,
        'content-length': ___,
        ...rest
      }: Record<string, string>) => rest;
      expect(own(second.headers)).toMatchObject(own(first.headers));
      expect(cache.getStats()).toMatchObject({ hits: 1, misses: 1, errors: 0 });
    });

    it('what @Header says of its version is what clients may ask by, of a hit, too', async () => {
      const { http } = await withCache(memory(), { controllers: [Ways] });
      for (let i = 0; i < 2; i++) {
        await http.get('/tagged').set('if-none-match', '"own"').expect(304).expect('etag', '"own"');
        await http.get('/tagged').set('if-modified-since', 'Thu, 01 Jan 2026 00:00:00 GMT').expect(304);
      }
      expect(runs).toBe(1);
    });

    it('a file that breaks is not stored, whichever way Nest ends the answer', async () => {
      const cache = memory();
      const { http } = await withCache(cache, { controllers: [Ways] });
      for (let i = 0; i < 2; i++) await http.get('/broken').catch(() => {});
      expect(runs).toBe(2);
      expect(cache.getStats().sets).toBe(0);
    });

    it('handlers speak to the cache', async () => {
      const cache = memory();
      const { http } = await withCache(cache, { controllers: [Ways] });
      await http.get('/passthrough');
      await cache.invalidateByTags(['told']);
      await http.get('/passthrough').expect({ run: 2 });
    });

    it('events stream through', async () => {
      const { http } = await withCache(memory(), { controllers: [Ways] });
      for (const run of [1, 2]) {
        const { text: events } = await http.get('/events').expect('content-type', /event-stream/);
        expect(events).toBe((await http.get('/events-alone')).text);
        expect(events).toMatch(/data: one[\s\S]*data: two/);
        expect(runs).toBe(run);
      }
    });

    it('a request object may be asked for as ever', async () => {
      @Controller()
      class Plain {
        @Get()
        @Cacheable({ tags: (req: Request) => [req.path] })
        read(@Req() req: Request) {
          return { path: req.path, run: ++runs };
        }
      }
      const cache = memory();
      const { http } = await withCache(cache, { controllers: [Plain] });
      await http.get('/');
      await cache.invalidateByTags(['/']);
      await http.get('/').expect({ path: '/', run: 2 });
    });
  });
});
