/**
 * Blocks that the core handed over for one peer and that were not read yet, as triples of piece, begin,
 * length in the order to send. What waits here can be taken back.
 */
export class UploadQueue {
  #blocks: number[] = [];
  /** Where the next block begins. */
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#blocks.length;
  }

  get count(): number {
    return (this.#blocks.length - this.#head) / 3;
  }

  push(blocks: readonly number[]): void {
    for (const number of blocks) this.#blocks.push(number);
  }

  /** Bytes of the next blocks that fit into `bytesMax` and `blocksMax`, of one block at least. */
  bytesOfNext(bytesMax: number, blocksMax: number): number {
    let bytes = 0;
    const end = Math.min(this.#blocks.length, this.#head + 3 * blocksMax);
    for (let i = this.#head; i < end; i += 3) {
      const length = this.#blocks[i + 2]!;
      if (bytes > 0 && bytes + length > bytesMax) break;
      bytes += length;
    }
    return bytes;
  }

  /** Takes out the next blocks of at most `bytes` bytes that lie side by side in one piece. */
  takeRun(bytes: number, blocksMax: number): number[] {
    const blocks = this.#blocks;
    const first = this.#head;
    const most = Math.min(blocks.length, first + 3 * blocksMax);
    let end = first, taken = 0;
    while (
      end < most && (end === first || isNext(blocks, end)) && taken + blocks[end + 2]! <= bytes
    ) {
      taken += blocks[end + 2]!;
      end += 3;
    }
    this.#head = end;
    const run = blocks.slice(first, end);
    if (this.isEmpty) this.clear();
    return run;
  }

  /** Takes out those of `blocks` (undefined: all) that wait here, and returns them. */
  takeBack(blocks: readonly number[] | undefined): number[] {
    const waiting = this.#blocks.slice(this.#head);
    if (blocks === undefined) {
      this.clear();
      return waiting;
    }
    const gone = new Set<string>();
    for (let i = 0; i < blocks.length; i += 3) gone.add(keyOf(blocks, i));
    const back: number[] = [], kept: number[] = [];
    for (let i = 0; i < waiting.length; i += 3) {
      (gone.has(keyOf(waiting, i)) ? back : kept).push(...waiting.slice(i, i + 3));
    }
    this.#blocks = kept;
    this.#head = 0;
    return back;
  }

  clear(): void {
    this.#blocks = [];
    this.#head = 0;
  }
}

/** Whether the block at `at` begins where the one before it ends. */
function isNext(blocks: readonly number[], at: number): boolean {
  return blocks[at] === blocks[at - 3] && blocks[at + 1] === blocks[at - 2]! + blocks[at - 1]!;
}

function keyOf(blocks: readonly number[], at: number): string {
  return `${blocks[at]} ${blocks[at + 1]} ${blocks[at + 2]}`;
}
