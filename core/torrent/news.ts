/** Carries what the swarm's extensions learned to the transfer. */
import { startJob } from "../bytes/jobs.ts";
import { unreachable } from "../bytes/result.ts";
import type { Sink } from "../bytes/sink.ts";
import type { SwarmNews } from "../swarm/protocol.ts";
import { onDontHave } from "../transfer/offers.ts";
import type { Effect } from "./protocol.ts";
import type { Torrent } from "./state.ts";

/** Runs what may have news, and takes them in afterwards. */
export function carryNews<R>(
  torrent: Torrent,
  effects: Effect[],
  run: (news: Sink<SwarmNews>) => R,
): R {
  const news: SwarmNews[] = [];
  const result = run(news);
  for (const item of news) takeNews(torrent, item, effects);
  return result;
}

function takeNews({ swarm, transfer }: Torrent, news: SwarmNews, effects: Effect[]): void {
  switch (news.kind) {
    case "piece-lost": {
      const peer = transfer?.peers.get(news.peer);
      if (transfer === undefined || peer === undefined) return;
      if (news.piece < transfer.geometry.pieceCount) onDontHave(transfer, peer, news.piece);
      return;
    }
    case "metadata": {
      const { bytes } = news;
      const job = startJob(swarm.jobs, { kind: "check-metadata", bytes });
      effects.push({ kind: "check-metadata", job, bytes });
      return;
    }
    default:
      return unreachable(news);
  }
}
