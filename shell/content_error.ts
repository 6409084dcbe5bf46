export type ContentErrorCode =
  | "missing"
  | "not-permitted"
  | "io"
  | "no-content"
  /** Other systems would not find the file under its name, so nobody could share it. */
  | "unsupported-name"
  | "too-many-files"
  /** More folders below each other, or a longer path, than a torrent may have. */
  | "path-too-long"
  /** The `.torrent` would be one that nobody can read. */
  | "torrent-too-large"
  | "bad-piece-length"
  /** A file changed while it was read. */
  | "changed";

/** Why content cannot be made a torrent; `message` is ready for the user. */
export class ContentError extends Error {
  override readonly name = "ContentError";
  constructor(readonly code: ContentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
