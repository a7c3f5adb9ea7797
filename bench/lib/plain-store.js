import { projectModule } from './modules.js';
import { wanted } from './serve.js';

const TTL = 3600;

/** The least that keeps a body under a key: a Map, or one SET with a time to live, under a key as people write them. */
export async function plainStore() {
  if (wanted.store === 'memory') {
    const bodies = new Map();
    return (url, bytes) => bodies.set(url, bytes);
  }
  const { Redis } = await projectModule('ioredis');
  const redis = new Redis({ host: '127.0.0.1', port: wanted.redis, enableAutoPipelining: true });
  return (url, bytes) => redis.set(`cache:client-123:${url}`, bytes, 'EX', TTL);
}
