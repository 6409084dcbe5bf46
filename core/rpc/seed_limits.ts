/** When seeding ends by itself: at a ratio, or after a time in which nothing was taken. */
import type { SessionSettings } from "./session_settings.ts";
import type { TorrentSettings } from "./torrent_settings.ts";

/** How far the seeding of one torrent has come. */
export interface Seeding {
  readonly uploadedBytes: number;
  readonly sizeBytes: number;
  /** Since data was last moved, or since it was started. */
  readonly quietSeconds: number;
}

/**
 * Whether a limit is reached: that of the torrent, that of the session where the torrent has mode 0, none
 * in mode 2.
 *
 * Spec: Transmission 4.1, rpc-spec, section 3.2, seed_ratio_mode and seed_idle_mode.
 */
export function hasReachedSeedLimit(
  session: SessionSettings,
  own: TorrentSettings,
  { uploadedBytes, sizeBytes, quietSeconds }: Seeding,
): boolean {
  const ratio = [
    session.seed_ratio_limited ? session.seed_ratio_limit : undefined,
    own.seed_ratio_limit,
  ][own.seed_ratio_mode];
  const idleMinutes = [
    session.idle_seeding_limit_enabled ? session.idle_seeding_limit : undefined,
    own.seed_idle_limit,
  ][own.seed_idle_mode];
  return ratio !== undefined && uploadedBytes >= ratio * sizeBytes ||
    idleMinutes !== undefined && quietSeconds >= idleMinutes * 60;
}
