/**
 * The common interface through which tests and benchmarks use a BitTorrent client, ours or
 * another's. A launcher owns the arguments, settings and quirks of its client.
 */
import { addressText } from "../../../core/bytes/address.ts";
import type { Place } from "../../support/network.ts";
import type { ClientProcess, Running } from "../../support/process.ts";

/** Hashing a few gigabytes takes seconds; a loaded machine takes longer. */
const CHECK_DEADLINE_MS = 60_000;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface TransferOptions {
  readonly torrentPath: string;
  /** The folder that holds, or will hold, the torrent's file or folder. */
  readonly dir: string;
  /** Listening port for peers. */
  readonly port: number;
  readonly place: Place;
  /**
   * Peers to dial immediately. Only for clients that dial; others need a tracker or an incoming
   * connection.
   */
  readonly peers?: readonly Endpoint[];
  /** Its DHT bootstrap nodes; without them its DHT is off or empty. */
  readonly dhtNodes?: readonly Endpoint[];
}

export interface DownloadOptions extends TransferOptions {
  /** Milliseconds from the launch until `completed` rejects. */
  readonly deadlineMs: number;
  /** Go on seeding after completion until stopped; otherwise the client exits by itself. */
  readonly thenSeed?: boolean;
}

export interface Completion {
  /** Seconds of the transfer by the client's own clock, where it reports them. */
  readonly seconds: number | undefined;
}

export interface Downloading extends Running {
  /**
   * Resolves once the client reports completion and, without `thenSeed`, has exited successfully;
   * rejects, with the end of its log, when it fails or the deadline passes.
   */
  readonly completed: Promise<Completion>;
}

export interface Client {
  readonly name: string;
  /** Whether `peers` works; otherwise the other side dials. */
  readonly dials: boolean;
  /** It refuses peers of 127.0.0.0/8, so it is tested in network namespaces only. */
  readonly refusesLoopback: boolean;
  /** A download also creates empty files. */
  readonly makesEmptyFiles: boolean;
  /**
   * Why it cannot announce to a UDP tracker whose URL contains an IPv6 address, where it cannot.
   */
  readonly lacksUdp6?: string;
  /** What is missing on this machine, in one sentence, or undefined when nothing is. */
  missing(): Promise<string | undefined>;
  /** Resolves once the client listens for peers and serves the content. */
  seed(options: TransferOptions): Promise<Running>;
  /** Resolves once the client runs and listens for peers. */
  download(options: DownloadOptions): Promise<Downloading>;
}

/**
 * The download of a client that prints a line at completion: it is complete at that line and,
 * unless it goes on seeding, its successful exit. Resolves once the client listens.
 */
export async function watchDownload(
  process: ClientProcess,
  { deadlineMs, thenSeed = false }: DownloadOptions,
  find: (line: string) => Completion | undefined,
): Promise<Downloading> {
  const untilMs = performance.now() + deadlineMs;
  const completed = (async () => {
    const completion = await process.waitForLine(find, "complete", deadlineMs);
    if (!thenSeed) await process.waitForSuccess(Math.max(1, untilMs - performance.now()));
    return completion;
  })();
  try {
    // A short download may be over before the socket is observed.
    await Promise.race([process.waitForListening(), completed]);
  } catch (error) {
    completed.catch(() => {});
    await process.stop();
    throw error;
  }
  return Object.assign(process, { completed: handled(completed) });
}

/** Resolves with a seeder once it listens and, where it reports it, has checked its content. */
export async function watchSeed(
  process: ClientProcess,
  isChecked?: (line: string) => boolean,
): Promise<Running> {
  try {
    await process.waitForListening();
    if (isChecked !== undefined) {
      await process.waitForLine(
        (line) => isChecked(line) || undefined,
        "check its content",
        CHECK_DEADLINE_MS,
      );
    }
    return process;
  } catch (error) {
    await process.stop();
    throw error;
  }
}

/**
 * Marks a promise whose rejection is handled later, or never when the test failed before, so that
 * the runtime does not report it as unhandled.
 */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** `IP:PORT`, with brackets around IPv6. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return addressText({ ip: host, port });
}
