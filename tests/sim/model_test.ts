/** The core against the reference model of model.ts, with any events. */
import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { fuzzRuns } from "../fuzz/runs.ts";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import type { PeerKey } from "../../core/torrent/protocol.ts";
import { bitsOf, Kit } from "../core/torrent/kit.ts";
import { Model } from "./model.ts";

const PIECES = 5;
const BLOCKS = 3;
const PEERS_MAX = 5;

const act = fc.record({
  what: fc.constantFrom(
    ...["connect", "disconnect", "have", "choke", "unchoke", "unchoke", "interested"] as const,
    ...["bored", "deliver", "deliver", "deliver", "reject", "check", "check", "fail"] as const,
    ...["write", "write", "ask", "sent", "wait"] as const,
  ),
  who: fc.nat(PEERS_MAX - 1),
  which: fc.nat(31),
});
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

class Pair {
  readonly kit = new Kit({ have: ".".repeat(PIECES), blocks: BLOCKS });
  readonly model = new Model(PIECES, BLOCKS);

  do({ what, who, which }: Act): void {
    const { kit, model } = this;
    const keys = [...model.peers.keys()];
    const key = keys[who % Math.max(1, keys.length)];
    const peer = key === undefined ? undefined : model.peers.get(key);
    if (what === "connect") return this.#connect(which);
    if (what === "wait") return this.#wait(250 * which);
    if (what === "check" || what === "fail") return this.#answerCheck(what === "check");
    if (what === "write") return this.#answerWrite();
    if (key === undefined || peer === undefined) return;
    const piece = which % PIECES;
    const name = [...peer.owes][which % Math.max(1, peer.owes.size)];
    switch (what) {
      case "disconnect":
        model.peers.delete(key);
        kit.disconnect(key);
        return;
      case "have":
        peer.has.add(piece);
        kit.say(key, { kind: "have", piece });
        return;
      case "choke":
      case "unchoke":
        peer.chokes = what === "choke";
        kit.say(key, { kind: what });
        return;
      case "interested":
      case "bored":
        peer.isInterested = what === "interested";
        kit.say(key, { kind: what === "bored" ? "not-interested" : what });
        return;
      case "deliver":
        for (const one of [...peer.owes].slice(0, 1 + which % 5)) {
          if (model.peers.has(key) && peer.owes.has(one)) this.#deliver(key, one);
          this.check();
        }
        return;
      case "reject": {
        if (name === undefined) return;
        const [at, block] = name.split(".").map(Number);
        model.isPlain = false;
        model.reject(key, name);
        const begin = block! * BLOCK_SIZE;
        kit.say(key, { kind: "reject", piece: at!, begin, length: BLOCK_SIZE });
        return;
      }
      case "ask": {
        const begin = which % BLOCKS * BLOCK_SIZE;
        peer.asked.push(`${piece}.${which % BLOCKS}`);
        kit.say(key, { kind: "request", piece, begin, length: BLOCK_SIZE });
        return;
      }
      case "sent": {
        const bytes = kit.peer(key).uploadAhead;
        if (bytes > 0) kit.feed({ kind: "blocks-sent", peer: key, bytes });
      }
    }
  }

  /** All effects since then, then the invariants that must hold now. */
  check(): void {
    const { kit, model } = this;
    for (const effect of kit.effects) model.see(effect);
    kit.forget();
    model.check();
    assertEquals(
      kit.have,
      [...Array(PIECES).keys()].map((i) => model.have.has(i) ? "#" : ".").join(""),
    );
    assertEquals([...kit.torrent.swarm.connections.keys()], [...model.peers.keys()]);
    for (const [key, { owes }] of model.peers) {
      assertEquals(new Set(kit.owed(key)), owes, `what peer ${key} owes`);
    }
  }

  #connect(which: number): void {
    const { kit, model } = this;
    if (model.peers.size >= PEERS_MAX) return;
    const picture = which.toString(2).padStart(PIECES, "0").replaceAll("0", ".").replaceAll(
      "1",
      "#",
    );
    const key = kit.handshake();
    model.connect(key, [...picture].flatMap((mark, piece) => mark === "#" ? [piece] : []));
    kit.say(key, { kind: "bitfield", bits: bitsOf(picture).bytes });
  }

  #deliver(key: PeerKey, name: string): void {
    const [piece, block] = name.split(".").map(Number);
    this.model.receive(key, name);
    assertEquals(this.kit.block(key, piece!, block!), "accepted");
  }

  #answerCheck(matches: boolean): void {
    const { kit, model } = this;
    for (const [job, what] of kit.jobs) {
      if (what.kind !== "check") continue;
      if (!matches) {
        model.suspect.add(what.piece);
        model.isPlain = false;
      }
      kit.feed({ kind: "piece-checked", job, matches });
      return;
    }
  }

  #answerWrite(): void {
    const { kit, model } = this;
    for (const [job, what] of kit.jobs) {
      if (what.kind !== "write") continue;
      model.written(what.piece);
      kit.feed({ kind: "piece-written", job });
      return;
    }
  }

  /** A second at a time, so that the model sees events in order; snubbed peers may idle. */
  #wait(ms: number): void {
    this.model.isPlain = false;
    for (let left = ms; left > 0; left -= 1_000) {
      for (const key of this.model.peers.keys()) this.kit.say(key, { kind: "keep-alive" });
      this.kit.wait(1_000);
      this.check();
    }
  }
}

Deno.test("for any events the core agrees with the model", () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 20, maxLength: 200, size: "max" }), (acts) => {
      const pair = new Pair();
      for (const one of acts) {
        pair.do(one);
        pair.check();
      }
    }),
    fuzzRuns(200),
  );
});

Deno.test("the model detects a core that is wrong about a piece", () => {
  const pair = new Pair();
  for (let which = 0; which < 3; which++) pair.do({ what: "connect", who: 0, which: 31 });
  pair.do({ what: "unchoke", who: 0, which: 0 });
  pair.check();
  pair.model.have.add(0);
  let objects = false;
  try {
    pair.check();
  } catch {
    objects = true;
  }
  assert(objects);
});
