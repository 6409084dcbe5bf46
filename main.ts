/** `tt`: BitTorrent in one executable. */
import { runCommandLine } from "./shell/commands/run_command.ts";

if (import.meta.main) Deno.exit(await runCommandLine(Deno.args));
