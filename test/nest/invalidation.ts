import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import {
  applyDecorators,
  type CallHandler,
  Controller,
  Delete,
  Get,
  Module,
  Patch,
  Post,
  Put,
  Res,
  SetMetadata,
  UnprocessableEntityException,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { type Cache, ConfigError } from 'respcache';
import { Cacheable, CacheClear, CacheInterceptor, CacheInvalidate } from 'respcache/nest';
import { defer, of, take, timeout } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Host, memory, withCache } from './host.js';

describe('invalidation', () => {
  let runs = 0;
  let cache: Cache;
  let http: Host['http'];

  @Controller('users')
  class Users {
    @Get()
    @UseInterceptors(CacheInterceptor)
    @Cacheable({ key: 'users:list', tags: ['users', 'list'] })
    list() {
      return { run: ++runs };
    }

    @Get('detail/:id')
    @Cacheable({ key: 'users:detail', tags: (req: Request) => ['users', `user:${req.params.id}`] })
    detail() {
      return { run: ++runs };
    }

    @Post()
    @CacheInvalidate('users:list')
    create() {
      return { done: true };
    }

    @Post('fails')
    @CacheInvalidate('users:list')
    fails() {
      throw new UnprocessableEntityException();
    }

    @Put('both')
    @CacheInvalidate(['users:list', 'users:detail'])
    both() {}

    @Patch('detail/:id')
    @CacheInvalidate({ tags: (req: Request) => `user:${req.params.id}` })
    change() {}

    @Delete('pattern')
    @CacheInvalidate({ patterns: 'users:*' })
    remove() {}

    @Post('twice')
    @CacheInvalidate('users:detail')
    @CacheInvalidate({ tags: ['list'] })
    twice() {}

    @Post('everywhere')
    @CacheInvalidate({ tags: 'list', allTenants: true })
    everywhere() {}

    @Post('for-b')
    @CacheInvalidate('users:list', { clientId: 'b' })
    forB() {}

    @Post('for/:client')
    @CacheInvalidate({ keys: 'users:list', clientId: (req: Request) => String(req.params.client) })
    forOther() {}

    @Post('for-nobody')
    @CacheInvalidate({ keys: 'users:list', clientId: () => '' })
    forNobody() {}

    @Post('for-late')
    @CacheInvalidate('users:list', { clientId: (async () => Promise.reject(new Error('late'))) as () => never })
    forLate() {}

    @Post('cache/clear')
    @CacheClear()
    clear() {
      return { message: 'Cache limpo' };
    }

    @Post('cache/clear-mine')
    @CacheClear({ scope: 'tenant' })
    clearMine() {}
  }

  beforeEach(async () => {
    runs = 0;
    cache = memory();
    ({ http } = await withCache(cache, { controllers: [Users] }));
  });

  const LIST = '/users';
  const DETAIL = '/users/detail/1';
  const OTHER = '/users/detail/2';

  /** Stores three answers for two tenants each, sends the request as tenant a, and says which are gone. */
  async function goneAfter(
    method: 'post' | 'put' | 'patch' | 'delete',
    path: string,
    status?: number,
  ): Promise<string[]> {
    const places = ['a', 'b'].flatMap((tenant) => [LIST, DETAIL, OTHER].map((url) => ({ tenant, url })));
    const ask = ({ tenant, url }: { tenant: string; url: string }) => http.get(url).set('x-client-id', tenant);
    for (const place of places) await ask(place);
    const { status: answered } = await http[method](path).set('x-client-id', 'a');
    expect(answered).toBe(status ?? (method === 'post' ? 201 : 200));
    const gone: string[] = [];
    for (const place of places) {
      const { headers } = await ask(place);
      if (!headers['cache-status']?.startsWith('respcache; hit')) gone.push(`${place.tenant}${place.url}`);
    }
    return gone;
  }

  describe('@CacheInvalidate on a route, without any other decorator', () => {
    it.each([
      ['a key, of the tenant of the request', 'post', '/users', [`a${LIST}`]],
      ['keys', 'put', '/users/both', [`a${LIST}`, `a${DETAIL}`, `a${OTHER}`]],
      ['tags by a function of the request', 'patch', '/users/detail/1', [`a${DETAIL}`]],
      ['patterns', 'delete', '/users/pattern', [`a${LIST}`, `a${DETAIL}`, `a${OTHER}`]],
      ['twice on one method', 'post', '/users/twice', [`a${LIST}`, `a${DETAIL}`, `a${OTHER}`]],
      ['tags of all tenants', 'post', '/users/everywhere', [`a${LIST}`, `b${LIST}`]],
      ['of another tenant', 'post', '/users/for-b', [`b${LIST}`]],
      ['of a tenant that the request names', 'post', '/users/for/b', [`b${LIST}`]],
    ] as const)('%s', async (_what, method, path, gone) => {
      expect(await goneAfter(method, path)).toEqual(gone);
    });

    it('does nothing, and says so, where the client that it is to name is none', async () => {
      const errors: unknown[] = [];
      cache.on('error', ({ error }) => errors.push((error as Error).message));
      await http.get(LIST).expect({ run: 1 });
      await http.post('/users/for-nobody').expect(201);
      await http.post('/users/for-late').expect(201);
      await http.get(LIST).expect({ run: 1 });
      expect(errors).toEqual([
        'clientId is empty; it takes a text that is not empty',
        'the option clientId gave a promise; it takes a function that answers at once',
      ]);
    });

    it('does nothing where the handler fails', async () => {
      expect(await goneAfter('post', '/users/fails', 422)).toEqual([]);
    });

    it('does what it says also where a layer outside has sent the head already', async () => {
      @Controller('begun')
      class Begun {
        @Post()
        @CacheInvalidate('users:list')
        change(@Res() res: Response) {
          res.end('done');
        }
      }
      ({ http } = await withCache(cache, { controllers: [Users, Begun] }, (app) => {
        app.use('/begun', (_req: Request, res: Response, next: () => void) => {
          res.flushHeaders();
          next();
        });
      }));
      await http.get(LIST).expect({ run: 1 });
      const purged = new Promise((resolve) => cache.on('purge', resolve));
      expect((await http.post('/begun')).text).toBe('done');
      await purged;
      await http.get(LIST).expect({ run: 2 });
    });

    it('has happened when the answer arrives', async () => {
      let purges = 0;
      cache.on('purge', () => purges++);
      await http.post('/users').expect(201);
      expect(purges).toBe(1);
    });
  });

  describe('what nobody waits for any more', () => {
    let row = 'old';
    let begin: () => void;
    let change: () => Promise<string>;
    let goOn: () => void;
    let begun: Promise<void>;

    beforeEach(() => {
      row = 'old';
      begun = new Promise((resolve) => {
        begin = resolve;
      });
      const going = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      change = async () => {
        begin();
        await going;
        row = 'new';
        return 'changed';
      };
    });

    @Controller('rows')
    class Rows {
      @Get()
      @Cacheable({ key: 'row' })
      read() {
        return { row };
      }

      @Post('promise')
      @CacheInvalidate('row')
      promise() {
        return change();
      }

      @Post('observable')
      @CacheInvalidate('row')
      observable() {
        return defer(change);
      }

      @Post('stream')
      @CacheInvalidate('row')
      async stream() {
        const changed = await change();
        return (async function* () {
          yield changed;
        })();
      }

      @Get('slow')
      @Cacheable()
      slow() {
        return ++runs === 1 ? defer(change) : of('read again');
      }

      @Get('slow-change')
      @Cacheable()
      @CacheInvalidate('row')
      slowChange() {
        return this.slow();
      }
    }

    /** Asks, and gives what has it hang up: not before its handler runs. */
    async function ask(server: Server, request: string): Promise<() => Promise<unknown>> {
      const { port } = server.address() as AddressInfo;
      const socket = connect(port, '127.0.0.1');
      const [connection] = (await once(server, 'connection')) as [Socket];
      socket.write(`${request} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 0\r\n\r\n`);
      await begun;
      return () => {
        socket.destroy();
        return once(connection, 'close');
      };
    }

    it.each(['promise', 'observable', 'stream'])(
      'is invalidated all the same where its client has gone: by %s',
      async (path) => {
        const { app, http } = await withCache(cache, { controllers: [Rows] });
        await http.get('/rows').expect({ row: 'old' });
        const hangUp = await ask(app.getHttpServer(), `POST /rows/${path}`);
        const rows: string[] = [];
        const purged = new Promise<void>((resolve) => {
          cache.on('purge', () => {
            rows.push(row);
            resolve();
          });
        });
        await hangUp();
        goOn();
        await purged;
        expect(rows).toEqual(['new']);
        await http.get('/rows').expect({ row: 'new' });
      },
    );

    it.each(['promise', 'observable'])(
      'is invalidated all the same where a timeout has answered in its place: by %s',
      async (path) => {
        const timeouts = { intercept: (_context: unknown, next: CallHandler) => next.handle().pipe(timeout(20)) };
        const { http } = await withCache(cache, { controllers: [Rows] }, (app) => app.useGlobalInterceptors(timeouts));
        await http.get('/rows').expect({ row: 'old' });
        await http.post(`/rows/${path}`).expect(500);
        await http.get('/rows').expect({ row: 'old' });
        const purged = new Promise((resolve) => cache.on('purge', resolve));
        goOn();
        await purged;
        await http.get('/rows').expect({ row: 'new' });
      },
    );

    it('is invalidated once where an interceptor outside takes the first value', async () => {
      const first = { intercept: (_context: unknown, next: CallHandler) => next.handle().pipe(take(1)) };
      const { http } = await withCache(cache, { controllers: [Rows] }, (app) => app.useGlobalInterceptors(first));
      let purges = 0;
      cache.on('purge', () => purges++);
      goOn();
      for (const path of ['promise', 'observable']) await http.post(`/rows/${path}`).expect(201);
      expect(purges).toBe(2);
    });

    it.each(['slow', 'slow-change'])('keeps nobody else waiting: %s', async (path) => {
      const { app, http } = await withCache(cache, { controllers: [Rows] });
      const server: Server = app.getHttpServer();
      const hangUp = await ask(server, `GET /rows/${path}`);
      const { port } = server.address() as AddressInfo;
      const asked = performance.now();
      const waiting = http.get(`/rows/${path}`).set('host', `127.0.0.1:${port}`).expect(200);
      const answer = waiting.then(({ text }) => text);
      await once(server, 'request');
      await hangUp();
      goOn();
      // Nest 10 does not let go of the first run.
      expect(await answer).toBe(process.env.NEST_VERSION === '10' ? 'changed' : 'read again');
      expect(performance.now() - asked).toBeLessThan(5000);
    });
  });

  describe('@CacheClear on a route', () => {
    it('clears everything', async () => {
      expect(await goneAfter('post', '/users/cache/clear')).toHaveLength(6);
      await http.post('/users/cache/clear').expect(201, { message: 'Cache limpo' });
    });

    it('or what belongs to the tenant of the request', async () => {
      expect(await goneAfter('post', '/users/cache/clear-mine')).toEqual([`a${LIST}`, `a${DETAIL}`, `a${OTHER}`]);
    });
  });

  describe('CacheInterceptor for all routes', () => {
    @Controller('things')
    class Things {
      @Get()
      list() {
        return { run: ++runs };
      }

      @Post()
      create() {}

      @Get('named')
      @Cacheable({ key: 'things:named' })
      named() {
        return { run: ++runs };
      }

      @Get('invalidates')
      @CacheInvalidate('things:named')
      invalidates() {
        return { run: ++runs };
      }

      @Post('named')
      @CacheInvalidate({ tags: 'nothing' })
      changeNamed() {}
    }

    beforeEach(async () => {
      const providers = [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }];
      ({ http } = await withCache(cache, { controllers: [Things], providers }));
    });

    it('caches those without a decorator with the options of the cache, and invalidates their URL', async () => {
      for (let i = 0; i < 2; i++) await http.get('/things').expect({ run: 1 });
      await http.post('/things').expect(201);
      await http.get('/things').expect({ run: 2 });
    });

    it('takes a decorated route once', async () => {
      for (let i = 0; i < 2; i++) await http.get('/things/named').expect({ run: 1 });
      expect(cache.getStats()).toMatchObject({ totalRequests: 2, hits: 1, misses: 1, sets: 1 });
    });

    it('lets a route that invalidates run each time, and invalidates once', async () => {
      const purged: number[] = [];
      cache.on('purge', ({ tags }) => purged.push(tags));
      await cache.invalidateKey('things:named', 'a');
      for (const run of [1, 2]) await http.get('/things/invalidates').expect({ run });
      expect(purged).toEqual([purged[0], purged[0], purged[0]]);
      await http.get('/things/named').expect({ run: 3 });
      await http.post('/things/named').expect(201);
      await http.get('/things/named').expect({ run: 4 });
    });
  });

  describe('with decorators of others', () => {
    const KEY = 'theirs';

    /** As decorators that trace or retry do: a function around the method, with its metadata. */
    const wrapping: MethodDecorator = (_target, _name, descriptor) => {
      const { value } = descriptor as { value?: unknown };
      const method = value as (...args: unknown[]) => unknown;
      const wrapped = function (this: unknown, ...args: unknown[]) {
        return method.apply(this, args);
      };
      for (const key of Reflect.getMetadataKeys(method)) {
        Reflect.defineMetadata(key, Reflect.getMetadata(key, method), wrapped);
      }
      (descriptor as { value?: unknown }).value = wrapped;
    };

    @Controller('mixed')
    class Mixed {
      @Get()
      @wrapping
      @Cacheable({ key: 'mixed' })
      @wrapping
      @SetMetadata(KEY, 'kept')
      read() {
        return { run: ++runs };
      }

      @Post()
      @CacheInvalidate('mixed')
      @wrapping
      @CacheInvalidate({ tags: 'more' })
      write() {}

      @applyDecorators(Get('applied'), Cacheable({ key: 'mixed' }))
      applied() {
        return { run: ++runs };
      }
    }

    it('keeps what they say, and is still a route', async () => {
      ({ http } = await withCache(cache, { controllers: [Mixed] }));
      expect(new Reflector().get(KEY, Mixed.prototype.read)).toBe('kept');
      for (const path of ['/mixed', '/mixed/applied']) {
        const before = runs;
        for (let i = 0; i < 2; i++) await http.get(path).expect({ run: before + 1 });
      }
      let purges = 0;
      cache.on('purge', ({ tags }) => {
        purges += tags;
      });
      await http.post('/mixed').expect(201);
      await http.get('/mixed').expect({ run: 3 });
      // The tag is one; a key stands for a few.
      expect(purges).toBeGreaterThanOrEqual(2);
      expect(Mixed.prototype.read.name).toBe('wrapped');
    });

    it('that forget what is said of a route are found when the application starts: it would invalidate nothing', async () => {
      const forgetful: MethodDecorator = (_target, _name, descriptor) => {
        const method = descriptor.value as (...args: unknown[]) => unknown;
        (descriptor as { value?: unknown }).value = function (this: unknown, ...args: unknown[]) {
          return method.apply(this, args);
        };
      };
      class Inherited {
        @Post()
        @forgetful
        @CacheInvalidate('mixed')
        write() {}
      }
      @Controller()
      class Forgotten extends Inherited {}
      await expect(withCache(cache, { controllers: [Forgotten] })).rejects.toThrow(
        /say of Forgotten\.write is lost: a decorator above/,
      );
      @Controller()
      class InOrder {
        @Post()
        @CacheInvalidate('mixed')
        @forgetful
        write() {}
      }
      ({ http } = await withCache(cache, { controllers: [InOrder] }));
      await http.post('/').expect(201);
    });
  });

  describe('bad options', () => {
    const on = (decorate: () => MethodDecorator) => () => decorate();

    it.each([
      [on(() => Cacheable({ ttl: 0 })), 'option ttl is 0; it takes a number of seconds above 0'],
      [on(() => Cacheable({ key: '' })), 'option key is ""'],
      [on(() => Cacheable(60 as unknown as object)), 'the options of @Cacheable is 60; it takes an object'],
      [
        on(() => Cacheable('users:list' as unknown as object)),
        'the options of @Cacheable is "users:list"; it takes an object',
      ],
      [on(() => Cacheable(null as unknown as object)), 'the options of @Cacheable is null; it takes an object'],
      [
        on(() => CacheInvalidate('a', 5 as unknown as object)),
        'the options of @CacheInvalidate is 5; it takes an object',
      ],
      [on(() => CacheClear(5 as unknown as object)), 'the options of @CacheClear is 5; it takes an object'],
      [
        on(() => CacheClear('tenant' as unknown as object)),
        'the options of @CacheClear is "tenant"; it takes an object',
      ],
      [on(() => Cacheable({ clientId: '' })), 'option clientId of @Cacheable is ""'],
      [on(() => CacheInvalidate({})), 'what invalidate() is given is {}'],
      [on(() => CacheInvalidate({ keys: 'a', allTenants: true })), 'option allTenants of invalidate is true'],
      [on(() => CacheInvalidate('')), 'what invalidate() is given is ""'],
      [on(() => CacheInvalidate('a', { tags: [] } as object)), 'option of @CacheInvalidate: tags'],
      [
        on(() => CacheClear({ scope: 'mine' as 'all' })),
        "option scope of @CacheClear is \"mine\"; it takes 'all' or 'tenant'",
      ],
      [
        on(() => CacheClear({ clientId: 'a' })),
        'option clientId of @CacheClear is "a"; it takes no value without { scope: \'tenant\' }',
      ],
    ])('are found where they stand: %#', (decorate, message) => {
      expect(decorate).toThrow(ConfigError);
      expect(decorate).toThrow(message);
    });

    it('that only a route knows are found when the application starts', async () => {
      class Inherited {
        @Get()
        @Cacheable({ tll: 60 } as object)
        read() {}
      }
      @Controller()
      class Misspelt extends Inherited {}
      await expect(withCache(cache, { controllers: [Misspelt] })).rejects.toThrow('option tll is 60');
    });

    it('a controller without the module says what it lacks', async () => {
      @Controller()
      class Alone {
        @Get()
        @Cacheable()
        read() {}
      }
      @Module({ controllers: [Alone] })
      class AloneModule {}
      const { host } = await import('./host.js');
      await expect(host({ imports: [AloneModule] })).rejects.toThrow(/CacheService/);
    });
  });
});
