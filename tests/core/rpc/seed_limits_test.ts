import { assertEquals } from "@std/assert";
import { hasReachedSeedLimit } from "../../../core/rpc/seed_limits.ts";
import { SESSION_DEFAULTS } from "../../../core/rpc/session_settings.ts";
import { TORRENT_DEFAULTS, type TorrentSettings } from "../../../core/rpc/torrent_settings.ts";

const SESSION = {
  ...SESSION_DEFAULTS,
  seed_ratio_limited: true,
  seed_ratio_limit: 2,
  idle_seeding_limit_enabled: true,
  idle_seeding_limit: 30,
};

function isReached(
  own: Partial<TorrentSettings>,
  uploadedBytes: number,
  quietMinutes: number,
  session = SESSION,
): boolean {
  const seeding = { uploadedBytes, sizeBytes: 1000, quietSeconds: 60 * quietMinutes };
  return hasReachedSeedLimit(session, { ...TORRENT_DEFAULTS, ...own }, seeding);
}

Deno.test("a torrent ends at the session's ratio, at its own, or at none", () => {
  assertEquals(isReached({}, 1999, 0), false);
  assertEquals(isReached({}, 2000, 0), true);
  assertEquals(isReached({}, 2000, 0, { ...SESSION, seed_ratio_limited: false }), false);
  assertEquals(isReached({ seed_ratio_mode: 1, seed_ratio_limit: 0.5 }, 499, 0), false);
  assertEquals(isReached({ seed_ratio_mode: 1, seed_ratio_limit: 0.5 }, 500, 0), true);
  assertEquals(isReached({ seed_ratio_mode: 2 }, 1e9, 0), false);
});

Deno.test("a torrent that nobody takes from ends after the session's time, its own, or never", () => {
  assertEquals(isReached({}, 0, 29.9), false);
  assertEquals(isReached({}, 0, 30), true);
  assertEquals(isReached({}, 0, 30, { ...SESSION, idle_seeding_limit_enabled: false }), false);
  assertEquals(isReached({ seed_idle_mode: 1, seed_idle_limit: 5 }, 0, 4), false);
  assertEquals(isReached({ seed_idle_mode: 1, seed_idle_limit: 5 }, 0, 5), true);
  assertEquals(isReached({ seed_idle_mode: 2 }, 0, 1e6), false);
});
