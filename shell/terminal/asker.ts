/** Questions to the person at the terminal: on stderr, since stdout has results. */
import process from "node:process";
import { createInterface } from "node:readline/promises";
import type { Asker } from "../choose_files.ts";

/** Undefined without an interactive terminal. */
export function terminalAsker(signal: AbortSignal): Asker | undefined {
  if (!Deno.stdin.isTerminal() || !Deno.stderr.isTerminal()) return undefined;
  return {
    tell: (text) => process.stderr.write(`${text}\n`),
    ask: async (question) => {
      // The terminal edits lines by itself, so Ctrl-C stays a signal.
      const lines = createInterface({
        input: process.stdin,
        output: process.stderr,
        terminal: false,
      });
      const ended = Promise.withResolvers<undefined>();
      lines.once("close", () => ended.resolve(undefined));
      try {
        return await Promise.race([lines.question(question, { signal }), ended.promise]);
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        lines.close();
      }
    },
  };
}
