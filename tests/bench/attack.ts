/** `bench attack`: the time of an honest transfer while hostile peers flood its seeder. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { readMetainfo } from "../../shell/read_metainfo.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess, runCommand } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch } from "../support/content.ts";
import { ATTACKS } from "./attack_kinds.ts";
import { atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { readSize } from "./report.ts";

export const ATTACK_USAGE =
  `attack [--size 400M] [--attackers 8] [--rate 20M] [--main FILE] [--json]
  Seconds of an honest download at --rate from one seeder, alone and beside attackers of each kind.
  --main measures another main.ts.`;

const FACTOR_MAX = 1.5;
const DEADLINE_MS = 240_000;
/** Time for the attackers to connect. */
const WARM_UP_MS = 1_000;

export async function benchAttack(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "400M" },
      attackers: { type: "string", default: "8" },
      rate: { type: "string", default: "20M" },
      main: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const tt = async (...words: string[]) =>
    (await ttCommand(words)).map((word) => {
      return word.endsWith("/main.ts") && flags.main !== undefined ? flags.main : word;
    });
  await using scratch = await openScratch("tt-bench-");
  const content = join(scratch.path, "zeros.bin");
  await Deno.writeFile(content, new Uint8Array());
  await Deno.truncate(content, readSize(flags.size));
  const torrent = join(scratch.path, "zeros.torrent");
  await runCommand(await tt("create", content, "--out", torrent, "--quiet"));
  const metainfo = readMetainfo(await Deno.readFile(torrent));
  if (!metainfo.ok) throw new Error("tt create made no torrent");
  const port = freshPort();
  await using seeder = new ClientProcess({
    place: loopback,
    port,
    argv: await tt(
      ...["seed", torrent, "--dir", scratch.path, "--host", loopback.host, "--port", `${port}`],
      "--json",
    ),
  });
  await seeder.waitForLine((line) => line.includes('"checked"') || undefined, "check", DEADLINE_MS);
  let runs = 0;
  const download = async () => {
    const own = freshPort();
    const dir = join(scratch.path, `${++runs}`);
    const argv = await tt(
      ...["get", torrent, "--dir", dir, "--host", loopback.host, "--port", `${own}`, "--no-seed"],
      ...["--share-rule", "off", "--quiet", "--down-limit", `${readSize(flags.rate)}`],
      ...["--peer", `127.0.0.1:${port}`],
    );
    const startedMs = performance.now();
    await using downloader = new ClientProcess({ place: loopback, port: own, argv });
    const isDone = await downloader.waitForSuccess(DEADLINE_MS).then(() => true, () => false);
    await Deno.remove(dir, { recursive: true }).catch(() => {});
    return isDone ? (performance.now() - startedMs) / 1000 : Infinity;
  };
  const alone = await download();
  const figures: Figure[] = [];
  for (const kind of ATTACKS) {
    const script = fileURLToPath(new URL("attackers.ts", import.meta.url));
    const { infoHash } = metainfo.value;
    await using _attackers = new ClientProcess({
      place: loopback,
      port: 0,
      argv: [
        ...[Deno.execPath(), "run", "--quiet", "--allow-net", script],
        ...[`${port}`, infoHash, kind, flags.attackers],
      ],
    });
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    const seconds = await download();
    figures.push({
      what: `${flags.attackers} that flood with ${kind}`,
      measured: `${shorten(seconds)} s`,
      beside: `${shorten(alone)} s alone`,
      target: atMost(seconds / alone, FACTOR_MAX),
    });
  }
  printFigures(`A download of ${flags.size} at ${flags.rate} a second`, figures, flags.json);
}
