/** `tt seed`: shares a file, a folder, or the content of a `.torrent`. */
import { dirname, resolve } from "node:path";
import type { SeedCommand } from "../../core/cli/command.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { NO_SELECTION } from "../../core/cli/selection_options.ts";
import type { JsonObject } from "../../core/rpc/json.ts";
import { followLinks, placesInOrder } from "../disk/places.ts";
import { announcedTo } from "../announced_to.ts";
import { type LoadedTorrent, loadTorrent } from "../load_torrent.ts";
import { rememberedSeeds, rememberSeed } from "../remembered_seeds.ts";
import { registerTorrent } from "../register_torrent.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import { makeTorrentFile } from "./create.ts";
import { handOver } from "./hand_over.ts";
import { runTorrents, type TorrentPlan } from "./run_torrents.ts";

export async function seed(command: SeedCommand, context: Context): Promise<void> {
  const { catalogToken, noRegister } = command;
  const typedTrackers = command.announceTiers.flat();
  const { output, signal } = context;
  if (command.handOver !== undefined) {
    const handed = command.sources.map(async (source) => {
      const { loaded, dir } = await planFor(source, command, context);
      return { torrent: loaded, dir };
    });
    const params: JsonObject = command.superSeed ? { tt_super_seed: true } : {};
    const options = { selection: NO_SELECTION, params };
    return await handOver(handed, command.handOver, command, context, options);
  }
  const sources = command.sources.map((source) => planFor(source, command, context));
  if (command.resume) sources.push(...await plansOfEarlierRuns(sources.length === 0, command));
  const plans = sources.map(async (source) => {
    const plan = await source;
    // Not awaited: seeding waits for no catalog.
    const onEvent: Context["output"]["event"] = (event) => output.event(event);
    const register = () =>
      void registerTorrent(plan.loaded, catalogToken, typedTrackers, onEvent, signal);
    const onJoin = () => {
      void rememberSeed(plan);
      if (!noRegister) register();
    };
    return { ...plan, onJoin };
  });
  await runTorrents(plans, { ...command, typedTrackers }, context);
}

/** `isAll`: nothing else is to be seeded. */
async function plansOfEarlierRuns(
  isAll: boolean,
  { superSeed }: SeedCommand,
): Promise<Promise<TorrentPlan>[]> {
  const seeds = await rememberedSeeds();
  if (isAll && seeds.length === 0) {
    const message = "No earlier run of tt seed left anything that is still there; name a PATH";
    throw new CommandError(EXIT.input, "nothing-seeded", message);
  }
  return seeds.map(({ loaded, dir }) =>
    Promise.resolve({ loaded, dir, role: { kind: "seed", isChecked: false, superSeed } })
  );
}

async function planFor(
  source: string,
  command: SeedCommand,
  context: Context,
): Promise<TorrentPlan> {
  const { superSeed } = command;
  if (/\.torrent$/i.test(source)) {
    const stored = await loadTorrent(source, context.signal);
    const trackers = command.announceTiers.flat();
    const loaded = announcedTo(stored, trackers);
    if (loaded === stored && trackers.some((url) => !isAnnouncedTo(stored, url))) {
      const { name } = stored.metainfo;
      context.output.notice(`${name} is private and is announced only to its own trackers`);
    }
    const dir = command.dir ?? dirname(source);
    const places = command.followSymlinks ? await followLinks(dir, loaded.metainfo) : undefined;
    return { loaded, dir, role: { kind: "seed", isChecked: false, places, superSeed } };
  }
  const made = await makeTorrentFile(source, command, context);
  const places = placesInOrder(made.metainfo, made.places);
  return {
    loaded: made,
    dir: dirname(resolve(source)),
    role: { kind: "seed", isChecked: true, places, superSeed },
  };
}

function isAnnouncedTo({ metainfo }: LoadedTorrent, url: string): boolean {
  return metainfo.announceTiers.flat().includes(url);
}
