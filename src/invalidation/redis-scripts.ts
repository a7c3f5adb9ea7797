import { type Script, script } from '../stores/script.js';

/*
 * The ledger in Redis: four keys in one slot.
 *
 *   head      "<epoch>:<sequence>"            read with every lookup
 *   table     the purge table: 16 bytes of header (sequence, number of patterns: big-endian doubles), then the buckets,
 *             as far as one of them has been written: those behind are zero
 *   patterns  a list of "<sequence> <bucket>,<bucket>,… <JSON of the pattern>", oldest first
 *   log       a stream of purges, bounded; an entry's id is its sequence, `p` the sequence before it
 *
 * The four are checked against each other before each purge: where one is missing (evicted, deleted) the answer is
 * LOST, and the process begins a new epoch, in which nothing older stands.
 */

/** The bytes in front of the buckets in the table's snapshot. */
export const TABLE_HEADER: number = 16;

const CLOCK = `
if redis.replicate_commands then redis.replicate_commands() end
local function nextSequence(last, known)
  local time = redis.call('TIME')
  return math.max(last + 1, known + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
end
local function is(key, kind)
  local found = redis.call('TYPE', key).ok
  return found == kind or found == 'none'
end
local function text(number) return string.format('%.0f', number) end
local function double(number) return struct.pack('>d', number) end
`;

/**
 * KEYS head table log patterns; ARGV epoch, known sequence, record (JSON), log length, most patterns, most table bytes,
 * number of bucket offsets, the offsets, then for each pattern its tenant's offsets (joined by commas) and its JSON.
 * Returns OK, sequence, sequence before; or EPOCH or LOST with the head.
 */
export const APPEND: Script = script(`${CLOCK}
if not is(KEYS[1], 'string') then return {'LOST', ''} end
local head = redis.call('GET', KEYS[1])
if not head then return {'LOST', ''} end
if not (is(KEYS[2], 'string') and is(KEYS[3], 'stream') and is(KEYS[4], 'list')) then return {'LOST', head} end
local epoch, last = string.match(head, '^(.+):(%d+)$')
if epoch ~= ARGV[1] then return {'EPOCH', head} end
local size = redis.call('STRLEN', KEYS[2])
if size < 16 or size > tonumber(ARGV[6]) then return {'LOST', head} end
local sequence, count = struct.unpack('>dd', redis.call('GETRANGE', KEYS[2], 0, 15))
if sequence ~= tonumber(last) or redis.call('LLEN', KEYS[4]) ~= count then return {'LOST', head} end
sequence = nextSequence(sequence, tonumber(ARGV[2]))
local packed = double(sequence)
local at = 8 + tonumber(ARGV[7])
for i = 8, at - 1 do redis.call('SETRANGE', KEYS[2], ARGV[i], packed) end
local lines = {}
if at < #ARGV then
  for _, line in ipairs(redis.call('LRANGE', KEYS[4], 0, -1)) do lines[string.match(line, '^%d*(.*)$')] = line end
end
while at < #ARGV do
  local tail = ' ' .. ARGV[at] .. ' ' .. ARGV[at + 1]
  if lines[tail] then count = count - redis.call('LREM', KEYS[4], 1, lines[tail]) end
  lines[tail] = text(sequence) .. tail
  redis.call('RPUSH', KEYS[4], lines[tail])
  count = count + 1
  at = at + 2
end
while count > tonumber(ARGV[5]) do
  local old, offsets = string.match(redis.call('LPOP', KEYS[4]), '^(%d+) (%S+) ')
  count = count - 1
  for offset in string.gmatch(offsets, '%d+') do
    local bytes = redis.call('GETRANGE', KEYS[2], offset, offset + 7)
    local bucket = #bytes == 8 and struct.unpack('>d', bytes) or 0
    if bucket < tonumber(old) then redis.call('SETRANGE', KEYS[2], offset, double(tonumber(old))) end
  end
end
redis.call('SETRANGE', KEYS[2], 0, packed .. double(count))
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], text(sequence) .. '-0', 'p', last, 'd', ARGV[3])
redis.call('SET', KEYS[1], epoch .. ':' .. text(sequence))
return {'OK', text(sequence), last}
`);

/**
 * Head, table and patterns, as they are at one moment; in the place of what is missing or of another type nothing. Not by
 * MULTI, which a Redis that is out of memory refuses even for reads. KEYS as above.
 */
export const SNAPSHOT: Script = script(
  `
local function kind(key) return redis.call('TYPE', key).ok end
local function text(key) return kind(key) == 'string' and redis.call('GET', key) end
local lines = kind(KEYS[4]) == 'list' and redis.call('LRANGE', KEYS[4], 0, -1) or kind(KEYS[4]) == 'none' and {}
return {text(KEYS[1]), text(KEYS[2]), lines}
`,
  { reads: true },
);

/**
 * The new log begins with a record that follows on none, which wakes those who wait for news and sends them to the table.
 *
 * KEYS as above; ARGV the head that was found wanting ('' for none), the new epoch, known sequence.
 * Returns OK and the new head, or EPOCH and the head, if another process was faster. What is no head at all may be no text either,
 * and come back otherwise than it was read.
 */
export const BEGIN: Script = script(`${CLOCK}
local head = is(KEYS[1], 'string') and redis.call('GET', KEYS[1]) or ''
if head ~= ARGV[1] and string.find(head, '^[%w.]+:%d+$') then return {'EPOCH', head} end
local sequence = nextSequence(0, tonumber(ARGV[3]))
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('SET', KEYS[2], double(sequence) .. double(0))
redis.call('XADD', KEYS[3], text(sequence) .. '-0', 'p', '', 'd', '')
head = ARGV[2] .. '.' .. text(sequence) .. ':' .. text(sequence)
redis.call('SET', KEYS[1], head)
return {'OK', head}
`);
