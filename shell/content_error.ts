export type ContentErrorCode =
  | "missing"
  | "not-permitted"
  | "io"
  | "no-content"
  /** Other systems would not find the file under its name, so they could not share it. */
  | "unsupported-name"
  | "too-many-files"
  /** More folders below each other, or a longer path, than a torrent may have. */
  | "path-too-long"
  /** No client could read the `.torrent`. */
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
