import { assertEquals } from "@std/assert";
import { parseCommand } from "../../../core/cli/arguments.ts";
import type { DhtCommand } from "../../../core/cli/dht_command.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";

const TARGET = "0123456789abcdef0123456789abcdef01234567";

function accept(...argv: string[]): DhtCommand {
  const parsed = parseCommand(["dht", ...argv], {});
  if (!parsed.ok || parsed.value.kind !== "dht") throw new Error(JSON.stringify(parsed));
  return parsed.value;
}

function refuse(...argv: string[]): string {
  const parsed = parseCommand(argv, {});
  if (parsed.ok) throw new Error(`Accepted: ${JSON.stringify(parsed.value)}`);
  return `${parsed.error.code}: ${parsed.error.message}`;
}

Deno.test("dht without arguments shows the node of the daemon", () => {
  assertEquals(accept(), {
    kind: "dht",
    mayBeOfDaemon: true,
    state: undefined,
    infoHashes: [],
    host: undefined,
    port: 0,
    nodes: [],
    put: [],
    get: [],
    timeoutMs: 20_000,
    json: false,
    quiet: false,
  });
});

Deno.test("dht that asks the network for something does so with a node of its own", () => {
  for (
    const argv of [
      [TARGET],
      ["--get", TARGET],
      ["--put", "text"],
      ["--dht-node", "127.0.0.1:6881"],
      ["--host", "127.0.0.1"],
      ["--port", "7000"],
    ]
  ) assertEquals(accept(...argv).mayBeOfDaemon, false, argv.join(" "));
  for (const argv of [["--json"], ["--quiet"], ["--state", "s"], ["--timeout", "5"]]) {
    assertEquals(accept(...argv).mayBeOfDaemon, true, argv.join(" "));
  }
});

Deno.test("info hashes and targets are 40 hexadecimal digits", () => {
  const infoHash = infoHashFromHex(TARGET)!;
  assertEquals(accept(TARGET, TARGET).infoHashes, [infoHash, infoHash]);
  assertEquals(accept("--get", TARGET).get, [infoHash]);
  assertEquals(
    refuse("dht", "film"),
    'bad-value: "film" is not an info hash; give 40 hexadecimal digits',
  );
  assertEquals(
    refuse("dht", "--get", "film"),
    'bad-value: Option --get "film" is not a target; give 40 hexadecimal digits',
  );
});

Deno.test("a text is stored as a bencoded string of at most 1000 bytes", () => {
  const put = (text: string) =>
    accept("--put", text).put.map((value) => new TextDecoder().decode(value));
  assertEquals(put("hello"), ["5:hello"]);
  // "996:" is part of the value. Spec: BEP 44.
  assertEquals(put("x".repeat(996)), [`996:${"x".repeat(996)}`]);
  assertEquals(
    refuse("dht", "--put", "x".repeat(997)).split(" is too long")[1],
    "; a value has at most 1000 bytes",
  );
});

Deno.test("the DHT is on unless it is switched off, in any of the usual words", () => {
  const isOn = (...argv: string[]) => {
    const parsed = parseCommand(["get", "x", ...argv], {});
    return parsed.ok && parsed.value.kind === "get" ? parsed.value.dht.isOn : undefined;
  };
  assertEquals(isOn(), true);
  for (const word of ["on", "true", "Yes", "1"]) assertEquals(isOn("--dht", word), true, word);
  for (const word of ["off", "false", "NO", "0"]) assertEquals(isOn("--dht", word), false, word);
  assertEquals(
    refuse("get", "x", "--dht", "maybe"),
    'bad-value: Option --dht "maybe" is not valid; give on or off',
  );
});
