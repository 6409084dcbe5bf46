import { assertEquals } from "@std/assert";
import { describeMetainfoError } from "../../../core/metainfo/describe_error.ts";
import type { MetainfoError } from "../../../core/metainfo/parse.ts";

const problemOf = (error: MetainfoError) => describeMetainfoError(error).split("; ")[0];

Deno.test("files are counted from 1 in what is wrong with a torrent", () => {
  const cases: [MetainfoError, string][] = [
    [{ code: "length-invalid", file: 0 }, "File 1 of the torrent has no valid length"],
    [{ code: "path-invalid", file: 1 }, "File 2 of the torrent has no valid path"],
    [{ code: "layer-missing", file: 0 }, "The torrent lacks the v2 piece layer of file 1"],
    [
      { code: "layer-invalid", file: 4 },
      "The v2 piece layer of file 5 does not match the file's root hash",
    ],
    [
      { code: "path-too-long", file: 2 },
      "File 3 of the torrent has a path of more than 64 folders or 4096 bytes",
    ],
  ];
  for (const [error, text] of cases) assertEquals(problemOf(error), text);
});

Deno.test("a piece length is missing or out of bounds", () => {
  assertEquals(
    problemOf({ code: "piece-length-invalid", found: undefined }),
    "The torrent has no piece length",
  );
  assertEquals(
    problemOf({ code: "piece-length-invalid", found: 0 })!.startsWith(
      "The torrent has a piece length of 0,",
    ),
    true,
  );
});

Deno.test("the advice is to get another torrent, or other content", () => {
  const advice = (error: MetainfoError) => describeMetainfoError(error).split("; ")[1];
  assertEquals(
    advice({ code: "name-missing" }),
    "download it again, or ask its creator for a correct one",
  );
  assertEquals(
    advice({ code: "too-many-files", found: 9, max: 8 }),
    "ask for the content as an archive or as several torrents",
  );
});
