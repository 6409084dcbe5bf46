import { assertEquals } from "@std/assert";
import { defaultConfigPath, defaultStateFolder } from "../../../core/cli/state_paths.ts";

Deno.test("state and settings are in the XDG directories", () => {
  const env = { HOME: "/h" };
  assertEquals(defaultConfigPath(env), "/h/.config/tt/config.toml");
  assertEquals(defaultStateFolder(env), "/h/.local/state/tt");
  assertEquals(defaultStateFolder({ ...env, XDG_STATE_HOME: "/s" }), "/s/tt");
  assertEquals(
    defaultConfigPath({ ...env, XDG_CONFIG_HOME: "relative" }),
    "/h/.config/tt/config.toml",
  );
  assertEquals(defaultStateFolder({ LOCALAPPDATA: "C:\\L" }), "C:\\L/tt");
  assertEquals(defaultStateFolder({}), undefined);
});
