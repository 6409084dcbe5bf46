/**
 * Which rates hold for a torrent besides its own: those of its group, and those of the session unless the
 * torrent or its group does not honor them. Spec: Transmission 4.1, rpc-spec, sections 3.2 and 4.8.
 */
import type { Group } from "../../core/rpc/session_settings.ts";
import type { TorrentSettings } from "../../core/rpc/torrent_settings.ts";
import type { TorrentLimits } from "../life/types.ts";
import { RateLimiter, type RateLimits } from "../net/rate_limiter.ts";
import { bytesASecond, limitsOf } from "./torrent_parts.ts";

interface GroupLimits {
  /** Below the session's rates, and beside them. */
  readonly below: RateLimits;
  readonly beside: RateLimits;
}

export class Groups {
  readonly #session: RateLimits;
  readonly #find: (name: string) => Group | undefined;
  readonly #limits = new Map<string, GroupLimits>();
  readonly #free: RateLimits = unlimited(undefined);

  /** `find`: what is set of a group; undefined when there is none of that name. */
  constructor(session: RateLimits, find: (name: string) => Group | undefined) {
    this.#session = session;
    this.#find = find;
  }

  /** For a torrent that joins its swarm. */
  limitsOf(settings: TorrentSettings): TorrentLimits {
    const { group: name, honors_session_limits: honors } = settings;
    const group = name === "" ? undefined : this.#find(name);
    const own = limitsOf(settings);
    if (group === undefined) return { ...own, parent: honors ? this.#session : this.#free };
    const { below, beside } = this.#limitsOfGroup(group);
    return { ...own, parent: honors && group.honors_session_limits ? below : beside };
  }

  /** The rates of a group hold at once. */
  update(name: string): void {
    const group = this.#find(name);
    if (group !== undefined && this.#limits.has(name)) this.#limitsOfGroup(group);
  }

  #limitsOfGroup(group: Group): GroupLimits {
    const known = this.#limits.get(group.name) ??
      { below: unlimited(this.#session), beside: unlimited(undefined) };
    this.#limits.set(group.name, known);
    const down = group.speed_limit_down_enabled ? bytesASecond(group.speed_limit_down) : undefined;
    const up = group.speed_limit_up_enabled ? bytesASecond(group.speed_limit_up) : undefined;
    for (const limits of [known.below, known.beside]) {
      limits.down.setRate(down);
      limits.up.setRate(up);
    }
    return known;
  }
}

function unlimited(parent: RateLimits | undefined): RateLimits {
  return {
    down: new RateLimiter(undefined, parent?.down),
    up: new RateLimiter(undefined, parent?.up),
  };
}
