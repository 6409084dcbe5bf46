/** A peer with just enough of the protocol to offer metadata: any bytes, of any claimed size. */
import { createByteWriter, writtenBytes } from "../../core/bytes/byte_writer.ts";
import { addressText } from "../../core/bytes/address.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { appendMessage, decodeMessage } from "../../core/wire/codec.ts";
import { encodeExtendedHandshake } from "../../core/wire/extended.ts";
import { createFrameView, frameBytesMax, readFrame } from "../../core/wire/frame.ts";
import { decodeHandshake, encodeHandshake, HANDSHAKE_SIZE } from "../../core/wire/handshake.ts";
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  METADATA_PIECE_SIZE,
} from "../../core/wire/ut_metadata.ts";
import type { Message } from "../../core/wire/message.ts";

const OURS = 5;

export class FakeMetadataPeer implements AsyncDisposable {
  /** Received requests for metadata. */
  requests = 0;
  readonly handshaken: Promise<void>;
  readonly #infoHash: InfoHash;
  readonly #offer: { readonly metadata?: Uint8Array; readonly claimedSize?: number };
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #ended: Promise<void>;
  readonly #handshaken = Promise.withResolvers<void>();

  constructor(
    infoHash: string,
    offer: { readonly metadata?: Uint8Array; readonly claimedSize?: number },
  ) {
    this.#infoHash = infoHash as InfoHash;
    this.#offer = offer;
    this.handshaken = this.#handshaken.promise;
    this.#ended = this.#accept();
  }

  get address(): string {
    const { hostname: ip, port } = this.#listener.addr;
    return addressText({ ip, port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) closeQuietly(conn);
    await this.#ended;
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    try {
      for await (const conn of this.#listener) {
        this.#conns.add(conn);
        serving.push(this.#serve(conn).catch(() => {}).finally(() => closeQuietly(conn)));
      }
    } catch {
      // Closed.
    }
    await Promise.all(serving);
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    let bytes: Uint8Array = new Uint8Array();
    const chunk = new Uint8Array(65_536);
    const more = async () => {
      const count = await conn.read(chunk);
      if (count === null) throw new Error("ended");
      bytes = Uint8Array.of(...bytes, ...chunk.subarray(0, count));
    };
    while (bytes.length < HANDSHAKE_SIZE) await more();
    if (!decodeHandshake(bytes).ok) return;
    bytes = bytes.slice(HANDSHAKE_SIZE);
    const peerId = new TextEncoder().encode(`-XX0000-${this.#listener.addr.port}`.padEnd(20, "x"));
    const features = { fast: false, extended: true, dht: false };
    await writeAll(conn, encodeHandshake({ infoHash: this.#infoHash, peerId, ...features }));
    await send(conn, {
      kind: "extended",
      id: 0,
      payload: encodeExtendedHandshake({
        extensions: new Map([["ut_metadata", OURS]]),
        version: undefined,
        port: undefined,
        reqq: 250,
        yourIp: undefined,
        uploadOnly: false,
        metadataSize: this.#offer.claimedSize ?? this.#offer.metadata?.length,
      }),
    });
    this.#handshaken.resolve();
    const frame = createFrameView();
    for (;;) {
      while (readFrame(bytes, 0, bytes.length, frameBytesMax(1), frame) !== "frame") await more();
      const decoded = decodeMessage(bytes, frame);
      bytes = bytes.slice(frame.frameEnd);
      if (!decoded.ok || decoded.value.kind !== "extended") continue;
      if (decoded.value.id === OURS) await this.#answer(conn, decoded.value.payload);
    }
  }

  async #answer(conn: Deno.TcpConn, payload: Uint8Array): Promise<void> {
    const request = decodeMetadataMessage(payload);
    if (!request.ok || request.value.kind !== "request") return;
    this.requests++;
    const { metadata } = this.#offer;
    if (metadata === undefined) return;
    const { piece } = request.value;
    const begin = piece * METADATA_PIECE_SIZE;
    const data = encodeMetadataMessage({
      kind: "data",
      piece,
      totalSize: metadata.length,
      payload: metadata.subarray(begin, begin + METADATA_PIECE_SIZE),
    });
    // The message ID that tt chose for it.
    await send(conn, { kind: "extended", id: 2, payload: data });
  }
}

async function send(conn: Deno.TcpConn, message: Message): Promise<void> {
  const writer = createByteWriter();
  appendMessage(writer, message);
  await writeAll(conn, writtenBytes(writer));
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It was.
  }
}
