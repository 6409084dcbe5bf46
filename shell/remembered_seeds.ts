/**
 * What `tt seed` shared, for `tt seed --resume`: in the folder `seeds` of the state folder, a
 * `.torrent` and a small JSON file each. It is a courtesy: where it can't be written, seeding goes
 * on all the same.
 */
import { join, resolve } from "node:path";
import { defaultStateFolder } from "../core/cli/state_paths.ts";
import { type LoadedTorrent, parseTorrent } from "./load_torrent.ts";

/** Kept at most; the oldest of more are left alone, and not taken up. */
const SEEDS_MAX = 10_000;

export interface RememberedSeed {
  readonly loaded: LoadedTorrent;
  /** Absolute. */
  readonly dir: string;
}

/** Undefined without a home folder. */
function seedsFolder(): string | undefined {
  const state = defaultStateFolder(Deno.env.toObject());
  return state && join(state, "seeds");
}

/** Never throws. */
export async function rememberSeed({ loaded, dir }: RememberedSeed): Promise<void> {
  const folder = seedsFolder();
  if (folder === undefined) return;
  const { infoHash, announceTiers } = loaded.metainfo;
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const write = async (name: string, content: Uint8Array) => {
      const temporary = join(folder, `${name}.tmp`);
      await Deno.writeFile(temporary, content, { mode: 0o600 });
      await Deno.rename(temporary, join(folder, name));
    };
    await write(`${infoHash}.torrent`, loaded.bytes);
    const facts = JSON.stringify({ dir: resolve(dir), trackers: announceTiers });
    await write(`${infoHash}.json`, new TextEncoder().encode(facts));
  } catch {
    return;
  }
}

/** Those whose content still exists; the others are removed. Never throws. */
export async function rememberedSeeds(): Promise<RememberedSeed[]> {
  const folder = seedsFolder();
  const found: RememberedSeed[] = [];
  if (folder === undefined) return found;
  for (const name of (await names(folder)).slice(0, SEEDS_MAX)) {
    const path = join(folder, name);
    const seed = await readSeed(path).catch(() => undefined);
    if (seed !== undefined && await hasContent(seed)) found.push(seed);
    else await forget(path);
  }
  return found;
}

async function names(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.map(({ name }) => name).filter((name) => name.endsWith(".torrent")).toSorted();
  } catch {
    return [];
  }
}

async function readSeed(path: string): Promise<RememberedSeed | undefined> {
  const { dir, trackers } = JSON.parse(
    await Deno.readTextFile(path.replace(/\.torrent$/, ".json")),
  );
  if (typeof dir !== "string" || !Array.isArray(trackers)) return undefined;
  const loaded = parseTorrent(await Deno.readFile(path), path);
  return { loaded: { ...loaded, metainfo: { ...loaded.metainfo, announceTiers: trackers } }, dir };
}

async function hasContent({ loaded: { metainfo }, dir }: RememberedSeed): Promise<boolean> {
  const first = metainfo.files.find(({ pad }) => !pad);
  if (first === undefined) return false;
  // A folder that is not mounted now may be there tomorrow.
  const isFolderGone = await Deno.stat(dir).then(() => false, () => true);
  return isFolderGone || await Deno.lstat(join(dir, ...first.path)).then(() => true, () => false);
}

async function forget(path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
  await Deno.remove(path.replace(/\.torrent$/, ".json")).catch(() => {});
}
