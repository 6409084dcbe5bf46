/**
 * The part of UPnP's Internet gateway device that maps ports: finding the gateway (SSDP), reading where
 * it takes commands, and the three commands. The XML is searched, not parsed: routers' XML is often not
 * well-formed, and nothing but five elements matters.
 *
 * Spec: UPnP Device Architecture 1.0; WANIPConnection 1 and 2; WANPPPConnection 1.
 */
import { canonicalIp } from "../bytes/ip.ts";
import type { PortProtocol } from "./types.ts";

export const SSDP_GROUP = "239.255.255.250";
export const SSDP_PORT = 1900;
/** A description of all services of a router. */
export const DESCRIPTION_BYTES_MAX = 256 * 1024;
const SSDP_BYTES_MAX = 4_096;
const URL_LENGTH_MAX = 1_024;
/** Services of one router that are looked at; those seen have fewer than 20. */
const SERVICES_MAX = 100;

/** Those that map ports, the better ones first. */
const SERVICES = [
  "urn:schemas-upnp-org:service:WANIPConnection:2",
  "urn:schemas-upnp-org:service:WANIPConnection:1",
  "urn:schemas-upnp-org:service:WANPPPConnection:1",
];
const DEVICE = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

/** Error codes that have an answer. Spec: WANIPConnection 1, 2.4.16. */
export const UPNP_CONFLICT = 718;
export const UPNP_PERMANENT_ONLY = 725;

export interface UpnpService {
  /** Where commands are posted. */
  readonly controlUrl: string;
  readonly serviceType: string;
}

export interface UpnpCommand {
  /** Value of the SOAPAction header. */
  readonly action: string;
  readonly body: string;
}

/** The search for gateways. Spec: UPnP Device Architecture, 1.2.2. */
export function encodeSearch(): Uint8Array {
  const lines = [
    "M-SEARCH * HTTP/1.1",
    `HOST: ${SSDP_GROUP}:${SSDP_PORT}`,
    'MAN: "ssdp:discover"',
    "MX: 2",
    `ST: ${DEVICE}`,
  ];
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

/**
 * Where the gateway at `from` describes itself. Undefined for what is no answer, and for a description
 * on another host: a neighbour must not make us ask a third party.
 */
export function decodeSearchAnswer(bytes: Uint8Array, from: string): string | undefined {
  if (bytes.length > SSDP_BYTES_MAX) return undefined;
  const text = new TextDecoder().decode(bytes);
  if (!/^HTTP\/1\.\d 200\b/i.test(text)) return undefined;
  const location = /^location:[ \t]*(\S+)/im.exec(text)?.[1];
  return location === undefined ? undefined : urlOnHost(location, undefined, from);
}

/**
 * The service that maps ports, out of the description found at `url`; undefined when there is none.
 * Its control URL must be on the same host.
 */
export function findService(description: string, url: string): UpnpService | undefined {
  const base = elementOf(description, "URLBase");
  const host = new URL(url).hostname;
  const services = description.split(/<service>/i, SERVICES_MAX + 1).slice(1);
  for (const wanted of SERVICES) {
    for (const service of services) {
      if (elementOf(service, "serviceType") !== wanted) continue;
      const control = elementOf(service, "controlURL");
      if (control === undefined) continue;
      const controlUrl = urlOnHost(control, base ?? url, host) ?? urlOnHost(control, url, host);
      if (controlUrl !== undefined) return { controlUrl, serviceType: wanted };
    }
  }
  return undefined;
}

/** Spec: WANIPConnection 1, 2.4.16; a lease of 0 seconds lasts until it is removed. */
export function addMappingCommand(
  service: UpnpService,
  protocol: PortProtocol,
  externalPort: number,
  internalPort: number,
  localIp: string,
  leaseSeconds: number,
): UpnpCommand {
  return command(service, "AddPortMapping", {
    NewRemoteHost: "",
    NewExternalPort: `${externalPort}`,
    NewProtocol: protocol.toUpperCase(),
    NewInternalPort: `${internalPort}`,
    NewInternalClient: localIp,
    NewEnabled: "1",
    NewPortMappingDescription: "tt",
    NewLeaseDuration: `${leaseSeconds}`,
  });
}

/** Spec: WANIPConnection 1, 2.4.17. */
export function deleteMappingCommand(
  service: UpnpService,
  protocol: PortProtocol,
  externalPort: number,
): UpnpCommand {
  return command(service, "DeletePortMapping", {
    NewRemoteHost: "",
    NewExternalPort: `${externalPort}`,
    NewProtocol: protocol.toUpperCase(),
  });
}

/** Spec: WANIPConnection 1, 2.4.18. */
export function externalAddressCommand(service: UpnpService): UpnpCommand {
  return command(service, "GetExternalIPAddress", {});
}

/** The public address in the answer to `externalAddressCommand`. */
export function decodeExternalAddress(body: string): string | undefined {
  return canonicalIp(elementOf(body, "NewExternalIPAddress") ?? "");
}

/** The error code in a refusal, or undefined. */
export function decodeUpnpError(body: string): number | undefined {
  const code = elementOf(body, "errorCode");
  return code !== undefined && /^\d{1,4}$/.test(code) ? Number(code) : undefined;
}

function command(
  { serviceType }: UpnpService,
  name: string,
  parameters: Readonly<Record<string, string>>,
): UpnpCommand {
  const elements = Object.entries(parameters).map(([key, value]) => `<${key}>${value}</${key}>`);
  const body = '<?xml version="1.0"?>\r\n<s:Envelope ' +
    'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${name} xmlns:u="${serviceType}">${
      elements.join("")
    }</u:${name}></s:Body></s:Envelope>\r\n`;
  return { action: `"${serviceType}#${name}"`, body };
}

/** The text of the first element of that name. Searched in one pass, however hostile the text. */
function elementOf(xml: string, name: string): string | undefined {
  const open = new RegExp(`<${name}[\\s>]`, "i").exec(xml);
  if (open === null) return undefined;
  const begin = xml.indexOf(">", open.index) + 1;
  const end = xml.indexOf("<", begin);
  return begin === 0 || end < 0 ? undefined : xml.slice(begin, end).trim();
}

function urlOnHost(text: string, base: string | undefined, host: string): string | undefined {
  if (text.length > URL_LENGTH_MAX || !URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  const isOnHost = url.protocol === "http:" && (canonicalIp(url.hostname) ?? url.hostname) === host;
  return isOnHost && url.username === "" ? url.href : undefined;
}
