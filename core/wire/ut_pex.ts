/**
 * The message in which peers exchange the addresses of their connections. It travels as the payload
 * of an `extended` message under the id that the receiver chose.
 *
 * Tolerant in what it takes: a list of the wrong size counts as absent, missing flags as zero, port
 * 0 and duplicates are left out.
 */
import { type BencodeError, decodeBencode } from "../bencode/decode.ts";
import { encodeBencode } from "../bencode/encode.ts";
import { asBytes, type BencodeNode, dictGet } from "../bencode/node.ts";
import { addressText, type PeerAddress } from "../bytes/address.ts";
import { decodeCompactPeers, encodeCompactPeers, type IpVersion } from "../bytes/compact_peers.ts";
import { fail, ok, type Result } from "../bytes/result.ts";

/** The name in the extension handshake. */
export const UT_PEX = "ut_pex";
/** Spec: BEP 11, "should not exceed 50 entries", the same for those dropped. */
export const PEX_CONTACTS_MAX = 50;
/** Entries of one list that are looked at: a first message may be longer than the others. */
export const PEX_RECEIVED_MAX = 200;
/** Two families of 500 entries added and dropped; nothing honest is longer. */
export const PEX_MESSAGE_BYTES_MAX = 32 * 1024;

/** Spec: BEP 11, the table of flags. */
export const PEX_FLAG = {
  prefersEncryption: 0x01,
  seed: 0x02,
  utp: 0x04,
  holepunch: 0x08,
  reachable: 0x10,
} as const;

export interface PexContact {
  readonly address: PeerAddress;
  /** Bits of PEX_FLAG; others are reserved and ignored. */
  readonly flags: number;
}

export interface PexMessage {
  readonly added: readonly PexContact[];
  readonly dropped: readonly PeerAddress[];
}

export type PexError =
  | { readonly code: "pex-bencode"; readonly cause: BencodeError }
  | { readonly code: "pex-not-dict" };

/** The payload of an `extended` message. Spec: BEP 11, protocol extension. */
export function encodePex({ added, dropped }: PexMessage): Uint8Array {
  const contacts = (version: IpVersion) => added.filter(({ address }) => isOf(address, version));
  const list = (peers: readonly PeerAddress[], version: IpVersion) => {
    const packed = encodeCompactPeers(peers, version);
    return packed.length > 0 ? packed : undefined;
  };
  const flags = (of: readonly PexContact[]) =>
    of.length > 0 ? Uint8Array.from(of, (contact) => contact.flags) : undefined;
  const added4 = contacts(4), added6 = contacts(6);
  return encodeBencode({
    // Some clients refuse a message without this key.
    added: list(added4.map(({ address }) => address), 4) ?? "",
    "added.f": flags(added4),
    added6: list(added6.map(({ address }) => address), 6),
    "added6.f": flags(added6),
    dropped: list(dropped, 4),
    dropped6: list(dropped, 6),
  });
}

/**
 * Reads the payload of an `extended` message. Errors: "pex-bencode", "pex-not-dict".
 * Spec: BEP 11, protocol extension.
 */
export function decodePex(payload: Uint8Array): Result<PexMessage, PexError> {
  const decoded = decodeBencode(payload, { tolerant: true, bytesMax: PEX_MESSAGE_BYTES_MAX });
  if (!decoded.ok) return fail({ code: "pex-bencode", cause: decoded.error });
  const dict = decoded.value;
  if (dict.kind !== "dict") return fail({ code: "pex-not-dict" });
  const added = new Map<string, PexContact>();
  for (const [version, key] of [[4, "added"], [6, "added6"]] as const) {
    // Port 0 is left out by unpacking, which shifts what follows: flags count only in its absence.
    const addresses = peersOf(dictGet(dict, key), version);
    const flags = asBytes(dictGet(dict, `${key}.f`));
    for (const [i, address] of addresses.entries()) {
      added.set(addressText(address), {
        address,
        flags: flags?.length === addresses.length ? flags[i]! : 0,
      });
    }
  }
  const dropped = new Map<string, PeerAddress>();
  for (const [version, key] of [[4, "dropped"], [6, "dropped6"]] as const) {
    for (const address of peersOf(dictGet(dict, key), version)) {
      dropped.set(addressText(address), address);
    }
  }
  return ok({ added: [...added.values()], dropped: [...dropped.values()] });
}

function peersOf(node: BencodeNode | undefined, version: IpVersion): PeerAddress[] {
  const bytes = asBytes(node);
  if (bytes === undefined) return [];
  const peerSize = version === 4 ? 6 : 18;
  if (bytes.length % peerSize !== 0) return [];
  const peers = decodeCompactPeers(bytes.subarray(0, PEX_RECEIVED_MAX * peerSize), version);
  return peers.ok ? peers.value : [];
}

function isOf(address: PeerAddress, version: IpVersion): boolean {
  return address.ip.includes(":") === (version === 6);
}
