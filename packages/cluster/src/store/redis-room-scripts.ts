import { RedisScript } from "./redis-connection.ts";

/**
 * The scripts of RedisRoomStore. Each is one atomic change (or reading) of one room; docs/state.md describes the keys.
 *
 * KEYS: the nine of redis-room-keys.ts, in that order. ARGV: 1 room lifetime in ms, 2 grace of an empty room in ms, 3 how
 * long departures are remembered in ms, 4 the caller's epoch (0: unchecked); from 5 on each script's own.
 *
 * Every reply begins with a status: "ok" or an error code; then epoch and version of the room, and the participants left.
 */
const PRELUDE = `
local ROOM, PARTICIPANTS, IDENTITIES, ROSTER, PLACEMENT, NODES, TRACKS, PUBLISHERS, DEPARTED =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local lifetimeMs, emptyGraceMs, departedMs, callerEpoch = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local nowMs = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- Another id than at the last change: Redis was restarted or another server took over, and may have lost changes.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')

local function digits(number) return string.format('%.0f', number) end
local function netstring(text) return #text .. ':' .. text end

-- The first fields of a record, which stand before the message as netstrings.
local function fields(record, count)
  local found, at = {}, 1
  for i = 1, count do
    local first, last, length = string.find(record, '^(%d+):', at)
    found[i] = string.sub(record, last + 1, last + length)
    at = last + length + 1
  end
  return found
end

local room = nil
local function save()
  redis.call('HSET', ROOM, 'epoch', digits(room.epoch), 'version', digits(room.version), 'server', server)
end
local function raise(above)
  room.epoch = math.max(nowMs, room.epoch + 1, above + 1)
  save()
end

local stored = redis.call('HMGET', ROOM, 'epoch', 'version', 'created', 'max', 'server')
if stored[1] then
  room = { epoch = tonumber(stored[1]), version = tonumber(stored[2]), created = stored[3], max = tonumber(stored[4]) }
  if stored[5] ~= server then raise(0) end
end

local function count() return redis.call('HLEN', PARTICIPANTS) end

local function reply(status, ...)
  if not room then return { status, 0, 0, 0, ... } end
  return { status, room.epoch, room.version, count(), ... }
end

-- Whether the caller's epoch is another one. One above the room's is a sign of lost changes too.
local function isStale()
  if callerEpoch == 0 or callerEpoch == room.epoch then return false end
  if callerEpoch > room.epoch then raise(callerEpoch) end
  return true
end

local function expireAll(ms)
  for i = 1, 8 do redis.call('PEXPIRE', KEYS[i], ms) end
end

-- Ends a change: an empty room is kept for its grace, any other for its lifetime.
local function commit()
  save()
  expireAll(count() == 0 and emptyGraceMs or lifetimeMs)
end

-- Whether a node may speak for a participant that is there: it is on it, or nobody says which node speaks.
local function isOn(id, node)
  return node == '' or fields(redis.call('HGET', PARTICIPANTS, id), 1)[1] == node
end

local function addParticipant(id, identity, node, message)
  redis.call('HSET', PARTICIPANTS, id, netstring(node) .. netstring(identity) .. netstring(digits(nowMs)) .. message)
  redis.call('HSET', IDENTITIES, identity, id)
  redis.call('ZADD', ROSTER, 0, id)
  redis.call('ZADD', PLACEMENT, 0, netstring(node) .. id)
  redis.call('HINCRBY', NODES, node, 1)
  room.version = room.version + 1
end

local function takeFromNode(id, node)
  redis.call('ZREM', PLACEMENT, netstring(node) .. id)
  if redis.call('HINCRBY', NODES, node, -1) <= 0 then redis.call('HDEL', NODES, node) end
end

local function removeParticipant(id, reason)
  local known = fields(redis.call('HGET', PARTICIPANTS, id), 2)
  local node, identity = known[1], known[2]
  redis.call('HDEL', PARTICIPANTS, id)
  redis.call('HDEL', IDENTITIES, identity)
  redis.call('ZREM', ROSTER, id)
  takeFromNode(id, node)
  local published = redis.call('HGET', PUBLISHERS, id)
  if published then
    for _, track in ipairs(cmsgpack.unpack(published)) do redis.call('HDEL', TRACKS, track) end
    redis.call('HDEL', PUBLISHERS, id)
  end
  redis.call('ZREMRANGEBYSCORE', DEPARTED, '-inf', digits((nowMs - departedMs) * 8 + 7))
  redis.call('ZADD', DEPARTED, digits(nowMs * 8 + tonumber(reason)), id)
  redis.call('PEXPIRE', DEPARTED, departedMs)
  room.version = room.version + 1
end

local function publishedBy(id)
  local packed = redis.call('HGET', PUBLISHERS, id)
  return packed and cmsgpack.unpack(packed) or {}
end

local function setPublishedBy(id, tracks)
  if #tracks == 0 then redis.call('HDEL', PUBLISHERS, id)
  else redis.call('HSET', PUBLISHERS, id, cmsgpack.pack(tracks)) end
end

-- Values of a hash for many fields; unpack takes some thousands at most.
local function getMany(key, names)
  local values = {}
  for first = 1, #names, 1000 do
    local part = redis.call('HMGET', key, unpack(names, first, math.min(first + 999, #names)))
    for _, value in ipairs(part) do values[#values + 1] = value end
  end
  return values
end

-- Created, limit, records of those who publish, tracks by id, relay plan.
local function snapshot()
  local publishers = getMany(PARTICIPANTS, redis.call('HKEYS', PUBLISHERS))
  return room.created, room.max, publishers, redis.call('HGETALL', TRACKS), redis.call('HGET', ROOM, 'plan') or ''
end

-- Ids on a node: members of the placement that begin with its name. No UTF-8 text has a byte 255.
local function participantsOn(node)
  local prefix = netstring(node)
  local members = redis.call('ZRANGEBYLEX', PLACEMENT, '[' .. prefix, '(' .. prefix .. '\\255')
  for i, member in ipairs(members) do members[i] = string.sub(member, #prefix + 1) end
  return members
end
`;

function script(body: string): RedisScript {
  return new RedisScript(PRELUDE + body);
}

/** ARGV: participant id, identity, node id, message, limit of a new room. Reply: whether it joined, who was replaced, the room. */
export const JOIN_SCRIPT = script(`
local id, identity, node, message, max = ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
if not room then
  -- What is left under the other keys belongs to nobody.
  redis.call('DEL', unpack(KEYS))
  room = { epoch = nowMs, version = 0, created = digits(nowMs), max = max }
end
local known = redis.call('HGET', PARTICIPANTS, id)
if known then
  if fields(known, 2)[2] ~= identity then return reply('PERMISSION_DENIED') end
  return reply('ok', 0, '', snapshot())
end
local replaced = ''
local other = redis.call('HGET', IDENTITIES, identity)
if other then
  replaced = redis.call('HGET', PARTICIPANTS, other)
  removeParticipant(other, ARGV[10])
elseif room.max > 0 and count() >= room.max then
  return reply('ROOM_FULL')
end
redis.call('HSET', ROOM, 'created', room.created, 'max', room.max)
addParticipant(id, identity, node, message)
redis.call('ZREM', DEPARTED, id)
commit()
return reply('ok', 1, replaced, snapshot())
`);

/** ARGV: participant id, node to leave, node to go to, message. Reply: whether it moved now, its record, the room. */
export const MOVE_SCRIPT = script(`
local id, from, to, message = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local known = room and redis.call('HGET', PARTICIPANTS, id)
if not known then return reply('PARTICIPANT_NOT_FOUND') end
local now = fields(known, 2)
if now[1] ~= from then return reply('ok', 0, known, snapshot()) end
takeFromNode(id, from)
addParticipant(id, now[2], to, message)
commit()
return reply('ok', 1, redis.call('HGET', PARTICIPANTS, id), snapshot())
`);

/** ARGV: participant id, reason, node that says so. Reply: whether it left now. */
export const LEAVE_SCRIPT = script(`
local id = ARGV[5]
if not room or redis.call('HEXISTS', PARTICIPANTS, id) == 0 then return reply('ok', 0) end
if not isOn(id, ARGV[7]) then return reply('ok', 0) end
if isStale() then return reply('STALE_EPOCH') end
removeParticipant(id, ARGV[6])
commit()
return reply('ok', 1)
`);

/** ARGV: track id, participant id, message (with the mute flag off), "1" when muted, limit, node of the track. Reply: whether it is new, its publisher. */
export const PUBLISH_SCRIPT = script(`
local track, id, message, muted, limit = ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
if not room then return reply('PARTICIPANT_NOT_FOUND') end
if isStale() then return reply('STALE_EPOCH') end
local publisher = redis.call('HGET', PARTICIPANTS, id)
if not publisher then return reply('PARTICIPANT_NOT_FOUND') end
if not isOn(id, ARGV[10]) then return reply('PARTICIPANT_MOVED') end
local known = redis.call('HGET', TRACKS, track)
if known and fields(known, 2)[2] ~= id then return reply('PERMISSION_DENIED') end
local record = netstring(muted) .. netstring(id) .. message
if known == record then return reply('ok', 0, publisher) end
if not known then
  local published = publishedBy(id)
  if #published >= limit then return reply('TRACK_LIMIT') end
  published[#published + 1] = track
  setPublishedBy(id, published)
end
redis.call('HSET', TRACKS, track, record)
room.version = room.version + 1
commit()
return reply('ok', 1, publisher)
`);

/** ARGV: track id, node that says so. Reply: whether it went now, whose it was. */
export const UNPUBLISH_SCRIPT = script(`
local track = ARGV[5]
local known = room and redis.call('HGET', TRACKS, track)
if not known then return reply('ok', 0, '') end
local id = fields(known, 2)[2]
if not isOn(id, ARGV[6]) then return reply('ok', 0, '') end
if isStale() then return reply('STALE_EPOCH') end
local left = {}
for _, other in ipairs(publishedBy(id)) do
  if other ~= track then left[#left + 1] = other end
end
setPublishedBy(id, left)
redis.call('HDEL', TRACKS, track)
room.version = room.version + 1
commit()
return reply('ok', 1, id)
`);

/** ARGV: track id, "1" when muted. Reply: whether that is new, whose it is. */
export const MUTE_SCRIPT = script(`
local track, muted = ARGV[5], ARGV[6]
if not room then return reply('TRACK_NOT_FOUND') end
if isStale() then return reply('STALE_EPOCH') end
local known = redis.call('HGET', TRACKS, track)
if not known then return reply('TRACK_NOT_FOUND') end
local now = fields(known, 2)
if now[1] == muted then return reply('ok', 0, now[2]) end
redis.call('HSET', TRACKS, track, netstring(muted) .. string.sub(known, #netstring(now[1]) + 1))
room.version = room.version + 1
commit()
return reply('ok', 1, now[2])
`);

/** ARGV: version of the plan, message. Reply: whether it took the place of the one before. */
export const RELAY_PLAN_SCRIPT = script(`
if not room then return reply('ok', 0) end
if isStale() then return reply('STALE_EPOCH') end
local version = tonumber(ARGV[5])
if tonumber(redis.call('HGET', ROOM, 'planVersion') or '0') ~= version - 1 then return reply('ok', 0) end
redis.call('HSET', ROOM, 'plan', ARGV[6], 'planVersion', digits(version))
room.version = room.version + 1
commit()
return reply('ok', 1)
`);

/** Reply: the room. */
export const READ_ROOM_SCRIPT = script(`
if not room then return reply('ROOM_NOT_FOUND') end
return reply('ok', snapshot())
`);

/** ARGV: participant id. Reply: its record. */
export const READ_PARTICIPANT_SCRIPT = script(`
return reply('ok', room and redis.call('HGET', PARTICIPANTS, ARGV[5]) or '')
`);

/** ARGV: participant id. Reply: why it left, or -1. */
export const READ_DEPARTURE_SCRIPT = script(`
local score = redis.call('ZSCORE', DEPARTED, ARGV[5])
return reply('ok', score and tonumber(score) % 8 or -1)
`);

/**
 * ARGV: limit of a new room, reason of those replaced, track limit, number of participants, of each id, identity, node id
 * and message; then of each track id, participant id, message, "1" when muted, node id. Reply: how many came back, gone
 * (id, reason …).
 */
export const RESTORE_SCRIPT = script(`
local max, replaced, limit, people = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if not room then
  redis.call('DEL', unpack(KEYS))
  room = { epoch = nowMs, version = 0, created = digits(nowMs), max = max }
end
redis.call('HSET', ROOM, 'created', room.created, 'max', room.max)
local restored, gone, before = 0, {}, room.version
for i = 9, 8 + people * 4, 4 do
  local id, identity = ARGV[i], ARGV[i + 1]
  if redis.call('HEXISTS', PARTICIPANTS, id) == 0 then
    local score = redis.call('ZSCORE', DEPARTED, id)
    if score then
      gone[#gone + 1], gone[#gone + 2] = id, tonumber(score) % 8
    elseif redis.call('HEXISTS', IDENTITIES, identity) == 1 then
      gone[#gone + 1], gone[#gone + 2] = id, replaced
    else
      addParticipant(id, identity, ARGV[i + 2], ARGV[i + 3])
      restored = restored + 1
    end
  end
end
for i = 9 + people * 4, #ARGV, 5 do
  local track, id = ARGV[i], ARGV[i + 1]
  local isOwned = redis.call('HEXISTS', PARTICIPANTS, id) == 1 and isOn(id, ARGV[i + 4])
  if isOwned and redis.call('HEXISTS', TRACKS, track) == 0 then
    local published = publishedBy(id)
    if #published < limit then
      published[#published + 1] = track
      setPublishedBy(id, published)
      redis.call('HSET', TRACKS, track, netstring(ARGV[i + 3]) .. netstring(id) .. ARGV[i + 2])
      room.version = room.version + 1
    end
  end
end
if room.version > before or callerEpoch > room.epoch then raise(callerEpoch) end
commit()
return reply('ok', restored, gone)
`);

/** ARGV: id to start after, how many. Reply: records. */
export const READ_ROSTER_SCRIPT = script(`
if not room then return reply('ROOM_NOT_FOUND') end
local ids = redis.call('ZRANGEBYLEX', ROSTER, '(' .. ARGV[5], '+', 'LIMIT', 0, ARGV[6])
return reply('ok', getMany(PARTICIPANTS, ids))
`);

/** Reply: limit, participants by node. */
export const READ_OCCUPANCY_SCRIPT = script(`
if not room then return reply('ROOM_NOT_FOUND') end
return reply('ok', room.max, redis.call('HGETALL', NODES))
`);

/** ARGV: node id, grace in ms, reason, then the ids that the node holds. Reply: removed, gone (id, reason …), missing, left on the node. */
export const RECONCILE_SCRIPT = script(`
if not room then return reply('ROOM_NOT_FOUND') end
local node, beforeMs, reason = ARGV[5], nowMs - tonumber(ARGV[6]), ARGV[7]
if callerEpoch > room.epoch then raise(callerEpoch) end
local here, held = {}, {}
for i = 8, #ARGV do held[ARGV[i]] = true end
local removed, gone, missing, remaining = {}, {}, {}, 0
local mayRemove = callerEpoch == 0 or callerEpoch == room.epoch
for _, id in ipairs(participantsOn(node)) do
  here[id] = true
  local isGhost = mayRemove and not held[id]
    and tonumber(fields(redis.call('HGET', PARTICIPANTS, id), 3)[3]) < beforeMs
  if isGhost then
    removeParticipant(id, reason)
    removed[#removed + 1] = id
  else
    remaining = remaining + 1
  end
end
for id in pairs(held) do
  if not here[id] then
    local score = redis.call('ZSCORE', DEPARTED, id)
    if redis.call('HEXISTS', PARTICIPANTS, id) == 1 then
      gone[#gone + 1], gone[#gone + 2] = id, 0
    elseif score then
      gone[#gone + 1], gone[#gone + 2] = id, tonumber(score) % 8
    else
      missing[#missing + 1] = id
    end
  end
end
if #removed > 0 then commit()
elseif count() > 0 and redis.call('PTTL', ROOM) < lifetimeMs / 2 then expireAll(lifetimeMs) end
return reply('ok', removed, gone, missing, remaining)
`);

/** ARGV: node id, reason. Reply: removed. */
export const REMOVE_NODE_SCRIPT = script(`
if not room then return reply('ok', {}) end
local removed = participantsOn(ARGV[5])
for _, id in ipairs(removed) do removeParticipant(id, ARGV[6]) end
if #removed > 0 then commit() end
return reply('ok', removed)
`);

export const RAISE_EPOCH_SCRIPT = script(`
if not room then return reply('ROOM_NOT_FOUND') end
raise(0)
return reply('ok')
`);
