/**
 * The metadata exchange as an extension: fetches the info dictionary while the swarm lacks it, serves it
 * once it is here. The metadata of a private torrent is neither asked for nor given away by peers that
 * know that it is private. Spec: BEP 9, BEP 27.
 */
import { encodeBencode } from "../bencode/encode.ts";
import { decodeMetadataMessage, encodeMetadataMessage, UT_METADATA } from "../wire/ut_metadata.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import { type Extension, type ExtensionContext, sendExtended } from "./extensions.ts";
import {
  addMetadataPeer,
  concludeMetadata,
  createMetadataFetch,
  type MetadataFetch,
  metadataProgress,
  receiveMetadata,
  removeMetadataPeer,
  requestMetadata,
} from "./metadata_fetch.ts";
import {
  answerMetadataRequest,
  createMetadataAllowance,
  type MetadataAllowance,
} from "./metadata_serve.ts";
import type { Swarm } from "./state.ts";

/** The extension's part of a swarm. */
interface MetadataState {
  /** Undefined before the first peer, and in a swarm that began with its metadata. */
  fetch: MetadataFetch | undefined;
  /** What was fetched, once its digest was found right. */
  fetched: Uint8Array | undefined;
}

interface MetadataPeer {
  allowance: MetadataAllowance | undefined;
}

/** No dictionary, as the message that it stands for. */
const MALFORMED = new Uint8Array();
/** Of an unknown type. */
const UNKNOWN = encodeBencode({ msg_type: 255 });

export const metadataExtension: Extension<MetadataState, MetadataPeer> = {
  name: UT_METADATA,
  number: 2,
  createState: () => ({ fetch: undefined, fetched: undefined }),
  createPeerState: () => ({ allowance: undefined }),
  isOffered: ({ addresses }) => !addresses.isPrivate,
  describe: (swarm, state) => ({ metadataSize: infoBytesOf(swarm, state)?.length }),
  onNamed(context, peer) {
    if (isFetching(context)) {
      context.state.fetch ??= createMetadataFetch();
      addMetadataPeer(context.state.fetch, peer.key, peer.metadataSize);
      sendRequests(context);
    }
  },
  onMessage(context, peer, peerState, payload) {
    const { swarm, state, now, effects, news } = context;
    const decoded = decodeMetadataMessage(payload);
    if (!decoded.ok) return "a malformed metadata message";
    const message = decoded.value;
    if (message.kind === "unknown") return undefined;
    if (message.kind === "request") {
      peerState.allowance ??= createMetadataAllowance(now);
      const bytes = swarm.addresses.isPrivate ? undefined : infoBytesOf(swarm, state);
      const answer = answerMetadataRequest(bytes, message.piece, peerState.allowance, now);
      sendExtended(peer, UT_METADATA, encodeMetadataMessage(answer), effects);
      return undefined;
    }
    if (state.fetch === undefined) return undefined;
    const outcome = receiveMetadata(state.fetch, peer.key, message, now);
    if (outcome.kind === "violation") return outcome.why;
    if (outcome.kind === "assembled") news.push({ kind: "metadata", bytes: outcome.bytes });
    sendRequests(context);
    return undefined;
  },
  anonymize(payload) {
    const decoded = decodeMetadataMessage(payload);
    if (!decoded.ok) return MALFORMED;
    const message = decoded.value;
    if (message.kind === "unknown") return UNKNOWN;
    if (message.kind !== "data") return encodeMetadataMessage(message);
    // Names of files are in it.
    return encodeMetadataMessage({ ...message, payload: new Uint8Array(message.payload.length) });
  },
  onGone(context, peer) {
    if (context.state.fetch === undefined) return;
    removeMetadataPeer(context.state.fetch, peer.key);
    sendRequests(context);
  },
  tick(context) {
    if (isFetching(context)) sendRequests(context);
  },
};

/**
 * Whether the assembled metadata had the right digest; once it had, it is served. Gives the peers that
 * sent something else.
 */
export function concludeFetch(
  swarm: Swarm,
  bytes: Uint8Array,
  matches: boolean,
): PeerKey[] {
  const state = stateOf(swarm);
  if (state?.fetch?.stage !== "checking") return [];
  if (matches) state.fetched = bytes;
  return concludeMetadata(state.fetch, matches);
}

/** For people: how much of the metadata is here; undefined while no peer has named its size. */
export function fetchProgress(
  swarm: Swarm,
): { readonly bytesDone: number; readonly bytesTotal: number } | undefined {
  const fetch = stateOf(swarm)?.fetch;
  return fetch && metadataProgress(fetch);
}

function stateOf(swarm: Swarm): MetadataState | undefined {
  return swarm.extensions.states.get(UT_METADATA) as MetadataState | undefined;
}

function infoBytesOf({ options }: Swarm, { fetched }: MetadataState): Uint8Array | undefined {
  return options.infoBytes ?? fetched;
}

function isFetching({ swarm, state }: ExtensionContext<MetadataState>): boolean {
  return infoBytesOf(swarm, state) === undefined && !swarm.addresses.isPrivate;
}

function sendRequests({ swarm, state, now, effects }: ExtensionContext<MetadataState>): void {
  if (state.fetch === undefined) return;
  for (const { peer: key, piece } of requestMetadata(state.fetch, now)) {
    const peer = swarm.connections.get(key);
    if (peer === undefined) continue;
    const payload = encodeMetadataMessage({ kind: "request", piece });
    sendExtended(peer, UT_METADATA, payload, effects);
  }
}
