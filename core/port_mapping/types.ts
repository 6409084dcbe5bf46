/** Words that the parts of port mapping share. */

export type PortProtocol = "tcp" | "udp";

export const PORT_PROTOCOLS: readonly PortProtocol[] = ["tcp", "udp"];
