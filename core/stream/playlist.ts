/** Which files a player can play, and the list of them for a player. */

const PLAYABLE =
  /\.(?:mkv|mp4|m4v|webm|mov|avi|mpe?g|ts|ogv|wmv|flv|mp3|m4a|aac|flac|ogg|opus|wav)$/i;

/** Whether the file's name is that of video or audio. */
export function isPlayable(path: string): boolean {
  return PLAYABLE.test(path);
}

/**
 * The file a user most likely means: the largest that can be played, else the largest; -1 for none.
 * Sizes in bytes.
 */
export function mainFile(
  files: readonly { readonly path: string; readonly length: number }[],
): number {
  let best = -1;
  for (const [index, { path, length }] of files.entries()) {
    const current = files[best];
    const isBetter = current === undefined ||
      (isPlayable(path) === isPlayable(current.path) ? length > current.length : isPlayable(path));
    if (isBetter) best = index;
  }
  return best;
}

/** An extended M3U playlist, in the order given. Titles lose their line breaks. */
export function m3u(entries: readonly { readonly title: string; readonly url: string }[]): string {
  const lines = entries.flatMap(({ title, url }) => [
    `#EXTINF:-1,${title.replace(/[\r\n]+/g, " ")}`,
    url,
  ]);
  return ["#EXTM3U", ...lines, ""].join("\n");
}
