import { assertEquals } from "@std/assert";
import { parseCommand } from "../../../core/cli/arguments.ts";

Deno.test("options that a daemon would ignore cannot be combined with --daemon", () => {
  const lines = {
    "super-seed": "seed a --super-seed --daemon",
    choose: "get x --choose --daemon",
    "first-last": "get x --first-last --daemon",
    "move-to": "get x --move-to d --daemon",
  };
  for (const [option, line] of Object.entries(lines)) {
    const parsed = parseCommand(line.split(" "), {});
    const message = `Option --${option} and --daemon cannot be combined; remove one`;
    assertEquals(!parsed.ok && parsed.error, { code: "conflict", message });
  }
  assertEquals(parseCommand(["get", "x", "--sequential", "--daemon"], {}).ok, true);
});
