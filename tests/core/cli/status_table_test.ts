import { assert, assertEquals } from "@std/assert";
import type { JsonObject } from "../../../core/rpc/json.ts";
import type { Canvas } from "../../../core/cli/progress_view.ts";
import {
  readStatusRow,
  renderDetails,
  renderTable,
  sortRows,
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

Deno.test("each state of a torrent is described, with what holds it up", () => {
  const cases: [Partial<StatusRow>, string][] = [
    [{ status: 0, left_until_done: 1 }, "paused"],
    [{ status: 0, metadata_percent_complete: 0.5 }, "paused, no metadata yet"],
    [{ status: 1 }, "waiting to check"],
    [{ status: 2 }, "checking 0.0 %"],
    [{ status: 3 }, "queued, number 1"],
    [{ status: 5 }, "queued to seed"],
    [{ status: 6 }, "seeding"],
    [{ status: 6, error: 2, error_string: "no answer" }, "seeding, tracker failed"],
    [{ status: 6, error: 3 }, "seeding"],
    [{ status: 4, metadata_percent_complete: 0.5 }, "fetching metadata"],
    [{ status: 4, metadata_percent_complete: 0, tt_why: "no peers yet" }, "no peers yet"],
    [{ status: 4, eta: 0, tt_why: "no peers yet" }, "0 s left"],
    [{ status: 4, is_stalled: true }, "stalled"],
    [{ status: 4 }, "downloading"],
  ];
  for (const [changes, text] of cases) assertEquals(stateOf(row(changes)), text);
});

Deno.test("the details of a torrent are a line each, without what there is nothing of", () => {
  const shown = row({
    uploaded_ever: 1_230,
    upload_ratio: -1,
    left_until_done: 4e8,
    peers_connected: 3,
    labels: ["a", "b"],
    tt_why: "no peers yet",
  });
  assertEquals(renderDetails(shown, WIDE), [
    "Name        album",
    "State       seeding",
    "Done        600.0 MB of 1.0 GB",
    "Uploaded    1.2 kB, ratio 0.00",
    "Peers       3",
    "Folder      /media",
    "Info hash   0123456789abcdef0123456789abcdef01234567",
    "Labels      a, b",
    "Waiting for no peers yet",
  ]);
  assertEquals(renderDetails(row({}), WIDE).length, 7);
  assertEquals(
    renderDetails(row({ name: "n".repeat(40) }), { ...WIDE, columns: 20 })[0],
    [
      "Name        nnnnnnn…",
    ][0],
  );
});

Deno.test("the colour of a row is that of its state, and the chosen row is reversed", () => {
  const canvas = { ...WIDE, colour: true };
  const paint = (changes: Partial<StatusRow>, chosen?: number) => {
    const line = table({ rows: [row(changes)], chosen }, canvas).split("\n")[1]!;
    // deno-lint-ignore no-control-regex
    return /^\x1b\[(\d+)m/.exec(line)?.[1];
  };
  assertEquals(paint({ error: 3, status: 4 }), "31");
  assertEquals(paint({ status: 4 }), "36");
  assertEquals(paint({ status: 6, rate_upload: 1 }), "32");
  assertEquals(paint({ status: 6 }), undefined);
  assertEquals(paint({ status: 0 }), "2");
  assertEquals(paint({ status: 3 }), undefined);
  assertEquals(paint({ status: 0 }, 1), "7");
  assertEquals(paint({ status: 0 }, 2), "2");
  const whole = table({ chosen: 1 }, canvas).split("\n");
  const plain = table({ chosen: 1 }).split("\n");
  assertEquals(
    whole.map((line) => line.split(/.\[\d+m/).join("").trimEnd()),
    plain.map((line) => line.trimEnd()),
  );
  const reversed = plain.find((line) => line.includes("an album"))!;
  assertEquals(reversed.length, WIDE.columns - 1, "the mark reaches over the row");
  assertEquals([whole[0], whole.at(-1)].map((line) => line!.slice(0, 4)), ["\x1b[1m", "\x1b[1m"]);
});

Deno.test("what moves is first, then what is checked, then what waits for peers", () => {
  const rows = [
    row({ id: 1, name: "f" }),
    row({ id: 2, name: "d", status: 4 }),
    row({ id: 3, name: "e", status: 2 }),
    row({ id: 4, name: "c", rate_upload: 1 }),
    row({ id: 5, name: "b", rate_download: 1, rate_upload: 1 }),
    row({ id: 6, name: "a", rate_download: 3 }),
    row({ id: 7, name: "a" }),
  ];
  const order = (sort: TableView["sort"], of: readonly StatusRow[] = rows) =>
    sortRows({ rows: of, sort, isReversed: false, chosen: undefined }).map(({ id }) => id);
  assertEquals(order("activity"), [6, 5, 4, 3, 2, 7, 1]);
  assertEquals(order("name"), [6, 7, 5, 4, 2, 3, 1]);
  const by = (...values: Partial<StatusRow>[]) =>
    values.map((changes, i) => row({ id: i + 1, ...changes }));
  assertEquals(order("added", by({ added_date: 1 }, { added_date: 3 }, { added_date: 2 })), [
    2,
    3,
    1,
  ]);
  assertEquals(order("size", by({ size_when_done: 1 }, { size_when_done: 2 })), [2, 1]);
  assertEquals(order("ratio", by({ upload_ratio: 1 }, { upload_ratio: 2 })), [2, 1]);
  assertEquals(order("progress", by({ percent_done: 0.5 }, { percent_done: 0.2 })), [2, 1]);
  for (const sort of ["activity", "name", "progress", "size", "ratio", "added"] as const) {
    assertEquals(order(sort, [row({ id: 2 }), row({ id: 1 })]), [1, 2], `${sort} of equals`);
  }
});

Deno.test("columns come with the width of the terminal", () => {
  const titles = (columns: number) =>
    table({}, { ...WIDE, columns }).split("\n")[0]!.trim().split(/ +/).join(" ");
  assertEquals(titles(100), "# Name Done Size Down Up Ratio Peers State");
  assertEquals([titles(99), titles(60)], Array(2).fill("# Name Done Down Up State"));
  assertEquals(titles(59), "Name Done State");
});

Deno.test("a row takes no more than the terminal has, from the wider of name and state", () => {
  const wide = row({ name: "n".repeat(50), status: 4, tt_why: "w".repeat(50), left_until_done: 1 });
  const line = (columns: number) => table({ rows: [wide] }, { ...WIDE, columns }).split("\n")[1]!;
  const cells = (columns: number) => line(columns).split(/ +/).map((text) => text.length);
  // Name, done ("99.9 %" is two words), state; two blanks between each.
  assertEquals(cells(50), [19, 4, 1, 20]);
  assertEquals(cells(51), [20, 4, 1, 20]);
  assertEquals(cells(20)[0], 12, "no narrower than the least");
  assertEquals(cells(20).at(-1), 14);
});

Deno.test("as many rows are shown as fit beside header and totals, the chosen one in the middle", () => {
  const rows = Array.from({ length: 9 }, (_, id) => row({ id, name: `t${id}` }));
  const shown = (lines: number, chosen?: number, count = 9) =>
    table({ rows: rows.slice(0, count), sort: "name", chosen }, { ...WIDE, rows: lines })
      .split("\n").slice(1, -1).map((line) => line.includes("more") ? line : line.trim()[0]).join(
        " ",
      );
  assertEquals(shown(9, undefined, 6), "0 1 2 3 4 5");
  assertEquals(shown(8, undefined, 6), "0 1 2 3 and 2 more torrents");
  assertEquals(shown(8, 0), "0 1 2 3 and 5 more torrents");
  assertEquals(shown(8, 4), "2 3 4 5 and 5 more torrents");
  assertEquals(shown(8, 8), "5 6 7 8 and 5 more torrents");
  assertEquals(shown(4, 5), "5 and 8 more torrents", "at least one");
});

Deno.test("totals count what is active, in the characters that the terminal has", () => {
  const rows = [row({ rate_upload: 1 }), row({ rate_download: 2 }), row({})];
  const totals = (canvas: Canvas) => table({ rows }, canvas).split("\n").at(-1);
  assertEquals(totals(WIDE), "3 torrents, 2 active   ↓ 2 B/s   ↑ 1 B/s   3.0 GB");
  assertEquals(
    totals({ ...WIDE, unicode: false }),
    "3 torrents, 2 active   down 2 B/s   up 1 B/s   3.0 GB",
  );
});

Deno.test("cells of which there is nothing to say are empty", () => {
  const cells = (changes: Partial<StatusRow>) =>
    table({ rows: [row(changes)] }).split("\n")[1]!.trim().split(/ {2,}/);
  assertEquals(cells({}), ["1", "album", "100 %", "1.0 GB", "0.00", "seeding"]);
  assertEquals(cells({ peers_connected: 1, rate_download: 1, rate_upload: 1 }), [
    ...["1", "album", "100 %", "1.0 GB", "1 B/s", "1 B/s", "0.00", "1", "seeding"],
  ]);
  assertEquals(cells({ metadata_percent_complete: 0.9, status: 4 }), [
    ...["1", "album", "1.0 GB", "0.00", "fetching metadata"],
  ]);
});

Deno.test("a row of the protocol is taken only when no field is missing", () => {
  const whole = row({});
  assertEquals(readStatusRow(whole as unknown as JsonObject), whole);
  const { tt_why: _why, ...partial } = whole;
  assertEquals(readStatusRow(partial as unknown as JsonObject), undefined);
});

Deno.test("both rates of a torrent count for its place, and the least of them moves", () => {
  const of = (...rates: [down: number, up: number][]) =>
    sortRows({
      rows: rates.map(([down, up], i) =>
        row({ id: i + 1, rate_download: down, rate_upload: up, name: `n${9 - i}` })
      ),
      sort: "activity",
      isReversed: false,
      chosen: undefined,
    }).map(({ id }) => id);
  assertEquals(of([3, 0], [1, 3]), [2, 1]);
  assertEquals(of([0, 0], [1, 0]), [2, 1]);
  assertEquals(of([0, 1], [0, 0]), [1, 2]);
});

Deno.test("without Unicode names are ASCII, and cut with dots", () => {
  const rows = [row({ name: `é${"n".repeat(60)}`, labels: ["one"] })];
  const canvas = { ...WIDE, columns: 50, unicode: false };
  assertEquals(table({ rows }, canvas).split("\n")[1]!.slice(0, 8), "?nnnnnnn");
  assertEquals(table({ rows }, canvas).split("\n")[1]!.includes("..."), true);
  assertEquals(table({ rows }, { ...canvas, unicode: true }).split("\n")[1]!.includes("…"), true);
  const details = renderDetails(rows[0]!, { ...canvas, columns: 30 });
  assertEquals(details[0], `Name        ?${"n".repeat(14)}...`);
  assertEquals(details.at(-1), "Labels      one");
});

Deno.test("totals leave the last column free", () => {
  const totals = (columns: number) => table({}, { ...WIDE, columns }).split("\n").at(-1)!;
  const whole = "3 torrents, 1 active   ↓ 12.3 MB/s   ↑ 1.2 MB/s   2.7 GB";
  assertEquals([totals(whole.length + 1), totals(whole.length)], [whole, whole.slice(0, -1)]);
});
