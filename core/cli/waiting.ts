/** Why nothing, or less than expected, moves: one sentence from the facts, or undefined. */
import type { TorrentFacts } from "../torrent/facts.ts";
import { formatCount } from "./format.ts";
import { shareWaitText } from "./progress.ts";

/**
 * What a download waits for now. `trackerError`: the last tracker's failure, if the last announce
 * failed.
 */
export function waitingFor(
  facts: TorrentFacts,
  trackerError: string | undefined,
): string | undefined {
  if (facts.isFinished) return undefined;
  if (facts.isWaiting) {
    return shareWaitText({
      remainingBytes: facts.remainingDebt,
      peersToServe: facts.servable,
      seconds: facts.secondsToPay,
    });
  }
  if (facts.downRate > 0) return undefined;
  if (facts.peers === 0) {
    return trackerError === undefined
      ? "no peers yet, searching"
      : `no peers yet, still trying: ${trackerError}`;
  }
  const peers = formatCount(facts.peers, "peer");
  if (facts.wanted === 0) return `${peers}, but none has a missing piece`;
  if (facts.unchokingUs === 0) return `${peers}, waiting to be unchoked`;
  return undefined;
}
