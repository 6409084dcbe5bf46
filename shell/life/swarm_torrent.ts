/** The core's options for a torrent that joins its swarm. */
import type { ShareRule } from "../../core/cli/values.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { SharingGoals } from "../../core/transfer/goals.ts";
import type { DriverOptions } from "../driver_options.ts";
import { hashTreesOf } from "../hash/piece_checks.ts";
import { sha1 } from "../hash/sha1.ts";
import { toFailure } from "../failure.ts";
import type { System } from "../system.ts";
import { TraceRecorder } from "../trace/recorder.ts";
import { CLIENT_NAME } from "../version.ts";
import type { Prepared } from "./prepare.ts";
import type { AddOptions, Goals, TorrentEvent } from "./types.ts";

const NO_RULE: ShareRule = { percent: 0, strict: false };

/** Goals as the core knows them. */
export function sharingGoals({ shareRule = NO_RULE, seedRatio, seedTimeMs }: Goals): SharingGoals {
  return { shareRule, seedRatio, seedTimeMs };
}

/** `port`: where peers can reach us. */
export function swarmTorrent(
  metainfo: Metainfo,
  { have, priorities, state, isSequential, superSeed }: Prepared,
  goals: Goals,
  port: number,
  system: Pick<System, "createPeerId" | "randomSeed">,
): DriverOptions["torrent"] {
  return {
    infoHash: metainfo.infoHash,
    geometry: metainfo.geometry,
    peerId: system.createPeerId(),
    port,
    clientName: CLIENT_NAME,
    announceTiers: metainfo.announceTiers,
    isPrivate: metainfo.isPrivate,
    infoBytes: metainfo.infoBytes,
    ...{ have, priorities, isSequential, superSeed },
    uploadedBefore: state?.uploaded ?? 0,
    downloadedBefore: state?.downloaded ?? 0,
    waivedBefore: state?.waived ?? false,
    ...sharingGoals(goals),
    seed: system.randomSeed(),
    sha1,
    hashTrees: hashTreesOf(metainfo),
  };
}

/** Undefined unless a trace is asked for. */
export function openTrace(
  trace: AddOptions["trace"],
  emit: (event: TorrentEvent) => void,
): TraceRecorder | undefined {
  if (trace === undefined) return undefined;
  const onError = (error: unknown) => emit({ kind: "trace-failed", failure: toFailure(error) });
  return new TraceRecorder({ ...trace, onError });
}
