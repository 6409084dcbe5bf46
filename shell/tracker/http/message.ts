/** Requests and responses of the web platform, out of and into the bytes of a connection. */
import { type ByteWriter, writeBytes } from "../../../core/bytes/byte_writer.ts";
import { writeAscii } from "../../../core/tracker_server/http/codec.ts";
import { headerFields, type HttpHead, textOf } from "../../../core/tracker_server/http/head.ts";

/** Who is at the other end of a connection. */
export interface Client {
  /** 4 or 16 bytes. */
  readonly ip: Uint8Array;
  /** Canonical text. */
  readonly ipText: string;
  /** The address of ours that it connected to; undefined where a proxy stands between. */
  readonly ownIp: Uint8Array | undefined;
  /** It names its client. */
  readonly isTrustedProxy: boolean;
}

export interface RequestBody {
  /** Undefined when there is none. */
  readonly stream: ReadableStream<Uint8Array> | undefined;
}

/**
 * Of the URL of a request that names no host, or an odd one. No such name exists. Spec: RFC 6761.
 */
export const UNNAMED_HOST = "host.invalid";

/** What may stand for a host in a URL. */
const HOST = /^[\w.-]+(:\d{1,5})?$|^\[[\da-fA-F:.]+\](:\d{1,5})?$/;

/** The request in `bytes` and its target as it was sent; undefined when it is none. */
export function readRequest(
  bytes: Uint8Array,
  head: HttpHead,
  body: RequestBody,
): [request: Request, target: string] | undefined {
  const method = textOf(bytes, head.method);
  const target = textOf(bytes, head.target);
  try {
    const headers = new Headers();
    for (const [name, value] of headerFields(bytes, head)) headers.append(name, value);
    const host = textOf(bytes, head.host);
    const url = `http://${HOST.test(host) ? host : UNNAMED_HOST}${target}`;
    const hasBody = body.stream !== undefined && method !== "GET" && method !== "HEAD";
    return [new Request(url, { method, headers, body: hasBody ? body.stream : undefined }), target];
  } catch {
    return undefined;
  }
}

/** Appends the response. Its body is one of ours, so it is small enough to be taken in whole. */
export async function writeResponse(
  writer: ByteWriter,
  response: Response,
  withoutBody: boolean,
  goesOn: boolean,
): Promise<void> {
  const body = response.body === null ? undefined : new Uint8Array(await response.arrayBuffer());
  let head = `HTTP/1.1 ${response.status} ${response.statusText}\r\n`;
  for (const [name, value] of response.headers) {
    if (name !== "content-length") head += `${name}: ${value}\r\n`;
  }
  if (!goesOn) head += "connection: close\r\n";
  if (response.status !== 204) head += `content-length: ${body?.length ?? 0}\r\n`;
  writeAscii(writer, `${head}\r\n`);
  if (body !== undefined && !withoutBody) writeBytes(writer, body);
}

/** Appends a refusal of one sentence, after which the connection ends. */
export function writeRefusal(writer: ByteWriter, status: number, message: string): void {
  const body = `${message}\n`;
  writeAscii(
    writer,
    `HTTP/1.1 ${status} \r\ncontent-type: text/plain\r\nconnection: close\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
}
