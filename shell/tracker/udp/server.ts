/**
 * The tracker's UDP port. One packet is answered after the other with buffers that are used again; a
 * store that has to wait is waited for beside the others. Nothing is kept for who asks.
 *
 * Spec: BEP 15, UDP tracker protocol; BEP 41, extensions.
 */
import { type ByteWriter, createByteWriter } from "../../../core/bytes/byte_writer.ts";
import { formatIp, isLoopbackIp, isPrivateIp, parseIp } from "../../../core/bytes/ip.ts";
import type { Result } from "../../../core/bytes/result.ts";
import { guardAnnounce } from "../../../core/tracker_server/access/flood_guard.ts";
import { readRemoteIp } from "../../../core/tracker_server/access/remote_ip.ts";
import type { AnnounceReply, SwarmCounts } from "../../../core/tracker_server/types.ts";
import {
  claimedIpOf,
  classifyPacket,
  type ConnectionIds,
  createConnectionIds,
  createUdpAnnounceQuery,
  PACKET_SIZE_MAX,
  readUdpAnnounce,
  readUdpScrape,
  transactionOf,
  writeConnectAnswer,
  writeUdpAnnounceAnswer,
  writeUdpError,
  writeUdpScrapeAnswer,
} from "../../../core/tracker_server/udp/codec.ts";
import { sleep } from "../../clock.ts";
import {
  describeAsker,
  recordAnnounce,
  recordInvalidAnnounce,
  recordScrape,
} from "../log/record.ts";
import { announce, nextIntervals, type Tracker } from "../tracker.ts";

/** Packets whose answers wait for the store; more are dropped, and asked again by their clients. */
const WAITING_MAX = 10_000;
/** Before the next attempt when the socket gave an error instead of a packet. */
const RETRY_MS = 20;
const STALE = "Connect again";

/** An answer to be sent, now or later; undefined for none. */
type Answer = ByteWriter | undefined | Promise<ByteWriter | undefined>;

/** Listens and answers until stopped. Throws `Deno.errors.AddrInUse` and other errors of listening. */
export class UdpServer {
  readonly #tracker: Tracker;
  readonly #socket: Deno.DatagramConn;
  readonly #ids: ConnectionIds = createConnectionIds(crypto.getRandomValues(new Int32Array(4)));
  readonly #query = createUdpAnnounceQuery();
  /** For answers that leave before the next packet is looked at. */
  readonly #writer = createByteWriter(PACKET_SIZE_MAX);
  /** Where it listens on one address only: a datagram does not tell which of several it came to. */
  readonly #ownIp: Uint8Array | undefined;
  readonly #scratch = new Uint8Array(4);
  readonly #serving: Promise<void>;
  #waiting = 0;
  #isStopping = false;

  constructor(tracker: Tracker, hostname: string, port: number) {
    this.#tracker = tracker;
    const own = parseIp(hostname);
    this.#ownIp = own?.some((byte) => byte !== 0) ? own : undefined;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port });
    this.#serving = this.#serve();
  }

  /** Takes no packet any more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#socket.close();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const buffer = new Uint8Array(PACKET_SIZE_MAX);
    while (!this.#isStopping) {
      let received: [Uint8Array, Deno.Addr];
      try {
        received = await this.#socket.receive(buffer);
      } catch {
        if (!this.#isStopping) await sleep(RETRY_MS);
        continue;
      }
      try {
        const [packet, from] = received;
        const answer = this.#answer(packet, (from as Deno.NetAddr).hostname);
        if (answer instanceof Promise) this.#sendLater(answer, from);
        else if (answer !== undefined) {
          const { settling } = this.#tracker.backend;
          if (settling !== undefined) await settling;
          await this.#socket.send(answer.bytes.subarray(0, answer.size), from);
        }
      } catch {
        // An address that can't be sent to, such as port 0: there is no one to answer.
      }
    }
  }

  async #sendLater(answer: Promise<ByteWriter | undefined>, to: Deno.Addr): Promise<void> {
    this.#waiting++;
    try {
      const writer = await answer;
      if (writer !== undefined) await this.#socket.send(writer.bytes.subarray(0, writer.size), to);
    } catch {
      // As above.
    }
    this.#waiting--;
  }

  #answer(packet: Uint8Array, hostname: string): Answer {
    const tracker = this.#tracker;
    const now = tracker.now();
    const ip = readRemoteIp(hostname, this.#scratch);
    const kind = classifyPacket(packet, ip, this.#ids, now / 1000);
    if (kind === "ignored" || this.#waiting >= WAITING_MAX) return undefined;
    const writer = this.#writer;
    const transaction = transactionOf(packet);
    switch (kind) {
      case "connect":
        writeConnectAnswer(writer, transaction, ip, this.#ids, now / 1000);
        return writer;
      case "stale":
        writeUdpError(writer, transaction, STALE);
        return writer;
      case "announce":
        return this.#answerAnnounce(packet, ip, transaction, now);
      case "scrape":
        return this.#answerScrape(packet, ip, transaction, now);
    }
  }

  #answerAnnounce(packet: Uint8Array, ip: Uint8Array, transaction: number, now: number): Answer {
    const tracker = this.#tracker;
    const query = this.#query;
    const problem = readUdpAnnounce(packet, ip, query);
    if (problem !== undefined) {
      recordInvalidAnnounce(tracker, "udp", problem, now, ip);
      writeUdpError(this.#writer, transaction, problem);
      return this.#writer;
    }
    if (tracker.settings.trustsIpParam) query.ip = trustedIp(packet, ip);
    const asker = describeAsker(tracker, query);
    const result = announce(tracker, query, ip, this.#ownIp, now);
    if (!(result instanceof Promise)) {
      recordAnnounce(tracker, "udp", query.event, result, now, asker);
      return this.#finishAnnounce(this.#writer, result, transaction, ip);
    }
    const { event } = query;
    const lateIp = ip.slice();
    return result.then((late) => {
      recordAnnounce(tracker, "udp", event, late, now, asker);
      return this.#finishAnnounce(createByteWriter(), late, transaction, lateIp);
    });
  }

  #finishAnnounce(
    writer: ByteWriter,
    result: Result<AnnounceReply, string>,
    transaction: number,
    ip: Uint8Array,
  ): ByteWriter {
    if (result.ok) {
      const { intervalSeconds } = nextIntervals(this.#tracker);
      writeUdpAnnounceAnswer(writer, transaction, result.value, intervalSeconds, ip);
    } else {
      writeUdpError(writer, transaction, result.error);
    }
    return writer;
  }

  #answerScrape(packet: Uint8Array, ip: Uint8Array, transaction: number, now: number): Answer {
    const tracker = this.#tracker;
    const excess = tracker.guard && guardAnnounce(tracker.guard, ip, now);
    if (excess !== undefined) {
      recordScrape(tracker, "udp", excess, now, ip);
      writeUdpError(this.#writer, transaction, excess);
      return this.#writer;
    }
    const counts = tracker.backend.scrape(readUdpScrape(packet), now);
    const finish = (writer: ByteWriter, swarms: readonly SwarmCounts[], asker: Uint8Array) => {
      recordScrape(tracker, "udp", undefined, now, asker);
      writeUdpScrapeAnswer(writer, transaction, swarms);
      return writer;
    };
    if (!(counts instanceof Promise)) return finish(this.#writer, counts, ip);
    const lateIp = ip.slice();
    return counts.then((late) => finish(createByteWriter(), late, lateIp));
  }
}

/** As over HTTP: a client's own word counts on this machine and in private networks only. */
function trustedIp(packet: Uint8Array, remoteIp: Uint8Array): Uint8Array {
  const claimed = claimedIpOf(packet);
  if (claimed === undefined || claimed.length !== remoteIp.length) return remoteIp;
  const remote = formatIp(remoteIp);
  return isLoopbackIp(remote) || isPrivateIp(remote) ? claimed : remoteIp;
}
