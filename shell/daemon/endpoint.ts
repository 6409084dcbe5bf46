/**
 * How commands find the daemon: `endpoint.json` in its state folder says where it listens, `token` beside
 * it what to show. Both are for the user alone.
 */
import { join } from "node:path";
import { defaultStateFolder } from "../../core/cli/state_paths.ts";
import { Failure } from "../failure.ts";
import { readPrivateFile, replacePrivateFile } from "./private_file.ts";

export interface Endpoint {
  /** "http://127.0.0.1:9091". */
  readonly url: string;
  readonly pid: number;
}

/** The given folder, or the default one. Throws a Failure without a home folder. */
export function stateFolder(named: string | undefined): string {
  const folder = named ?? defaultStateFolder(Deno.env.toObject());
  if (folder !== undefined) return folder;
  throw new Failure("usage", "no-state", "There is no home folder; name a folder with --state");
}

export async function writeEndpoint(folder: string, endpoint: Endpoint): Promise<void> {
  await replacePrivateFile(join(folder, "endpoint.json"), JSON.stringify(endpoint) + "\n");
}

export async function removeEndpoint(folder: string): Promise<void> {
  await Deno.remove(join(folder, "endpoint.json")).catch(() => {});
}

/** Undefined when no daemon left one. */
export async function readEndpoint(folder: string): Promise<Endpoint | undefined> {
  const text = await readPrivateFile(join(folder, "endpoint.json"));
  try {
    const { url, pid } = JSON.parse(text ?? "null") ?? {};
    return typeof url === "string" && typeof pid === "number" ? { url, pid } : undefined;
  } catch {
    return undefined;
  }
}

export async function readToken(folder: string): Promise<string | undefined> {
  return (await readPrivateFile(join(folder, "token")))?.trim() || undefined;
}

/** The token of earlier runs, so that remotes go on working, or a new one. */
export async function ensureToken(folder: string, make: () => string): Promise<string> {
  const known = await readToken(folder);
  if (known !== undefined && known.length >= 32) return known;
  const token = make();
  await replacePrivateFile(join(folder, "token"), `${token}\n`);
  return token;
}
