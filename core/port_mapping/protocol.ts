/** Inputs and outputs of the mapper. */
import type { UpnpCommand } from "./upnp.ts";

export type MappingMethod = "pcp" | "nat-pmp" | "upnp";

export type MapperEvent =
  | { readonly kind: "gateway-datagram"; readonly bytes: Uint8Array }
  | { readonly kind: "search-answer"; readonly bytes: Uint8Array; readonly from: string }
  /** `status` 0: no answer, or one that broke off. `localIp`: our end of that connection. */
  | {
    readonly kind: "http-answer";
    readonly job: number;
    readonly status: number;
    readonly body: string;
    readonly localIp: string;
  }
  | { readonly kind: "timer" }
  | { readonly kind: "stop" };

export type MapperEffect =
  /** To the gateway's GATEWAY_PORT. */
  | { readonly kind: "send-gateway"; readonly bytes: Uint8Array }
  /** To SSDP_GROUP, SSDP_PORT. */
  | { readonly kind: "send-search"; readonly bytes: Uint8Array }
  | {
    readonly kind: "http";
    readonly job: number;
    readonly url: string;
    /** Undefined: a GET. */
    readonly command: UpnpCommand | undefined;
  }
  | {
    readonly kind: "mapped";
    readonly method: MappingMethod;
    readonly externalPort: number;
    readonly externalIp: string | undefined;
  }
  /** No gateway maps our port, or it stopped doing so; tried again later. */
  | { readonly kind: "unmapped" }
  | { readonly kind: "stopped" };
