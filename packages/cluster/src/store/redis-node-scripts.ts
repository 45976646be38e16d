import { RedisScript } from "./redis-connection.ts";

/**
 * The scripts of RedisNodeRegistry; docs/state.md describes the keys. Every time is Redis' own.
 */
const PRELUDE = `
local clock = redis.call('TIME')
local nowMs = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function digits(number) return string.format('%.0f', number) end
-- A node's rooms outlive every outage that is to be survived, but not for ever.
local ROOMS_TTL_MS = 86400000
`;

/** Takes away the reservations that ran out. Each is a member "sequence:node", scored by its end; RESERVED counts them by node. */
const PRUNE_RESERVATIONS = `
local function pruneReservations(RESERVATIONS, RESERVED)
  local ended = redis.call('ZRANGEBYSCORE', RESERVATIONS, '-inf', digits(nowMs), 'LIMIT', 0, 1000)
  for _, member in ipairs(ended) do
    local node = string.sub(member, string.find(member, ':', 1, true) + 1)
    redis.call('ZREM', RESERVATIONS, member)
    if redis.call('HINCRBY', RESERVED, node, -1) <= 0 then redis.call('HDEL', RESERVED, node) end
  end
end
`;

/** KEYS: nodes, leases, rooms of the node. ARGV: node id, message, lease in ms, rooms. Reply: remembered rooms not named. */
export const REPORT_SCRIPT = new RedisScript(`${PRELUDE}
local NODES, LEASES, ROOMS = KEYS[1], KEYS[2], KEYS[3]
redis.call('HSET', NODES, ARGV[1], ARGV[2])
redis.call('ZADD', LEASES, digits(nowMs + tonumber(ARGV[3])), ARGV[1])
local named, others = {}, {}
for i = 4, #ARGV do
  named[ARGV[i]] = true
  redis.call('ZADD', ROOMS, digits(nowMs), ARGV[i])
end
for _, id in ipairs(redis.call('ZRANGE', ROOMS, 0, -1)) do
  if not named[id] then others[#others + 1] = id end
end
redis.call('PEXPIRE', ROOMS, ROOMS_TTL_MS)
return others
`);

/** KEYS: nodes, leases, reservations, reserved. Reply: for each node its id, message, rest of its lease in ms, reservations. */
export const LIST_SCRIPT = new RedisScript(`${PRELUDE}${PRUNE_RESERVATIONS}
local NODES, LEASES = KEYS[1], KEYS[2]
pruneReservations(KEYS[3], KEYS[4])
local leases, reserved, list = {}, {}, {}
local flat = redis.call('ZRANGE', LEASES, 0, -1, 'WITHSCORES')
for i = 1, #flat, 2 do leases[flat[i]] = tonumber(flat[i + 1]) end
flat = redis.call('HGETALL', KEYS[4])
for i = 1, #flat, 2 do reserved[flat[i]] = tonumber(flat[i + 1]) end
flat = redis.call('HGETALL', NODES)
for i = 1, #flat, 2 do
  local id = flat[i]
  list[#list + 1] = { id, flat[i + 1], (leases[id] or 0) - nowMs, reserved[id] or 0 }
end
return list
`);

/** KEYS: reservations, reserved, sequence, rooms of the node. ARGV: node id, room id, life of the reservation in ms. */
export const RESERVE_SCRIPT = new RedisScript(`${PRELUDE}${PRUNE_RESERVATIONS}
local RESERVATIONS, RESERVED, SEQUENCE, ROOMS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
pruneReservations(RESERVATIONS, RESERVED)
local member = redis.call('INCR', SEQUENCE) .. ':' .. ARGV[1]
redis.call('ZADD', RESERVATIONS, digits(nowMs + tonumber(ARGV[3])), member)
redis.call('HINCRBY', RESERVED, ARGV[1], 1)
redis.call('ZADD', ROOMS, digits(nowMs), ARGV[2])
redis.call('PEXPIRE', ROOMS, ROOMS_TTL_MS)
return 1
`);

/** KEYS: nodes, leases, rooms of the node. ARGV: node id, message, room id. */
export const ADOPT_SCRIPT = new RedisScript(`${PRELUDE}
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then redis.call('ZADD', KEYS[2], digits(nowMs), ARGV[1]) end
redis.call('ZADD', KEYS[3], digits(nowMs), ARGV[3])
redis.call('PEXPIRE', KEYS[3], ROOMS_TTL_MS)
return 1
`);

/** KEYS: rooms of the node. ARGV: age in ms, rooms. */
export const FORGET_ROOMS_SCRIPT = new RedisScript(`${PRELUDE}
for i = 2, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) <= nowMs - tonumber(ARGV[1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return 1
`);

/** KEYS: leases. ARGV: node id. */
export const END_LEASE_SCRIPT = new RedisScript(`${PRELUDE}
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
if lease and tonumber(lease) > nowMs then redis.call('ZADD', KEYS[1], digits(nowMs), ARGV[1]) end
return 1
`);

/** KEYS: nodes, leases, reserved, rooms of the node. ARGV: node id. Reply: 1 when it is gone, 0 when it has a lease. */
export const REMOVE_EXPIRED_SCRIPT = new RedisScript(`${PRELUDE}
local lease = redis.call('ZSCORE', KEYS[2], ARGV[1])
if lease and tonumber(lease) > nowMs then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('DEL', KEYS[4])
return 1
`);
