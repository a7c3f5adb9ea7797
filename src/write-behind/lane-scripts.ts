import { type Script, script } from '../stores/script.js';

/*
 * What happens to a lane in one step. Its state: `added` and `ended` count its writes; `attempts` and `due` (ms since 1970)
 * are of the first one, `ticket` is of the last; `begun` is another one each time that it begins. A lane that is empty has no state, and is not among the lanes.
 * Which write was put at its end last is known for a minute beyond that.
 *
 * A client of the caller's own sends what had no answer as a connection was lost once more over the next one, and it may have been
 * done: so what is put somewhere is known there by what nobody else puts there.
 */

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

const END = `
redis.call('LPOP', KEYS[1])
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[3], 'attempts', 'due')
if redis.call('LLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[3])
  redis.call('SREM', KEYS[5], ARGV[#ARGV])
else
  redis.call('HINCRBY', KEYS[3], 'ended', 1)
end
return 1
`;

/** How long it is known which write of a lane was the last, ms. */
const LAST = "'PX', 60000";

/**
 * Keys: list, lock, state, size, lanes, last. Arguments: both parts of the write (`encodeWrite`), the first part of the one that it
 * may replace, what then stands in its place, most, whether to coalesce, the lane's entry, ticket, id. Gives the ticket of the write,
 * which is that of the one it replaces; empty: there is no room; in a list: the first part of the one to replace is this by now.
 */
export const ADD: Script = script(
  `
if redis.call('GET', KEYS[6]) == ARGV[9] then return redis.call('HGET', KEYS[3], 'ticket') or ARGV[8] end
local waiting = redis.call('LLEN', KEYS[1])
if ARGV[6] == '1' and (waiting > 1 or (waiting == 1 and redis.call('EXISTS', KEYS[2]) == 0)) then
  local last = redis.call('LINDEX', KEYS[1], -1)
  local outdated = string.sub(last, 1, 4 + struct.unpack('>I4', last))
  if outdated ~= ARGV[3] then return {outdated} end
  redis.call('LSET', KEYS[1], -1, ARGV[4] .. ARGV[2])
  if waiting == 1 then redis.call('HDEL', KEYS[3], 'attempts') end
  redis.call('HSETNX', KEYS[3], 'ticket', ARGV[8])
  redis.call('SET', KEYS[6], ARGV[9], ${LAST})
  return redis.call('HGET', KEYS[3], 'ticket')
end
if tonumber(redis.call('GET', KEYS[4]) or '0') >= tonumber(ARGV[5]) then return '' end
redis.call('RPUSH', KEYS[1], ARGV[1] .. ARGV[2])
redis.call('HINCRBY', KEYS[3], 'added', 1)
redis.call('HSET', KEYS[3], 'ticket', ARGV[8])
redis.call('HSETNX', KEYS[3], 'begun', ARGV[8])
redis.call('INCR', KEYS[4])
redis.call('SADD', KEYS[5], ARGV[7])
redis.call('SET', KEYS[6], ARGV[9], ${LAST})
return ARGV[8]
`,
  { thrifty: true },
);

/**
 * Keys: list, lock, state. Arguments: pass, lease (ms). Gives the first write and its attempt; -1: how many ms to wait; 0:
 * there is none.
 */
export const TAKE: Script = script(`${NOW}
local head = redis.call('LINDEX', KEYS[1], 0)
if not head then return {0, 0, '', 0} end
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] then return {1, 0, head, tonumber(redis.call('HGET', KEYS[3], 'attempts'))} end
if holder then return {-1, math.max(redis.call('PTTL', KEYS[2]), 1), '', 0} end
local due = tonumber(redis.call('HGET', KEYS[3], 'due') or '0')
if due > now then return {-1, due - now, '', 0} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {1, 0, head, redis.call('HINCRBY', KEYS[3], 'attempts', 1)}
`);

/** Keys: lock. Arguments: pass, lease (ms). */
export const RENEW: Script = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
`);

/** Keys: lock, state. Arguments: pass, ms until it is due. */
export const RETRY: Script = script(`${NOW}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'due', now + math.ceil(tonumber(ARGV[2])))
redis.call('DEL', KEYS[1])
return 1
`);

/** Keys: list, lock, state, size, lanes. Arguments: pass, the lane's entry. */
export const DONE: Script = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DECR', KEYS[4])
${END}`);

/** Keys: list, lock, state, dead, lanes. Arguments: pass, id, dead letter, the lane's entry. It still takes its place. */
export const DEAD: Script = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return redis.call('HGET', KEYS[4], ARGV[2]) == ARGV[3] and 1 or 0 end
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
${END}`);

/** Keys: list, state, dead, lanes, last. Arguments: id, write, the lane's entry, ticket. */
export const REPLAY: Script = script(`
if redis.call('HDEL', KEYS[3], ARGV[1]) == 0 then return redis.call('HGET', KEYS[2], 'ticket') == ARGV[4] and 1 or 0 end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('HINCRBY', KEYS[2], 'added', 1)
redis.call('HSET', KEYS[2], 'ticket', ARGV[4])
redis.call('HSETNX', KEYS[2], 'begun', ARGV[4])
redis.call('SADD', KEYS[4], ARGV[3])
redis.call('SET', KEYS[5], ARGV[1], ${LAST})
return 1
`);

/** Keys: dead, size. Arguments: id. */
export const DISCARD: Script = script(`
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('DECR', KEYS[2])
return 1
`);
