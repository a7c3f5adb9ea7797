import { type Script, script } from '../stores/script.js';

/*
 * What happens to a lane in one step. Its state: `added` and `ended` count its writes; `attempts` and `due` (ms since 1970)
 * are of the first one, `ticket` is of the last; `begun` is another one each time that it begins. `holder` is the pass of who is at work on it,
 * `until` (ms since 1970) how long: not a key that expires, for such a one Redis may evict. A lane that is empty has no state, and is not among
 * the lanes. Which write was put at its end last is known for a minute beyond that.
 *
 * A client of the caller's own sends what had no answer as a connection was lost once more over the next one, and it may have been
 * done: so what is put somewhere is known there by what nobody else puts there.
 */

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function held(state)
  local found = redis.call('HMGET', state, 'holder', 'until')
  local left = tonumber(found[2] or '0') - now
  if left > 0 then return found[1], left end
end
`;

const END = `
redis.call('LPOP', KEYS[1])
redis.call('HDEL', KEYS[2], 'attempts', 'due', 'holder', 'until')
if redis.call('LLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
  redis.call('SREM', KEYS[4], ARGV[#ARGV])
else
  redis.call('HINCRBY', KEYS[2], 'ended', 1)
end
return 1
`;

/** How long it is known which write of a lane was the last, ms. */
const LAST = "'PX', 60000";

/**
 * Keys: list, state, size, lanes, last. Arguments: both parts of the write (`encodeWrite`), the first part of the one that it
 * may replace, what then stands in its place, most, whether to coalesce, the lane's entry, ticket, id. Gives the ticket of the write,
 * which is that of the one it replaces; empty: there is no room; in a list: the first part of the one to replace is this by now.
 */
export const ADD: Script = script(
  `${NOW}
if redis.call('GET', KEYS[5]) == ARGV[9] then return redis.call('HGET', KEYS[2], 'ticket') or ARGV[8] end
local waiting = redis.call('LLEN', KEYS[1])
if ARGV[6] == '1' and (waiting > 1 or (waiting == 1 and not held(KEYS[2]))) then
  local last = redis.call('LINDEX', KEYS[1], -1)
  local outdated = string.sub(last, 1, 4 + struct.unpack('>I4', last))
  if outdated ~= ARGV[3] then return {outdated} end
  redis.call('LSET', KEYS[1], -1, ARGV[4] .. ARGV[2])
  if waiting == 1 then redis.call('HDEL', KEYS[2], 'attempts') end
  redis.call('HSETNX', KEYS[2], 'ticket', ARGV[8])
  redis.call('SET', KEYS[5], ARGV[9], ${LAST})
  return redis.call('HGET', KEYS[2], 'ticket')
end
if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[5]) then return '' end
redis.call('RPUSH', KEYS[1], ARGV[1] .. ARGV[2])
redis.call('HINCRBY', KEYS[2], 'added', 1)
redis.call('HSET', KEYS[2], 'ticket', ARGV[8])
redis.call('HSETNX', KEYS[2], 'begun', ARGV[8])
redis.call('INCR', KEYS[3])
redis.call('SADD', KEYS[4], ARGV[7])
redis.call('SET', KEYS[5], ARGV[9], ${LAST})
return ARGV[8]
`,
  { thrifty: true },
);

/**
 * Keys: list, state. Arguments: pass, lease (ms). Gives the first write and its attempt; -1: how many ms to wait; 0:
 * there is none.
 */
export const TAKE: Script = script(`${NOW}
local head = redis.call('LINDEX', KEYS[1], 0)
if not head then return {0, 0, '', 0} end
local holder, left = held(KEYS[2])
if holder == ARGV[1] then return {1, 0, head, tonumber(redis.call('HGET', KEYS[2], 'attempts'))} end
if holder then return {-1, left, '', 0} end
local due = tonumber(redis.call('HGET', KEYS[2], 'due') or '0')
if due > now then return {-1, due - now, '', 0} end
redis.call('HSET', KEYS[2], 'holder', ARGV[1], 'until', now + tonumber(ARGV[2]))
return {1, 0, head, redis.call('HINCRBY', KEYS[2], 'attempts', 1)}
`);

/** Keys: state. Arguments: pass, lease (ms). */
export const RENEW: Script = script(`${NOW}
if held(KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'until', now + tonumber(ARGV[2]))
return 1
`);

/** Keys: state. Arguments: pass, ms until it is due. */
export const RETRY: Script = script(`${NOW}
if held(KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'due', now + math.ceil(tonumber(ARGV[2])))
redis.call('HDEL', KEYS[1], 'holder', 'until')
return 1
`);

/** Keys: list, state, size, lanes. Arguments: pass, the lane's entry. */
export const DONE: Script = script(`${NOW}
if held(KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DECR', KEYS[3])
${END}`);

/** Keys: list, state, dead, lanes. Arguments: pass, id, dead letter, the lane's entry. It still takes its place. */
export const DEAD: Script = script(`${NOW}
if held(KEYS[2]) ~= ARGV[1] then return redis.call('HGET', KEYS[3], ARGV[2]) == ARGV[3] and 1 or 0 end
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
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
