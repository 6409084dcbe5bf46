/**
 * Memory for what leaves, shared by all connections of the process: buffers for blocks on their way to a
 * socket, and one budget for control messages that peers have not read yet.
 */

/** One block, four, sixteen, each with room for headers. */
const SIZES = [20 * 1024, 80 * 1024, 288 * 1024] as const;
/** Idle buffers that are kept for the next blocks. */
const RETAINED_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of control messages that one peer leaves unread; an honest one stays far below. */
export const UNREAD_BYTES_MAX = 256 * 1024;
/** The same for all peers together: as much as a few dozen slow readers may hold. */
const UNREAD_BYTES_TOTAL_MAX = 16 * 1024 * 1024;

/** The owner of queued control messages. */
export interface Sender {
  /** Control messages that are not in the socket yet. */
  readonly unreadBytes: number;
  /** Ends the connection, since memory is needed for others. */
  endForMemory(): void;
}

export class SendBuffers {
  readonly #idle = SIZES.map((): Uint8Array[] => []);
  readonly #senders = new Map<Sender, number>();
  readonly #unreadTotalMax: number;
  #retainedBytes = 0;
  #unreadBytes = 0;

  constructor(unreadTotalMax = UNREAD_BYTES_TOTAL_MAX) {
    this.#unreadTotalMax = unreadTotalMax;
  }

  /** A buffer of at least `size` bytes, whatever is in it. */
  take(size: number): Uint8Array {
    const at = SIZES.findIndex((bytes) => bytes >= size);
    const buffer = this.#idle[at]?.pop();
    if (buffer === undefined) return new Uint8Array(SIZES[at] ?? size);
    this.#retainedBytes -= buffer.length;
    return buffer;
  }

  /** Returns a buffer that is no longer in use. */
  give(buffer: Uint8Array): void {
    const idle = this.#idle[SIZES.findIndex((bytes) => bytes === buffer.length)];
    if (idle === undefined || this.#retainedBytes + buffer.length > RETAINED_BYTES_MAX) return;
    idle.push(buffer);
    this.#retainedBytes += buffer.length;
  }

  /** Notes how much a sender holds now; when all hold too much, the one that holds most ends. */
  note(sender: Sender): void {
    const { unreadBytes } = sender;
    this.#unreadBytes += unreadBytes - (this.#senders.get(sender) ?? 0);
    if (unreadBytes > 0) this.#senders.set(sender, unreadBytes);
    else this.#senders.delete(sender);
    if (this.#unreadBytes <= this.#unreadTotalMax) return;
    let largest = sender;
    for (const [other, bytes] of this.#senders) {
      if (bytes > largest.unreadBytes) largest = other;
    }
    this.forget(largest);
    largest.endForMemory();
  }

  /** The sender is gone. */
  forget(sender: Sender): void {
    this.#unreadBytes -= this.#senders.get(sender) ?? 0;
    this.#senders.delete(sender);
  }
}
