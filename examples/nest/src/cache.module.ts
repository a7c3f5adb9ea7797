import { Module } from '@nestjs/common';
import { CacheModule } from 'respcache/nest';
import { ConfigService } from './config.service.js';

@Module({ providers: [ConfigService], exports: [ConfigService] })
class ConfigModule {}

/** Redis where REDIS_HOST says so, else this process' memory. It is global: the decorators find the cache everywhere. */
@Module({
  imports: [
    CacheModule.registerAsync({
      imports: [ConfigModule],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        host: config.get('REDIS_HOST', ''),
        port: config.get('REDIS_PORT', ''),
        password: config.get('REDIS_PASSWORD', ''),
        db: config.get('REDIS_DB', ''),
        ttl: config.get('CACHE_TTL', 300),
        // Links from newsletters make no other page of it.
        query: { ignore: ['utm_*'] },
      }),
    }),
  ],
  exports: [CacheModule],
})
export class RedisCacheModule {}
