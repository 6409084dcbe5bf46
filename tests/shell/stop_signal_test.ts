/** Signals and inputs that end a command. */
import { assert, assertEquals } from "@std/assert";
import { stopSignal } from "../../shell/stop_signal.ts";

const MODULE = new URL("../../shell/stop_signal.ts", import.meta.url).href;

/** A process that waits to be stopped and prints what stopped it; otherwise it would run on. */
async function endedBy(signal: Deno.Signal, hasTerminal: boolean): Promise<string> {
  const script = `
    import { stopSignal } from ${JSON.stringify(MODULE)};
    const { signal } = stopSignal(() => {}, ${hasTerminal});
    signal.addEventListener("abort", () => { console.log(signal.reason.message); Deno.exit(); });
    setInterval(() => {}, 1000);
    console.log("ready");
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    stdout: "piped",
  }).spawn();
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (!said.includes("ready") && (said + text).includes("ready")) child.kill(signal);
    said += text;
  }
  const { signal: killedBy } = await child.status;
  return killedBy ?? said.trim().split("\n").at(-1)!;
}

Deno.test({
  name: "Ctrl-C, SIGTERM and a closed terminal request a clean end; nohup is respected",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      assertEquals(await endedBy(signal, true), "stopped by the user");
    }
    assertEquals(await endedBy("SIGHUP", false), "SIGHUP");
  },
});

Deno.test("signals are registered separately: an unsupported one prevents nothing", () => {
  for (const unknown of ["SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"]) {
    const handlers = new Map<string, () => void>();
    const { signal } = stopSignal(() => {}, true, {
      addSignalListener(name, handler) {
        if (name === unknown) throw new TypeError(`${name} is not supported here`);
        handlers.set(name, handler);
      },
    });
    const known = ["SIGBREAK", "SIGHUP", "SIGINT", "SIGTERM"].filter((name) => name !== unknown);
    assertEquals([...handlers.keys()].sort(), known);
    assert(!signal.aborted);
    handlers.get(known[0]!)!();
    assert(signal.aborted);
  }
});
