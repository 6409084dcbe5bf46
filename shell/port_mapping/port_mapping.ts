/** The port mapping machine on real sockets. Quiet in every failure: most hosts need no mapping. */
import { readBounded } from "../net/read_bounded.ts";
import { GATEWAY_PORT } from "../../core/port_mapping/nat_pmp.ts";
import { PCP_NONCE_SIZE } from "../../core/port_mapping/pcp.ts";
import {
  createMapper,
  type Mapper,
  nextMapperDeadline,
  stepMapper,
} from "../../core/port_mapping/mapper.ts";
import type { MapperEffect, MapperEvent, MappingMethod } from "../../core/port_mapping/protocol.ts";
import { DESCRIPTION_BYTES_MAX, SSDP_GROUP, SSDP_PORT } from "../../core/port_mapping/upnp.ts";
import { now } from "../clock.ts";
import { defaultGateway, localInterfaces } from "../local_network.ts";

/** A router that takes longer for a few kilobytes does not answer at all. */
const HTTP_TIMEOUT_MS = 5_000;
/** Longest sleep of the runtime's timers. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface MappedPort {
  readonly method: MappingMethod;
  readonly externalPort: number;
  readonly externalIp: string | undefined;
}

export interface PortMappingOptions {
  /** TCP and UDP port to open. */
  readonly port: number;
  /** Undefined: the mapping was lost, or there is none. */
  readonly onChange: (mapped: MappedPort | undefined) => void;
  /** The default gateway of the system unless given. */
  readonly gateway?: string | undefined;
}

export class PortMapping {
  readonly #options: PortMappingOptions;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #sockets: Deno.DatagramConn[] = [];
  #mapper: Mapper | undefined;
  #gateway: string | undefined;
  #gatewaySocket: Deno.DatagramConn | undefined;
  #searchSocket: Deno.DatagramConn | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStarted = false;
  #isClosed = false;

  constructor(options: PortMappingOptions) {
    this.#options = options;
  }

  /** Looks for a gateway and asks it; does nothing the second time. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#begin().catch(() => {});
  }

  async #begin(): Promise<void> {
    this.#gateway = this.#options.gateway ?? await defaultGateway();
    const localIp = localIpBeside(this.#gateway);
    if (this.#isClosed || localIp === undefined) return;
    this.#gatewaySocket = this.#open(localIp, (bytes, from) => {
      if (from === this.#gateway) this.#feed({ kind: "gateway-datagram", bytes });
    });
    this.#searchSocket = this.#open(localIp, (bytes, from) => {
      this.#feed({ kind: "search-answer", bytes, from });
    });
    const effects: MapperEffect[] = [];
    this.#mapper = createMapper(
      {
        gateway: this.#gateway,
        localIp,
        port: this.#options.port,
        nonce: crypto.getRandomValues(new Uint8Array(PCP_NONCE_SIZE)),
      },
      now(),
      effects,
    );
    this.#run(effects);
  }

  /** Takes the mapping back; resolves after a second at the latest. */
  async stop(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#mapper !== undefined) {
      this.#feed({ kind: "stop" });
      await this.#stopped.promise;
    }
    clearTimeout(this.#timer);
    for (const socket of this.#sockets) socket.close();
  }

  #feed(event: MapperEvent): void {
    if (this.#mapper === undefined) return;
    const effects: MapperEffect[] = [];
    stepMapper(this.#mapper, event, now(), effects);
    this.#run(effects);
  }

  #run(effects: readonly MapperEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "send-gateway":
          this.#send(this.#gatewaySocket, effect.bytes, this.#gateway!, GATEWAY_PORT);
          break;
        case "send-search":
          this.#send(this.#searchSocket, effect.bytes, SSDP_GROUP, SSDP_PORT);
          break;
        case "http":
          void this.#ask(effect);
          break;
        case "mapped":
          this.#options.onChange(effect);
          break;
        case "unmapped":
          this.#options.onChange(undefined);
          break;
        case "stopped":
          this.#stopped.resolve();
      }
    }
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const at = nextMapperDeadline(this.#mapper!);
    if (at === Infinity) return;
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(0, at - now()));
    this.#timer = setTimeout(() => this.#feed({ kind: "timer" }), waitMs);
    if (!this.#isClosed) Deno.unrefTimer(this.#timer);
  }

  #open(
    ip: string,
    onDatagram: (bytes: Uint8Array, from: string) => void,
  ): Deno.DatagramConn | undefined {
    try {
      const socket = Deno.listenDatagram({ transport: "udp", hostname: ip, port: 0 });
      this.#sockets.push(socket);
      const read = async () => {
        for await (const [bytes, from] of socket) {
          if (from.transport === "udp") onDatagram(bytes, from.hostname);
        }
      };
      read().catch(() => {});
      return socket;
    } catch {
      return undefined;
    }
  }

  #send(
    socket: Deno.DatagramConn | undefined,
    bytes: Uint8Array,
    hostname: string,
    port: number,
  ): void {
    // What can't be sent is not answered, which the machine expects anyway.
    socket?.send(bytes, { transport: "udp", hostname, port }).catch(() => {});
  }

  async #ask({ job, url, command }: Extract<MapperEffect, { kind: "http" }>): Promise<void> {
    const localIp = localIpBeside(new URL(url).hostname) ?? "";
    try {
      const response = await fetch(url, {
        method: command === undefined ? "GET" : "POST",
        redirect: "error",
        signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
        ...(command !== undefined && {
          headers: { "content-type": 'text/xml; charset="utf-8"', soapaction: command.action },
          body: command.body,
        }),
      });
      const body = await readText(response);
      this.#feed({ kind: "http-answer", job, status: response.status, body, localIp });
    } catch {
      this.#feed({ kind: "http-answer", job, status: 0, body: "", localIp });
    }
  }
}

async function readText(response: Response): Promise<string> {
  const bytes = await readBounded(response.body, DESCRIPTION_BYTES_MAX);
  if (bytes === undefined) throw new Error("the answer is too long");
  return new TextDecoder().decode(bytes);
}

/** Our address that shares most bits with the gateway's; any when the gateway is not known. */
function localIpBeside(gateway: string | undefined): string | undefined {
  const ips = localInterfaces().map(({ ip }) => ip);
  if (gateway === undefined) return ips[0];
  const number = (ip: string) => ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const distance = (ip: string) => (number(ip) ^ number(gateway)) >>> 0;
  return ips.sort((a, b) => distance(a) - distance(b))[0];
}
