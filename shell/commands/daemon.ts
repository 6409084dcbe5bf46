/** `tt daemon`: many torrents in one process, in the foreground. */
import { dirname, resolve } from "node:path";
import { PEER_PORT_DEFAULT } from "../../core/cli/commands.ts";
import type { DaemonCommand } from "../../core/cli/daemon_command.ts";
import type { SessionChange } from "../../core/rpc/session_settings.ts";
import { Daemon } from "../daemon/daemon.ts";
import { ensureToken, removeEndpoint, stateFolder, writeEndpoint } from "../daemon/endpoint.ts";
import type { LogEntry } from "../daemon/log.ts";
import { daemonMetrics } from "../daemon/metrics.ts";
import { makePrivateFolder } from "../daemon/private_file.ts";
import { randomToken, RpcServer } from "../daemon/rpc_server.ts";
import { namedFileError } from "../disk/named_file.ts";
import { Stopped } from "../stop_signal.ts";
import type { Context } from "./context.ts";

export async function daemon(command: DaemonCommand, context: Context): Promise<void> {
  const { output, signal } = context;
  const folder = resolve(stateFolder(command.state));
  const tls = await readTls(command);
  await makePrivateFolder(folder);
  const writeLog = openLog(command.log);
  const token = await ensureToken(folder, randomToken);
  const running = await Daemon.open({
    stateFolder: folder,
    host: command.host,
    defaultPort: PEER_PORT_DEFAULT,
    shareRule: command.shareRule,
    announceIp: command.announceIp,
    allowLocal: command.allowLocal,
    dhtNodes: command.dhtNodes,
    blocklist: command.blocklist,
    watchFolder: command.watchFolder,
    webhook: command.webhook,
    written: { weak: absolute(command.weak), strong: absolute(command.strong) },
    onLog: (entry) => {
      writeLog(entry);
      if (entry.level !== "info") output.notice(entry.message);
    },
  });
  let server: RpcServer | undefined;
  let local: RpcServer | undefined;
  try {
    const options = {
      daemon: running,
      token,
      login: command.rpcUser === undefined
        ? undefined
        : { user: command.rpcUser, password: command.rpcPassword! },
      allowedHosts: command.allowHost,
      metrics: () => daemonMetrics(running),
    };
    const { host: hostname, port } = command.rpc;
    server = RpcServer.open({ ...options, hostname, port, tls });
    // The commands of this machine need not know whose certificate it is.
    local = tls && RpcServer.open({ ...options, hostname: "127.0.0.1", port: 0, tls: undefined });
    await writeEndpoint(folder, { url: (local ?? server).url, pid: Deno.pid });
    const { host } = command;
    output.event({ event: "listening", host, port: running.session.port, url: undefined });
    output.event({ event: "serving", url: server.url });
    // On a terminal only: what is printed elsewhere may be kept by others.
    if (Deno.stderr.isTerminal()) output.notice(`Page: ${server.url}/#token=${token}`);
    else output.notice(`Page: ${server.url}/`);
    await stopped(running, signal);
  } finally {
    await removeEndpoint(folder);
    // Torrents first: the answer to the one who asked for the end is on its way meanwhile.
    await running.close();
    await Promise.all([server?.close(), local?.close()]);
    writeLog.close();
  }
}

/** Ends by signal or by RPC: both are how a daemon is meant to end. */
async function stopped(running: Daemon, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<void>((done) => {
    if (signal.aborted) done();
    signal.addEventListener("abort", () => done(), { once: true });
  });
  await Promise.race([running.closeAsked, aborted]);
  if (signal.aborted && !(signal.reason instanceof Stopped)) throw signal.reason;
}

function absolute(change: SessionChange): SessionChange {
  const { download_dir: dir, incomplete_dir: incomplete } = change;
  return {
    ...change,
    ...(dir === undefined ? {} : { download_dir: resolve(dir) }),
    ...(incomplete === undefined ? {} : { incomplete_dir: resolve(incomplete) }),
  };
}

async function readTls(command: DaemonCommand) {
  const { cert, key } = command;
  if (cert === undefined || key === undefined) return undefined;
  return { cert: await readPem(cert, "--cert"), key: await readPem(key, "--key") };
}

async function readPem(path: string, option: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw namedFileError(error, "read", path, `check ${option}`);
  }
}

/** Appends entries to a file as JSON lines. A log that can't be written stops nothing. */
function openLog(path: string | undefined) {
  if (path === undefined) return Object.assign((_: LogEntry) => {}, { close: () => {} });
  let file: Deno.FsFile | undefined;
  try {
    Deno.mkdirSync(dirname(resolve(path)), { recursive: true });
    file = Deno.openSync(path, { create: true, append: true, mode: 0o600 });
  } catch (error) {
    throw namedFileError(error, "write", path, "check --log");
  }
  const encoder = new TextEncoder();
  const write = (entry: LogEntry) => {
    try {
      file.writeSync(encoder.encode(JSON.stringify(entry) + "\n"));
    } catch {
      return;
    }
  };
  return Object.assign(write, { close: () => file.close() });
}
