/** Many small torrents with their content. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { buildMetainfo } from "../../core/metainfo/create.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { readMetainfo } from "../../shell/read_metainfo.ts";

const PIECE_LENGTH = 16 * 1024;

export interface SmallTorrent {
  /** Of the `.torrent`; its content is beside it. */
  readonly path: string;
  readonly infoHash: InfoHash;
}

/** `count` torrents in `dir`, of one piece each, all different. */
export async function makeSmallTorrents(
  dir: string,
  count: number,
  announceUrl: string,
): Promise<SmallTorrent[]> {
  await Deno.mkdir(dir, { recursive: true });
  const torrents: SmallTorrent[] = [];
  for (let number = 0; number < count; number++) {
    const name = `torrent number ${number} of many.bin`;
    const content = new Uint8Array(PIECE_LENGTH);
    new DataView(content.buffer).setUint32(0, number);
    const bytes = buildMetainfo({
      name,
      files: [{ path: [], length: content.length }],
      isFolder: false,
      pieceLength: PIECE_LENGTH,
      pieceHashes: new Uint8Array(createHash("sha1").update(content).digest()),
      announceTiers: [[announceUrl]],
      isPrivate: false,
    });
    const metainfo = readMetainfo(bytes);
    if (!metainfo.ok) throw new Error(`The made torrent is refused: ${metainfo.error.code}`);
    const path = join(dir, `${name}.torrent`);
    await Deno.writeFile(join(dir, name), content);
    await Deno.writeFile(path, bytes);
    torrents.push({ path, infoHash: metainfo.value.infoHash });
  }
  return torrents;
}
