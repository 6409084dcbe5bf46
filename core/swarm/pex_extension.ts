/**
 * Peer exchange as an extension: who is connected goes out, and addresses that come in go to the address
 * book. Never in a private torrent, whose peers come from its trackers alone. Spec: BEP 11, BEP 27.
 */
import { addressText } from "../bytes/address.ts";
import { decodePex, encodePex, PEX_FLAG, type PexContact, UT_PEX } from "../wire/ut_pex.ts";
import { addAddresses } from "./address_book.ts";
import { type Contacts, createContacts, updateContacts } from "./contacts.ts";
import type { Connection } from "./connections.ts";
import { type Extension, type ExtensionContext, sendExtended } from "./extensions.ts";
import { peerStateOf } from "./extension_state.ts";
import { createPeerExchange, type PeerExchange, planPex, receivePex } from "./peer_exchange.ts";
import type { Swarm } from "./state.ts";

/** What is remembered of a peer; undefined until it names the extension. */
interface PexPeer {
  exchange: PeerExchange | undefined;
}

/** No dictionary, as the message that it stands for. */
const MALFORMED = new Uint8Array();

export const pexExtension: Extension<Contacts, PexPeer> = {
  name: UT_PEX,
  number: 1,
  createState: createContacts,
  createPeerState: () => ({ exchange: undefined }),
  isOffered: ({ addresses }) => !addresses.isPrivate,
  onNamed({ swarm, now }, _peer, peerState) {
    if (!swarm.addresses.isPrivate) peerState.exchange ??= createPeerExchange(now);
  },
  onMessage(context, peer, peerState, payload) {
    return takeMessage(context, peer, peerState, payload);
  },
  anonymize(payload, names) {
    const decoded = decodePex(payload);
    if (!decoded.ok) return MALFORMED;
    const { added, dropped } = decoded.value;
    return encodePex({
      added: added.map(({ address, flags }) => ({ address: names.address(address), flags })),
      dropped: dropped.map((address) => names.address(address)),
    });
  },
  tick: sendDue,
};

function takeMessage(
  { swarm, now }: ExtensionContext<Contacts>,
  peer: Connection,
  peerState: PexPeer,
  payload: Uint8Array,
): string | undefined {
  if (swarm.addresses.isPrivate) return undefined;
  const decoded = decodePex(payload);
  if (!decoded.ok) return "a peer exchange message that is not a dictionary";
  // Some send before their handshake has named it.
  peerState.exchange ??= createPeerExchange(now);
  const isKnown = (text: string) => swarm.addresses.entries.has(text);
  const verdict = receivePex(peerState.exchange, decoded.value, peer.address, isKnown, now);
  if (verdict.kind === "flood") return "peer exchanges without a pause";
  if (verdict.kind === "taken") {
    addAddresses(swarm.addresses, verdict.found.map(({ address }) => address), "pex", now);
  }
  return undefined;
}

/** Once a second: what is due to each peer. */
function sendDue({ swarm, state: contacts, now, effects }: ExtensionContext<Contacts>): void {
  if (swarm.addresses.isPrivate) return;
  let isUpToDate = false;
  for (const peer of swarm.connections.values()) {
    if (!peer.theirNumbers.has(UT_PEX)) continue;
    const { exchange } = peerStateOf<PexPeer>(peer, UT_PEX, pexExtension.createPeerState);
    if (exchange === undefined || now < exchange.nextSendMs) continue;
    if (!isUpToDate) updateContacts(contacts, contactsOf(swarm));
    isUpToDate = true;
    const message = planPex(exchange, contacts, peer.address, now);
    if (message !== undefined) sendExtended(peer, UT_PEX, encodePex(message), effects);
  }
}

/** Connected peers whose listening address is known. */
function contactsOf(swarm: Swarm): PexContact[] {
  const contacts: PexContact[] = [];
  for (const { address, incoming, isUploadOnly } of swarm.connections.values()) {
    const isListening = swarm.addresses.entries.get(addressText(address))?.use === "connected";
    if (incoming && !isListening) continue;
    const flags = (incoming ? 0 : PEX_FLAG.reachable) | (isUploadOnly ? PEX_FLAG.seed : 0);
    contacts.push({ address, flags });
  }
  return contacts;
}
