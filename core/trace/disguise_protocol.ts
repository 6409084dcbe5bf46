/**
 * Options, events and effects in disguise. What names somebody is replaced (see disguise.ts); text that
 * the core only passes on is left out; numbers, pieces and what we say ourselves stay.
 */
import type { Effect, Event, Report } from "../torrent/protocol.ts";
import type { TorrentOptions } from "../torrent/state.ts";
import type { AnnounceRequest, AnnounceResult } from "../tracker/types.ts";
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
  EXTENDED_HANDSHAKE_ID,
} from "../wire/extended.ts";
import type { Message } from "../wire/message.ts";
import {
  type Disguise,
  disguiseAddress,
  disguiseAddressText,
  disguiseIp,
  disguisePeerId,
  disguisePort,
  disguiseTrackerId,
  disguiseUrl,
  disguiseWebUrl,
  LEFT_OUT,
  MADE_UP_INFO_HASH,
} from "./disguise.ts";

/** What a trace keeps of a torrent's options: all that is data. */
export type RecordedOptions = Omit<TorrentOptions, "sha1" | "infoBytes" | "priorityOf">;

const NOTHING = new Uint8Array();

/** As the core of a replay is to get them. */
export function disguiseOptions(disguise: Disguise, options: RecordedOptions): RecordedOptions {
  const { peerId, port, dhtPort, announceTiers } = options;
  return {
    ...options,
    infoHash: MADE_UP_INFO_HASH,
    peerId: disguisePeerId(disguise, peerId),
    port: disguisePort(disguise, port),
    dhtPort: dhtPort && disguisePort(disguise, dhtPort),
    webSeeds: options.webSeeds?.map((seed) => ({
      ...seed,
      url: disguiseWebUrl(disguise, seed.url),
    })),
    announceTiers: announceTiers.map((tier) => tier.map((url) => disguiseUrl(disguise, url))),
  };
}

/** As the core of a replay is to get it. */
export function disguiseEvent(disguise: Disguise, event: Event): Event {
  switch (event.kind) {
    case "peers-found": {
      const addresses = event.addresses.map((address) => disguiseAddress(disguise, address));
      return { ...event, addresses };
    }
    case "connected": {
      const address = disguiseAddress(disguise, event.address);
      return { ...event, address, peerId: disguisePeerId(disguise, event.peerId) };
    }
    case "message": {
      const message = disguiseMessage(disguise, event.message);
      return message === event.message ? event : { ...event, message };
    }
    case "dial-failed":
    case "disconnected":
    case "web-seed-failed":
      return { ...event, why: LEFT_OUT };
    case "disk-failed":
      return { ...event, message: LEFT_OUT };
    case "announced":
      return { ...event, result: disguiseResult(disguise, event.result) };
    default:
      return event;
  }
}

/** As the core of a replay will give it. */
export function disguiseEffect(disguise: Disguise, effect: Effect): Effect {
  switch (effect.kind) {
    case "send": {
      const message = disguiseMessage(disguise, effect.message);
      return message === effect.message ? effect : { ...effect, message };
    }
    case "open-web-seed":
      return { ...effect, url: disguiseWebUrl(disguise, effect.url) };
    case "dial":
      return { ...effect, address: disguiseAddress(disguise, effect.address) };
    case "announce": {
      const request = disguiseRequest(disguise, effect.request);
      return { ...effect, url: disguiseUrl(disguise, effect.url), request };
    }
    case "report":
      return { kind: "report", report: disguiseReport(disguise, effect.report) } as Effect;
    default:
      return effect;
  }
}

/** Of an extended message only what the core reads is kept: others carry addresses, too. */
function disguiseMessage(disguise: Disguise, message: Message): Message {
  if (message.kind === "port") return { ...message, port: disguisePort(disguise, message.port) };
  if (message.kind !== "extended") return message;
  const decoded = message.id === EXTENDED_HANDSHAKE_ID
    ? decodeExtendedHandshake(message.payload)
    : undefined;
  if (!decoded?.ok) return { ...message, payload: NOTHING };
  const { port, yourIp } = decoded.value;
  const payload = encodeExtendedHandshake({
    ...decoded.value,
    port: port && disguisePort(disguise, port),
    yourIp: yourIp && disguiseIp(disguise, yourIp),
  });
  return { ...message, payload };
}

function disguiseRequest(disguise: Disguise, request: AnnounceRequest): AnnounceRequest {
  const { peerId, port, trackerId } = request;
  return {
    ...request,
    infoHash: MADE_UP_INFO_HASH,
    peerId: disguisePeerId(disguise, peerId),
    port: disguisePort(disguise, port),
    trackerId: trackerId === undefined ? undefined : disguiseTrackerId(disguise, trackerId),
  };
}

function disguiseResult(disguise: Disguise, result: AnnounceResult): AnnounceResult {
  if (!result.ok) return { ok: false, error: { ...result.error, message: LEFT_OUT } };
  const { peers, trackerId, warning, externalIp } = result.value;
  const value = {
    ...result.value,
    peers: peers.map((peer) => disguiseAddress(disguise, peer)),
    trackerId: trackerId === undefined ? undefined : disguiseTrackerId(disguise, trackerId),
    warning: warning === undefined ? undefined : LEFT_OUT,
    externalIp: externalIp && disguiseIp(disguise, externalIp),
  };
  return { ok: true, value };
}

function disguiseReport(disguise: Disguise, report: Report): Report {
  switch (report.kind) {
    case "tracker": {
      const warning = report.warning === undefined ? undefined : LEFT_OUT;
      return { ...report, url: disguiseUrl(disguise, report.url), warning };
    }
    case "tracker-failed":
      return { ...report, url: disguiseUrl(disguise, report.url), message: LEFT_OUT };
    case "piece-failed":
      return {
        ...report,
        senders: report.senders.map((text) => disguiseAddressText(disguise, text)),
      };
    case "dht-node":
      return { ...report, address: disguiseAddress(disguise, report.address) };
    case "peer-banned":
    case "peer-violated":
      return { ...report, address: disguiseAddressText(disguise, report.address) };
    case "disk-failed":
      return { ...report, message: LEFT_OUT };
    case "web-seed-failed":
      return { ...report, url: disguiseWebUrl(disguise, report.url), why: LEFT_OUT };
    default:
      return report;
  }
}
