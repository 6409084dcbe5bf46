/** Torrents in every state of their progress, and what to draw them on. */
import { shareWaitText } from "../../../core/cli/progress.ts";
import type { Canvas, ProgressView } from "../../../core/cli/progress_view.ts";
import { textWidth } from "../../../core/cli/text.ts";

export const DOWNLOADING: ProgressView = {
  infoHash: "0123456789abcdef0123456789abcdef01234567",
  name: "debian-12.9.0-amd64-netinst.iso",
  state: "downloading",
  bytesDone: 282_100_000,
  bytesTotal: 661_700_000,
  downRate: 12_300_000,
  upRate: 1_200_000,
  peers: 8,
  seeders: 3,
  etaSeconds: 31,
  waitingFor: undefined,
  uploaded: 30_000_000,
  ratio: 0.045,
};

export const CHECKING: ProgressView = { ...DOWNLOADING, state: "checking", etaSeconds: 3 };

export const CONNECTING: ProgressView = {
  ...DOWNLOADING,
  state: "connecting",
  bytesDone: 0,
  etaSeconds: undefined,
  waitingFor: "No tracker answered yet",
};

export const WAITING: ProgressView = {
  ...DOWNLOADING,
  state: "waiting",
  bytesDone: 661_500_000,
  etaSeconds: undefined,
  waitingFor: shareWaitText({
    remainingBytes: 45_000_000,
    peersToServe: 2,
    seconds: 37.5,
  }),
};

export const SEEDING: ProgressView = {
  ...DOWNLOADING,
  state: "seeding",
  name: "映画 🎬",
  bytesDone: 661_700_000,
  etaSeconds: undefined,
  uploaded: 1_350_000_000,
  ratio: 2.04,
};

export const COMPLETE: ProgressView = { ...SEEDING, state: "complete", name: "film" };

/** Lines, each closed by a bar so that its width can be seen. */
export function framed(lines: readonly string[], columns: number): string {
  return "\n" +
    lines.map((line) => `${line}${" ".repeat(columns - textWidth(line))}|\n`).join("");
}

/** A large terminal without colour. */
export function wide(columns: number): Canvas {
  return { columns, rows: 50, unicode: true, colour: false };
}
