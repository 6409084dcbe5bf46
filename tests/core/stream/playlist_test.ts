import { assertEquals } from "@std/assert";
import { m3u, mainFile } from "../../../core/stream/playlist.ts";

Deno.test("the main file is the largest playable one, else the largest", () => {
  const file = (path: string, length: number) => ({ path, length });
  assertEquals(mainFile([file("a.mkv", 10), file("b.MKV", 20), file("c.iso", 90)]), 1);
  assertEquals(mainFile([file("a.txt", 10), file("b.iso", 20)]), 1);
  assertEquals(mainFile([file("a.iso", 90), file("b.mp4", 0)]), 1);
  assertEquals(mainFile([]), -1);
});

Deno.test("a playlist has a title line and a URL for each entry", () => {
  assertEquals(
    m3u([{ title: "one\ntwo", url: "http://x/1" }, { title: "b", url: "http://x/2" }]),
    "#EXTM3U\n#EXTINF:-1,one two\nhttp://x/1\n#EXTINF:-1,b\nhttp://x/2\n",
  );
});
