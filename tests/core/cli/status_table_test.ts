import { assert, assertEquals } from "@std/assert";
import type { Canvas } from "../../../core/cli/progress_view.ts";
import {
  renderDetails,
  renderTable,
  stateOf,
  type StatusRow,
  type TableView,
} from "../../../core/cli/status_table.ts";
import { textWidth } from "../../../core/cli/text.ts";

const WIDE: Canvas = { columns: 120, rows: 24, unicode: true, colour: false };

function row(changes: Partial<StatusRow>): StatusRow {
  return {
    id: 1,
    hash_string: "0123456789abcdef0123456789abcdef01234567",
    name: "album",
    status: 6,
    error: 0,
    error_string: "",
    metadata_percent_complete: 1,
    percent_done: 1,
    size_when_done: 1e9,
    left_until_done: 0,
    rate_download: 0,
    rate_upload: 0,
    upload_ratio: 0,
    uploaded_ever: 0,
    peers_connected: 0,
    eta: -1,
    recheck_progress: 0,
    is_finished: false,
    is_stalled: false,
    added_date: 0,
    queue_position: 0,
    labels: [],
    download_dir: "/media",
    tt_why: "",
    ...changes,
  };
}

const ROWS = [
  row({ id: 1, name: "an album", upload_ratio: 1.234, uploaded_ever: 1.2e9 }),
  row({
    id: 2,
    name: "debian-12.9.0-amd64-netinst.iso",
    status: 4,
    percent_done: 0.426,
    size_when_done: 661.7e6,
    left_until_done: 379.8e6,
    rate_download: 12.3e6,
    rate_upload: 1.2e6,
    peers_connected: 8,
    eta: 31,
  }),
  row({ id: 3, name: "waits", status: 3, left_until_done: 5e8, queue_position: 2 }),
];

function table(changes: Partial<TableView> = {}, canvas: Canvas = WIDE): string {
  const view = { rows: ROWS, sort: "activity", isReversed: false, chosen: undefined, ...changes };
  return renderTable(view as TableView, canvas).join("\n");
}

Deno.test("at 120 columns the table has all columns, active torrents first, totals last", () => {
  assertEquals(
    table(),
    `\
#  Name                               Done      Size       Down        Up  Ratio  Peers  State
2  debian-12.9.0-amd64-netinst.iso  42.6 %  661.7 MB  12.3 MB/s  1.2 MB/s   0.00      8  31 s left
1  an album                          100 %    1.0 GB                        1.23         seeding
3  waits                            50.0 %    1.0 GB                        0.00         queued, number 3
3 torrents, 1 active   ↓ 12.3 MB/s   ↑ 1.2 MB/s   2.7 GB`,
  );
});

Deno.test("at 80 columns the table omits less important columns", () => {
  assertEquals(
    table({}, { ...WIDE, columns: 80 }),
    `\
#  Name                             Done       Down        Up  State
2  debian-12.9.0-amd64-netinst.…  42.6 %  12.3 MB/s  1.2 MB/s  31 s left
1  an album                        100 %                       seeding
3  waits                          50.0 %                       queued, number 3
3 torrents, 1 active   ↓ 12.3 MB/s   ↑ 1.2 MB/s   2.7 GB`,
  );
});

Deno.test("no row is wider than the terminal, for any name", () => {
  const rows = [
    row({ name: "名前".repeat(60) }),
    row({ id: 2, name: "x".repeat(300), status: 4, tt_why: "y".repeat(200) }),
    row({ id: 3, name: "a\x1b[31m\u202eb", error: 3, error_string: "z".repeat(99) }),
  ];
  for (const columns of [20, 40, 79, 80, 120, 200]) {
    for (const unicode of [true, false]) {
      const canvas = { ...WIDE, columns, unicode };
      for (const line of table({ rows }, canvas).split("\n")) {
        assert(columns < 40 || textWidth(line) <= columns, `${columns}: ${line}`);
        // deno-lint-ignore no-control-regex
        assert(!/[\x00-\x1f\u202e]/.test(line), line);
      }
      for (const line of renderDetails(rows[1]!, canvas)) assert(textWidth(line) <= columns);
    }
  }
});

Deno.test("the sort order can be changed and reversed", () => {
  const names = (changes: Partial<TableView>) =>
    table(changes).split("\n").slice(1, -1).map((line) => line[0]).join("");
  assertEquals(names({ sort: "name" }), "123");
  assertEquals(names({ sort: "size", isReversed: true }), "231");
  assertEquals(names({ sort: "ratio" }), "123");
  assertEquals(names({ sort: "progress" }), "213");
});

Deno.test("rows that do not fit are counted, and the selected one stays visible", () => {
  const rows = Array.from(
    { length: 50 },
    (_, id) => row({ id, name: `t${String(id).padStart(2, "0")}` }),
  );
  const lines = table({ rows, sort: "name", chosen: 40 }, { ...WIDE, rows: 10 }).split("\n");
  assertEquals(lines.length, 9);
  assert(lines.some((line) => line.includes("t40")));
  assertEquals(lines.at(-2), "and 44 more torrents");
});

Deno.test("the status column describes the state in a few words", () => {
  assertEquals(stateOf(row({ status: 0 })), "paused, complete");
  assertEquals(stateOf(row({ status: 0, is_finished: true })), "finished");
  assertEquals(stateOf(row({ status: 2, recheck_progress: 0.5 })), "checking 50.0 %");
  assertEquals(stateOf(row({ status: 4, tt_why: "no peers yet" })), "no peers yet");
  assertEquals(stateOf(row({ error: 3, error_string: "disk full" })), "failed: disk full");
});

Deno.test("an empty table explains how to add torrents", () => {
  assertEquals(table({ rows: [] }), "No torrents. Add one with tt add.");
});
