/**
 * Runs `tt` in the process of the test, in place of one of its own: mutation testing does so for tests of
 * the command line, since hundreds of processes would take hours to start. The environment that it is given
 * becomes that of the whole process, and a kill is a stop: tests of what a kill leaves need a process.
 */
import { runCommandLine } from "../../shell/commands/run_command.ts";
import { Stopped } from "../../shell/stop_signal.ts";
import { createOutput, type TextSink } from "../../shell/terminal/output.ts";

/** "1" asks for it. */
export const HERE_VARIABLE = "TT_TESTS_HERE";

/** What tests use of a `tt`, whichever way it runs. */
export interface RunningTt extends Pick<Deno.ChildProcess, "pid" | "kill"> {
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly status: Promise<{ readonly code: number }>;
}

/** Whatever the signal, it stops as for the first SIGINT. */
export function runHere(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): RunningTt {
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  const stop = new AbortController();
  const [stdout, stderr] = [createPipe(), createPipe()];
  const status = (async () => {
    const code = await runCommandLine(args, {
      env: () => ({ ...Deno.env.toObject(), ...env }),
      createOutput: (options) =>
        createOutput({ ...options, stdout: stdout.sink, stderr: stderr.sink, canvas: undefined }),
      stopSignal: () => stop,
    });
    stdout.close();
    stderr.close();
    return { code };
  })();
  return {
    pid: Deno.pid,
    kill: () => stop.abort(new Stopped("stopped by the test")),
    stdout: stdout.readable,
    stderr: stderr.readable,
    status,
  };
}

function createPipe() {
  const { readable, writable } = new TransformStream<
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>
  >(
    {},
    new CountQueuingStrategy({ highWaterMark: Infinity }),
    new CountQueuingStrategy({ highWaterMark: Infinity }),
  );
  const writer = writable.getWriter();
  const sink: TextSink = {
    writeSync: (bytes) => {
      // A reader that has gone is no failure of the test.
      writer.write(bytes.slice()).catch(() => {});
      return bytes.length;
    },
  };
  return { readable, sink, close: () => void writer.close().catch(() => {}) };
}
