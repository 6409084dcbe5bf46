import { assertEquals } from "@std/assert";
import { type Group, newGroup } from "../../../core/rpc/session_settings.ts";
import { TORRENT_DEFAULTS } from "../../../core/rpc/torrent_settings.ts";
import { Groups } from "../../../shell/daemon/groups.ts";
import { RateLimiter } from "../../../shell/net/rate_limiter.ts";

Deno.test("rate limits of group and session apply unless they are not honored", () => {
  const session = { down: new RateLimiter(1_000_000), up: new RateLimiter(undefined) };
  const known = new Map<string, Group>();
  const groups = new Groups(session, (name) => known.get(name));
  const limited = (changes: object) => {
    const { parent } = groups.limitsOf({ ...TORRENT_DEFAULTS, ...changes });
    return [!parent!.down.isUnlimited, !parent!.up.isUnlimited];
  };
  assertEquals(limited({}), [true, false]);
  assertEquals(limited({ honors_session_limits: false }), [false, false]);
  assertEquals(limited({ group: "unknown" }), [true, false]);

  known.set("slow", { ...newGroup("slow"), speed_limit_up_enabled: true, speed_limit_up: 5 });
  assertEquals(limited({ group: "slow" }), [true, true]);
  assertEquals(limited({ group: "slow", honors_session_limits: false }), [false, true]);
  known.set("slow", { ...known.get("slow")!, honors_session_limits: false });
  assertEquals(limited({ group: "slow" }), [false, true]);

  // Torrents of one group share its rate, and a change applies immediately.
  const { parent } = groups.limitsOf({ ...TORRENT_DEFAULTS, group: "slow" });
  assertEquals(parent === groups.limitsOf({ ...TORRENT_DEFAULTS, group: "slow" }).parent, true);
  known.set("slow", { ...known.get("slow")!, speed_limit_up_enabled: false });
  groups.update("slow");
  assertEquals(parent!.up.isUnlimited, true);
});
