/** Where content is that is read behind symbolic links, because the user named or allowed them. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { Places } from "./storage.ts";

/** Each file of the torrent gets the next place; padding has none. */
export function placesInOrder(
  { files }: Pick<Metainfo, "files">,
  places: readonly string[],
): Places {
  let next = 0;
  return files.map((file) => file.pad ? undefined : places[next++]);
}

/** The places below `dir` with all links followed; undefined where nothing is. */
export async function followLinks(
  dir: string,
  { files }: Pick<Metainfo, "files">,
): Promise<Places> {
  const places: (string | undefined)[] = [];
  for (const { path, pad } of files) {
    places.push(pad ? undefined : await realpath(join(dir, ...path)).catch(() => undefined));
  }
  return places;
}
