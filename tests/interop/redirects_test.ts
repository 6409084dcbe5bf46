/** A tracker at a public address, in the test's own network, that redirects to this machine. */
import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { freshPort, namespacesMissing, openNetwork } from "../support/network.ts";
import { ClientProcess, runCommand } from "../support/process.ts";
import { openScratch, smallPieces, writeContent, writeTorrent } from "../support/content.ts";
import { interopTest } from "../support/requirements.ts";
import { ttCommand } from "../support/tt_command.ts";

const SCRIPT = fileURLToPath(new URL("clients/redirecting_tracker.ts", import.meta.url));
const DEADLINE_MS = 40_000;
/** An address that exists only in the namespace. */
const PUBLIC_IP = "44.0.0.1";

await interopTest({
  name: "a redirect from a public tracker to this machine is refused, unless it is allowed",
  needs: [{ missing: namespacesMissing }],
  async fn() {
    await using scratch = await openScratch();
    await using network = await openNetwork(1);
    const place = network.places[0]!;
    const address = ["ip", "address", "add", `${PUBLIC_IP}/32`, "dev", "lo"];
    await runCommand([...place.command(address)]);
    const port = freshPort();
    const log = `${scratch.path}/asked`;
    const deno = [Deno.execPath(), "run", "--quiet", "--allow-net", `--allow-write=${log}`];
    const argv = [...deno, SCRIPT, PUBLIC_IP, `${port}`, log];
    await using tracker = new ClientProcess({ place, port, argv });
    await tracker.waitForLine((line) => line === "listening" || undefined, "start", DEADLINE_MS);
    await writeContent(scratch.path, smallPieces);
    const url = `http://${PUBLIC_IP}:${port}/announce`;
    const { path } = await writeTorrent(scratch.path, smallPieces, url);
    const get = async (name: string, ...more: string[]) => {
      const words = ["get", path, "--dir", `${scratch.path}/${name}`, "--port", "0", "--json"];
      const command = await ttCommand([...words, ...more]);
      await using run = new ClientProcess({ place, port: 0, argv: command });
      return await run.waitForLine(
        (line) => line.startsWith('{"event":"tracker"') ? line : undefined,
        "tracker event",
        DEADLINE_MS,
      );
    };
    assertMatch(await get("refused"), /"error":.*--allow-local/);
    assertEquals(await Deno.readTextFile(log), "public ");
    assertMatch(await get("allowed", "--allow-local"), /"peers":0/);
    // The stopped download announced `stopped`, which was refused again.
    assertMatch(await Deno.readTextFile(log), /^(public )+local /);
  },
});
