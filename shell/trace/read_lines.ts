/** A text file line by line, however long it is. */
import { LINE_CHARACTERS_MAX } from "../../core/trace/format.ts";

/**
 * Gives each line that ends with a newline, without it; what follows the last newline was cut off and is
 * left out. A line over the limit is given in its first part only, and ends the reading: no trace has it.
 */
export async function* readLines(path: string): AsyncGenerator<string> {
  using file = await Deno.open(path);
  let rest = "";
  for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
    if (rest.length > LINE_CHARACTERS_MAX) return yield rest;
  }
}
