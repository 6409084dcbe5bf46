/**
 * What runs inside Redis: one script that notes any number of peers and samples others for each of
 * them, in one round trip and, Redis being single-threaded, undivided. Below it, the bytes that go in
 * and come out.
 *
 * A swarm is `tt:{HEX}` and what hangs on that name; the braces keep all of it on one node of a
 * cluster:
 *
 *     tt:{HEX}        hash    for each peer, by address, its list and place ("l17"); as "swarm", four
 *                             bytes each, sizes of the lists 4l 4s 6l 6s, downloads finished, second of
 *                             the last sweep, seconds that the swarm is kept after it
 *     tt:{HEX}:4l ..  string  addresses of leechers (l) and seeders (s) by family, packed as a tracker
 *                             answers them; what lies beyond the list's size means nothing
 *     tt:{HEX}:until  zset    addresses by the second at which each is forgotten
 *     tt:{HEX}:id     hash    peer ids by address
 *     tt:{HEX}:done   string  downloads finished; outlives the swarm
 *     tt:{HEX}:by     set     ids of those whose finished downloads were counted lately
 *
 * Lists are kept in random order, so any stretch of one is a random sample of it and costs one
 * GETRANGE, whatever the size of the swarm. The clock is Redis's own. Every key expires, so an
 * abandoned swarm goes by itself, and a server set to evict what expires first loses idle swarms first.
 */
import { Buffer } from "node:buffer";
import { type ByteWriter, createByteWriter } from "../../../core/bytes/byte_writer.ts";
import { IPV4_SIZE } from "../../../core/bytes/ip.ts";
import type { AnnounceEvent } from "../../../core/tracker/types.ts";
import type { AnnounceQuery, AnnounceReply } from "../../../core/tracker_server/types.ts";

/** How often an announce also looks for the silent peers of its swarm, and puts off its expiry. */
const SWEEP_SECONDS = 10;
/** Silent peers removed in one go: a tenth of a millisecond or so. */
const SWEEP_PEERS_MAX = 100;
/** A torrent that comes back within so long still knows how often it was downloaded. */
const DONE_KEPT_SECONDS = 30 * 24 * 3600;

const ID_SIZE = 20;
const PORT_SIZE = 2;
/** Size of what follows, role, event, families, ids, number wanted. */
const REQUEST_HEADER_SIZE = 6;
/** Seeders, leechers, completed; sizes of peers, peers6 and ids. Four bytes each. */
const REPLY_HEADER_SIZE = 24;
/** Where a request has the number of peers that are wanted. */
const NUM_WANT_AT = 5;
/** Nothing is ever appended to what a reply holds. */
const NOTHING: ByteWriter = createByteWriter(0);

/**
 * KEYS: the swarm of each announce. ARGV: seconds that these peers are kept if they fall silent, a random number, and the
 * announces as `encodeRequest` packs them, one behind the other. Returns their replies likewise: counts
 * and sizes, then peers, of which a leecher's own family may have itself and one too many.
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

local function forget(swarm, address)
  call('ZREM', swarm .. ':until', address)
  call('HDEL', swarm .. ':id', address)
end

local function sweep(swarm, counts)
  local silent = call('ZRANGEBYSCORE', swarm .. ':until', '-inf', now,
    'LIMIT', 0, ${SWEEP_PEERS_MAX})
  for _, address in ipairs(silent) do
    local place = call('HGET', swarm, address)
    if place then leave(swarm, counts, address, place) end
    forget(swarm, address)
  end
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
  call('DEL', swarm, swarm .. ':until', swarm .. ':id')
end

local function put_off_expiry(swarm, counts, life)
  local seconds = life + ${SWEEP_SECONDS}
  call('EXPIRE', swarm, seconds)
  call('EXPIRE', swarm .. ':until', seconds)
  call('EXPIRE', swarm .. ':id', seconds)
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

-- Leechers and seeders in the proportion of their numbers; seeders have no use for seeders.
local function sample(swarm, counts, family, role, wanted)
  local l, s = family .. 'l', family .. 's'
  local leechers, seeders = counts[l], role == 'l' and counts[s] or 0
  local total = leechers + seeders
  if total <= wanted then
    return stretch(swarm, l, leechers, leechers) + stretch(swarm, s, seeders, seeders)
  end
  local of_seeders = floor(wanted * seeders / total + random())
  return stretch(swarm, l, leechers, wanted - of_seeders) + stretch(swarm, s, seeders, of_seeders)
end

-- Peers of the asker's own family, itself among them perhaps, and others as far as these are too few.
local function name_others(swarm, counts, own, role, wanted, with_others)
  local spare = role == 'l' and 1 or 0
  local near = counts[own .. 'l'] + (role == 'l' and counts[own .. 's'] or 0) - spare
  local missing = with_others and math.max(wanted - near, 0) or 0
  if own == '4' then
    return sample(swarm, counts, '4', role, wanted + spare), sample(swarm, counts, '6', role, missing)
  end
  return sample(swarm, counts, '4', role, missing), sample(swarm, counts, '6', role, wanted + spare)
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
  if packed then
    l4, s4, l6, s6, done, swept, life = struct.unpack('>I4I4I4I4I4I4I4', packed)
  end
  counts['4l'], counts['4s'], counts['6l'], counts['6s'] = l4, s4, l6, s6
  return done, swept, life
end

local function announce(swarm, request)
  local role, event, families, with_ids = request:sub(1, 1), request:sub(2, 2), request:sub(3, 3),
    request:sub(4, 4) == 'i'
  local wanted, id, address = request:byte(5), request:sub(6, 25), request:sub(26)

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
    call('HSET', swarm, 'swarm', struct.pack('>I4I4I4I4I4I4I4', counts['4l'], counts['4s'],
      counts['6l'], counts['6s'], done, swept, life))
  end
  if is_due then put_off_expiry(swarm, counts, life) end

  size = size + 1
  local header, peers, peers6, ids = size, 0, 0, 0
  if is_alive then
    local own = #address == 6 and '4' or '6'
    peers, peers6 = name_others(swarm, counts, own, role, wanted, families == 'b')
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

const EVENT_LETTERS = {
  started: "s",
  completed: "c",
  stopped: "x",
  none: "-",
  known: "r",
} as const;
const EVENTS: Readonly<Record<string, AnnounceEvent>> = {
  s: "started",
  c: "completed",
  x: "stopped",
};

/**
 * Packs an announce for the script: six bytes and letters, the peer id, the address. One that is
 * `fromMemory` adds a peer that Redis does not know, and changes nothing about one that it does.
 */
export function encodeRequest(query: AnnounceQuery, fromMemory = false): Buffer {
  const idAt = REQUEST_HEADER_SIZE, ipAt = idAt + ID_SIZE, portAt = ipAt + query.ip.length;
  const bytes = Buffer.allocUnsafe(portAt + PORT_SIZE);
  bytes[0] = bytes.length - 1;
  bytes[1] = letter(query.isComplete ? "s" : "l");
  bytes[2] = letter(EVENT_LETTERS[fromMemory ? "known" : query.event ?? "none"]);
  bytes[3] = letter(query.wantsBothFamilies ? "b" : "o");
  bytes[4] = letter(query.wantsPeerIds ? "i" : "-");
  bytes[5] = query.numWant;
  bytes.set(query.peerId, idAt);
  bytes.set(query.ip, ipAt);
  bytes.writeUInt16BE(query.port, portAt);
  return bytes;
}

/** The query that `encodeRequest` packed. */
export function decodeRequest(request: Buffer, infoHash: Uint8Array): AnnounceQuery {
  const ipAt = REQUEST_HEADER_SIZE + ID_SIZE, portAt = request.length - PORT_SIZE;
  return {
    infoHash,
    peerId: request.subarray(REQUEST_HEADER_SIZE, ipAt),
    ip: request.subarray(ipAt, portAt),
    port: request.readUInt16BE(portAt),
    isComplete: request[1] === letter("s"),
    event: EVENTS[String.fromCharCode(request[2]!)],
    wantsBothFamilies: request[3] === letter("b"),
    wantsPeerIds: request[4] === letter("i"),
    numWant: request[5]!,
  };
}

/**
 * Reads what the script returned for these requests; peers stay where they are, uncopied. `random`
 * gives 32-bit numbers.
 */
export function decodeReplies(
  bytes: Uint8Array,
  requests: readonly Buffer[],
  random: () => number,
): AnnounceReply[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  return requests.map((request) => {
    const peersAt = at + REPLY_HEADER_SIZE;
    const peers6At = peersAt + view.getUint32(at + 12);
    const idsAt = peers6At + view.getUint32(at + 16);
    const end = idsAt + view.getUint32(at + 20);
    const reply = {
      seeders: view.getUint32(at),
      leechers: view.getUint32(at + 4),
      completed: view.getUint32(at + 8),
      peers: writerOf(bytes, peersAt, peers6At),
      peers6: writerOf(bytes, peers6At, idsAt),
      peerIds: writerOf(bytes, idsAt, end),
      warning: undefined,
    };
    at = end;
    if (request[1] === letter("l")) dropAsker(reply, request, random);
    return reply;
  });
}

/** Takes the asker out of the peers of its own family, or anybody where it is not among them. */
function dropAsker(
  { peers, peers6, peerIds }: AnnounceReply,
  request: Buffer,
  random: () => number,
): void {
  const address = request.subarray(REQUEST_HEADER_SIZE + ID_SIZE);
  const isIpv4 = address.length === IPV4_SIZE + PORT_SIZE;
  const near = isIpv4 ? peers : peers6;
  const count = near.size / address.length;
  if (count === 0) return;
  let index = 0;
  while (index < count && !hasBytes(near.bytes, index * address.length, address)) index++;
  const isNamed = index < count;
  if (!isNamed && count <= request[NUM_WANT_AT]!) return;
  if (!isNamed) index = random() % count;
  dropRecord(near, index, address.length);
  const idIndex = isIpv4 ? index : peers.size / (IPV4_SIZE + PORT_SIZE) + index;
  if (peerIds.size > 0) dropRecord(peerIds, idIndex, ID_SIZE);
}

function hasBytes(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  // From the port backwards: peers behind one router differ there.
  for (let i = wanted.length - 1; i >= 0; i--) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

function dropRecord(records: ByteWriter, index: number, size: number): void {
  records.bytes.copyWithin(index * size, (index + 1) * size, records.size);
  records.size -= size;
}

function writerOf(bytes: Uint8Array, start: number, end: number): ByteWriter {
  if (start === end) return NOTHING;
  const part = bytes.subarray(start, end);
  return { bytes: part, view: new DataView(part.buffer, part.byteOffset), size: part.length };
}

function letter(text: string): number {
  return text.charCodeAt(0);
}
