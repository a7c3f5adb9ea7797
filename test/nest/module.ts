import {
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  type OnApplicationShutdown,
  Post,
  UseInterceptors,
} from '@nestjs/common';
import { Cache, ConfigError, createCache } from 'respcache';
import {
  Cacheable,
  CacheClear,
  CacheInterceptor,
  CacheModule,
  type CacheModuleOptions,
  CacheService,
} from 'respcache/nest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.js';
import { closing, type Host, host, memory, moduleOf } from './host.js';

describe('the module', () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(() => redis.stop());

  @Injectable()
  class Reader {
    constructor(readonly cacheService: CacheService) {}
  }

  const ReaderModule = moduleOf({ providers: [Reader], exports: [Reader] });

  /** As `@nestjs/config` does: what the environment holds is text. */
  @Injectable()
  class ConfigService {
    get<T>(name: string, fallback: T): T | string {
      const values: Record<string, string> = {
        REDIS_HOST: '127.0.0.1',
        REDIS_PORT: String(redis.port),
        CACHE_TTL: '120',
      };
      return values[name] ?? fallback;
    }
  }

  const ConfigModule = moduleOf({ providers: [ConfigService], exports: [ConfigService] });

  /** What stands for the function that other stores are made with. */
  const redisStore = () => {};

  describe('CacheService', () => {
    it('is the cache, with all that it can do', async () => {
      const { app } = await host({ imports: [CacheModule.forRoot({ redis: false, ttl: 60 }), ReaderModule] });
      const { cacheService } = app.get(Reader);
      expect(cacheService).toBeInstanceOf(Cache);
      await cacheService.set('users:list', [1], 'client-123', { ttl: 300, tags: ['users', 'list'] });
      expect(await cacheService.get('users:list', 'client-123')).toEqual([1]);
      expect(await cacheService.has('users:list', 'client-123')).toBe(true);
      expect(await cacheService.delete('users:list', 'client-123')).toBe(true);
      await cacheService.mset({ 'users:list': [1], 'users:count': 1 }, 'client-123');
      expect(await cacheService.mget(['users:list', 'users:count'], 'client-123')).toEqual([[1], 1]);
      expect(await cacheService.getOrSet('users:stats', () => 'made', 'client-123', { tags: ['users'] })).toBe('made');
      expect(await cacheService.increment('page:views', 1, 'client-123')).toBe(1);
      await cacheService.invalidateByTags(['users']);
      await cacheService.invalidatePattern('users:list', 'client-123');
      expect(await cacheService.mget(['users:list', 'users:stats'], 'client-123')).toEqual([undefined, undefined]);
      await cacheService.invalidateTenant('client-123');
      expect(await cacheService.has('users:count', 'client-123')).toBe(false);
      await cacheService.clear();
      expect(cacheService.getStats()).toMatchObject({
        hits: expect.any(Number),
        hitRate: expect.any(Number),
        errors: 0,
      });
      expect(await cacheService.health()).toMatchObject({ status: 'healthy' });
      expect(new Set(Object.getOwnPropertyNames(Cache.prototype).filter((name) => !(name in cacheService)))).toEqual(
        new Set(),
      );
    });

    it('may stand among the providers of a module of its own, and is the same cache', async () => {
      @Module({
        imports: [
          CacheModule.registerAsync({
            imports: [ConfigModule],
            useFactory: async (configService: ConfigService) => ({
              store: redisStore,
              host: configService.get('REDIS_HOST', 'localhost'),
              port: configService.get('REDIS_PORT', 6379),
              password: configService.get('REDIS_PASSWORD', ''),
              db: configService.get('REDIS_DB', '0'),
              ttl: configService.get('CACHE_TTL', 300),
              isGlobal: true,
            }),
            inject: [ConfigService],
          }),
        ],
        providers: [CacheService],
        exports: [CacheService],
      })
      class RedisCacheModule {}
      const { app } = await host({ imports: [RedisCacheModule, ReaderModule] });
      const cache = app.get(Reader).cacheService;
      expect(app.select(RedisCacheModule).get(CacheService, { strict: true })).toBe(cache);
      await cache.set('users:list', ['Ada'], 'client-123');
      expect(await redis.command('KEYS', 'client:*')).toEqual(['client:client-123:users:list']);
      expect(Number(await redis.command('TTL', 'client:client-123:users:list'))).toBeGreaterThan(110);
    });
  });

  describe('CacheModule', () => {
    const ways = {
      forRoot: () => CacheModule.forRoot({ redis: false, ttl: 7 }),
      register: () => CacheModule.register({ redis: false, ttl: '7' }),
      useFactory: () => CacheModule.forRootAsync({ useFactory: () => ({ redis: false, ttl: 7 }) }),
      useClass: () => CacheModule.forRootAsync({ useClass: Options }),
      useExisting: () => CacheModule.registerAsync({ useExisting: Options, imports: [OptionsModule] }),
    };

    @Injectable()
    class Options {
      async createCacheOptions(): Promise<CacheModuleOptions> {
        return { redis: false, ttl: 7 };
      }
    }
    const OptionsModule = moduleOf({ providers: [Options], exports: [Options] });

    it.each(Object.keys(ways) as (keyof typeof ways)[])('%s', async (way) => {
      const { app } = await host({ imports: [ways[way](), ReaderModule] });
      expect(app.get(Reader).cacheService.settings.route.ttl).toBe(7);
    });

    it('closes what it made when the application ends, and nothing else', async () => {
      const ended: string[] = [];
      const given = memory();
      given.onClose(() => ended.push('given'));
      const one = await host({ imports: [CacheModule.forRoot({ cache: given }), ReaderModule] });
      expect(one.app.get(Reader).cacheService).toBe(given);
      const other = await host({ imports: [CacheModule.forRoot({ redis: redis.url }), ReaderModule] });
      other.app.get(Reader).cacheService.onClose(() => ended.push('made'));
      await one.app.close();
      await other.app.close();
      expect(ended).toEqual(['made']);
      await given.set('still', 'open', 'a');
      expect(await given.get('still', 'a')).toBe('open');
    });

    it('has what was written behind persisted before databases close', async () => {
      const rows: unknown[] = [];
      @Injectable()
      class Database implements OnApplicationShutdown {
        #open = true;

        onApplicationShutdown(): void {
          this.#open = false;
        }

        save(row: unknown): void {
          if (!this.#open) throw new Error('it is closed');
          rows.push(row);
        }
      }
      const DatabaseModule = moduleOf({ providers: [Database], exports: [Database] });
      const { app } = await host({ imports: [DatabaseModule, CacheModule.forRoot({ redis: false })] });
      const cacheService = app.get<Cache>(CacheService);
      let busy = true;
      cacheService.onWriteBehind(
        'save',
        ({ value }) => {
          if (!busy) return app.get(Database).save(value);
          busy = false;
          throw new Error('it is busy');
        },
        { backoff: () => 100 },
      );
      await cacheService.writeBehind('row', 'Ada', 'client-123', { handler: 'save' });
      await app.close();
      expect(rows).toEqual(['Ada']);
    });

    it('keeps to itself where it is not global, and two of them apart', async () => {
      const local = (ttl: number) =>
        moduleOf({ imports: [CacheModule.forRoot({ redis: false, ttl, isGlobal: false })], providers: [Reader] });
      const modules = [local(1), local(2)];
      const { app } = await host({ imports: modules });
      const ttls = modules.map(
        (each) => app.select(each).get(Reader, { strict: true }).cacheService.settings.route.ttl,
      );
      expect(ttls).toEqual([1, 2]);
      const outside = host({ imports: [CacheModule.forRoot({ redis: false, isGlobal: false }), ReaderModule] });
      await expect(outside).rejects.toThrow(/CacheService/);
    });

    it.each([
      [{ tll: 1 } as object, 'option tll is 1'],
      [{ ttl: 'soon' }, 'option ttl is "soon"; it takes a number of seconds above 0'],
      [{ store: redisStore }, 'option store is a function'],
      [{ host: 'a', port: 'b' }, 'option port is "b"; it takes a whole number, from 0 to 65535'],
      [{ host: 'redis://a' }, 'option host is "redis://a"; it takes a name or an address alone'],
      [{ host: 'a:6379' }, 'option host is "a:6379"; it takes a name or an address alone'],
      [{ host: 'a', redis: false as const }, 'option redis is false; it takes no value beside host and port'],
      [
        { cache: {} as Cache },
        'option cache is {}; it takes a cache made by createCache() of the same copy of respcache',
      ],
    ])('does not start with what it cannot use: %#', async (options, message) => {
      await expect(host({ imports: [CacheModule.forRoot(options)] })).rejects.toThrow(message);
    });

    it('says what it takes', async () => {
      expect(() => CacheModule.forRootAsync({})).toThrow('it takes one of useFactory, useClass and useExisting');
      expect(() => CacheModule.forRootAsync({ useFactroy: 1 } as object)).toThrow('option useFactroy');
      expect(() => CacheModule.forRoot({ isGlobal: 'yes' as unknown as boolean })).toThrow(ConfigError);
      const both = CacheModule.forRoot({ cache: memory(), ttl: 1 });
      await expect(host({ imports: [both] })).rejects.toThrow('option ttl is 1; it takes no value');
      const late = CacheModule.forRootAsync({ useFactory: () => ({ redis: false, isGlobal: false }) });
      await expect(host({ imports: [late] })).rejects.toThrow('option isGlobal is false');
    });
  });

  describe('over Redis', () => {
    it('two processes share one cache, and an invalidation of one holds in the other', async () => {
      let runs = 0;
      @Controller('users')
      class Users {
        constructor(@Inject(CacheService) private readonly cacheService: CacheService) {}

        @Get()
        @UseInterceptors(CacheInterceptor)
        @Cacheable({ key: 'users:list', tags: ['users'] })
        list() {
          return { run: ++runs };
        }

        @Post('cache/clear')
        @CacheClear()
        async clear() {
          await this.cacheService.invalidateByTags(['users']);
          return { message: 'Cache limpo' };
        }
      }
      // As patient as a busy machine asks.
      const one = () =>
        closing(createCache({ redis: redis.url, prefix: 'two:', timeout: 2000, consistency: 'strong' }));
      const make = (cache = one()) => host({ imports: [CacheModule.forRoot({ cache })], controllers: [Users] });
      const first = one();
      const stored = new Promise((resolve) => first.on('set', resolve));
      const [a, b] = [await make(first), await make()];
      // The host is a part of the key.
      const get = ({ http }: Host) => http.get('/users').set('host', 'shop.example');
      await get(a).expect({ run: 1 });
      await stored;
      await get(b).expect({ run: 1 }).expect('cache-status', /hit/);
      await b.http.post('/users/cache/clear').expect(201, { message: 'Cache limpo' });
      await get(a).expect({ run: 2 });
    });

    it('answers while Redis is gone, and ends', async () => {
      const own = await startRedis();
      try {
        @Controller()
        class Alive {
          @Get()
          @Cacheable()
          read() {
            return 'alive';
          }

          @Post()
          @CacheClear()
          write() {
            return 'written';
          }
        }
        const { app, http } = await host({
          imports: [CacheModule.forRoot({ host: '127.0.0.1', port: own.port })],
          controllers: [Alive],
        });
        await http.get('/').expect(200);
        await own.kill();
        expect((await http.get('/').expect(200)).text).toBe('alive');
        expect((await http.post('/').expect(201)).text).toBe('written');
        await app.close();
      } finally {
        await own.stop();
      }
    });
  });
});
