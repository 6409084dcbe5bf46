/**
 * A link with latency on one machine: a proxy that delays every byte by half a round trip in each
 * direction, and holds at most what a socket of this kernel would. The kernel here cannot delay.
 */
import type { Endpoint } from "../interop/clients/client.ts";
import { closeQuietly } from "../../shell/net/tcp.ts";

/**
 * What the kernel's default send buffer of 4 MiB carries per round trip, without its overhead:
 * 55 MB/s were measured at 50 ms.
 */
const WINDOW_BYTES = 2_750_000;
const READ_BYTES = 256 * 1024;

export interface SlowLink extends Disposable {
  /** Port on 127.0.0.1. */
  readonly port: number;
}

/** Accepts connections to `target`. `roundTripMs` is the least time from a byte to its answer. */
export function openSlowLink(target: Endpoint, roundTripMs: number): SlowLink {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<{ close(): void }>([listener]);
  (async () => {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname: target.host, port: target.port });
      near.setNoDelay(true);
      far.setNoDelay(true);
      open.add(near).add(far);
      const close = () => [near, far].forEach(closeQuietly);
      carry(near, far, roundTripMs).catch(() => {}).finally(close);
      carry(far, near, roundTripMs).catch(() => {}).finally(close);
    }
  })().catch(() => {});
  return {
    port: listener.addr.port,
    [Symbol.dispose]: () => open.forEach(closeQuietly),
  };
}

/** One direction, until either side has closed. */
async function carry(from: Deno.TcpConn, to: Deno.TcpConn, roundTripMs: number): Promise<void> {
  const road: { readonly bytes: Uint8Array; readonly dueMs: number }[] = [];
  let roadBytes = 0;
  let isOpen = true;
  let changed = Promise.withResolvers<void>();
  const change = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };

  const enter = async () => {
    while (isOpen) {
      while (roadBytes >= WINDOW_BYTES && isOpen) await changed.promise;
      const buffer = new Uint8Array(READ_BYTES);
      const count = await from.read(buffer);
      if (count === null) break;
      roadBytes += count;
      road.push({ bytes: buffer.subarray(0, count), dueMs: performance.now() + roundTripMs / 2 });
      change();
    }
  };
  const leave = async () => {
    while (isOpen) {
      const next = road.shift();
      if (next === undefined) {
        await changed.promise;
        continue;
      }
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      for (let at = 0; at < next.bytes.length;) at += await to.write(next.bytes.subarray(at));
      // The sender may drop a byte when its acknowledgement has travelled all the way back.
      setTimeout(() => {
        roadBytes -= next.bytes.length;
        change();
      }, roundTripMs / 2);
    }
  };
  const end = () => {
    isOpen = false;
    change();
  };
  await Promise.all([enter().finally(end), leave().finally(end)]);
}
