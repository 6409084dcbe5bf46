/** `tt status`: the daemon's torrents as a table, once or kept fresh. */
import type { StatusCommand } from "../../core/cli/daemon_command.ts";
import { statusResult } from "../../core/cli/daemon_results.ts";
import { STATUS_SORTS } from "../../core/cli/daemon_values.ts";
import {
  readStatusRow,
  renderDetails,
  renderTable,
  sortRows,
  STATUS_FIELDS,
  type StatusRow,
  type TableView,
} from "../../core/cli/status_table.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import type { Canvas } from "../../core/cli/progress_view.ts";
import type { JsonObject } from "../../core/rpc/json.ts";
import { TORRENT_STATUS } from "../../core/rpc/torrent_view.ts";
import { DaemonClient } from "../daemon/client.ts";
import { openScreen } from "../terminal/screen.ts";
import { stdoutCanvas } from "../terminal/process_output.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import { choose } from "./remote.ts";

/** How often `-w` asks the daemon. */
const REFRESH_MS = 1000;

export async function status(command: StatusCommand, context: Context): Promise<void> {
  const client = await DaemonClient.open(command.state, context.signal);
  if (command.watch && !command.json) return await watch(client, command, context);
  const rows = await fetchRows(client, command);
  const view: TableView = { rows, sort: command.sort, isReversed: false, chosen: undefined };
  if (command.json) {
    for (const row of sortRows(view)) context.output.result(statusResult(row));
    return;
  }
  // A pipe has no height.
  const canvas = { ...stdoutCanvas(), rows: Infinity };
  context.output.text(renderTable(view, canvas).join("\n") + "\n");
}

async function fetchRows(
  client: DaemonClient,
  { names }: Pick<StatusCommand, "names">,
): Promise<readonly StatusRow[]> {
  const ids: JsonObject = names.length === 0
    ? {}
    : { ids: (await choose(client, names)).map(({ id }) => id) };
  const torrents = await client.list("torrent_get", { ...ids, fields: STATUS_FIELDS }, "torrents");
  return torrents.flatMap((torrent) => readStatusRow(torrent) ?? []);
}

/** What the keys have changed. */
interface Watch {
  view: TableView;
  showsDetails: boolean;
  /** A sentence at the bottom. */
  note: string;
}

async function watch(
  client: DaemonClient,
  command: StatusCommand,
  { signal }: Context,
): Promise<void> {
  const screen = openScreen();
  if (screen === undefined) {
    const message = "tt status -w needs a terminal; leave out -w, or use --json";
    throw new CommandError(EXIT.usage, "no-terminal", message);
  }
  const state: Watch = {
    view: { rows: [], sort: command.sort, isReversed: false, chosen: undefined },
    showsDetails: false,
    note: "",
  };
  const draw = () => screen.draw(lines(state, screen.canvas()));
  try {
    let nextMs = 0;
    for (;;) {
      if (performance.now() >= nextMs) {
        state.view = { ...state.view, rows: await fetchRows(client, command) };
        nextMs = performance.now() + REFRESH_MS;
        draw();
      }
      const key = await screen.key(Math.max(0, nextMs - performance.now()), signal);
      if (signal.aborted || key === "q" || key === "ctrl-c") return;
      if (key === undefined) continue;
      if (await press(client, state, key)) nextMs = 0;
      draw();
    }
  } finally {
    screen.close();
  }
}

function lines(state: Watch, canvas: Canvas): readonly string[] {
  const { view } = state;
  const chosen = view.rows.find(({ id }) => id === view.chosen);
  const details = state.showsDetails && chosen !== undefined
    ? ["", ...renderDetails(chosen, canvas)]
    : [];
  const keys = state.note || `${view.sort}${view.isReversed ? ", reversed" : ""}   ` +
      "s order  r reverse  arrows choose  p pause  Enter details  q end";
  const room = { ...canvas, rows: canvas.rows - details.length - 1 };
  return [...renderTable(view, room), ...details, keys.slice(0, canvas.columns - 1)];
}

/** True when the daemon was changed, so that it is asked at once. */
async function press(client: DaemonClient, state: Watch, key: string): Promise<boolean> {
  const { view } = state;
  state.note = "";
  switch (key) {
    case "s": {
      const next = (STATUS_SORTS.indexOf(view.sort) + 1) % STATUS_SORTS.length;
      state.view = { ...view, sort: STATUS_SORTS[next]! };
      return false;
    }
    case "r":
      state.view = { ...view, isReversed: !view.isReversed };
      return false;
    case "up":
    case "k":
    case "down":
    case "j": {
      const sorted = sortRows(view);
      const at = sorted.findIndex(({ id }) => id === view.chosen);
      const step = key === "up" || key === "k" ? -1 : 1;
      const to = Math.max(0, Math.min(sorted.length - 1, at < 0 ? 0 : at + step));
      state.view = { ...view, chosen: sorted[to]?.id };
      return false;
    }
    case "enter":
      state.showsDetails = !state.showsDetails;
      return false;
    case "p": {
      const row = view.rows.find(({ id }) => id === view.chosen);
      if (row === undefined) return false;
      const isStopped = row.status === TORRENT_STATUS.stopped;
      try {
        await client.call(isStopped ? "torrent_start" : "torrent_stop", { ids: [row.id] });
      } catch (error) {
        state.note = error instanceof Error ? error.message : String(error);
      }
      return true;
    }
    default:
      return false;
  }
}
