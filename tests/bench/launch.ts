/** Programs run to their end, timed. */

/** Seconds of a command from its launch to its end, and what it printed; throws when it fails. */
export async function timeCommand(
  argv: readonly string[],
): Promise<{ seconds: number; stdout: string }> {
  const startedMs = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    env: { NO_COLOR: "1", TT_DHT: "off", TT_LSD: "off", TT_PORTMAP: "off" },
    stdin: "null",
  }).output();
  const seconds = (performance.now() - startedMs) / 1000;
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${argv.join(" ")} failed: ${decoder.decode(stderr)}`);
  return { seconds, stdout: decoder.decode(stdout) };
}
