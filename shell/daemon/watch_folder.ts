/**
 * A folder that is looked at: each `.torrent` and `.magnet` file that appears there is added, and renamed
 * to `NAME.added`, or to `NAME.invalid` when it is none. A file is taken once it has not grown for a look.
 */
import { join } from "node:path";
import { toFailure } from "../failure.ts";

/** How often the folder is looked at. */
const LOOK_MS = 2000;

/** Files taken at one look; the others wait for the next. */
const FILES_MAX = 1000;

export interface WatchOptions {
  readonly folder: string;
  /** Adds a torrent by its path, or a magnet link. Throws when it is none. */
  readonly add: (source: { readonly path: string } | { readonly magnet: string }) => Promise<void>;
  readonly onTrouble: (message: string) => void;
}

export class WatchFolder {
  readonly #options: WatchOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Sizes at the last look. */
  #sizes = new Map<string, number>();
  #isLooking = false;
  #trouble: string | undefined;

  constructor(options: WatchOptions, everyMs: number = LOOK_MS) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), everyMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#lookOnce();
      this.#trouble = undefined;
    } catch (error) {
      const { message } = toFailure(error);
      if (message !== this.#trouble) this.#options.onTrouble(message);
      this.#trouble = message;
    } finally {
      this.#isLooking = false;
    }
  }

  async #lookOnce(): Promise<void> {
    const { folder } = this.#options;
    await Deno.mkdir(folder, { recursive: true });
    const sizes = new Map<string, number>();
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (!isFile || !/\.(torrent|magnet)$/i.test(name)) continue;
      const stat = await Deno.stat(join(folder, name)).catch(() => undefined);
      if (stat !== undefined) sizes.set(name, stat.size);
      if (sizes.size >= FILES_MAX) break;
    }
    for (const [name, size] of sizes) {
      // The program that writes it may not be done.
      if (this.#sizes.get(name) !== size || size === 0) continue;
      sizes.delete(name);
      await this.#take(join(folder, name));
    }
    this.#sizes = sizes;
  }

  async #take(path: string): Promise<void> {
    try {
      if (/\.magnet$/i.test(path)) {
        const magnet = (await Deno.readTextFile(path)).trim();
        await this.#options.add({ magnet });
      } else await this.#options.add({ path });
      await Deno.rename(path, `${path}.added`);
    } catch (error) {
      this.#options.onTrouble(toFailure(error).message);
      await Deno.rename(path, `${path}.invalid`);
    }
  }
}
