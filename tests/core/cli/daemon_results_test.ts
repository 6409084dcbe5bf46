import { assertEquals } from "@std/assert";
import { statusResult, type WhyPeer } from "../../../core/cli/daemon_results.ts";
import type { StatusRow } from "../../../core/cli/status_table.ts";
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
  assertEquals(lines(21).at(-1), "  and 1 more: tt peers shows all");
  assertEquals(lines(22).slice(19), [
    "  [fd00::1]:18           from another peer",
    "  [fd00::1]:19           from another peer",
    "  and 2 more: tt peers shows all",
  ]);
});

Deno.test("a connection of the daemon is a line of columns", () => {
  const connected = {
    event: "connected",
    infoHash: "0".repeat(40),
    ip: "192.0.2.1",
    port: 6881,
    client: "tt",
    source: "pex",
    flags: "Du",
    progress: 0.999,
    downRate: 12_300,
    upRate: 0,
  } as const;
  assertEquals(
    resultText(connected),
    "192.0.2.1:6881          99 % Du      12.3 kB/s down      0 B/s up  pex      tt",
  );
  assertEquals(resultText({ ...connected, progress: 1 }).slice(22, 29), " 100 % ");
});

Deno.test("entries of the log name their level unless it is the usual one", () => {
  const entry = (level: string) =>
    resultText({
      ...{ event: "logged", number: 1, at: 0, level, what: "complete", infoHash: undefined },
      ...{ message: "a\x1b", time: "12:00" },
    });
  assertEquals([entry("info"), entry("error")], ["12:00  a?", "12:00  error: a?"]);
});

Deno.test("a torrent of the daemon as an event has sizes, and no time that is unknown", () => {
  const row: StatusRow = {
    ...{ id: 1, hash_string: "0".repeat(40), name: "film", status: 4, error: 0, error_string: "" },
    ...{ metadata_percent_complete: 1, percent_done: 0.25, size_when_done: 1_000 },
    ...{ left_until_done: 750, rate_download: 5, rate_upload: 6, upload_ratio: -1 },
    ...{ uploaded_ever: 7, peers_connected: 8, eta: -1, recheck_progress: 0, is_finished: false },
    ...{ is_stalled: false, added_date: 0, queue_position: 2, labels: ["a"], download_dir: "/d" },
    tt_why: "",
  };
  const result = statusResult(row);
  assertEquals(result, {
    event: "status",
    id: 1,
    infoHash: "0".repeat(40),
    name: "film",
    state: "downloading",
    bytesDone: 250,
    bytesTotal: 1_000,
    downRate: 5,
    upRate: 6,
    uploaded: 7,
    ratio: 0,
    peers: 8,
    etaSeconds: undefined,
    waitingFor: undefined,
    error: undefined,
    labels: ["a"],
    dir: "/d",
    queuePosition: 2,
  });
  assertEquals(resultText(result), "film: downloading, 250 B of 1.0 kB");
  const other = statusResult({ ...row, eta: 0, upload_ratio: 0.5, tt_why: "w", error_string: "e" });
  assertEquals([other.etaSeconds, other.ratio, other.waitingFor, other.error], [0, 0.5, "w", "e"]);
});

Deno.test("what was done with a torrent is its sentence", () => {
  assertEquals(resultText({ event: "paused", message: "Paused\x1b film" }), "Paused? film");
});
