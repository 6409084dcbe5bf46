/** `tt get`: downloads, then goes on seeding until stopped. */
import { resolve } from "node:path";
import type { GetCommand, HandOver } from "../../core/cli/command.ts";
import { CATALOG_DEFAULT } from "../../core/cli/commands.ts";
import {
  decodeRemembered,
  encodeRemembered,
  mergeRemembered,
  recall,
} from "../../core/cli/remembered.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { decodeResume } from "../../core/transfer/resume.ts";
import { announcedTo } from "../announced_to.ts";
import { CatalogClient } from "../catalog_client.ts";
import { moveUnderWay } from "../disk/move_content.ts";
import { listStates, loadOptions, loadState, loadTorrentBytes } from "../disk/state_file.ts";
import { Failure } from "../failure.ts";
import { currentFolder } from "../life/moving.ts";
import { type LoadedTorrent, loadTorrent, parseTorrent } from "../load_torrent.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import { type Handed, handOver } from "./hand_over.ts";
import { readMagnet } from "../magnet/metadata_stage.ts";
import { type MagnetPlan, runTorrents, type TorrentPlan } from "./run_torrents.ts";
import { keyOf } from "../../core/metainfo/identity.ts";
import { isMagnet, type Magnet } from "../../core/metainfo/magnet.ts";
import { parseSelector } from "../../core/metainfo/selection.ts";
import {
  askForFiles,
  choosePriorities,
  orderParams,
  refuseSelection,
  selectOnlyText,
} from "../choose_files.ts";
import { countClaimed } from "../life/wanting.ts";
import { terminalAsker } from "../terminal/asker.ts";

export async function get(command: GetCommand, context: Context): Promise<void> {
  const { sources, tracker } = command;
  if (command.handOver !== undefined) return await hand(command, command.handOver, context);
  const loads = sources.length > 0
    ? sources.map((source) =>
      isMagnet(source)
        ? planMagnet(source, command, context)
        : loadSource(source, tracker, context.signal)
    )
    : (await loadUnfinished(command)).map(async (load): Promise<Found> => ({
      loaded: await load,
      tracker,
    }));
  const plans = loads.map(async (load): Promise<TorrentPlan | MagnetPlan> => {
    const found = await load;
    if ("magnet" in found) return found;
    // The tracker whose catalog has a torrent knows its peers, whether the torrent names it or not.
    const loaded = announcedTo(found.loaded, found.tracker === undefined ? [] : [found.tracker]);
    return await planFor(loaded, command, context, found.selectOnly);
  });
  const typedTrackers = tracker === undefined ? [] : [tracker];
  await runTorrents(plans, { ...command, typedTrackers }, context);
}

/** `--daemon`: what would be chosen or asked for here is a parameter there. */
async function hand(command: GetCommand, to: HandOver, context: Context): Promise<void> {
  const { sources, tracker, dir, choose, moveTo } = command;
  const handed = sources.map(async (source): Promise<Handed> => {
    if (isMagnet(source)) return { torrent: { magnet: source }, dir };
    const { loaded, tracker: from } = await loadSource(source, tracker, context.signal);
    return { torrent: announcedTo(loaded, from === undefined ? [] : [from]), dir };
  });
  const params = {
    ...orderParams(command),
    ...(moveTo !== undefined && { tt_move_to: resolve(moveTo) }),
  };
  const selection = choose ? await chooseHanded(await handed[0]!, command, context) : command;
  await handOver(handed, to, command, context, { selection, params });
}

/** `--choose`, which takes one torrent. */
async function chooseHanded(
  { torrent }: Handed,
  command: GetCommand,
  context: Context,
): Promise<GetCommand> {
  // The metadata of a link is not known here.
  if ("magnet" in torrent) {
    refuseSelection(torrent.magnet, withSelect(command, "*"));
    return command;
  }
  return withSelect(command, await askUser(torrent, context));
}

/** The metadata of an earlier run is not fetched again. */
async function planMagnet(
  link: string,
  command: GetCommand,
  context: Context,
): Promise<MagnetPlan | Found> {
  const magnet = readMagnet(link);
  const { selectOnly } = magnet;
  const { dir, saveTorrent, tracker, seedRatio, seedTimeMs, shareRule } = command;
  const bytes = await loadTorrentBytes(dir, keyOf(magnet.identity));
  if (bytes !== undefined) {
    const loaded = parseTorrent(bytes, `The torrent kept in ${dir}`, true);
    return { loaded, tracker, selectOnly };
  }
  const goals = { shareRule, seedRatio, seedTimeMs };
  const plan = (loaded: LoadedTorrent) => planFor(loaded, command, context, selectOnly);
  return { magnet, dir, goals, saveTorrent, planFor: plan };
}

/** Options of earlier runs of the same download fill in for what was not typed. */
async function planFor(
  loaded: LoadedTorrent,
  asTyped: GetCommand,
  context: Context | undefined,
  selectOnly?: Magnet["selectOnly"],
): Promise<TorrentPlan> {
  const { infoHash } = loaded.metainfo;
  const kept = await loadOptions(
    await currentFolder(loaded, asTyped.dir, asTyped.moveTo),
    infoHash,
  );
  const earlier = kept === undefined ? new Map() : decodeRemembered(kept);
  let command = asTyped;
  if (command.choose && context !== undefined) {
    command = withSelect(command, await askUser(loaded, context));
  } else if (selectOnly !== undefined && !command.typed.has("select") && !earlier.has("select")) {
    // Remembered like what is typed: a later run may not name the link.
    command = withSelect(command, selectOnlyText(loaded.metainfo, selectOnly));
  }
  const remembered = mergeRemembered(command.typed, earlier);
  const { upLimit, downLimit, ...own } = recall(command, earlier);
  const holding = { ...command, ...own };
  const { moveTo, resume, noSeed, shareRule, sequential, firstLast } = holding;
  return {
    loaded,
    filePriorities: choosePriorities(loaded.metainfo, holding),
    order: { isSequential: sequential, firstLast },
    dir: await currentFolder(loaded, command.dir, moveTo),
    moveTo,
    remember: remembered.size === 0 ? undefined : encodeRemembered(remembered),
    limits: { upLimit, downLimit },
    ownSettings: own,
    role: { kind: "download", resume, noSeed, shareRule },
  };
}

/** As if that had been typed. */
function withSelect(command: GetCommand, text: string): GetCommand {
  const typed = new Map([...command.typed, ["select", [text]] as const]);
  return { ...command, typed, select: [parseSelector(text)!] };
}

async function askUser(
  { metainfo }: LoadedTorrent,
  { output, signal }: Context,
): Promise<string> {
  const asker = terminalAsker(signal);
  if (asker === undefined) {
    const message = "Option --choose needs a terminal to ask on; use --select";
    throw new CommandError(EXIT.usage, "no-terminal", message);
  }
  output.progress([]);
  return await askForFiles(metainfo, asker);
}

/** A torrent, and the tracker whose catalog it came from. */
interface Found {
  readonly loaded: LoadedTorrent;
  readonly tracker: string | undefined;
  /** What a magnet link selects. */
  readonly selectOnly?: Magnet["selectOnly"];
}

/** The torrent of a SOURCE, announced to the tracker that it came from as well. */
export async function findTorrent(
  source: string,
  typed: string | undefined,
  signal: AbortSignal,
): Promise<LoadedTorrent> {
  const { loaded, tracker } = await loadSource(source, typed, signal);
  return announcedTo(loaded, tracker === undefined ? [] : [tracker]);
}

/** A file, a URL, or a name or info hash of a catalog, which is the customary one unless typed. */
/** There is no file to read; a folder of the torrent's name does not count. */
const ABSENT: readonly string[] = ["missing", "not-a-file"];

async function loadSource(
  source: string,
  typed: string | undefined,
  signal: AbortSignal,
): Promise<Found> {
  const isName = !/^https?:|^magnet:|\.torrent$/i.test(source);
  if (typed !== undefined && isName) {
    return { loaded: await new CatalogClient(typed, signal).fetch(source), tracker: typed };
  }
  try {
    return { loaded: await loadTorrent(source, signal), tracker: typed };
  } catch (error) {
    if (!(error instanceof Failure && ABSENT.includes(error.code))) throw error;
    return { loaded: await loadByName(source, isName, signal, error), tracker: CATALOG_DEFAULT };
  }
}

/** There is no such file: perhaps the tracker of this machine has that name. */
async function loadByName(
  source: string,
  isName: boolean,
  signal: AbortSignal,
  { kind, code }: Failure,
): Promise<LoadedTorrent> {
  const why = await (isName ? new CatalogClient(CATALOG_DEFAULT, signal).fetch(source) : undefined)
    ?.catch((error) => {
      if (!(error instanceof Failure)) throw error;
      return error;
    });
  if (why !== undefined && !(why instanceof Failure)) return why;
  if (why !== undefined && why.code !== "catalog-failed" && why.code !== "unknown-name") throw why;
  const absence = code === "missing" ? `There is no file ${source}` : `${source} is not a file`;
  const message = absence +
    (why === undefined ? "" : `, and no torrent of that name at ${CATALOG_DEFAULT}`) +
    "; check the path, or name the tracker of its catalog with --tracker";
  throw new Failure(kind, code, message);
}

/** Every torrent with a saved state that lacks pieces of what is wanted. */
async function loadUnfinished(command: GetCommand): Promise<Promise<LoadedTorrent>[]> {
  const { dir } = command;
  const unfinished: Promise<LoadedTorrent>[] = [];
  for (const infoHash of await listStates(dir)) {
    const bytes = await loadState(dir, infoHash);
    const state = bytes && decodeResume(bytes);
    if (!state?.ok) continue;
    const torrent = await loadTorrentBytes(dir, infoHash) ?? state.value.torrent;
    if (torrent === undefined) continue;
    const loaded = parseTorrent(torrent, `The torrent kept in ${dir}`, true);
    const isMoving = await moveUnderWay(dir, infoHash) !== undefined;
    if (!isMoving && await hasAllWanted(loaded, command, state.value.pieces)) continue;
    unfinished.push(Promise.resolve(loaded));
  }
  if (unfinished.length > 0) return unfinished;
  const message = `There are no unfinished downloads in ${dir}; name a torrent, or the right --dir`;
  throw new CommandError(EXIT.input, "nothing-unfinished", message);
}

/** Whether these pieces are all that the options of now and of earlier runs want. */
async function hasAllWanted(
  loaded: LoadedTorrent,
  command: GetCommand,
  pieces: Uint8Array,
): Promise<boolean> {
  try {
    const { filePriorities: priorities } = await planFor(loaded, command, undefined);
    const { bytesWantedMissing } = countClaimed(loaded.metainfo, { priorities, order: {} }, pieces);
    return bytesWantedMissing === 0;
  } catch (error) {
    // An invalid selection is reported when it runs.
    if (error instanceof Failure) return false;
    throw error;
  }
}
