/** Who we are, to people and to peers. */

export const VERSION = "0.1.0";

/** What trackers and peers are told. */
export const CLIENT_NAME = `tt/${VERSION}`;

/** Azureus style: client, then four digits of version. Spec: BEP 20. */
export const PEER_ID_PREFIX = `-TT${VERSION.replaceAll(".", "").padEnd(4, "0")}-`;
