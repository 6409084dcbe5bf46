/**
 * What a tracker keeps, opened as its user asked: the swarms, the catalog, and the file of both.
 */
import { isLoopbackIp } from "../../core/bytes/ip.ts";
import { createPace } from "../../core/tracker_server/intervals.ts";
import {
  PEERS_MAX,
  SECRET_WORDS,
  SWARMS_MAX,
} from "../../core/tracker_server/swarms/swarm_store.ts";
import { now } from "../clock.ts";
import { randomSeed, randomWords } from "../entropy.ts";
import { createMemoryStore, TorrentCatalog } from "./catalog/catalog.ts";
import { pageRoute } from "./page/page.ts";
import { catalogRoutes, findTorrent } from "./catalog/routes.ts";
import { FileStore } from "./store/file_store.ts";
import { MemoryStore } from "./store/memory_store.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import type { RedisBackend } from "./redis/backend.ts";
import type { Route } from "./http/route.ts";
import { SharedCatalog } from "./catalog/shared_catalog.ts";
import { damagedFile, openTrackerFile, type TrackerFile } from "./store/sqlite_file.ts";
import type { SwarmBackend } from "./store/store.ts";
import { createUploadGate } from "./catalog/upload.ts";

export interface DataOptions {
  /** The file that keeps catalog and swarms; undefined keeps them in memory. */
  readonly path: string | undefined;
  /** The address that the tracker listens on. */
  readonly host: string;
  /** Lets who shows it change the catalog. */
  readonly catalogToken: string | undefined;
  readonly intervalSeconds: number;
  /** Known at one time; PEERS_MAX and SWARMS_MAX unless given. */
  readonly peersMax?: number | undefined;
  readonly swarmsMax?: number | undefined;
  /** Called with one sentence when something cannot be saved. */
  readonly onProblem: (sentence: string) => void;
}

export interface TrackerData {
  /** Closed by the tracker that it is given to. */
  readonly backend: SwarmBackend;
  readonly catalog: TorrentCatalog;
  /** Whether a torrent is in the catalog; a promise where other trackers have to be asked. */
  isRegistered(infoHash: InfoHash): boolean | Promise<boolean>;
  /** Of the catalog and the page. */
  readonly routes: readonly Route[];
  /** To be called when the tracker has stopped. */
  close(): Promise<void>;
}

/**
 * `redis` keeps the swarms, and shares the catalog with other trackers. Throws a TrackerFileError.
 */
export function openTrackerData(options: DataOptions, redis?: RedisBackend): TrackerData {
  const { path, host, catalogToken } = options;
  const file = path === undefined ? undefined : openTrackerFile(path);
  let swarms: SwarmBackend | undefined;
  try {
    const backend = redis ?? openSwarms(file, options);
    swarms = redis === undefined ? backend : undefined;
    const catalog = new TorrentCatalog(file?.torrents ?? createMemoryStore());
    const shared = redis && new SharedCatalog(catalog, redis.link);
    const service = {
      catalog,
      shared,
      swarms: backend,
      access: { token: catalogToken, isLocal: isLoopbackIp(host) },
      uploads: createUploadGate(),
    };
    const routes = [...catalogRoutes(service), pageRoute(service)];
    const isRegistered = (infoHash: InfoHash) => {
      if (shared === undefined || catalog.find(infoHash) !== undefined) {
        return catalog.find(infoHash) !== undefined;
      }
      return findTorrent(service, infoHash).then((entry) => entry !== undefined);
    };
    const close = async () => {
      await shared?.close();
      file?.close();
    };
    return { backend, catalog, isRegistered, routes, close };
  } catch (error) {
    swarms?.close();
    file?.close();
    // Damage inside the file shows when its rows are read.
    throw path === undefined ? error : damagedFile(error, path);
  }
}

function openSwarms(file: TrackerFile | undefined, options: DataOptions): SwarmBackend {
  const settings = {
    seed: randomSeed(),
    secret: randomWords(SECRET_WORDS),
    expirySeconds: createPace(options.intervalSeconds).expirySeconds,
    peersMax: options.peersMax ?? PEERS_MAX,
    swarmsMax: options.swarmsMax ?? SWARMS_MAX,
  };
  return file === undefined
    ? new MemoryStore(settings, now)
    : new FileStore(settings, now, file.log, options.onProblem);
}
