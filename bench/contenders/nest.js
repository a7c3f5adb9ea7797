// NestJS on Express with its own CacheInterceptor, as its documentation says.

import 'reflect-metadata';
import KeyvRedis from '@keyv/redis';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import { Controller, Get, Module, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { data, serve, slowly, wanted } from '../lib/serve.js';

const HOUR = 3_600_000;

class Users {
  async list() {
    await slowly?.();
    return structuredClone(data);
  }
}
Get()(Users.prototype, 'list', Object.getOwnPropertyDescriptor(Users.prototype, 'list'));
UseInterceptors(CacheInterceptor)(Users);
Controller('users')(Users);

class Application {}
const redis = () => new KeyvRedis(`redis://127.0.0.1:${wanted.redis}`, { namespace: wanted.prefix ?? wanted.slug });
const stores = wanted.store === 'redis' ? { stores: [redis()] } : {};
Module({ imports: [CacheModule.register({ ttl: HOUR, ...stores })], controllers: [Users] })(Application);

const app = await NestFactory.create(Application, { logger: false });
await app.init();
serve(app.getHttpAdapter().getInstance());
