/**
 * Every extension (BEP 10) that torrents speak. A new one is a module that exports an `Extension`
 * (core/swarm/extensions.ts), and a row here.
 */
import { DONT_HAVE } from "../swarm/dont_have.ts";
import type { Extension } from "../swarm/extensions.ts";
import { metadataExtension } from "../swarm/metadata_extension.ts";
import { pexExtension } from "../swarm/pex_extension.ts";

export const EXTENSIONS: readonly Extension[] = [
  pexExtension as Extension,
  metadataExtension as Extension,
  DONT_HAVE,
];
