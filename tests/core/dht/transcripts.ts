/**
 * What whole runs did when they were right. A change of behaviour that is wanted is written down anew by
 * TT_RECORD=1, and then read by whoever reviews it.
 */
const IS_RECORDING = Deno.env.get("TT_RECORD") === "1";

/** The lines of `transcripts/NAME.txt`, or `lines` if they are to be written there. */
export function recorded(name: string, lines: readonly string[]): string[] {
  const url = new URL(`transcripts/${name}.txt`, import.meta.url);
  if (IS_RECORDING) Deno.writeTextFileSync(url, `${lines.join("\n")}\n`);
  return Deno.readTextFileSync(url).trimEnd().split("\n");
}
