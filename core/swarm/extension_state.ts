/** What is remembered of extensions: of the swarm's, and of what each peer said of its own. */
import type { View } from "../bytes/view.ts";
import type { ExtendedHandshake } from "../wire/extended.ts";
import { REQQ_DEFAULT } from "../wire/extended.ts";
import { EXTENSIONS_KNOWN_MAX } from "./limits.ts";

interface OwnPeer {
  /** `v`: the client's name and version, for people. */
  client: string | undefined;
  /** Requests that the peer keeps waiting before it drops any. */
  reqq: number;
  /** Bytes of the info dictionary that it has to give. Spec: BEP 9. */
  metadataSize: number | undefined;
  /** It will download nothing more. Spec: BEP 21. */
  isUploadOnly: boolean;
  /** The numbers under which the peer wants to be sent its extensions; those switched off are absent. */
  readonly theirNumbers: Map<string, number>;
  /** By extension, what its handler remembers of the peer. */
  readonly extensionStates: Map<string, unknown>;
}

/** An extension's part of a connection. */
export type PeerExtensions = View<OwnPeer>;

/** Of a peer that has not sent its extension handshake. */
export function createPeerExtensions(): PeerExtensions {
  const own: OwnPeer = {
    client: undefined,
    reqq: REQQ_DEFAULT,
    metadataSize: undefined,
    isUploadOnly: false,
    theirNumbers: new Map(),
    extensionStates: new Map(),
  };
  return own;
}

/**
 * Takes what the peer's handshake says of it; gives the extensions that it names for the first time. What
 * a later handshake does not name stays as it was. Spec: BEP 10, "additional handshake messages".
 */
export function applyHandshake(peer: PeerExtensions, handshake: ExtendedHandshake): string[] {
  const own = peer as OwnPeer;
  const { theirNumbers } = own;
  own.reqq = handshake.reqq ?? own.reqq;
  own.client = handshake.version ?? own.client;
  own.metadataSize = handshake.metadataSize ?? own.metadataSize;
  own.isUploadOnly = handshake.uploadOnly ?? own.isUploadOnly;
  const fresh: string[] = [];
  for (const [name, number] of handshake.extensions) {
    if (number === 0) theirNumbers.delete(name);
    else if (theirNumbers.has(name) || theirNumbers.size < EXTENSIONS_KNOWN_MAX) {
      if (!theirNumbers.has(name)) fresh.push(name);
      theirNumbers.set(name, number);
    }
  }
  return fresh;
}

/** What the extension remembers of the peer, made on first use. */
export function peerStateOf<P>(peer: PeerExtensions, name: string, create: () => P): P {
  const { extensionStates } = peer as OwnPeer;
  if (!extensionStates.has(name)) extensionStates.set(name, create());
  return extensionStates.get(name) as P;
}
