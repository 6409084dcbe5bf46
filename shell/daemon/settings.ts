/**
 * The settings of a running daemon. What the user wrote (options, variables, config file) is never
 * changed; what came by RPC is kept apart, in settings.json of the state folder, and holds before the
 * config file but not before options and variables.
 */
import { join } from "node:path";
import {
  type Group,
  GROUP_PARAMS,
  newGroup,
  readSetting,
  SESSION_DEFAULTS,
  type SessionChange,
  type SessionSettings,
} from "../../core/rpc/session_settings.ts";
import { readParams } from "../../core/rpc/params.ts";
import { isObject, type Json } from "../../core/rpc/json.ts";
import { readPrivateFile, replacePrivateFile } from "./private_file.ts";

/** What the user wrote, by how much it counts. */
export interface WrittenSettings {
  /** Of the config file and the defaults of options. */
  readonly weak: SessionChange;
  /** Of options and variables of this run. */
  readonly strong: SessionChange;
}

export class SettingsStore {
  readonly #path: string;
  readonly #written: WrittenSettings;
  #changes: SessionChange;
  #current: SessionSettings;
  readonly #groups = new Map<string, Group>();
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, written: WrittenSettings, stored: StoredSettings) {
    this.#path = path;
    this.#written = written;
    this.#changes = stored.session;
    for (const group of stored.groups) this.#groups.set(group.name, group);
    this.#current = {
      ...SESSION_DEFAULTS,
      ...written.weak,
      ...this.#changes,
      ...written.strong,
    };
  }

  /** Throws a DiskError when the file is there and can't be read. */
  static async open(folder: string, written: WrittenSettings): Promise<SettingsStore> {
    const path = settingsPath(folder);
    return new SettingsStore(path, written, parseStored(await readPrivateFile(path)));
  }

  get current(): SessionSettings {
    return this.#current;
  }

  /** The port for peers to begin with, 0 for any; undefined unless configured. */
  get peerPort(): number | undefined {
    if (this.#current.peer_port_random_on_start) return 0;
    const { weak, strong } = this.#written;
    return { ...weak, ...this.#changes, ...strong }.peer_port;
  }

  get groups(): readonly Group[] {
    return [...this.#groups.values()];
  }

  /** In force at once; resolves when it is kept. Throws a DiskError. */
  change(change: SessionChange): Promise<void> {
    this.#changes = { ...this.#changes, ...change };
    this.#current = { ...this.#current, ...change };
    return this.#save();
  }

  /** In force at once, and not kept: the schedule does it again. */
  changeForNow(change: SessionChange): void {
    this.#current = { ...this.#current, ...change };
  }

  setGroup(name: string, change: Partial<Group>): Promise<void> {
    this.#groups.set(name, { ...this.#groups.get(name) ?? newGroup(name), ...change, name });
    return this.#save();
  }

  #save(): Promise<void> {
    const text = JSON.stringify({ session: this.#changes, groups: this.groups }, null, 2) + "\n";
    this.#saving = this.#saving.catch(() => {}).then(() => replacePrivateFile(this.#path, text));
    return this.#saving;
  }
}

/** Where changes by RPC are kept. */
export function settingsPath(folder: string): string {
  return join(folder, "settings.json");
}

interface StoredSettings {
  readonly session: SessionChange;
  readonly groups: readonly Group[];
}

/** What no longer fits is left out: a setting must not keep the daemon from starting. */
export function parseStored(text: string | undefined): StoredSettings {
  let stored: Json = {};
  try {
    stored = JSON.parse(text ?? "{}");
  } catch {
    return { session: {}, groups: [] };
  }
  if (!isObject(stored)) return { session: {}, groups: [] };
  let session: SessionChange = {};
  const given = stored.session;
  for (const [key, value] of Object.entries(isObject(given) ? given : {})) {
    session = { ...session, ...readSetting(key, value) };
  }
  const groups: Group[] = [];
  for (const item of Array.isArray(stored.groups) ? stored.groups : []) {
    const read = isObject(item) ? readParams(GROUP_PARAMS, item) : undefined;
    if (read?.ok && read.value.name) groups.push({ ...newGroup(read.value.name), ...read.value });
  }
  return { session, groups };
}
