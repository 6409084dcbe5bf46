/**
 * The extension table (BEP 10): from an extension's name to our number for it and its handler. A
 * new extension is a module that exports an `Extension`, and a row in `core/torrent/extensions.ts`;
 * nothing else names it.
 *
 * An extension
 * - has a `name` (BEP 10's `m`) and a `number`, ours alone, under which peers send its messages to
 *   us;
 * - adds to our extension handshake with `describe`, and is left out of it where `isOffered` says
 *   no;
 * - is told when a peer first names it (`onNamed`), of each message (`onMessage`), when a peer that
 *   named it is gone (`onGone`), and each second (`tick`);
 * - says what of its messages a trace may show (`anonymize`);
 * - keeps its state in two places: `context.state` for the swarm, `peerState` for a connection,
 *   both plain data that it makes itself;
 * - sends with `sendExtended`, finds addresses for `addAddresses(context.swarm.addresses, ...)`,
 *   and tells what concerns the content through `context.news`, which `core/torrent/news.ts`
 *   carries out.
 *
 * A handler that calls a message malformed (`onMessage` gives the reason) ends the connection.
 *
 * Spec: BEP 10, handshake message; BEP 21, upload_only.
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { Sink } from "../bytes/sink.ts";
import type { View } from "../bytes/view.ts";
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
  EXTENDED_HANDSHAKE_ID,
  type ExtendedHandshake,
  SAYS_NOTHING,
} from "../wire/extended.ts";
import { type Connection, onListenPort } from "./connections.ts";
import { applyHandshake, peerStateOf } from "./extension_state.ts";
import { REQQ_OFFERED } from "./limits.ts";
import type { SwarmEffects, SwarmNews } from "./protocol.ts";
import type { Swarm } from "./state.ts";

/** What a handler may see and use. */
export interface ExtensionContext<S = unknown> {
  readonly swarm: Swarm;
  /** What the extension remembers of the swarm. */
  readonly state: S;
  /** Monotonic ms. */
  readonly now: number;
  readonly effects: SwarmEffects;
  readonly news: Sink<SwarmNews>;
}

/** What an extension may add to our handshake. */
export type HandshakeAddition = Partial<Pick<ExtendedHandshake, "metadataSize">>;

/** Gives pseudonyms; the same one for the same name. */
export interface Pseudonymizer {
  address(address: PeerAddress): PeerAddress;
}

export interface Extension<S = unknown, P = unknown> {
  readonly name: string;
  /** 1 to 255. */
  readonly number: number;
  createState(): S;
  createPeerState(): P;
  /** Whether it is offered to peers of this swarm; always by default. */
  isOffered?(swarm: Swarm): boolean;
  describe?(swarm: Swarm, state: S): HandshakeAddition;
  onNamed?(context: ExtensionContext<S>, peer: Connection, peerState: P): void;
  /** Why the message is malformed, if it is. */
  onMessage(
    context: ExtensionContext<S>,
    peer: Connection,
    peerState: P,
    payload: Uint8Array,
  ): string | undefined;
  /**
   * The payload as a trace keeps it: without what identifies someone or is content. The core must
   * take it as it takes the real one, so that a replay decides as the run did. What is malformed
   * stays so.
   */
  anonymize(payload: Uint8Array, names: Pseudonymizer): Uint8Array;
  onGone?(context: ExtensionContext<S>, peer: Connection, peerState: P): void;
  tick?(context: ExtensionContext<S>): void;
}

interface Own {
  readonly table: readonly Extension[];
  readonly states: Map<string, unknown>;
  /** What we say of ourselves. Spec: BEP 21. */
  isUploadOnly: boolean;
}

export type Extensions = View<Own>;

/** Every extension of the table, each with its own state. */
export function createExtensions(table: readonly Extension[]): Extensions {
  const own: Own = {
    table,
    states: new Map(table.map((extension) => [extension.name, extension.createState()])),
    isUploadOnly: false,
  };
  return own;
}

/**
 * Whether we are upload-only: sent to connected peers at once, to others in our handshake.
 *
 * Spec: BEP 21, upload_only; BEP 10, a later handshake changes what it names.
 */
export function setUploadOnly(swarm: Swarm, isUploadOnly: boolean, effects: SwarmEffects): void {
  const own = swarm.extensions as Own;
  if (own.isUploadOnly === isUploadOnly) return;
  own.isUploadOnly = isUploadOnly;
  const payload = encodeExtendedHandshake({ ...SAYS_NOTHING, uploadOnly: isUploadOnly });
  const message = { kind: "extended", id: EXTENDED_HANDSHAKE_ID, payload } as const;
  for (const { key, features } of swarm.connections.values()) {
    if (features.extended) effects.push({ kind: "send", peer: key, message });
  }
}

/**
 * Withdraws extensions that are no longer offered, as in a torrent that turns out to be private.
 */
export function withdrawExtensions(swarm: Swarm, effects: SwarmEffects): void {
  const gone = swarm.extensions.table.filter((extension) => extension.isOffered?.(swarm) === false);
  if (gone.length === 0) return;
  const extensions = new Map(gone.map(({ name }) => [name, 0]));
  const payload = encodeExtendedHandshake({ ...SAYS_NOTHING, extensions });
  const message = { kind: "extended", id: EXTENDED_HANDSHAKE_ID, payload } as const;
  for (const { key, features } of swarm.connections.values()) {
    if (features.extended) effects.push({ kind: "send", peer: key, message });
  }
}

/**
 * Sends our extension handshake to a peer that supports BEP 10. Spec: BEP 10, handshake message.
 */
export function sendHandshake(swarm: Swarm, peer: Connection, effects: SwarmEffects): void {
  if (!peer.features.extended) return;
  const { options, extensions } = swarm;
  const offered = extensions.table.filter((extension) => extension.isOffered?.(swarm) ?? true);
  let handshake: ExtendedHandshake = {
    extensions: new Map(offered.map(({ name, number }) => [name, number])),
    version: options.clientName,
    port: options.port,
    reqq: REQQ_OFFERED,
    yourIp: peer.address.ip,
    uploadOnly: extensions.isUploadOnly || undefined,
    metadataSize: undefined,
  };
  for (const extension of offered) {
    const state = extensions.states.get(extension.name);
    handshake = { ...handshake, ...extension.describe?.(swarm, state) };
  }
  const payload = encodeExtendedHandshake(handshake);
  const message = { kind: "extended", id: EXTENDED_HANDSHAKE_ID, payload } as const;
  effects.push({ kind: "send", peer: peer.key, message });
}

/** Sends a message of the extension to a peer that supports it. */
export function sendExtended(
  peer: Connection,
  name: string,
  payload: Uint8Array,
  effects: SwarmEffects,
): void {
  const id = peer.theirNumbers.get(name);
  if (id === undefined) return;
  const message = { kind: "extended", id, payload, name } as const;
  effects.push({ kind: "send", peer: peer.key, message });
}

/**
 * Takes an extended message: the handshake, or one for an extension of the table; others are
 * ignored, and so is a malformed handshake, as other clients do. Gives why the message is
 * malformed, if it is.
 */
export function onExtended(
  swarm: Swarm,
  peer: Connection,
  id: number,
  payload: Uint8Array,
  now: number,
  effects: SwarmEffects,
  news: Sink<SwarmNews>,
): string | undefined {
  if (id === EXTENDED_HANDSHAKE_ID) {
    onHandshake(swarm, peer, payload, now, effects, news);
    return undefined;
  }
  const extension = swarm.extensions.table.find(({ number }) => number === id);
  if (extension === undefined) return undefined;
  const context = contextFor(swarm, extension, now, effects, news);
  return extension.onMessage(context, peer, peerStateFor(peer, extension), payload);
}

function onHandshake(
  swarm: Swarm,
  peer: Connection,
  payload: Uint8Array,
  now: number,
  effects: SwarmEffects,
  news: Sink<SwarmNews>,
): void {
  const decoded = decodeExtendedHandshake(payload);
  if (!decoded.ok) return;
  const fresh = applyHandshake(peer, decoded.value);
  const { port } = decoded.value;
  if (port !== undefined) onListenPort(swarm, peer, port, now);
  for (const extension of swarm.extensions.table) {
    if (!fresh.includes(extension.name)) continue;
    const context = contextFor(swarm, extension, now, effects, news);
    extension.onNamed?.(context, peer, peerStateFor(peer, extension));
  }
}

/** Notifies the extensions that the peer supports that it has disconnected. */
export function forgetExtensions(
  swarm: Swarm,
  peer: Connection,
  now: number,
  effects: SwarmEffects,
  news: Sink<SwarmNews>,
): void {
  for (const extension of swarm.extensions.table) {
    if (extension.onGone === undefined || !peer.extensionStates.has(extension.name)) continue;
    const context = contextFor(swarm, extension, now, effects, news);
    extension.onGone(context, peer, peerStateFor(peer, extension));
  }
}

/** Once a second. */
export function tickExtensions(
  swarm: Swarm,
  now: number,
  effects: SwarmEffects,
  news: Sink<SwarmNews>,
): void {
  for (const extension of swarm.extensions.table) {
    if (extension.tick === undefined) continue;
    extension.tick(contextFor(swarm, extension, now, effects, news));
  }
}

function contextFor(
  swarm: Swarm,
  { name }: Extension,
  now: number,
  effects: SwarmEffects,
  news: Sink<SwarmNews>,
): ExtensionContext {
  return { swarm, state: swarm.extensions.states.get(name), now, effects, news };
}

function peerStateFor(peer: Connection, extension: Extension): unknown {
  return peerStateOf(peer, extension.name, () => extension.createPeerState());
}
