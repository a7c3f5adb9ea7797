import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Post, UseInterceptors } from '@nestjs/common';
import { Cacheable, CacheInterceptor, CacheInvalidate } from 'respcache/nest';
import { expect, it } from 'vitest';
import { memory, withCache } from './host.js';

it('works', async () => {
  let runs = 0;
  @Controller('users')
  class Users {
    @Get()
    @UseInterceptors(CacheInterceptor)
    @Cacheable({ key: 'users:list', ttl: 300, tags: ['users', 'list'] })
    async findAll() {
      runs++;
      await sleep(1);
      return [{ name: 'Ada' }];
    }
    @Post()
    @CacheInvalidate('users:list')
    create() {
      return { ok: true };
    }
  }
  const { http } = await withCache(memory(), { controllers: [Users] });
  for (let i = 0; i < 3; i++) {
    const res = await http.get('/users');
    console.log(res.status, res.headers, res.body);
  }
  await http.post('/users').expect(201);
  await http.get('/users');
  expect(runs).toBe(2);
});
