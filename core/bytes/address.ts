/** Where a peer listens: an IP address as text (never a host name) and a TCP port. */

export interface PeerAddress {
  /** "192.0.2.1" or, for IPv6, "2001:db8::1" without brackets, canonical (lower case, compressed). */
  readonly ip: string;
  /** 1..65535 */
  readonly port: number;
}

/** "192.0.2.1:6881" or "[2001:db8::1]:6881"; unique per address, so it serves as a Map key. */
export function addressText(address: PeerAddress): string {
  return address.ip.includes(":")
    ? `[${address.ip}]:${address.port}`
    : `${address.ip}:${address.port}`;
}
