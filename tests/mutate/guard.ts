/**
 * Runs the command of its arguments with everything that it starts, and kills all that when it is over or
 * when this program's input ends: when whoever started it wants that, or was killed itself.
 */
const [program, ...args] = Deno.args;
const child = new Deno.Command(program!, { args, stdin: "null", detached: true }).spawn();
const inputEnded = (async () => {
  for await (const _ of Deno.stdin.readable);
})();
const status = await Promise.race([child.status, inputEnded]);
try {
  // The group, of which the child is the first.
  Deno.kill(-child.pid, "SIGKILL");
} catch {
  // Nothing is left of it.
}
Deno.exit(status?.code ?? 1);
