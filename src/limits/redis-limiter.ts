import type { Backend } from '../backend.js';
import type { RedisLink } from '../stores/redis-link.js';
import { script } from '../stores/script.js';
import type { Flexible, Limiter } from './flexible.js';

/**
 * Counts in one step, blocks a client that comes to exceed the limit, and never gives back more than there is: nobody saves up for
 * the next window; nor anything to a client that is blocked: hits that were under way would let it in again. KEYS: the count.
 * ARGV: points, seconds of the window, points of the limit, seconds of a block.
 */
const COUNT = script(`
local by = tonumber(ARGV[1])
local had = tonumber(redis.call('get', KEYS[1]) or 0)
local limit, block = tonumber(ARGV[3]), tonumber(ARGV[4])
if by < 0 then
  by = -math.min(had, -by)
  if block > 0 and had > limit then by = 0 end
  if by == 0 then return {had, math.max(0, redis.call('pttl', KEYS[1]))} end
else
  redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX')
end
local points = redis.call('incrby', KEYS[1], by)
if points > limit and had <= limit and block * 1000 > redis.call('pttl', KEYS[1]) then redis.call('expire', KEYS[1], block) end
local ms = redis.call('pttl', KEYS[1])
if ms < 0 then
  redis.call('expire', KEYS[1], ARGV[2])
  ms = ARGV[2] * 1000
end
return {points, ms}
`);

/**
 * A limiter over the cache's connection, each command within its deadline and behind its breaker. `insurance`: what
 * counts while Redis does not answer.
 */
export function redisLimiter(
  flexible: Flexible,
  { backend, link }: { backend: Backend; link: RedisLink },
  options: { readonly points: number; readonly block: number; readonly insurance: Limiter | undefined } & object,
): Limiter {
  const { block, insurance, ...rest } = options;
  // In place of the client, which would be given a command of the package's own, for good.
  const storeClient = {
    // Versions differ in what they say beside the points and the seconds.
    rlflxIncr: async ([key, points, seconds]: [string, string, string]) =>
      backend.attempt('limit', async () => {
        await link.ready();
        const count = await link.run(COUNT, [key], [points, seconds, rest.points, block]);
        return (count as unknown[]).map(Number);
      }),
    // Older ones begin a transaction, whether they need it or not.
    multi: () => undefined,
  };
  const insured = insurance === undefined ? {} : { insuranceLimiter: insurance };
  return new flexible.RateLimiterRedis({ ...rest, storeClient, ...insured });
}
