/** Values in the DHT: what `tt` stores libtorrent gets, and the other way round. Spec: BEP 44. */
import { assertEquals } from "@std/assert";
import { createHash, generateKeyPairSync } from "node:crypto";
import { fileURLToPath } from "node:url";
import { startDhtNetwork } from "./clients/dht_network.ts";
import { type Endpoint, formatEndpoint } from "./clients/client.ts";
import { libtorrent, PYTHON } from "./clients/libtorrent.ts";
import { freshPort, namespacesMissing, openNetwork, type Place } from "../support/network.ts";
import { ClientProcess, runCommand } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { interopTest } from "../support/requirements.ts";

const SCRIPT = fileURLToPath(new URL("clients/libtorrent_items.py", import.meta.url));
const DEADLINE_MS = 60_000;

await interopTest({
  name: "tt and libtorrent get the values that the other stored in the DHT",
  needs: [libtorrent, { missing: namespacesMissing }],
  async fn(test) {
    await using network = await openNetwork(2);
    const [nodesPlace, place] = network.places;
    await using nodes = await startDhtNetwork(nodesPlace!);
    const node = nodes.endpoints[0]!;
    const theirs = (...words: string[]) => runLibtorrent(place!, node, words);
    const ours = (...words: string[]) => runDht(place!, node, words);

    await test.step("libtorrent gets what tt stored", async () => {
      const { target } = await ours("--put", "from tt");
      assertEquals(await theirs("get", target as string), "value - from tt");
    });

    await test.step("tt gets what libtorrent stored", async () => {
      const stored = await theirs("put", "from libtorrent");
      const target = sha1("15:from libtorrent");
      assertEquals(stored.split(" ").at(-1), target);
      assertEquals((await ours("--get", target)).text, "from libtorrent");
    });

    await test.step("both get what libtorrent stored and signed", async () => {
      const { secret, key } = signingKeys();
      await theirs("put-signed", "signed", secret.toHex(), key.toHex());
      assertEquals(await theirs("get-signed", key.toHex()), "value 1 signed");
      const { text, sequence } = await ours("--get", sha1(key));
      assertEquals([text, sequence], ["signed", 1]);
    });
  },
});

async function runLibtorrent(place: Place, node: Endpoint, words: readonly string[]) {
  const port = freshPort();
  const listen = formatEndpoint({ host: place.host, port });
  const argv = [PYTHON, "-u", SCRIPT, "--listen", listen, "--dht-node", formatEndpoint(node)];
  await using process = new ClientProcess({ place, port, argv: [...argv, ...words] });
  const isResult = (line: string) => /^(stored|value) /.test(line) ? line : undefined;
  return await process.waitForLine(isResult, words[0]!, DEADLINE_MS);
}

/** What `tt dht` says of the value. */
async function runDht(
  place: Place,
  node: Endpoint,
  words: readonly string[],
): Promise<Record<string, unknown>> {
  const argv = await ttCommand([
    ...["dht", "--host", place.host, "--dht-node", formatEndpoint(node), "--json"],
    ...words,
  ]);
  const said = await runCommand(place.command(argv));
  return JSON.parse(said.split("\n").find((line) => line.includes('"dht-'))!);
}

/** The public key, and the secret one as libtorrent keeps it: hashed and clamped. Spec: RFC 8032. */
function signingKeys(): { readonly secret: Uint8Array; readonly key: Uint8Array } {
  const { d, x } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const secret = new Uint8Array(createHash("sha512").update(bytesOf(d!)).digest());
  secret[0]! &= 248;
  secret[31]! = secret[31]! & 63 | 64;
  return { secret, key: bytesOf(x!) };
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}

function sha1(content: string | Uint8Array): string {
  return createHash("sha1").update(content).digest("hex");
}
