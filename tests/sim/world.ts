/** A simulated world for tests: checked at every effect, with reports kept. */
import { checkWorld } from "../../core/sim/checks.ts";
import type { Node } from "../../core/sim/node.ts";
import type { NodeOptions, WorldOptions as Options } from "../../core/sim/options.ts";
import { createWorld, schedule, type World as State } from "../../core/sim/state.ts";
import {
  addNode,
  addPhantoms,
  introduce,
  killNode,
  partition,
  restartNode,
  runWorld,
  stopNode,
} from "../../core/sim/world.ts";
import { isComplete } from "../../core/torrent/state.ts";
import { sha1 } from "../../shell/hash/sha1.ts";

export { RULE_10, RULE_OFF } from "../../core/sim/options.ts";
export type { Node, NodeOptions };

export interface WorldOptions extends Omit<Options, "sha1"> {
  /** Called after each batch of a node. */
  readonly watch?: (node: Node, now: number) => void;
}

export class World {
  readonly state: State;

  constructor({ watch, ...options }: WorldOptions) {
    this.state = createWorld({
      isChecked: true,
      keepsReports: true,
      announceIntervalSeconds: 120,
      ...options,
      sha1,
    });
    this.state.watch = watch;
    addPhantoms(this.state, options.phantoms ?? 0);
  }

  get now(): number {
    return this.state.now;
  }

  get nodes(): readonly Node[] {
    return this.state.nodes;
  }

  get geometry() {
    return this.state.geometry;
  }

  add(options: NodeOptions): Node {
    return addNode(this.state, options);
  }

  stop(node: Node): void {
    stopNode(this.state, node);
  }

  kill(node: Node, how: Node["death"] = "process"): void {
    killNode(this.state, node, how);
  }

  restart(node: Node, rehash = false): void {
    restartNode(this.state, node, rehash);
  }

  meet(node: Node, other: Node): void {
    introduce(this.state, node, other);
  }

  part(nodes: readonly Node[], side: number): void {
    partition(this.state, nodes, side);
  }

  at(atMs: number, what: () => void): void {
    schedule(this.state, atMs, what);
  }

  /**
   * Runs until `isDone`, or for `forMs` at most, then checks the invariants. True when it was
   * done.
   */
  run(forMs: number, isDone?: () => boolean): boolean {
    const wasDone = runWorld(this.state, forMs, isDone);
    checkWorld(this.state);
    return wasDone;
  }

  /** Runs until every online node is complete; false if that takes too long. */
  runUntilComplete(forMs = 3_600_000): boolean {
    const joined = (node: Node) => node.isOnline || node.torrent.stage === "idle";
    return this.run(
      forMs,
      () => this.nodes.every((node) => !joined(node) || isComplete(node.torrent)),
    );
  }
}
