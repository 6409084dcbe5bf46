/** Who a peer id says its sender is. */

/** Not in BEP 20's table, nor in other clients' lists. */
const CLIENT_CODE = "TD";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/**
 * The first eight characters of our peer ids: the client and a digit to base 36 for each of major, minor
 * and patch, so that 0.10.0 is not taken for 0.1.0. `version` is "MAJOR.MINOR.PATCH", each below 36.
 *
 * Spec: BEP 20, Azureus-style.
 */
export function peerIdPrefix(version: string): string {
  const digits = version.split(".").slice(0, 3).map((part) => DIGITS[Number(part)] ?? "0");
  return `-${CLIENT_CODE}${digits.join("").padEnd(4, "0")}-`;
}
