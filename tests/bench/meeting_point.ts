/**
 * A tracker in the process of the benchmark that returns one peer to every other client. It answers
 * each side once or twice, so that every client finds its seeder in the same way, at its own pace.
 */

export interface MeetingPoint extends AsyncDisposable {
  readonly announceUrl: string;
  /** From now on, returns this port of 127.0.0.1 to all others. */
  setSeeder(port: number): void;
  /** The same for several, to all but the one that asks. */
  setSeeders(ports: readonly number[]): void;
}

export function openMeetingPoint(): MeetingPoint {
  let seeders: readonly number[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const asking = Number(new URL(request.url).searchParams.get("port"));
    return new Response(encodeAnswer(seeders.filter((port) => port !== asking)));
  });
  return {
    announceUrl: `http://127.0.0.1:${server.addr.port}/announce`,
    setSeeder: (port) => seeders = [port],
    setSeeders: (ports) => seeders = ports,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Spec: BEP 23, compact peers. */
function encodeAnswer(ports: readonly number[]): Uint8Array<ArrayBuffer> {
  const peers = ports.flatMap((port) => [127, 0, 0, 1, port >> 8, port & 0xff]);
  const head = new TextEncoder().encode(`d8:intervali1800e5:peers${peers.length}:`);
  return new Uint8Array([...head, ...peers, "e".charCodeAt(0)]);
}
