/**
 * Recorded correct behaviour of whole runs. Record an intended change of behaviour with
 * TT_RECORD=1, and review the difference.
 */
const IS_RECORDING = Deno.env.get("TT_RECORD") === "1";

/** The lines of `transcripts/NAME.txt`, or `lines` if they are being recorded. */
export function recorded(name: string, lines: readonly string[]): string[] {
  const url = new URL(`transcripts/${name}.txt`, import.meta.url);
  if (IS_RECORDING) Deno.writeTextFileSync(url, `${lines.join("\n")}\n`);
  return Deno.readTextFileSync(url).trimEnd().split("\n");
}
