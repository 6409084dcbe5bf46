/**
 * An independent model of one torrent: a small, slow, obvious record of pieces, requests and chokes
 * that sees only the core's events and effects, and rejects whatever an honest client never does.
 */
import { assert, assertEquals } from "@std/assert";
import { UNCHOKED_MAX } from "../../core/transfer/limits.ts";
import type { Effect, PeerKey } from "../../core/torrent/protocol.ts";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";

export interface ModelPeer {
  readonly has: Set<number>;
  /** It chokes us; it is interested in us. */
  chokes: boolean;
  isInterested: boolean;
  /** As we sent it. */
  weWant: boolean;
  weServe: boolean;
  /** "piece.block" outstanding at the peer, and requested by it. */
  readonly owes: Set<string>;
  /** Cancelled requests, each of which it may still answer once. */
  readonly cancelled: string[];
  readonly asked: string[];
}

export class Model {
  readonly peers = new Map<PeerKey, ModelPeer>();
  readonly have = new Set<number>();
  /** Received blocks of incomplete pieces. */
  readonly received = new Map<number, Set<number>>();
  readonly stage = new Map<number, "checking" | "writing">();
  /** Pieces that failed: from then on they come from one peer, and may start over. */
  readonly suspect = new Set<number>();
  /** No peer rejected a request or sent wrong data, so no peer may idle. */
  isPlain = true;

  constructor(readonly pieces: number, readonly blocks: number) {}

  connect(key: PeerKey, has: Iterable<number>): void {
    this.peers.set(key, {
      has: new Set(has),
      chokes: true,
      isInterested: false,
      weWant: false,
      weServe: false,
      owes: new Set(),
      cancelled: [],
      asked: [],
    });
  }

  receive(key: PeerKey, name: string): void {
    const [piece, block] = name.split(".").map(Number);
    this.peers.get(key)!.owes.delete(name);
    const blocks = this.received.get(piece!) ?? new Set();
    this.received.set(piece!, blocks.add(block!));
  }

  /** The first of several responses is to the cancelled request. */
  reject(key: PeerKey, name: string): void {
    const { owes, cancelled } = this.peers.get(key)!;
    const at = cancelled.indexOf(name);
    if (at >= 0) cancelled.splice(at, 1);
    else owes.delete(name);
  }

  written(piece: number): void {
    assertEquals(this.stage.get(piece), "writing");
    this.stage.delete(piece);
    this.received.delete(piece);
    this.have.add(piece);
  }

  see(effect: Effect): void {
    const peer = "peer" in effect ? this.peers.get(effect.peer) : undefined;
    switch (effect.kind) {
      case "close":
        this.peers.delete(effect.peer);
        return;
      case "request":
        return forEach(effect.blocks, (name, piece) => this.#onRequest(peer!, name, piece));
      case "upload":
        return forEach(effect.blocks, (name, piece) => {
          assert(this.have.has(piece), `${name} is sent and not here`);
          this.#answerOf(peer!, name);
        });
      case "check-piece":
        assertEquals(
          this.received.get(effect.piece)?.size,
          this.blocks,
          "a whole piece is checked",
        );
        this.stage.set(effect.piece, "checking");
        return;
      case "write-piece":
        assertEquals(this.stage.get(effect.piece), "checking");
        this.stage.set(effect.piece, "writing");
        return;
      case "drop-piece":
        this.received.delete(effect.piece);
        this.stage.delete(effect.piece);
        return;
      case "send":
        return this.#onSend(peer!, effect);
    }
  }

  #onSend(peer: ModelPeer, { message }: Extract<Effect, { kind: "send" }>): void {
    switch (message.kind) {
      case "interested":
      case "not-interested":
        assertEquals(
          peer.weWant,
          message.kind !== "interested",
          "interest is told when it changes",
        );
        peer.weWant = !peer.weWant;
        return;
      case "choke":
      case "unchoke":
        assertEquals(peer.weServe, message.kind === "choke", "a choke is told when it changes");
        peer.weServe = !peer.weServe;
        return;
      case "have":
        assert(this.have.has(message.piece), "a have is of a piece that is on disk");
        return;
      case "cancel":
        assert(peer.owes.delete(nameOf(message.piece, message.begin)), "what is owed is cancelled");
        peer.cancelled.push(nameOf(message.piece, message.begin));
        return;
      case "reject":
        return this.#answerOf(peer, nameOf(message.piece, message.begin));
    }
  }

  /** Every request is answered once. */
  #answerOf(peer: ModelPeer, name: string): void {
    const at = peer.asked.indexOf(name);
    assert(at >= 0, `${name} is answered and was not asked for`);
    peer.asked.splice(at, 1);
  }

  #onRequest(peer: ModelPeer, name: string, piece: number): void {
    const block = Number(name.split(".")[1]);
    assert(peer.has.has(piece) && !peer.chokes, `${name} is asked of one that can't give it`);
    assert(!this.have.has(piece) && !this.stage.has(piece), `${name} is asked for and here`);
    assert(!peer.owes.has(name), `${name} is asked for twice of one peer`);
    if (this.received.get(piece)?.has(block)) {
      assert(this.suspect.size > 0, `${name} is asked for and was received`);
      this.#startOver(piece);
    }
    const isAskedTwice = () => [...this.peers.values()].some(({ owes }) => owes.has(name));
    if (this.suspect.size > 0 && isAskedTwice() && !this.isEndgame()) this.#startOver(piece);
    if (this.suspect.has(piece)) this.#forgetOthers(peer, piece);
    const others = [...this.peers.values()].filter((other) => other.owes.has(name)).length;
    peer.owes.add(name);
    if (others > 0) assert(this.isEndgame(), `${name} is asked of ${others + 1} outside endgame`);
  }

  /**
   * Once a piece failed, its senders are on parole: each downloads a piece alone, so it may start
   * over.
   */
  #startOver(piece: number): void {
    this.received.delete(piece);
    this.suspect.add(piece);
  }

  /**
   * A piece from one peer is now requested from another: nothing more of it is outstanding at the
   * first one.
   */
  #forgetOthers(peer: ModelPeer, piece: number): void {
    for (const other of this.peers.values()) {
      if (other === peer) continue;
      for (let block = 0; block < this.blocks; block++) other.owes.delete(`${piece}.${block}`);
    }
  }

  /** Every available block is outstanding, received, or being written. */
  isEndgame(): boolean {
    return this.freeBlocks(() => true).length === 0;
  }

  /** Blocks that are not outstanding and that one of these peers, choking or not, has. */
  freeBlocks(isCounted: (peer: ModelPeer) => boolean): string[] {
    const peers = [...this.peers.values()];
    const free: string[] = [];
    for (let piece = 0; piece < this.pieces; piece++) {
      if (this.have.has(piece) || this.stage.has(piece)) continue;
      if (!peers.some((peer) => isCounted(peer) && peer.has.has(piece))) continue;
      for (let block = 0; block < this.blocks; block++) {
        if (this.received.get(piece)?.has(block)) continue;
        const name = `${piece}.${block}`;
        if (!peers.some(({ owes }) => owes.has(name))) free.push(name);
      }
    }
    return free;
  }

  /** After a batch: interest is correct, slots are limited, and no peer idles. */
  check(): void {
    let served = 0;
    for (const peer of this.peers.values()) {
      const wants = [...peer.has].some((piece) => !this.have.has(piece));
      assertEquals(peer.weWant, wants, "interest follows from what it has");
      if (peer.weServe && peer.isInterested) served++;
      const isFree = !peer.chokes && peer.owes.size === 0;
      if (!this.isPlain || !isFree) continue;
      assertEquals(
        this.freeBlocks((one) => one === peer),
        [],
        "a peer idles that could give these",
      );
    }
    assert(served <= UNCHOKED_MAX, "slots are bounded");
  }
}

function nameOf(piece: number, begin: number): string {
  return `${piece}.${begin / BLOCK_SIZE}`;
}

function forEach(blocks: readonly number[], what: (name: string, piece: number) => void): void {
  for (let i = 0; i < blocks.length; i += 3) what(nameOf(blocks[i]!, blocks[i + 1]!), blocks[i]!);
}
