/** The program's name and version, for people, trackers and peers. `deno.json` holds the number. */
import project from "../deno.json" with { type: "json" };
import { peerIdPrefix } from "../core/wire/peer_id.ts";

export const VERSION: string = project.version;

/** The name that trackers and peers see. */
export const CLIENT_NAME = `tt/${VERSION}`;

/** The first eight characters of every peer id. */
export const PEER_ID_PREFIX = peerIdPrefix(VERSION);
