/**
 * The input of child.ts, in a thread of its own: each line becomes a message. The end of the input ends
 * the process, also while a mutant makes the other thread loop without end.
 */
import { TextLineStream } from "./lines.ts";

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
const toMain = globalThis as unknown as { postMessage(line: string): void };
for await (const line of lines) toMain.postMessage(line);
Deno.kill(Deno.pid, "SIGKILL");
