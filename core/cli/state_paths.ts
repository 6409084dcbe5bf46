/**
 * Where settings and state are, by the rules of the XDG Base Directory Specification 0.8; on Windows
 * below LOCALAPPDATA. The shell looks whether anything is there.
 */
import { isAbsolutePath } from "../rpc/paths.ts";

type Environment = Readonly<Record<string, string>>;

/** The config file that is read when none is named. Undefined when there is no home. */
export function defaultConfigPath(env: Environment): string | undefined {
  const folder = baseFolder(env, "XDG_CONFIG_HOME", ".config");
  return folder === undefined ? undefined : `${folder}/tt/config.toml`;
}

/** The folder of the daemon's state. Undefined when there is no home. */
export function defaultStateFolder(env: Environment): string | undefined {
  const folder = baseFolder(env, "XDG_STATE_HOME", ".local/state");
  return folder === undefined ? undefined : `${folder}/tt`;
}

/** A relative path in a variable is to be passed over. Spec: XDG Base Directory, section 2. */
function baseFolder(env: Environment, variable: string, below: string): string | undefined {
  const given = env[variable];
  if (given !== undefined && isAbsolutePath(given)) return given;
  if (env.HOME) return `${env.HOME}/${below}`;
  return env.LOCALAPPDATA || undefined;
}
