/** Conformance vectors of the wire protocol: bytes computed from the specifications, by hand. */

/** Spec: BEP 3, handshake; reserved bits of BEP 5, 6 and 10. */
export const HANDSHAKE_VECTOR = {
  infoHash: "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36",
  peerId: "-XX0001-abcdefghijkl",
  bytes: "13426974546f7272656e742070726f746f636f6c0000000000100005" +
    "d2474e86c95b19b8bcfdb92bc12c9d44667cfa362d5858303030312d6162636465666768696a6b6c",
};

export interface MessageVector {
  readonly id: number;
  /** A whole frame in hexadecimal, where one is given. */
  readonly frame?: string;
  /** The decoded message. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export const KEEP_ALIVE_FRAME = "00000000";

/** Every message. Spec: BEP 3, BEP 5 (9), BEP 6 (13 to 17), BEP 10 (20), BEP 52 (21 to 23). */
export const MESSAGE_VECTORS: readonly MessageVector[] = [
  { id: 0, frame: "0000000100" },
  { id: 1, frame: "0000000101" },
  { id: 2, frame: "0000000102" },
  { id: 3, frame: "0000000103" },
  { id: 4, frame: "000000050400000102", fields: { piece: 258 } },
  { id: 5, frame: "0000000305a040", fields: { bits: Uint8Array.of(0b1010_0000, 0b0100_0000) } },
  {
    id: 6,
    frame: "0000000d06000000010000400000004000",
    fields: { piece: 1, begin: 16_384, length: 16_384 },
  },
  // Its block is not decoded as a message.
  { id: 7 },
  {
    id: 8,
    frame: "0000000d08000000010000400000004000",
    fields: { piece: 1, begin: 16_384, length: 16_384 },
  },
  { id: 9, frame: "00000003091ae1", fields: { port: 6881 } },
  { id: 13, frame: "000000050d00000007", fields: { piece: 7 } },
  { id: 14, frame: "000000010e" },
  { id: 15, frame: "000000010f" },
  {
    id: 16,
    frame: "0000000d10000000010000000000004000",
    fields: { piece: 1, begin: 0, length: 16_384 },
  },
  { id: 17, frame: "000000051100000423", fields: { piece: 1059 } },
  { id: 20 },
  { id: 21 },
  { id: 22 },
  { id: 23 },
];

export interface AllowedFastVector {
  readonly ip: string;
  readonly pieces: number;
  readonly set: readonly number[];
}

/** Sets for the info hash of twenty bytes 0xaa. Spec: BEP 6, allowed fast set generation. */
export const ALLOWED_FAST_VECTORS: readonly AllowedFastVector[] = [
  { ip: "80.4.4.200", pieces: 1313, set: [1059, 431, 808, 1217, 287, 376, 1188] },
  { ip: "80.4.4.200", pieces: 1313, set: [1059, 431, 808, 1217, 287, 376, 1188, 353, 508] },
  { ip: "80.4.4.1", pieces: 1313, set: [1059, 431, 808, 1217, 287, 376, 1188] },
  { ip: "10.0.0.1", pieces: 4, set: [0, 2, 3, 1] },
];

export interface ExtendedVector {
  /** The payload, one character per byte. */
  readonly text: string;
  readonly extensions: readonly (readonly [string, number])[];
  readonly port?: number;
  readonly version?: string;
  readonly metadataSize?: number;
}

/** Spec: BEP 10, handshake message, with the micro sign where its example has it; BEP 9. */
export const EXTENDED_VECTORS: readonly ExtendedVector[] = [
  {
    text: "d1:md11:LT_metadatai1e6:ut_pexi2ee1:pi6881e1:v13:\xc2\xb5Torrent 1.2e",
    extensions: [["LT_metadata", 1], ["ut_pex", 2]],
    port: 6881,
    version: "\u00b5Torrent 1.2",
  },
  {
    text: "d1:md11:ut_metadatai3ee13:metadata_sizei31235ee",
    extensions: [["ut_metadata", 3]],
    metadataSize: 31_235,
  },
  { text: "d1:md11:LT_metadatai0eee", extensions: [["LT_metadata", 0]] },
];
