/** The commands that speak to a running daemon, but for status: add, pause, remove, limit and so on. */
import { resolve } from "node:path";
import type {
  AddCommand,
  LimitCommand,
  LogCommand,
  MoveCommand,
  RemoteSettings,
  StopCommand,
  TorrentsCommand,
} from "../../core/cli/daemon_command.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import type { Json, JsonObject } from "../../core/rpc/json.ts";
import { isSelecting } from "../../core/cli/selection_options.ts";
import { chooseParams, orderParams, refuseSelection } from "../choose_files.ts";
import { DaemonClient } from "../daemon/client.ts";
import { sleep } from "../clock.ts";
import { loadTorrent } from "../load_torrent.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";

/** How often `--follow` asks. */
const FOLLOW_MS = 1000;

/** A torrent of the daemon by its names. */
export interface Named {
  readonly id: number;
  readonly infoHash: string;
  readonly name: string;
}

export async function add(command: AddCommand, { output, signal }: Context): Promise<void> {
  const client = await DaemonClient.open(command.state, signal);
  for (const source of command.sources) {
    // Files are read here, where the path means something; so is what files are selected of.
    const isLink = /^magnet:/i.test(source);
    if (isLink) refuseSelection(source, command);
    const isRemote = isLink || (/^https?:\/\//i.test(source) && !isSelecting(command));
    const loaded = isRemote ? undefined : await loadTorrent(source, signal);
    const from: JsonObject = loaded === undefined
      ? { filename: source }
      : { metainfo: loaded.bytes.toBase64(), ...chooseParams(loaded.metainfo, command) };
    const answer = await client.call("torrent_add", {
      ...from,
      ...(command.dir === undefined ? {} : { download_dir: resolve(command.dir) }),
      ...(command.paused ? { paused: true } : {}),
      ...orderParams(command),
      ...(command.moveTo === undefined ? {} : { tt_move_to: resolve(command.moveTo) }),
      ...(command.labels.length === 0 ? {} : { labels: command.labels }),
    });
    const isNew = answer.torrent_added !== undefined;
    const { name, infoHash } = namedOf(
      (answer.torrent_added ?? answer.torrent_duplicate) as JsonObject,
    );
    output.result({
      event: isNew ? "added" : "duplicate",
      infoHash,
      name,
      message: isNew ? `Added ${name}` : `${name} is there already`,
    });
  }
}

export async function manage(command: TorrentsCommand, context: Context): Promise<void> {
  const { kind } = command;
  if (kind === "why") return await why(command, context);
  const { output, signal } = context;
  const client = await DaemonClient.open(command.state, signal);
  const chosen = await choose(client, command.names);
  const method = kind === "pause"
    ? "torrent_stop"
    : kind === "recheck"
    ? "torrent_verify"
    : command.now
    ? "torrent_start_now"
    : "torrent_start";
  await client.call(method, { ids: chosen.map(({ id }) => id) });
  const [event, done] = ({
    pause: ["paused", "Paused"],
    resume: ["started", "Resumed"],
    recheck: ["rechecking", "Checking"],
  } as const)[kind];
  for (const { infoHash, name } of chosen) {
    output.result({ event, infoHash, name, message: `${done} ${name}` });
  }
}

export async function remove(
  command: RemoteSettings & { readonly names: readonly string[]; readonly data: boolean },
  { output, signal }: Context,
): Promise<void> {
  const client = await DaemonClient.open(command.state, signal);
  const chosen = await choose(client, command.names);
  await client.call("torrent_remove", {
    ids: chosen.map(({ id }) => id),
    delete_local_data: command.data,
  });
  const what = command.data ? " and its content" : "; its content stays";
  for (const { infoHash, name } of chosen) {
    output.result({ event: "removed", infoHash, name, message: `Removed ${name}${what}` });
  }
}

export async function move(command: MoveCommand, { output, signal }: Context): Promise<void> {
  const client = await DaemonClient.open(command.state, signal);
  const chosen = await choose(client, command.names);
  const location = resolve(command.dir);
  await client.call("torrent_set_location", {
    ids: chosen.map(({ id }) => id),
    location,
    move: !command.find,
  });
  for (const { infoHash, name } of chosen) {
    output.result({ event: "moved", infoHash, name, message: `Moved ${name} to ${location}` });
  }
}

export async function limit(command: LimitCommand, { output, signal }: Context): Promise<void> {
  const client = await DaemonClient.open(command.state, signal);
  const { down, up, ratio } = command;
  const kilobytes = (rate: number) => Math.max(1, Math.round(rate / 1000));
  if (command.names.length === 0) {
    const change: Record<string, Json> = {};
    if (down !== undefined) change.speed_limit_down_enabled = down !== null;
    if (down != null) change.speed_limit_down = kilobytes(down);
    if (up !== undefined) change.speed_limit_up_enabled = up !== null;
    if (up != null) change.speed_limit_up = kilobytes(up);
    if (ratio !== undefined) {
      Object.assign(change, { seed_ratio_limited: true, seed_ratio_limit: ratio });
    }
    await client.call("session_set", change);
    return output.result({ event: "limited", message: "Limits of the daemon are set" });
  }
  const chosen = await choose(client, command.names);
  const change: Record<string, Json> = { ids: chosen.map(({ id }) => id) };
  if (down !== undefined) change.download_limited = down !== null;
  if (down != null) change.download_limit = kilobytes(down);
  if (up !== undefined) change.upload_limited = up !== null;
  if (up != null) change.upload_limit = kilobytes(up);
  if (ratio !== undefined) Object.assign(change, { seed_ratio_mode: 1, seed_ratio_limit: ratio });
  await client.call("torrent_set", change);
  for (const { infoHash, name } of chosen) {
    output.result({ event: "limited", infoHash, name, message: `Limits of ${name} are set` });
  }
}

async function why(command: TorrentsCommand, { output, signal }: Context): Promise<void> {
  const client = await DaemonClient.open(command.state, signal);
  const chosen = await choose(client, command.names);
  const fields = ["hash_string", "name", "tt_why_text", "peers"];
  const ids = chosen.map(({ id }) => id);
  for (const torrent of await client.list("torrent_get", { ids, fields }, "torrents")) {
    output.result({
      event: "why-waiting",
      infoHash: String(torrent.hash_string),
      name: String(torrent.name),
      message: String(torrent.tt_why_text),
      peers: (torrent.peers as readonly JsonObject[]).map((peer) => ({
        ip: String(peer.address),
        port: Number(peer.port),
        source: String(peer.tt_source),
      })),
    });
  }
}

/** Who is connected for a torrent of the daemon. */
export async function daemonPeers(
  command: RemoteSettings & { readonly names: readonly string[] },
  { output, signal }: Context,
): Promise<void> {
  const client = await DaemonClient.open(command.state, signal);
  const ids = (await choose(client, command.names)).map(({ id }) => id);
  const fields = ["hash_string", "peers"];
  for (const torrent of await client.list("torrent_get", { ids, fields }, "torrents")) {
    for (const peer of torrent.peers as readonly JsonObject[]) {
      output.result({
        event: "connected",
        infoHash: String(torrent.hash_string),
        ip: String(peer.address),
        port: Number(peer.port),
        client: String(peer.client_name),
        source: String(peer.tt_source),
        flags: String(peer.flag_str),
        progress: Number(peer.progress),
        downRate: Number(peer.rate_to_client),
        upRate: Number(peer.rate_to_peer),
      });
    }
  }
}

export async function log(command: LogCommand, { output, signal }: Context): Promise<void> {
  const client = await DaemonClient.open(command.state, signal);
  const chosen = command.names.length > 0 ? await choose(client, command.names) : undefined;
  const ids: JsonObject = chosen === undefined ? {} : { ids: chosen.map(({ id }) => id) };
  let since = 0;
  for (;;) {
    for (const entry of await client.list("tt_log", { since, ...ids }, "entries")) {
      const number = Number(entry.number);
      since = Math.max(since, number);
      output.result({
        event: "logged",
        number,
        at: Number(entry.at),
        time: localTime(Number(entry.at)),
        level: String(entry.level),
        what: String(entry.event),
        infoHash: entry.info_hash === undefined ? undefined : String(entry.info_hash),
        message: String(entry.message),
      });
    }
    if (!command.follow) return;
    await Promise.race([sleep(FOLLOW_MS), aborted(signal)]);
    if (signal.aborted) return;
  }
}

export async function stop(command: StopCommand, { output, signal }: Context): Promise<void> {
  const client = await DaemonClient.open(command.state, signal);
  await client.call("session_close");
  // Its state is saved once it no longer answers.
  for (;;) {
    try {
      await client.call("session_get", { fields: ["version"] });
    } catch {
      break;
    }
    await Promise.race([sleep(100), aborted(signal)]);
    signal.throwIfAborted();
  }
  output.result({ event: "daemon-stopped", message: "The daemon has stopped" });
}

/** The torrents that are meant, each once. Throws a CommandError when a name means none, or several. */
export async function choose(
  client: DaemonClient,
  names: readonly string[],
): Promise<readonly Named[]> {
  const fields = ["id", "hash_string", "name"];
  const all = (await client.list("torrent_get", { fields }, "torrents")).map(namedOf);
  const chosen = new Set<Named>();
  for (const name of names) {
    if (name === "all") { for (const torrent of all) chosen.add(torrent); }
    else chosen.add(find(all, name));
  }
  return [...chosen];
}

function find(all: readonly Named[], text: string): Named {
  const lower = text.toLowerCase();
  const tests: ((torrent: Named) => boolean)[] = [
    ({ name }) => name === text,
    ({ id }) => String(id) === text,
    ({ infoHash }) => infoHash === lower || lower.length >= 6 && infoHash.startsWith(lower),
    ({ name }) => name.toLowerCase().startsWith(lower),
    ({ name }) => name.toLowerCase().includes(lower),
  ];
  for (const test of tests) {
    const found = all.filter(test);
    if (found.length === 1) return found[0]!;
    if (found.length > 1) {
      const some = found.slice(0, 3).map(({ id, name }) => `${id} ${name}`).join(", ");
      const message = `${JSON.stringify(text)} is short for ${found.length} torrents (${some}); ` +
        "give more of the name, or the number";
      throw new CommandError(EXIT.input, "ambiguous", message);
    }
  }
  const message = `The daemon has no torrent ${JSON.stringify(text)}; tt status lists them`;
  throw new CommandError(EXIT.input, "missing", message);
}

function namedOf(torrent: JsonObject): Named {
  return {
    id: Number(torrent.id),
    infoHash: String(torrent.hash_string),
    name: String(torrent.name),
  };
}

/** "2026-11-21 18:05:09", in the reader's time zone. */
function localTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    signal.addEventListener("abort", () => done(), { once: true });
  });
}
