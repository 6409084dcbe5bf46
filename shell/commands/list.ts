/** `tt list`: what a tracker's catalog has. */
import { listHeading, listText } from "../../core/cli/catalog_results.ts";
import type { ListCommand } from "../../core/cli/command.ts";
import { stdoutCanvas } from "../terminal/process_output.ts";
import { CatalogClient } from "../catalog_client.ts";
import type { Context } from "./context.ts";

export async function list(command: ListCommand, { output, signal }: Context): Promise<void> {
  const { words, tracker } = command;
  const { unicode } = stdoutCanvas();
  const columns = Deno.stdout.isTerminal() ? stdoutCanvas().columns : Infinity;
  let count = 0;
  for await (const torrent of new CatalogClient(tracker, signal).list(words)) {
    if (count++ === 0) output.notice(listHeading(columns));
    if (command.json) output.result({ event: "listed", ...torrent });
    else output.text(listText(torrent, columns, unicode ? "…" : "..."));
  }
  if (count > 0) return;
  output.notice(
    words.length > 0
      ? `Nothing in the catalog of ${tracker} matches; try fewer words`
      : `Nothing is in the catalog of ${tracker} yet; tt seed PATH --tracker ${tracker} adds to it`,
  );
}
