import { Body, Controller, Get, Headers, NotFoundException, Param, Post, Put, UseInterceptors } from '@nestjs/common';
import type { Request } from 'express';
import { Cacheable, CacheInterceptor, CacheInvalidate } from 'respcache/nest';
import { UsersService } from './users.service.js';

interface UserBody {
  readonly name: string;
}

@Controller('users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @UseInterceptors(CacheInterceptor)
  @Cacheable({ key: 'users:list', ttl: 300, tags: ['users', 'list'] })
  async findAll(@Headers('x-client-id') clientId: string) {
    return this.users.findAll(clientId);
  }

  @Get(':id')
  @Cacheable({ key: 'users:detail', ttl: 600, tags: (req: Request) => ['users', `user:${req.params.id}`] })
  async find(@Param('id') id: string, @Headers('x-client-id') clientId: string) {
    const user = await this.users.find(id, clientId);
    // A 404 is kept as well, but for seconds only (negativeTtl).
    if (user === undefined) throw new NotFoundException();
    return user;
  }

  // What a new user makes outdated: the list, and a 404 that somebody may have met.
  @Post()
  @CacheInvalidate(['users:list', 'users:detail'])
  async create(@Body() { name }: UserBody, @Headers('x-client-id') clientId: string) {
    return this.users.create(name, clientId);
  }

  @Put(':id')
  @CacheInvalidate({ keys: 'users:list', tags: (req: Request) => `user:${req.params.id}` })
  async update(@Param('id') id: string, @Body() { name }: UserBody, @Headers('x-client-id') clientId: string) {
    const user = await this.users.update(id, name, clientId);
    if (user === undefined) throw new NotFoundException();
    return user;
  }
}
