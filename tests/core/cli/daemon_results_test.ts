import { assertEquals } from "@std/assert";
import type { WhyPeer } from "../../../core/cli/daemon_results.ts";
import { resultText } from "../../../core/cli/results.ts";

function textOf(peers: readonly WhyPeer[], message = "film is waiting."): string {
  return resultText({
    event: "why-waiting",
    infoHash: "0".repeat(40),
    name: "film",
    message,
    peers,
  });
}

Deno.test("why tells of each peer where its address came from", () => {
  const sources = ["user", "tracker", "incoming", "dht", "pex", "lsd", "magnet", "resume", "new"];
  const peers = sources.map((source, i) => ({ ip: `10.0.0.${i}`, port: 6881, source }));
  assertEquals(textOf(peers).split("\n"), [
    "film is waiting.",
    "  10.0.0.0:6881          named by the user",
    "  10.0.0.1:6881          from a tracker",
    "  10.0.0.2:6881          connected to us",
    "  10.0.0.3:6881          from the DHT",
    "  10.0.0.4:6881          from another peer",
    "  10.0.0.5:6881          found in the local network",
    "  10.0.0.6:6881          named by the magnet link",
    "  10.0.0.7:6881          known from an earlier run",
    "  10.0.0.8:6881          new",
  ]);
  assertEquals(textOf([]), "film is waiting.");
  assertEquals(textOf([], "a\nb"), "a?b");
});

Deno.test("why lists twenty peers, and the number of the others", () => {
  const peers = Array.from({ length: 22 }, (_, i) => ({ ip: "fd00::1", port: i, source: "pex" }));
  const lines = (count: number) => textOf(peers.slice(0, count)).split("\n");
  assertEquals(lines(20).length, 21);
  assertEquals(lines(22).slice(19), [
    "  [fd00::1]:18           from another peer",
    "  [fd00::1]:19           from another peer",
    "  and 2 more: tt peers shows all",
  ]);
});
