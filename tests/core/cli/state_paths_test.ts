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

Deno.test("a base that is not named is passed over for the next", () => {
  assertEquals(defaultConfigPath({ HOME: "", LOCALAPPDATA: "C:\\L" }), "C:\\L/tt/config.toml");
  assertEquals(
    defaultConfigPath({ HOME: "/h", LOCALAPPDATA: "C:\\L" }),
    "/h/.config/tt/config.toml",
  );
  assertEquals(defaultConfigPath({ LOCALAPPDATA: "" }), undefined);
  assertEquals(defaultConfigPath({ XDG_CONFIG_HOME: "/c" }), "/c/tt/config.toml");
});
