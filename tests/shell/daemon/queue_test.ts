/** The daemon's queue over made-up torrents. */
import { assertEquals } from "@std/assert";
import { SESSION_DEFAULTS } from "../../../core/rpc/session_settings.ts";
import type { TorrentEntry } from "../../../shell/daemon/entry.ts";
import { TorrentQueue } from "../../../shell/daemon/queue.ts";

type Made = Partial<Pick<TorrentEntry, "isForced" | "isStalled" | "isComplete" | "isAdmitted">> & {
  readonly isStopped?: boolean;
  readonly isFinished?: boolean;
  readonly queuePosition?: number;
};

function entryOf(id: number, made: Made = {}): TorrentEntry {
  const { isStopped = false, isFinished = false, queuePosition = 0, ...rest } = made;
  return {
    ...{ id, isAdmitted: false, isForced: false, isStalled: false, isComplete: false },
    ...{ isDirty: false, isRemoved: false },
    ...rest,
    record: { isStopped, isFinished, queuePosition },
  } as unknown as TorrentEntry;
}

/** Starts end when the test says so. */
function queueOf(entries: readonly TorrentEntry[], settings: object = {}) {
  const started: number[] = [], admitted: number[] = [];
  const ends: (() => void)[] = [];
  const queue = new TorrentQueue({
    settings: () => ({ ...SESSION_DEFAULTS, download_queue_enabled: false, ...settings }),
    onAdmitted: ({ id }) => admitted.push(id),
    start: ({ id }) => {
      started.push(id);
      return new Promise((resolve) => void ends.push(resolve));
    },
  });
  for (const entry of entries) queue.add(entry);
  return { queue, started, admitted, endOne: () => ends.shift()!() };
}

const idsOf = (queue: TorrentQueue) => queue.list().map(({ id }) => id);
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("torrents that are wanted are admitted once, within the limits of downloads and of seeds", () => {
  const entries = [
    ...[entryOf(1, { isStopped: true }), entryOf(2, { isFinished: true }), entryOf(3)],
    ...[entryOf(4), entryOf(5, { isComplete: true }), entryOf(6, { isComplete: true })],
    entryOf(7, { isForced: true }),
  ];
  const limits = { download_queue_enabled: true, download_queue_size: 2 };
  const { queue, admitted, started } = queueOf(entries, {
    ...limits,
    ...{ seed_queue_enabled: true, seed_queue_size: 1 },
  });
  queue.plan();
  queue.plan();
  assertEquals([admitted.toSorted(), started.toSorted()], [[3, 5, 7], [3, 5, 7]]);
  assertEquals(entries.map(({ isAdmitted }) => isAdmitted), [
    ...[false, false, true, false, true, false, true],
  ]);
  const open = queueOf([entryOf(1), entryOf(2), entryOf(3, { isComplete: true })]);
  open.queue.plan();
  assertEquals(open.started, [1, 2, 3]);
  open.queue.close();
  const closed = queueOf([entryOf(1)]);
  closed.queue.close();
  closed.queue.plan();
  assertEquals(closed.started, []);
});

Deno.test("sixteen start at once, and those that were stopped or removed meanwhile do not", async () => {
  const entries = Array.from({ length: 20 }, (_, i) => entryOf(i));
  const { queue, started, endOne } = queueOf(entries);
  queue.plan();
  assertEquals(started.length, 16);
  entries[16]!.isAdmitted = false;
  entries[17]!.isRemoved = true;
  endOne();
  await turn();
  assertEquals(started.slice(16), [18]);
  queue.close();
  endOne();
  await turn();
  assertEquals(started.length, 17);
});

Deno.test("places are kept with the torrents, and only those that moved are written", () => {
  const entries = [
    entryOf(1, { queuePosition: 2 }),
    entryOf(2),
    entryOf(3),
    entryOf(4, { queuePosition: 1 }),
  ];
  const { queue } = queueOf(entries);
  queue.restoreOrder();
  assertEquals(idsOf(queue), [2, 3, 4, 1]);
  assertEquals(queue.list().map(({ record }) => record.queuePosition), [0, 1, 2, 3]);
  assertEquals(queue.list().map(({ isDirty }) => isDirty), [false, true, true, true]);
  queue.move(new Set([entries[0]!]), "top");
  assertEquals(idsOf(queue), [1, 2, 3, 4]);
  queue.place(entries[3]!, 1);
  assertEquals(idsOf(queue), [1, 4, 2, 3]);
  queue.remove(entries[3]!);
  assertEquals([idsOf(queue), queue.size], [[1, 2, 3], 3]);
  assertEquals(entries[2]!.record.queuePosition, 2);
});

Deno.test("several changes within a moment make one plan", async () => {
  let looks = 0;
  const settings = {
    get download_queue_size() {
      looks++;
      return 5;
    },
  };
  const started = Promise.withResolvers<void>();
  const queue = new TorrentQueue({
    settings: () => ({ ...SESSION_DEFAULTS, ...settings }),
    onAdmitted: () => {},
    start: () => {
      started.resolve();
      return Promise.resolve();
    },
  });
  queue.add(entryOf(1));
  queue.planSoon();
  queue.planSoon();
  await started.promise;
  assertEquals(looks, 1);
  queue.planSoon();
  queue.close();
});
