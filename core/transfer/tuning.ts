/**
 * The limits that decide how fast a swarm is, as one record, so that a simulation can ask what another
 * value would have done (`deno task bench sim --tune`). All other code uses TUNING; the reasons of its
 * figures are in limits.ts.
 */
import {
  ALLOWED_FAST_PEERS_MAX,
  ENDGAME_LATE_MS,
  ENDGAME_PIPELINE_MAX,
  ENDGAME_REQUESTERS_MAX,
  OPTIMISTIC_SLOTS,
  PIPELINE_FIRST,
  PIPELINE_SECONDS,
  RANDOM_FIRST_PIECES,
  SEED_SLOTS_MIN,
  SERVED_WANTED,
  SUGGEST_FIRST,
  UPLOAD_SLOTS_MIN,
} from "./limits.ts";

export interface Tuning {
  readonly uploadSlots: number;
  readonly seedSlots: number;
  readonly optimisticSlots: number;
  readonly servedWanted: number;
  readonly allowedFastPeers: number;
  readonly suggestFirst: number;
  readonly randomFirstPieces: number;
  /** Blocks. */
  readonly pipelineFirst: number;
  readonly pipelineSeconds: number;
  readonly endgameRequesters: number;
  readonly endgameLateMs: number;
  /** Blocks. */
  readonly endgamePipeline: number;
}

export const TUNING: Tuning = {
  uploadSlots: UPLOAD_SLOTS_MIN,
  seedSlots: SEED_SLOTS_MIN,
  optimisticSlots: OPTIMISTIC_SLOTS,
  servedWanted: SERVED_WANTED,
  allowedFastPeers: ALLOWED_FAST_PEERS_MAX,
  suggestFirst: SUGGEST_FIRST,
  randomFirstPieces: RANDOM_FIRST_PIECES,
  pipelineFirst: PIPELINE_FIRST,
  pipelineSeconds: PIPELINE_SECONDS,
  endgameRequesters: ENDGAME_REQUESTERS_MAX,
  endgameLateMs: ENDGAME_LATE_MS,
  endgamePipeline: ENDGAME_PIPELINE_MAX,
};
