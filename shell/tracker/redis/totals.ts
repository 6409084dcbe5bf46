/**
 * Numbers of all swarms in Redis, counted there now and then by one tracker for all of them: nobody
 * can keep such a count up to date, for expiry takes swarms without a word, on nodes that don't know
 * of each other.
 */
import type { StoreTotals } from "../../../core/tracker_server/types.ts";
import type { RedisLink } from "./link.ts";
import { SWARM_FIELD, swarmKey } from "./script.ts";

export const NO_TOTALS: StoreTotals = {
  swarms: 0,
  peers: 0,
  seeders: 0,
  leechers: 0,
  completed: 0,
};

const TOTALS_KEY = "tt:totals";
const TURN_KEY = "tt:totals:turn";
/** How old the numbers may become. A count that takes long is made less often. */
const TURN_SECONDS_MIN = 10;
/** So that counting takes a twentieth of Redis's time at most. */
const TURN_DURATIONS = 20;
/** Two milliseconds of Redis's time. */
const KEYS_A_STEP = 1_000;
/** After this time without a tracker the numbers are stale. */
const KEPT_SECONDS = 3_600;

/** ARGV: cursor. Returns the next one, and sums over the swarms on the way to it. */
const COUNT_SCRIPT = `
local page = redis.call('SCAN', ARGV[1], 'MATCH', '${swarmKey("*")}', 'COUNT', ${KEYS_A_STEP})
local swarms, seeders, leechers, completed = 0, 0, 0, 0
for _, key in ipairs(page[2]) do
  local packed = redis.call('HGET', key, '${SWARM_FIELD}')
  if packed then
    local l4, s4, l6, s6, done = struct.unpack('>I4I4I4I4I4', packed)
    if l4 + s4 + l6 + s6 > 0 then swarms = swarms + 1 end
    seeders, leechers, completed = seeders + s4 + s6, leechers + l4 + l6, completed + done
  end
end
return {page[1], swarms, seeders, leechers, completed}
`;

/** The numbers, at most TURN_SECONDS_MIN or so old: counted now if it is our turn. */
export async function readTotals(link: RedisLink): Promise<StoreTotals> {
  const turn = await link.command(TURN_KEY, "SET", TURN_KEY, "1", "NX", "EX", `${KEPT_SECONDS}`);
  if (turn !== null) return await countTotals(link);
  const found = await link.command(TOTALS_KEY, "GET", TOTALS_KEY);
  return found === null ? NO_TOTALS : { ...NO_TOTALS, ...JSON.parse(String(found)) };
}

async function countTotals(link: RedisLink): Promise<StoreTotals> {
  const startedAt = performance.now();
  const sums = [0, 0, 0, 0];
  for (const send of await link.nodes()) {
    let cursor = "0";
    do {
      const page = await send(["EVAL", COUNT_SCRIPT, "0", cursor]) as [unknown, ...number[]];
      cursor = String(page[0]);
      sums.forEach((sum, i) => sums[i] = sum + Number(page[i + 1]));
    } while (cursor !== "0");
  }
  const [swarms, seeders, leechers, completed] = sums as [number, number, number, number];
  const totals = { swarms, peers: seeders + leechers, seeders, leechers, completed };
  const seconds = (performance.now() - startedAt) / 1_000;
  const turn = `${Math.ceil(Math.max(TURN_SECONDS_MIN, TURN_DURATIONS * seconds))}`;
  await link.command(
    TOTALS_KEY,
    "SET",
    TOTALS_KEY,
    JSON.stringify(totals),
    "EX",
    `${KEPT_SECONDS}`,
  );
  await link.command(TURN_KEY, "SET", TURN_KEY, "1", "EX", turn);
  return totals;
}
