import { assert } from "@std/assert";
import { parseCommand } from "../../../core/cli/arguments.ts";

Deno.test("options of a download or a seed that the daemon takes can be combined with --daemon", () => {
  const lines = [
    "seed a --super-seed --daemon",
    "get x --choose --daemon",
    "get x --first-last --sequential --daemon",
    "get x --move-to d --daemon",
  ];
  for (const line of lines) assert(parseCommand(line.split(" "), {}).ok, line);
});
