/** Settings of finding peers, and being found, on the network that we are in. */
import { flag, oneOr } from "./option.ts";
import { fail, ok, type Result } from "../bytes/result.ts";

export interface DiscoverySettings {
  /** Announce torrents to the local network by multicast, and hear others. Spec: BEP 14. */
  readonly lsd: boolean;
  /** Ask the gateway to let peers reach our port. */
  readonly portmap: boolean;
}

export const discoveryOptions = {
  lsd: oneOr("on|off", readSwitch, "on", "Find peers on the local network"),
  portmap: oneOr(
    "on|off",
    readSwitch,
    "on",
    "Ask the router to forward the listening port (UPnP, NAT-PMP)",
  ),
  noPortmap: flag("The same as --portmap off"),
};

function readSwitch(text: string): Result<boolean, string> {
  if (text !== "on" && text !== "off") return fail("is not valid; give on or off");
  return ok(text === "on");
}

/** Options as settings. */
export function toDiscovery(
  values: { readonly lsd: boolean; readonly portmap: boolean; readonly noPortmap: boolean },
): DiscoverySettings {
  return { lsd: values.lsd, portmap: values.portmap && !values.noPortmap };
}
