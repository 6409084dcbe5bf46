/**
 * Where blocks can be asked for, as the picker sees it: what it has, what may be asked of it, and what is
 * outstanding. A connected peer is one, and so is a web server; the picker knows no more of either.
 */
import type { PeerKey } from "../wire/peer_key.ts";
import type { PeerBlame } from "./blame.ts";
import type { PeerHints } from "./hints.ts";
import type { PeerOffer } from "./offers.ts";
import type { PeerBlocks } from "./partials.ts";
import type { Link, Peer } from "./peer.ts";
import type { PeerRequests } from "./requests.ts";
import type { PeerRun } from "./runs.ts";

export interface Source
  extends
    PeerOffer,
    PeerBlocks,
    PeerHints,
    PeerRun,
    Pick<PeerRequests, "isChoking" | "snubbed" | "down" | "roundTripMs">,
    Pick<PeerBlame, "onParole">,
    Pick<Peer, "isSilent"> {
  readonly key: PeerKey;
  readonly link: Pick<Link, "isWebSeed">;
}
