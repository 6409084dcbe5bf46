/**
 * Every extension (BEP 10) that torrents speak. A new one is a module that exports an `Extension`
 * (core/swarm/extensions.ts), and a row here.
 */
import type { Extension } from "../swarm/extensions.ts";

export const EXTENSIONS: readonly Extension[] = [];
