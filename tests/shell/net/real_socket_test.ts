/** What only a real socket shows: unread bytes stay in the system's buffers and with the sender. */
import { assertEquals } from "@std/assert";
import { systemClock } from "../../../shell/clock.ts";
import { type ByteStream, writeAll } from "../../../shell/net/byte_stream.ts";
import { type LinkOwner, PeerLink } from "../../../shell/net/peer_link.ts";
import { RateLimiter } from "../../../shell/net/rate_limiter.ts";
import { SendBuffers } from "../../../shell/net/send_buffers.ts";
import { tcpNetwork } from "../../../shell/net/tcp.ts";
import { until } from "../../support/until.ts";

const HOST = "127.0.0.1";
/** More than a first read takes. */
const SIZE = 300_000;

/** A link on a real connection that counts what it receives, and the other end. */
async function openLink() {
  const listener = tcpNetwork.listen(HOST, 0);
  const accepting = listener.accept();
  const far: ByteStream = await tcpNetwork.dial({ ip: HOST, port: listener.port });
  const stream = await accepting;
  listener.close();
  const counted = { bytes: 0 };
  const owner: Partial<LinkOwner> = {
    received(link) {
      counted.bytes += link.input.end - link.input.start;
      link.input.start = link.input.end;
      return 0;
    },
    ended: () => {},
  };
  const link = new PeerLink({
    ...{ key: 1, stream, rest: new Uint8Array(), owner: owner as LinkOwner, clock: systemClock },
    ...{ pieceCount: 10, buffers: new SendBuffers() },
    limits: { up: new RateLimiter(undefined), down: new RateLimiter(undefined) },
  });
  link.open();
  const close = () => {
    link.close();
    far.close();
  };
  return { link, far, counted, [Symbol.dispose]: close };
}

Deno.test("a paused link leaves its bytes in the socket while others are read, and then takes all", async () => {
  using paused = await openLink();
  using other = await openLink();
  paused.link.pauseReading();
  // The pending read takes what arrives first.
  await writeAll(paused.far, new Uint8Array(1));
  await until(() => paused.counted.bytes === 1, "the first byte is there");
  const writing = writeAll(paused.far, new Uint8Array(SIZE));
  for (let round = 1; round <= 10; round++) {
    await writeAll(other.far, new Uint8Array(SIZE));
    await until(() => other.counted.bytes === round * SIZE, "the other link is read");
    assertEquals(paused.counted.bytes, 1);
  }
  paused.link.resumeReading();
  await until(() => paused.counted.bytes === SIZE + 1, "everything is there");
  await writing;
});
