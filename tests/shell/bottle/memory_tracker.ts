/** A tracker in memory, on a virtual clock, that sees the address of an announce. */
import { addressText, type PeerAddress } from "../../../core/bytes/address.ts";
import { fail, ok } from "../../../core/bytes/result.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import type { AnnounceRequest, AnnounceResult } from "../../../core/tracker/types.ts";
import { type Clock, sleep } from "../../../shell/clock.ts";

const ANSWER_MS = 30;
const INTERVAL_SECONDS = 60;
/** A peer without an announce for this long is removed. */
const GONE_MS = 3 * INTERVAL_SECONDS * 1_000;

interface Member {
  readonly address: PeerAddress;
  readonly seenMs: number;
}

export class MemoryTracker {
  readonly #swarms = new Map<InfoHash, Map<string, Member>>();
  /** It does not respond. */
  isDown = false;

  /** One announce of the host at `ip`, by its clock. */
  async announce(ip: string, clock: Clock, request: AnnounceRequest): Promise<AnnounceResult> {
    await sleep(ANSWER_MS, clock);
    if (this.isDown) return fail({ code: "unreachable", message: "The tracker is down" });
    const now = clock.now();
    const swarm = this.#swarms.get(request.infoHash) ?? new Map<string, Member>();
    this.#swarms.set(request.infoHash, swarm);
    const address = { ip, port: request.port };
    const key = addressText(address);
    if (request.event === "stopped") swarm.delete(key);
    else swarm.set(key, { address, seenMs: now });
    const others = [...swarm].filter(([other, { seenMs }]) =>
      other !== key && now - seenMs < GONE_MS
    );
    return ok({
      ...{ intervalSeconds: INTERVAL_SECONDS, minIntervalSeconds: undefined },
      ...{ seeders: undefined, leechers: others.length },
      ...{ trackerId: undefined, warning: undefined, externalIp: undefined },
      peers: others.map(([, { address }]) => address),
    });
  }
}
