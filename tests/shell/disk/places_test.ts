import { assertEquals } from "@std/assert";
import type { Metainfo } from "../../../core/metainfo/types.ts";
import { followLinks, placesInOrder } from "../../../shell/disk/places.ts";
import { inTempDir } from "./support.ts";

const METAINFO = {
  files: [
    { path: ["set", "a"], pad: false },
    { path: [".pad", "5"], pad: true },
    { path: ["set", "link"], pad: false },
    { path: ["set", "none"], pad: false },
  ],
} as unknown as Metainfo;

Deno.test("places go to files in their order, past padding", () => {
  assertEquals(placesInOrder(METAINFO, ["/1", "/2", "/3"]), ["/1", undefined, "/2", "/3"]);
});

Deno.test("links are followed to where files are, and what is not there has no place", async () => {
  await inTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/set`);
    await Deno.mkdir(`${dir}/.pad`);
    for (const path of ["set/a", ".pad/5", "real"]) await Deno.writeTextFile(`${dir}/${path}`, "x");
    await Deno.symlink(`${dir}/real`, `${dir}/set/link`);
    const root = await Deno.realPath(dir);
    assertEquals(await followLinks(dir, METAINFO), [
      ...[`${root}/set/a`, undefined, `${root}/real`, undefined],
    ]);
  });
});
