import { act } from "./state.ts";
import { STATUS, type Torrent } from "./torrents.ts";

/** Pauses what runs and resumes what is paused. */
export function toggle(torrent: Torrent): Promise<boolean> {
  return torrent.status === STATUS.stopped
    ? act(`${torrent.name}: resumed`, "torrent_start", { ids: [torrent.id] })
    : act(`${torrent.name}: paused`, "torrent_stop", { ids: [torrent.id] });
}
