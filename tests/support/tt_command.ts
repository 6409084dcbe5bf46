/** How tests start `tt`: the compiled file that `TT_BIN` names, else the sources. */
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

/**
 * The command line of `tt` with these arguments. The sources run with the permissions of the demo
 * task, so that a missing permission shows.
 */
export async function ttCommand(
  args: readonly string[],
  runtimeFlags: readonly string[] = [],
): Promise<string[]> {
  const compiled = Deno.env.get("TT_BIN");
  if (compiled !== undefined) return [compiled, ...args];
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const flags = (tasks.demo as string).split(" ").filter((word) => word.startsWith("--"));
  const main = fileURLToPath(new URL("main.ts", ROOT));
  return [Deno.execPath(), "run", ...flags, ...runtimeFlags, main, ...args];
}
