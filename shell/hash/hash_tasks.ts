/** What goes between the main thread and those that hash. */

/** A run of bytes in a file. */
export interface FilePart {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

export interface HashTask {
  readonly piece: number;
  /** The piece's bytes, in order. */
  readonly parts: readonly FilePart[];
}

export interface HashAnswer {
  readonly piece: number;
  /** Undefined when some of the bytes could not be read. */
  readonly digest: Uint8Array | undefined;
}
