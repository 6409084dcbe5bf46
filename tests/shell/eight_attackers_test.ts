/**
 * A small run of the attackers benchmark: whatever hostile peers do at both ends, the right bytes
 * arrive.
 */
import { assert } from "@std/assert";
import { runAttacked } from "../bench/eight_attackers.ts";
import { ATTACKS } from "../bench/eight_attackers_order.ts";

const MIB = 1024 * 1024;

Deno.test("beside eight attackers, one of each kind, an honest transfer completes", async () => {
  const { hasRightBytes } = await runAttacked({
    sizeBytes: 4 * MIB,
    rate: 2 * MIB,
    attacks: ATTACKS,
    scale: { ports: 200, handshakes: 40, stalls: 20, unread: 8, addresses: 500 },
  });
  assert(hasRightBytes);
});
