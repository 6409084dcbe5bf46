import { assertEquals, assertRejects } from "@std/assert";
import { BlocklistKeeper } from "../../../shell/daemon/blocklist.ts";
import { Failure } from "../../../shell/failure.ts";
import { scratch } from "../../support/cli_kit.ts";

const LIST = "bad:192.0.2.0-192.0.2.255\n";

async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function failsWith(work: Promise<unknown>, message: string): Promise<Failure> {
  return assertRejects(() => work, Failure, message);
}

Deno.test("a blocklist is read from a file, plain or gzipped", async () => {
  await using dir = await scratch();
  const never = new AbortController().signal;
  const keeper = new BlocklistKeeper(dir.path);
  await keeper.load(undefined);
  assertEquals([keeper.size, keeper.isBlocked("192.0.2.1")], [0, false]);
  await Deno.writeTextFile(dir.at("list"), LIST);
  await keeper.load(dir.at("list"));
  assertEquals([keeper.size, keeper.isBlocked("192.0.2.1")], [1, true]);
  await Deno.writeFile(dir.at("list.gz"), await gzip(LIST + "more:198.51.100.1-198.51.100.1\n"));
  assertEquals(await keeper.update(`file://${dir.at("list.gz")}`, never), 2);
  assertEquals([keeper.isBlocked("198.51.100.1"), keeper.isBlocked("198.51.100.2")], [true, false]);
  await failsWith(keeper.load(dir.at("none")), "Cannot read the blocklist");
  // What cannot be read leaves the list that was there.
  assertEquals(keeper.size, 2);
  await failsWith(keeper.update("", never), "set blocklist_url first");
  await Deno.writeTextFile(dir.at("odd"), "{}{}".repeat(99));
  await failsWith(keeper.load(dir.at("odd")), "is not a blocklist");
});

Deno.test("a fetched blocklist is in force at once and in the next run; failures leave it", async () => {
  await using dir = await scratch();
  const never = new AbortController().signal;
  let answer: () => Response | Promise<Response> = () => new Response(null, { status: 404 });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      assertEquals(/^tt\//.test(request.headers.get("user-agent")!), true);
      return answer();
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}/list`;
  const keeper = new BlocklistKeeper(dir.path);
  await failsWith(keeper.update(url, never), "The blocklist's server answered 404");
  const packed = await gzip(LIST);
  answer = () => new Response(packed as BodyInit);
  assertEquals(await keeper.update(url.toUpperCase().replace("/LIST", "/list"), never), 1);
  assertEquals(keeper.isBlocked("192.0.2.9"), true);
  const later = new BlocklistKeeper(dir.path);
  await later.load(undefined);
  assertEquals(later.isBlocked("192.0.2.9"), true);
  const stop = new AbortController();
  stop.abort();
  await failsWith(later.update(url, stop.signal), "Cannot fetch the blocklist");
  assertEquals(later.size, 1);
});
