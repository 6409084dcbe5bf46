import { assertEquals } from "@std/assert";
import { parseCommand } from "../../../core/cli/arguments.ts";

function discoveryOf(args: string[], env: Record<string, string> = {}) {
  const parsed = parseCommand(["get", "x.torrent", ...args], env);
  if (!parsed.ok) return parsed.error.message;
  return parsed.value.kind === "get" ? parsed.value.discovery : undefined;
}

Deno.test("local discovery and port mapping are enabled by default and disabled separately", () => {
  assertEquals(discoveryOf([]), { lsd: true, portmap: true });
  assertEquals(discoveryOf(["--no-portmap"]), { lsd: true, portmap: false });
  assertEquals(discoveryOf(["--lsd", "off"]), { lsd: false, portmap: true });
  assertEquals(discoveryOf([], { TT_LSD: "off", TT_PORTMAP: "off" }), {
    lsd: false,
    portmap: false,
  });
  assertEquals(discoveryOf(["--lsd", "on"], { TT_LSD: "off" }), { lsd: true, portmap: true });
  assertEquals(
    discoveryOf(["--lsd", "maybe"]),
    'Option --lsd "maybe" is not valid; give on or off',
  );
});
