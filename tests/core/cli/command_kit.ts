/** Command lines, read as a user types them, and what every command leaves open. */
import { configPath, parseCommand } from "../../../core/cli/arguments.ts";
import type { Command } from "../../../core/cli/command.ts";

function fileOf(line: string, env: Record<string, string>, text: string | undefined) {
  if (text === undefined) return undefined;
  return { path: configPath(words(line), env) ?? "the config file", text };
}

/** The command of a line; throws what is wrong with it. */
export function accept(line: string, env: Record<string, string> = {}, config?: string): Command {
  const parsed = parseCommand(words(line), env, fileOf(line, env, config));
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

/** Exit code and message of the error. */
export function refuse(line: string, env: Record<string, string> = {}, config?: string): string {
  const parsed = parseCommand(words(line), env, fileOf(line, env, config));
  if (parsed.ok) throw new Error(`Accepted: ${JSON.stringify(parsed.value)}`);
  return `${parsed.error.code}: ${parsed.error.message}`;
}

/** An empty line has no words. */
export function words(line: string): string[] {
  return line === "" ? [] : line.split(" ");
}

export const OUTPUT = { json: false, quiet: false };

export const PEER = {
  host: undefined,
  port: undefined,
  peers: [],
  announceIp: undefined,
  allowLocal: false,
  dht: { isOn: true, nodes: [] },
  discovery: { lsd: true, portmap: true },
  upLimit: undefined,
  downLimit: undefined,
  seedRatio: undefined,
  seedTimeMs: undefined,
  timeoutMs: undefined,
  ...OUTPUT,
};
