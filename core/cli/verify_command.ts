/** How `tt verify` is described. */
import { contentDir, defineCommand, output } from "./command_spec.ts";
import { checkedFiles } from "./selection_options.ts";

export const VERIFY_COMMAND = defineCommand({
  summary: "Check content against a .torrent, piece by piece",
  usage: ["X.torrent... [options]"],
  operands: { name: "X.torrent", min: 1, max: Infinity },
  about: [
    "The exit code is 0 if every piece is present and correct, otherwise 6. If a download selected " +
    "files, only those are checked, unless --select or --exclude select others.",
  ],
  options: { dir: contentDir, ...checkedFiles, ...output },
  conflicts: [],
  examples: ["tt verify film.torrent --dir downloads"],
});
