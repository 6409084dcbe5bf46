/** Runs torrents side by side in one session until all are done, showing how they do. */
import { PEER_PORT_DEFAULT } from "../../core/cli/commands.ts";
import type { PeerSettings, TraceSettings } from "../../core/cli/command.ts";
import { Session } from "../session.ts";
import { type RunOptions, TorrentRun } from "../torrent_run.ts";
import type { Context } from "./context.ts";

/** Often enough for a live bar; the output decides what is drawn. */
const VIEW_MS = 200;

/** What differs from torrent to torrent. */
export type TorrentPlan = Pick<RunOptions, "loaded" | "dir" | "role">;

/** What all torrents of a command share. */
type RunSettings = PeerSettings & { readonly trace: TraceSettings | undefined };

/** Opens the port that all torrents of a command share, and says which. */
export function openSession(settings: PeerSettings, { output }: Context): Session {
  const { host, port, upLimit, downLimit } = settings;
  const session = new Session({
    host,
    port,
    upLimit,
    downLimit,
    defaultPort: PEER_PORT_DEFAULT,
  });
  output.event({ event: "listening", host, port: session.port, url: undefined });
  return session;
}

/**
 * Runs each plan as soon as it is there. One that fails does not stop the others; the first failure is
 * thrown when all have ended.
 */
export async function runTorrents(
  plans: readonly Promise<TorrentPlan>[],
  settings: RunSettings,
  context: Context,
): Promise<void> {
  const { output, signal } = context;
  const session = openSession(settings, context);
  const runs: TorrentRun[] = [];
  const show = () => {
    for (const run of runs) run.tick();
    output.progress(runs.map((run) => run.view()));
  };
  const timer = setInterval(show, VIEW_MS);
  try {
    const lives = plans.map(async (plan, index) => {
      const trace = traceOf(settings.trace, index);
      const run = new TorrentRun({ ...await plan, session, settings, output, trace });
      runs.push(run);
      await run.execute(signal);
    });
    const ends = await Promise.allSettled(lives);
    show();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  } finally {
    clearInterval(timer);
    session.close();
  }
}

/** A torrent's trace is a file of its own. */
function traceOf(trace: TraceSettings | undefined, index: number): TraceSettings | undefined {
  return trace && index > 0 ? { ...trace, path: `${trace.path}.${index + 1}` } : trace;
}
