import { Injectable } from '@nestjs/common';
import { CacheService } from 'respcache/nest';
import { Database, type User } from './database.js';

/** The cache by hand: values under keys of a client's. */
@Injectable()
export class UsersService {
  constructor(
    private readonly cacheService: CacheService,
    private readonly database: Database,
  ) {}

  /** Cache-first: what is there is given, what is missing is made, once for all who ask at the same time. */
  async findAll(clientId: string): Promise<User[]> {
    const read = async () => [...(await this.database.tables(clientId)).users.values()];
    return this.cacheService.getOrSet('users:list', read, clientId, { ttl: 300, tags: ['users'] });
  }

  async find(id: string, clientId: string): Promise<User | undefined> {
    await this.cacheService.increment(`users:${id}:views`, 1, clientId);
    return (await this.database.tables(clientId)).users.get(id);
  }

  async create(name: string, clientId: string): Promise<User> {
    const { users } = await this.database.tables(clientId);
    const user = { id: String(users.size + 1), name };
    users.set(user.id, user);
    return user;
  }

  async update(id: string, name: string, clientId: string): Promise<User | undefined> {
    const { users } = await this.database.tables(clientId);
    if (!users.has(id)) return undefined;
    users.set(id, { id, name });
    return users.get(id);
  }
}
