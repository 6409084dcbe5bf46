/**
 * The input of child.ts, in a thread of its own: each line becomes a message. The end of the input ends
 * the process and the programs that its tests started, also while a mutant makes the other thread loop
 * without end.
 */
import { TextLineStream } from "./lines.ts";

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
const toMain = globalThis as unknown as { postMessage(line: string): void };
for await (const line of lines) toMain.postMessage(line);
try {
  // The group, if this process is the first of one.
  Deno.kill(-Deno.pid, "SIGKILL");
} catch {
  Deno.kill(Deno.pid, "SIGKILL");
}
