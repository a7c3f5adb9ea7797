import { Controller, Get, Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import type { Request } from 'express';
import { type Cache, ConfigError, RespcacheError } from 'respcache';
import { Cacheable, CacheClear, CacheInvalidate } from 'respcache/nest';
import { concat, defer, from, lastValueFrom, type Observable, throwError, toArray } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { memory, withCache } from './host.js';

describe('methods that are no routes', () => {
  let runs = 0;
  let cache: Cache;

  beforeEach(() => {
    runs = 0;
    cache = memory();
  });

  @Injectable()
  class UsersService {
    readonly region = 'eu';

    @Cacheable({
      key: (id: string) => `users:${id}`,
      ttl: (id: string) => (id === 'short' ? 1 : 600),
      tags: (id: string) => ['users', `user:${id}`],
      clientId: (_id: string, client: string) => client,
    })
    async find(id: string, client: string) {
      if (id === 'bad') throw new Error(`run ${++runs}`);
      return { id, client, run: ++runs, at: new Date(0) };
    }

    @Cacheable({
      key(this: UsersService) {
        return `of:${this.region}`;
      },
      clientId: 'shared',
    })
    async regional() {
      return `${this.region} ${++runs}`;
    }

    @CacheInvalidate({ tags: (id: string) => `user:${id}`, clientId: (_id: string, client: string) => client })
    async change(id: string, _client: string, fails = false) {
      if (fails) throw new Error('not changed');
      return `changed ${id}`;
    }

    @CacheInvalidate('of:eu', { clientId: 'shared' })
    async changeRegion() {}

    @CacheInvalidate({ tags: 'users', allTenants: true })
    async changeAll() {}

    @CacheInvalidate({ patterns: 'users:*', clientId: 'a' })
    async changePattern() {}

    @CacheClear({ scope: 'tenant', clientId: (client: string) => client })
    async leave(_client: string) {}

    @CacheClear()
    async clear() {}
  }

  async function service(): Promise<UsersService> {
    const { app } = await withCache(cache, { providers: [UsersService] });
    return app.get(UsersService);
  }

  describe('@Cacheable on a method', () => {
    it('caches its value by key and client, with its types', async () => {
      const users = await service();
      expect(await users.find('1', 'a')).toEqual({ id: '1', client: 'a', run: 1, at: new Date(0) });
      expect(await users.find('1', 'a')).toMatchObject({ run: 1, at: new Date(0) });
      expect(await users.find('1', 'b')).toMatchObject({ run: 2 });
      expect(await users.find('2', 'a')).toMatchObject({ run: 3 });
      expect(await cache.get('users:1', 'a')).toMatchObject({ run: 1 });
    });

    it('runs once for many at the same time, and stores no failure', async () => {
      const users = await service();
      const values = await Promise.all([users.find('1', 'a'), users.find('1', 'a'), users.find('1', 'a')]);
      expect(values.map(({ run }) => run)).toEqual([1, 1, 1]);
      await expect(users.find('bad', 'a')).rejects.toThrow('run 2');
      await expect(users.find('bad', 'a')).rejects.toThrow('run 3');
    });

    it('runs each time where it is not known whose the value is', async () => {
      const users = await service();
      const nobody = undefined as unknown as string;
      for (const run of [1, 2]) expect(await users.find('1', nobody)).toMatchObject({ run });
      expect(cache.getStats()).toMatchObject({ totalRequests: 0, sets: 0 });
    });

    it('takes functions that give no key, no client, or one tag', async () => {
      @Injectable()
      class Prices {
        @Cacheable({
          key: (sku: string) => (sku === 'none' ? undefined : `prices:${sku}`),
          clientId: (_sku: string, client?: string) => client,
          tags: (sku: string) => `price:${sku}`,
        })
        async price(_sku: string, _client?: string) {
          return ++runs;
        }
      }
      const { app } = await withCache(cache, { providers: [Prices] });
      const prices = app.get(Prices);
      expect([await prices.price('a', 'x'), await prices.price('a', 'x')]).toEqual([1, 1]);
      await cache.invalidateByTags(['price:a'], 'x');
      expect(await prices.price('a', 'x')).toBe(2);
      expect([await prices.price('none', 'x'), await prices.price('none', 'x')]).toEqual([3, 4]);
      expect([await prices.price('a'), await prices.price('a')]).toEqual([5, 6]);
    });

    it('calls its functions on the instance', async () => {
      const users = await service();
      expect([await users.regional(), await users.regional()]).toEqual(['eu 1', 'eu 1']);
      expect(await cache.get('of:eu', 'shared')).toBe('eu 1');
    });

    it('works in a provider of a request, whose tenant that is', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class Scoped {
        readonly client: string;
        constructor(@Inject(REQUEST) request: Request) {
          this.client = request.get('x-client-id') ?? 'none';
        }

        @Cacheable({
          key: 'scoped',
          clientId(this: Scoped) {
            return this.client;
          },
        })
        async value() {
          return `${this.client} ${++runs}`;
        }
      }
      @Controller()
      class Reading {
        constructor(private readonly scoped: Scoped) {}
        @Get()
        read() {
          return this.scoped.value();
        }
      }
      const { http } = await withCache(cache, { controllers: [Reading], providers: [Scoped] });
      for (const [client, text] of [
        ['a', 'a 1'],
        ['b', 'b 2'],
        ['a', 'a 1'],
      ] as const)
        expect((await http.get('/').set('x-client-id', client)).text).toBe(text);
    });

    it('gives the fields of what is of a class of its own, the first time as ever after: no class, no getter', async () => {
      class Account {
        readonly name = 'Ada';
        get initial() {
          return this.name[0];
        }
      }
      @Injectable()
      class Accounts {
        @Cacheable({ key: 'account', clientId: 'a' })
        async read() {
          runs++;
          return [new Account()];
        }

        @Cacheable({ key: 'function', clientId: 'a' })
        async uncopied() {
          return { name: () => 'Ada' };
        }
      }
      const { app } = await withCache(cache, { providers: [Accounts] });
      for (let i = 0; i < 2; i++) {
        const [account] = await app.get(Accounts).read();
        expect(account).toStrictEqual({ name: 'Ada' });
        expect(account?.initial).toBeUndefined();
      }
      expect(runs).toBe(1);
      await expect(app.get(Accounts).uncopied()).rejects.toThrow('could not be cloned');
    });

    it('counts a route once, as a response, not also as a value', async () => {
      @Controller()
      class Routed {
        @Get()
        @Cacheable({ key: 'routed', clientId: 'shared' })
        read() {
          return { run: ++runs };
        }
      }
      const { http } = await withCache(cache, { controllers: [Routed] });
      for (let i = 0; i < 2; i++) await http.get('/').expect({ run: 1 });
      expect(await cache.has('routed', 'shared')).toBe(false);
      expect(cache.getStats()).toMatchObject({ totalRequests: 2, sets: 1 });
    });
  });

  describe('@CacheInvalidate and @CacheClear on a method', () => {
    /** Which of the values are made anew. */
    async function madeAnew(users: UsersService, by: () => Promise<unknown>): Promise<string[]> {
      const places: [id: string, client: string][] = [
        ['1', 'a'],
        ['2', 'a'],
        ['1', 'b'],
      ];
      for (const place of places) await users.find(...place);
      await users.regional();
      const before = runs;
      await by().catch(() => {});
      const found: string[] = [];
      for (const [id, client] of places) if ((await users.find(id, client)).run > before) found.push(`${client}${id}`);
      if (Number((await users.regional()).slice(3)) > before) found.push('region');
      return found;
    }

    it.each([
      ['tags by a function', (users: UsersService) => users.change('1', 'a'), ['a1']],
      ['nothing, where the method fails', (users: UsersService) => users.change('1', 'a', true), []],
      ['a key', (users: UsersService) => users.changeRegion(), ['region']],
      ['tags of all tenants', (users: UsersService) => users.changeAll(), ['a1', 'a2', 'b1']],
      ['a pattern', (users: UsersService) => users.changePattern(), ['a1', 'a2']],
      ['a tenant', (users: UsersService) => users.leave('a'), ['a1', 'a2']],
      ['everything', (users: UsersService) => users.clear(), ['a1', 'a2', 'b1', 'region']],
    ])('%s', async (_what, by, anew) => {
      const users = await service();
      expect(await madeAnew(users, () => by(users))).toEqual(anew);
    });

    it('never means every tenant where a client was to be named: the method does not run', async () => {
      const users = await service();
      await cache.set('kept', 1, 'a', { tags: ['user:1'] });
      const change = users.change('1', undefined as unknown as string, true);
      await expect(change).rejects.toThrow('UsersService.change: clientId is undefined; nothing can be invalidated');
      await expect(users.leave('')).rejects.toThrow('UsersService.leave: clientId is empty');
      expect(await cache.get('kept', 'a')).toBe(1);
    });

    it.each([7, '', ['a', ''], Promise.resolve('a')])('does not run where the names are none: %j', async (names) => {
      let ran = false;
      @Injectable()
      class Odd {
        @CacheInvalidate({ keys: () => names as string, clientId: 'a' })
        async change() {
          ran = true;
        }
      }
      const { app } = await withCache(cache, { providers: [Odd] });
      await expect(app.get(Odd).change()).rejects.toThrow(/^the function keys of @CacheInvalidate on Odd\.change /);
      expect(ran).toBe(false);
    });

    it('does not run, nor end the process, where a function of its decorators rejects', async () => {
      let ran = false;
      const late = async (): Promise<never> => {
        throw new Error('the directory is away');
      };
      @Injectable()
      class Late {
        @Cacheable({ key: late as () => never, clientId: 'a' })
        async key() {
          ran = true;
        }

        @Cacheable({ key: 'late', clientId: 'a', ttl: late as () => never })
        async ttl() {
          ran = true;
        }

        @CacheInvalidate('late', { clientId: late as () => never })
        async client() {
          ran = true;
        }
      }
      const { app } = await withCache(cache, { providers: [Late] });
      const calls = app.get(Late);
      const said = 'gave a promise; it takes a function that answers at once';
      await expect(calls.key()).rejects.toThrow(`the function key of @Cacheable on Late.key ${said}`);
      await expect(calls.ttl()).rejects.toThrow(`the function ttl of @Cacheable on Late.ttl ${said}`);
      await expect(calls.client()).rejects.toThrow(`the function clientId of @CacheInvalidate on Late.client ${said}`);
      expect(ran).toBe(false);
    });

    it('gives what the method gives', async () => {
      expect(await (await service()).change('1', 'a')).toBe('changed 1');
    });
  });

  describe('a method that gives an Observable, as handlers of messages do', () => {
    let row = 'old';

    @Injectable()
    class Handlers {
      @Cacheable({ key: 'row', clientId: 'shared' })
      read(): Observable<unknown> {
        return from([`run ${++runs}`, row]);
      }

      @CacheInvalidate('row', { clientId: 'shared' })
      change(): Observable<unknown> {
        // Nothing of it happens before somebody subscribes.
        return defer(async () => {
          row = 'new';
          return 'changed';
        });
      }

      @CacheInvalidate('row', { clientId: 'shared' })
      fail(): Observable<unknown> {
        return defer(() => Promise.reject(new Error('not changed')));
      }

      @CacheInvalidate('row', { clientId: 'shared' })
      breakOff(): Observable<unknown> {
        return concat(
          from([1, 2]),
          throwError(() => new Error('broken off')),
        );
      }

      @CacheInvalidate('row', { clientId: 'shared' })
      async say(): Promise<Observable<unknown>> {
        return from([]);
      }

      @CacheInvalidate('row', { clientId: 'shared' })
      stream(): Observable<unknown> {
        return from([1, 2, 3]);
      }
    }

    let handlers: Handlers;
    beforeEach(async () => {
      row = 'old';
      handlers = (await withCache(cache, { providers: [Handlers] })).app.get(Handlers);
    });

    it('has its last value cached, as a route gives it', async () => {
      expect([await handlers.read(), await handlers.read(), runs]).toEqual(['old', 'old', 1]);
    });

    it('invalidates when it has ended, not when it was made', async () => {
      const known: string[] = [];
      cache.on('purge', () => {
        known.push(row);
      });
      const changing = await handlers.change();
      expect(known).toEqual([]);
      expect([await lastValueFrom(changing), known]).toEqual(['changed', ['new']]);
      expect(await lastValueFrom((await handlers.say()).pipe(toArray()))).toEqual([]);
      expect(known).toEqual(['new', 'new']);
    });

    it('lets its values pass as they come, and the last one when what it has changed is invalid', async () => {
      const seen: unknown[] = [];
      cache.on('purge', () => {
        seen.push('purge');
      });
      await (await handlers.stream()).forEach((value) => {
        seen.push(value);
      });
      expect(seen).toEqual([1, 2, 'purge', 3]);
    });

    it('lets all values pass that came before it fails', async () => {
      const seen: unknown[] = [];
      const watched = (await handlers.breakOff()).forEach((value) => {
        seen.push(value);
      });
      await expect(watched).rejects.toThrow('broken off');
      expect(seen).toEqual([1, 2]);
    });

    it('invalidates at its end also where it is let go of before: what it changes it may change all the same', async () => {
      const purged = new Promise<string>((resolve) => {
        cache.on('purge', () => resolve(row));
      });
      (await handlers.change()).subscribe().unsubscribe();
      expect(await purged).toBe('new');
    });

    it('invalidates nothing where it fails', async () => {
      await cache.set('row', 'kept', 'shared');
      await expect(lastValueFrom(await handlers.fail())).rejects.toThrow('not changed');
      expect(await cache.get('row', 'shared')).toBe('kept');
    });
  });

  describe('what cannot work', () => {
    it('an instance that Nest has not made', async () => {
      const call = new UsersService().find('1', 'a');
      await expect(call).rejects.toThrow(RespcacheError);
      await expect(call).rejects.toThrow(
        'UsersService.find has no cache: it has to be called on an instance that Nest has made',
      );
    });

    it.each([
      ['key', 'Cacheable', Cacheable({ clientId: 'a' })],
      ['clientId', 'Cacheable', Cacheable({ key: 'a' })],
      ['clientId', 'CacheInvalidate', CacheInvalidate('a')],
      ['clientId', 'CacheInvalidate', CacheInvalidate({ keys: 'a', tags: 'b', allTenants: true })],
      ['clientId', 'CacheClear', CacheClear({ scope: 'tenant' })],
    ])('a method without %s for @%s keeps the application from starting', async (option, decorator, decorate) => {
      @Injectable()
      class Lacking {
        @decorate
        async call() {}
      }
      const starting = withCache(cache, { providers: [Lacking] });
      await expect(starting).rejects.toThrow(ConfigError);
      await expect(starting).rejects.toThrow(`option ${option} of @${decorator} on Lacking.call is undefined`);
    });

    it('a method with an option that only routes have', async () => {
      @Injectable()
      class Varied {
        @Cacheable({ key: 'a', clientId: 'a', vary: ['accept-language'] })
        async call() {}
      }
      const starting = withCache(cache, { providers: [Varied] });
      await expect(starting).rejects.toThrow(
        'option of @Cacheable on Varied.call: vary is ["accept-language"]; it takes no value',
      );
    });

    it('a static method, or what is none', () => {
      const decorate = Cacheable({ key: 'a', clientId: 'a' });
      expect(() => decorate(UsersService, 'fixed', { value: () => {} })).toThrow(ConfigError);
      expect(() => decorate(UsersService.prototype, 'got', { get: () => 1 })).toThrow('the decorated got is undefined');
    });
  });
});
