/** The torrent under test with a recorder, and a replay of its recording. */
import { assert } from "../../../core/bytes/result.ts";
import { BLOCK_SIZE, blockLength } from "../../../core/metainfo/geometry.ts";
import type { BlockVerdict, Effect, Event } from "../../../core/torrent/protocol.ts";
import type { Sha1 } from "../../../core/metainfo/digests.ts";
import {
  recordBlock,
  recordEnd,
  recordEvent,
  type Recording,
  recordSettle,
  startRecording,
} from "../../../core/trace/recording.ts";
import { openReplay, type Replay, replayLine } from "../../../core/trace/replay.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { Kit, type Picture } from "../torrent/kit.ts";

/** The core requests a digest only once a peer connects, when the recording exists. */
class LateSha1 {
  real: Sha1 = sha1;
  readonly ask: Sha1 = (bytes) => this.real(bytes);
}

export class RecordingKit extends Kit {
  /** Lines with their newlines. */
  trace = "";
  /** Missing while the torrent is created: its first event is recorded after the header. */
  recording: Recording | undefined;

  constructor(picture: Picture, keepsAddresses = false) {
    const late = new LateSha1();
    super({ ...picture, sha1: late.ask });
    const options = { ...this.torrent.options, sha1 };
    const started = startRecording(options, this.now, keepsAddresses);
    late.real = started.sha1;
    this.recording = started.recording;
    this.trace = started.line + recordEvent(started.recording, { kind: "start" }, this.now) +
      recordSettle(started.recording, this.effects, this.now);
  }

  override feed(event: Event): Effect[] {
    this.note(event);
    return super.feed(event);
  }

  override add(event: Event): void {
    this.note(event);
    super.add(event);
  }

  override block(peer: number, piece: number, block: number, length?: number): BlockVerdict {
    const bytes = length ?? blockLength(this.transfer.geometry, piece, block);
    this.trace += recordBlock(this.recording!, peer, piece, block * BLOCK_SIZE, bytes, this.now);
    return super.block(peer, piece, block, length);
  }

  override settle(): Effect[] {
    const effects = super.settle();
    if (this.recording !== undefined) {
      this.trace += recordSettle(this.recording, effects, this.now);
    }
    return effects;
  }

  end(): string {
    return this.trace + recordEnd();
  }

  note(event: Event): void {
    if (this.recording !== undefined) this.trace += recordEvent(this.recording, event, this.now);
  }
}

/** Replays whole lines; fails on an invalid one. */
export function replayText(trace: string): Replay {
  const [header, ...lines] = trace.split("\n");
  const opened = openReplay(header!, sha1);
  assert(opened.ok, "the header is good");
  for (const line of lines.slice(0, -1)) {
    const taken = replayLine(opened.value, line);
    assert(taken.ok, `a row is good: ${line}`);
  }
  return opened.value;
}
