/** Each part of the core's state is changed by its owner only: see core/bytes/view.ts. */
import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { findOwnerFaults } from "./tidy/owners.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const IMPORTS = `import type { Transfer } from "./state.ts"; import type { Peer } from "./peer.ts";
import type { PartialPiece } from "./partials.ts"; import { setBit } from "../bytes/bitfield.ts";\n`;

/** Writes of a file in core/transfer to parts that other files own, and writes that are allowed. */
const INTRUDERS: readonly [string, (string | RegExp)[]][] = [
  ["(transfer as { haveCount: number }).haveCount = 3;", ["haveCount"]],
  ["(peer as { isChoking: boolean }).isChoking = false;", ["isChoking"]],
  ["const own: { snubbed: boolean } = peer; own.snubbed = true;", ["snubbed"]],
  ["const set = (p: { free: number }) => { p.free = 0; }; set(partial);", ["free"]],
  ["(transfer.partials as Map<number, PartialPiece>).clear();", ["a cast to Map"]],
  ["transfer.haveCount = 3;", ["Cannot assign to 'haveCount' because it is a read-only property."]],
  ["transfer.partials.clear();", [/'clear' does not exist/]],
  ["setBit(peer.have, 1);", [/not assignable to parameter of type 'Bitfield'/]],
  ["partial.state[0] = 1;", [/only permits reading/]],
  ["transfer.availability.counts.fill(0);", [/'fill' does not exist/]],
  ["(transfer as any).haveCount = 3;", ["a cast to any"]],
  ["const read = (p: { readonly free: number }) => p.free; read(partial);", []],
  ["const { haveCount } = transfer; peer.have.bytes.slice(); partial as PartialPiece;", []],
];

Deno.test("no file of the core changes what another file owns", () => {
  const added = new Map(INTRUDERS.map(([code], i) => {
    const text =
      `${IMPORTS}export function f(transfer: Transfer, peer: Peer, partial: PartialPiece) {
      ${code} return [transfer, peer, partial]; }`;
    return [`core/transfer/intruder_${i}.ts`, text];
  }));
  const faults = findOwnerFaults(ROOT, filesOf("core"), added);
  const isAdded = (path: string) => added.has(path);
  assertEquals(faults.filter(({ path }) => !isAdded(path)), []);
  for (const [i, [code, names]] of INTRUDERS.entries()) {
    const found = faults.filter(({ path }) => path.endsWith(`/intruder_${i}.ts`));
    assertEquals(found.length, names.length, `${code} ${JSON.stringify(found)}`);
    for (const [at, name] of names.entries()) {
      const { what } = found[at]!;
      if (typeof name === "string") assertEquals(what.replace(/ can be.*/, ""), name);
      else assertMatch(what, name);
    }
  }
});

function filesOf(folder: string): string[] {
  return [...Deno.readDirSync(ROOT + folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? filesOf(path) : path.endsWith(".ts") ? [path] : [];
  });
}
