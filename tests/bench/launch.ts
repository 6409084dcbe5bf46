/** Runs programs to completion and times them. */

/** Seconds from the launch of a command to its end, and its output; throws when it fails. */
export async function timeCommand(
  argv: readonly string[],
): Promise<{ seconds: number; stdout: string; stderr: string }> {
  const startedMs = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    env: { NO_COLOR: "1", TT_DHT: "off", TT_LSD: "off", TT_PORTMAP: "off" },
    stdin: "null",
  }).output();
  const seconds = (performance.now() - startedMs) / 1000;
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${argv.join(" ")} failed: ${decoder.decode(stderr)}`);
  return { seconds, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The same, with the CPU time of the command, user and system, of all threads. */
export async function costOfCommand(
  argv: readonly string[],
): Promise<{ seconds: number; cpuSeconds: number; stdout: string }> {
  const timed = ["bash", "-c", 'TIMEFORMAT="%U %S"; time "$@"', "bash", ...argv];
  const { seconds, stdout, stderr } = await timeCommand(timed);
  const [user, system] = stderr.trim().split("\n").at(-1)!.split(" ").map(Number);
  return { seconds, cpuSeconds: user! + system!, stdout };
}
