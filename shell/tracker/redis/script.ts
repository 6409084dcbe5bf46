/**
 * What runs inside Redis: one script that notes any number of peers and samples others for each of
 * them, in one round trip and, Redis being single-threaded, undivided. The bytes that go in and come out are those
 * of `requests.ts`.
 *
 * A swarm is `tt:{HEX}` and what hangs on that name; the braces keep all of it on one node of a
 * cluster:
 *
 *     tt:{HEX}        hash    for each peer, by address, its list and place ("l17"); as "swarm", four
 *                             bytes each, sizes of the lists 4l 4s 6l 6s, downloads finished, second of
 *                             the last sweep, seconds that the swarm is kept after it, partial seeds
 *     tt:{HEX}:4l ..  string  addresses of leechers (l) and seeders (s) by family, packed as a tracker
 *                             answers them; what lies beyond the list's size means nothing
 *     tt:{HEX}:until  zset    addresses by the second at which each is forgotten
 *     tt:{HEX}:id     hash    peer ids by address
 *     tt:{HEX}:paused set     addresses of partial seeds, which are leechers in the lists
 *     tt:{HEX}:nets   hash    number of peers by IPv4 address or IPv6 network, loopback left out
 *     tt:{HEX}:done   string  downloads finished; outlives the swarm
 *     tt:{HEX}:by     set     ids of those whose finished downloads were counted lately
 *
 * Lists are kept in random order, so any stretch of one is a random sample of it and costs one
 * GETRANGE, whatever the size of the swarm. The clock is Redis's own. Every key expires, so an
 * abandoned swarm goes by itself, and a server set to evict what expires first loses idle swarms first.
 */
import { LOOPBACK_NET, PEERS_PER_ADDRESS_MAX } from "../../../core/tracker_server/swarms/crowds.ts";
import { ANY_SEEDERS, ID_SIZE, REPLY_HEADER_SIZE } from "./requests.ts";

/** How often an announce also looks for the silent peers of its swarm, and puts off its expiry. */
const SWEEP_SECONDS = 10;
/** Silent peers removed in one go: a tenth of a millisecond or so. */
const SWEEP_PEERS_MAX = 100;
/** A torrent that comes back within this time keeps its download count. */
const DONE_KEPT_SECONDS = 30 * 24 * 3600;

/** Where the value of SWARM_FIELD has the number of partial seeds. */
export const PARTIAL_SEEDS_AT = 28;

/**
 * KEYS: the swarm of each announce. ARGV: seconds that these peers are kept if they fall silent, a
 * random number, and the announces as `encodeRequest` packs them, one behind the other. Returns their
 * replies likewise: counts and sizes, then peers, of which the asker's own family may have itself and
 * one too many.
 *
 * Names of further keys are made from KEYS, whose hash tag they share.
 */
export const ANNOUNCE_SCRIPT = `
local call, floor, random, format = redis.call, math.floor, math.random, string.format
local lifetime, now = tonumber(ARGV[1]), tonumber(call('TIME')[1])
-- Numbers go to commands as whole numbers in text: Redis would write them as fractions, which is slow.
local forgotten_at = format('%d', now + lifetime)
math.randomseed(tonumber(ARGV[2]))

-- All replies in pieces, put together once: each text that Lua makes on the way, it reads whole.
local pieces, size = {}, 0

local SIZES = {['4l'] = 6, ['4s'] = 6, ['6l'] = 18, ['6s'] = 18}

local function list_of(address, role)
  return (#address == 6 and '4' or '6') .. role
end

local function record(swarm, list, index)
  local size = SIZES[list]
  return call('GETRANGE', swarm .. ':' .. list, index * size, index * size + size - 1)
end

local function put(swarm, list, index, address)
  call('SETRANGE', swarm .. ':' .. list, index * SIZES[list], address)
  call('HSET', swarm, address, list:sub(2) .. index)
end

-- The newcomer takes any place, and who was there moves to the end: the order stays random.
local function enter(swarm, counts, address, role)
  local list = list_of(address, role)
  local count = counts[list]
  local index = random(0, count)
  if index < count then put(swarm, list, count, record(swarm, list, index)) end
  put(swarm, list, index, address)
  counts[list] = count + 1
end

-- The last one fills the gap.
local function leave(swarm, counts, address, place)
  local list, index = list_of(address, place:sub(1, 1)), tonumber(place:sub(2))
  local last = counts[list] - 1
  call('HDEL', swarm, address)
  if index < last then put(swarm, list, index, record(swarm, list, last)) end
  counts[list] = last
end

-- The unit that may have a limited number of peers; a customer has an IPv6 network of 64 bits.
local function net_of(address)
  if #address == 6 then return address:byte(1) ~= ${LOOPBACK_NET} and address:sub(1, 4) end
  return address:sub(1, 16) ~= string.rep('\\0', 15) .. '\\1' and address:sub(1, 8)
end

local function leave_net(swarm, address)
  local net = net_of(address)
  if net and call('HINCRBY', swarm .. ':nets', net, -1) < 1 then
    call('HDEL', swarm .. ':nets', net)
  end
end

-- Whether there may be one peer more; it is counted then.
local function enter_net(swarm, address)
  local net = net_of(address)
  if not net or call('HINCRBY', swarm .. ':nets', net, 1) <= ${PEERS_PER_ADDRESS_MAX} then
    return true
  end
  leave_net(swarm, address)
  return false
end

-- Partial seeds of the swarm at hand.
local partial_seeds = 0

local function set_partial(swarm, address, is_partial)
  if is_partial then
    partial_seeds = partial_seeds + call('SADD', swarm .. ':paused', address)
  elseif partial_seeds > 0 then
    partial_seeds = partial_seeds - call('SREM', swarm .. ':paused', address)
  end
end

local function forget(swarm, address)
  call('ZREM', swarm .. ':until', address)
  call('HDEL', swarm .. ':id', address)
  set_partial(swarm, address, false)
  leave_net(swarm, address)
end

local function sweep(swarm, counts)
  local silent = call('ZRANGEBYSCORE', swarm .. ':until', '-inf', now,
    'LIMIT', 0, ${SWEEP_PEERS_MAX})
  for _, address in ipairs(silent) do
    local place = call('HGET', swarm, address)
    if place then leave(swarm, counts, address, place) end
    forget(swarm, address)
  end
  return #silent > 0
end

-- A server short of memory may have evicted one key of a swarm and not the others.
local function is_whole(swarm, counts)
  local total = 0
  for list, size in pairs(SIZES) do
    local count = counts[list]
    total = total + count
    if count > 0 and call('STRLEN', swarm .. ':' .. list) < count * size then return false end
  end
  return call('ZCARD', swarm .. ':until') == total
end

local function drop(swarm, counts)
  for list in pairs(SIZES) do
    call('DEL', swarm .. ':' .. list)
    counts[list] = 0
  end
  call('DEL', swarm, swarm .. ':until', swarm .. ':id', swarm .. ':paused', swarm .. ':nets')
  partial_seeds = 0
end

local function put_off_expiry(swarm, counts, life)
  local seconds = life + ${SWEEP_SECONDS}
  call('EXPIRE', swarm, seconds)
  call('EXPIRE', swarm .. ':until', seconds)
  call('EXPIRE', swarm .. ':id', seconds)
  call('EXPIRE', swarm .. ':nets', seconds)
  if partial_seeds > 0 then call('EXPIRE', swarm .. ':paused', seconds) end
  for list, count in pairs(counts) do
    if count > 0 then call('EXPIRE', swarm .. ':' .. list, seconds) end
  end
end

local function push(piece)
  size = size + 1
  pieces[size] = piece
  return #piece
end

-- Returns the size of what it pushes.
local function stretch(swarm, list, count, wanted)
  if wanted == 0 then return 0 end
  local key, bytes = swarm .. ':' .. list, SIZES[list]
  local from = wanted < count and random(0, count - 1) or 0
  local till = from + wanted
  local pushed = push(call('GETRANGE', key, format('%d', from * bytes),
    format('%d', math.min(till, count) * bytes - 1)))
  if till <= count then return pushed end
  return pushed + push(call('GETRANGE', key, '0', format('%d', (till - count) * bytes - 1)))
end

-- Leechers and seeders in the proportion of their numbers, or limited numbers of seeders last.
local function sample(swarm, counts, family, wanted, seeders_max)
  local l, s = family .. 'l', family .. 's'
  local leechers, seeders = counts[l], counts[s]
  if seeders_max then
    local of_leechers = math.min(leechers, wanted)
    local of_seeders = math.min(seeders, seeders_max, wanted - of_leechers)
    return stretch(swarm, l, leechers, of_leechers) + stretch(swarm, s, seeders, of_seeders)
  end
  local total = leechers + seeders
  if total <= wanted then
    return stretch(swarm, l, leechers, leechers) + stretch(swarm, s, seeders, seeders)
  end
  local of_seeders = floor(wanted * seeders / total + random())
  return stretch(swarm, l, leechers, wanted - of_seeders) + stretch(swarm, s, seeders, of_seeders)
end

-- Peers of the asker's own family, itself among them perhaps, and others as far as these are too few.
local function name_others(swarm, counts, own, wanted, seeders_max, with_others)
  local spare = seeders_max == 0 and 0 or 1
  local others = counts[own .. 's'] - (seeders_max and 1 or 0)
  local near = counts[own .. 'l'] - (seeders_max and 0 or 1) +
    math.min(others, seeders_max or others)
  local missing = with_others and math.max(wanted - near, 0) or 0
  local near_max = seeders_max and seeders_max + spare
  if own == '4' then
    return sample(swarm, counts, '4', wanted + spare, near_max),
      sample(swarm, counts, '6', missing, seeders_max)
  end
  return sample(swarm, counts, '4', missing, seeders_max),
    sample(swarm, counts, '6', wanted + spare, near_max)
end

-- For the pieces from one on: the first so many bytes are IPv4.
local function push_ids(swarm, first, ipv4_bytes)
  local done, pushed = 0, 0
  for i = first, size do
    local records = pieces[i]
    local bytes = done < ipv4_bytes and 6 or 18
    for at = 1, #records, bytes do
      local id = call('HGET', swarm .. ':id', records:sub(at, at + bytes - 1))
      pushed = pushed + push(id or string.rep('\\0', ${ID_SIZE}))
    end
    done = done + #records
  end
  return pushed
end

-- Of the swarm at hand.
local counts = {}

local function read_swarm(packed)
  local l4, s4, l6, s6, done, swept, life = 0, 0, 0, 0, 0, 0, 0
  partial_seeds = 0
  if packed then
    l4, s4, l6, s6, done, swept, life = struct.unpack('>I4I4I4I4I4I4I4', packed)
    -- Written by an earlier version, it ends here.
    if #packed > ${PARTIAL_SEEDS_AT} then
      partial_seeds = struct.unpack('>I4', packed, ${PARTIAL_SEEDS_AT + 1})
    end
  end
  counts['4l'], counts['4s'], counts['6l'], counts['6s'] = l4, s4, l6, s6
  return done, swept, life
end

local function write_swarm(swarm, done, swept, life)
  call('HSET', swarm, 'swarm', struct.pack('>I4I4I4I4I4I4I4I4', counts['4l'], counts['4s'],
    counts['6l'], counts['6s'], done, swept, life, partial_seeds))
end

local function announce(swarm, request)
  local role, event, families, with_ids = request:sub(1, 1), request:sub(2, 2), request:sub(3, 3),
    request:sub(4, 4) == 'i'
  local wanted, id, address = request:byte(5), request:sub(7, 26), request:sub(27)
  local is_partial = role == 'p'
  if is_partial then role = 'l' end

  local found = call('HMGET', swarm, address, 'swarm')
  local place, done, swept, life = found[1], read_swarm(found[2])
  local is_due = now >= swept + ${SWEEP_SECONDS}
  if is_due and not is_whole(swarm, counts) then
    drop(swarm, counts)
    place, swept = false, 0
  end
  if swept == 0 then done = tonumber(call('GET', swarm .. ':done')) or 0 end
  -- A peer that is told of from memory, after Redis was away, is no news where it is known.
  if event == 'r' and place then return push(string.rep('\\0', ${REPLY_HEADER_SIZE})) end
  -- A late word of a client that ran on this port before is not about the present one.
  if event == 'x' and place and call('HGET', swarm .. ':id', address) ~= id then place = false end
  local is_alive = event ~= 'x'

  -- Silent peers may be among those of the address.
  local is_excess = is_alive and not place and not enter_net(swarm, address)
  if is_excess and sweep(swarm, counts) then
    write_swarm(swarm, done, swept, life)
    is_excess = not enter_net(swarm, address)
  end
  if is_excess then
    return push(string.rep('\\255', 4) .. string.rep('\\0', ${REPLY_HEADER_SIZE - 4}))
  end

  local old_role, is_changed = place and place:sub(1, 1), false
  if place and (not is_alive or old_role ~= role) then
    leave(swarm, counts, address, place)
    is_changed = true
  end
  if is_alive then
    if old_role ~= role then
      is_due = is_due or counts[list_of(address, role)] == 0
      enter(swarm, counts, address, role)
      is_changed = true
    end
    -- Some clients say twice that they are done, and those with both families say it over each.
    if event == 'c' and role == 's' and call('SADD', swarm .. ':by', id) == 1 then
      done = call('INCR', swarm .. ':done')
      is_changed = true
      call('EXPIRE', swarm .. ':done', ${DONE_KEPT_SECONDS})
      call('EXPIRE', swarm .. ':by', lifetime)
    end
    if not place or event == 's' then call('HSET', swarm .. ':id', address, id) end
    call('ZADD', swarm .. ':until', forgotten_at, address)
    local before = partial_seeds
    set_partial(swarm, address, is_partial)
    is_changed = is_changed or partial_seeds ~= before
  elseif place then
    forget(swarm, address)
  end
  is_due = is_due and (is_alive or swept > 0)
  if is_due then
    sweep(swarm, counts)
    -- Other trackers may have asked their peers for longer intervals.
    swept, life = now, math.max(lifetime, life)
  end
  if is_due or is_changed then
    write_swarm(swarm, done, swept, life)
  end
  if is_due then put_off_expiry(swarm, counts, life) end

  size = size + 1
  local header, peers, peers6, ids = size, 0, 0, 0
  if is_alive then
    local own = #address == 6 and '4' or '6'
    local seeders_max = request:byte(6)
    peers, peers6 = name_others(swarm, counts, own, wanted,
      seeders_max ~= ${ANY_SEEDERS} and seeders_max or nil, families == 'b')
  end
  if with_ids then ids = push_ids(swarm, header + 1, peers) end
  pieces[header] = struct.pack('>I4I4I4I4I4I4', counts['4s'] + counts['6s'],
    counts['4l'] + counts['6l'], done, peers, peers6, ids)
end

local requests, from = ARGV[3], 1
for _, swarm in ipairs(KEYS) do
  local last = from + requests:byte(from)
  announce(swarm, requests:sub(from + 1, last))
  from = last + 1
end
return table.concat(pieces)
`;

/** The lists of a swarm, in the order of their sizes in SWARM_FIELD. `name` ends its key. */
export const LISTS = [
  { name: "4l", version: 4, recordSize: 6, isSeeder: false },
  { name: "4s", version: 4, recordSize: 6, isSeeder: true },
  { name: "6l", version: 6, recordSize: 18, isSeeder: false },
  { name: "6s", version: 6, recordSize: 18, isSeeder: true },
] as const;
export const SWARM_FIELD = "swarm";

/** The key of a swarm. `hex` is its info hash, 40 digits. */
export function swarmKey(hex: string): string {
  return `tt:{${hex}}`;
}

/** The key of one of LISTS. */
export function listKey(hex: string, name: string): string {
  return `${swarmKey(hex)}:${name}`;
}

/** The key that outlives the swarm. */
export function doneKey(hex: string): string {
  return `${swarmKey(hex)}:done`;
}
