/** `tt config`: the settings that hold, and where each comes from. */
import type { ConfigCommand } from "../../core/cli/command.ts";
import { settingResult } from "../../core/cli/config_results.ts";
import type { Context } from "./context.ts";

export function config({ settings }: ConfigCommand, { output }: Context): void {
  for (const setting of settings) output.result(settingResult(setting));
}
