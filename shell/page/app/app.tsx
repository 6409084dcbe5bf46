/** The whole page: toolbar, list, details, dialogs and the keys that drive them. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { AddDialog, type Addition, additionsOf } from "./add_dialog.tsx";
import { DetailsPanel } from "./details.tsx";
import { Dialog } from "./dialog.tsx";
import { rate } from "./format.ts";
import { SpeedGraph } from "./graph.tsx";
import { List } from "./list.tsx";
import { Login } from "./login.tsx";
import { act, currentState, refresh, select, type State, subscribe } from "./state.ts";
import { type FilterName, FILTERS, type SortName, SORTS, viewOf } from "./view.ts";
import { toggle } from "./toggle.ts";
import { type Torrent } from "./torrents.ts";

type Open = "add" | "remove" | "keys" | undefined;

export function App() {
  const [state, setState] = useState<State>(currentState());
  useEffect(() => {
    // An answer may have come before the first paint.
    setState(currentState());
    return subscribe(setState);
  }, []);
  const [filter, setFilter] = useState<FilterName>("all");
  const [sort, setSort] = useState<SortName>("activity");
  const [words, setWords] = useState("");
  const [open, setOpen] = useState<Open>(undefined);
  const [additions, setAdditions] = useState<readonly Addition[]>([]);
  const search = useRef<HTMLInputElement>(null);

  const torrents = useMemo(
    () => viewOf([...state.torrents.values()], filter, sort, words),
    [state.torrents, filter, sort, words],
  );
  const selected = state.selected === undefined ? undefined : state.torrents.get(state.selected);

  const openAdd = (list: readonly Addition[] = []) => {
    setAdditions(list);
    setOpen("add");
  };
  useKeys({ torrents, selected, open, setOpen, openAdd, search });
  useDrop(openAdd);

  if (state.needsLogin) return <Login onDone={refresh} />;
  return (
    <div class={selected === undefined ? "page" : "page with-details"}>
      <header>
        <h1>tt</h1>
        <Totals state={state} />
        <div class="tools">
          <input
            ref={search}
            type="search"
            placeholder="Search  /"
            aria-label="Search torrents"
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
          <Choice label="Show" names={FILTERS} value={filter} onChange={setFilter} />
          <Choice label="Sort by" names={SORTS} value={sort} onChange={setSort} />
          <button type="button" class="primary" onClick={() => openAdd()}>Add torrent</button>
        </div>
      </header>
      {state.problem !== undefined && <p class="problem" role="alert">{state.problem}</p>}
      <main>
        <section class="overview">
          {torrents.length > 0
            ? <List torrents={torrents} selected={state.selected} onSelect={select} />
            : <Empty state={state} onAdd={openAdd} />}
          <SpeedGraph history={state.history} />
        </section>
        {selected !== undefined && (
          <DetailsPanel
            torrent={selected}
            details={state.details}
            log={state.log}
            onClose={() => select(undefined)}
            onRemove={() => setOpen("remove")}
          />
        )}
      </main>
      {open === "add" && <AddDialog initial={additions} onClose={() => setOpen(undefined)} />}
      {open === "remove" && selected !== undefined && (
        <RemoveDialog
          torrent={selected}
          onClose={() => setOpen(undefined)}
        />
      )}
      {open === "keys" && <KeysDialog onClose={() => setOpen(undefined)} />}
    </div>
  );
}

function Totals({ state: { torrents, history } }: { readonly state: State }) {
  const [, down, up] = history;
  return (
    <p class="totals">
      <span>{torrents.size === 1 ? "1 torrent" : `${torrents.size} torrents`}</span>
      <span class="down">{rate(down.at(-1) ?? 0) || "0 B/s"}</span>
      <span class="up">{rate(up.at(-1) ?? 0) || "0 B/s"}</span>
    </p>
  );
}

interface ChoiceProps<N extends string> {
  readonly label: string;
  readonly names: Readonly<Record<N, { readonly title: string }>>;
  readonly value: N;
  readonly onChange: (name: N) => void;
}

function Choice<N extends string>({ label, names, value, onChange }: ChoiceProps<N>) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value as N)}
    >
      {(Object.keys(names) as N[]).map((name) => (
        <option key={name} value={name}>{names[name].title}</option>
      ))}
    </select>
  );
}

function Empty({ state, onAdd }: { readonly state: State; readonly onAdd: () => void }) {
  if (!state.isLoaded) return <div class="empty">{state.problem === undefined && "Loading…"}</div>;
  if (state.torrents.size > 0) return <div class="empty">No torrent matches.</div>;
  return (
    <div class="empty">
      <p>Nothing here yet. Drop a .torrent file on this page, or paste a magnet link.</p>
      <button type="button" class="primary" onClick={() => onAdd()}>Add torrent</button>
    </div>
  );
}

function RemoveDialog(
  { torrent, onClose }: { readonly torrent: Torrent; readonly onClose: () => void },
) {
  const remove = async (withData: boolean) => {
    onClose();
    await act(`${torrent.name}: removed`, "torrent_remove", {
      ids: [torrent.id],
      delete_local_data: withData,
    });
  };
  return (
    <Dialog title="Remove torrent" onClose={onClose}>
      <p>Remove {torrent.name} from the list?</p>
      <div class="buttons">
        <button type="button" onClick={onClose}>Cancel</button>
        <button type="button" class="danger" onClick={() => remove(true)}>
          Remove and delete files
        </button>
        <button type="button" class="primary" autofocus onClick={() => remove(false)}>
          Remove, keep files
        </button>
      </div>
    </Dialog>
  );
}

const KEYS = [
  ["↑ ↓ or k j", "Move through the list"],
  ["Space or p", "Pause or resume"],
  ["a", "Add a torrent"],
  ["/", "Search"],
  ["v", "Verify the content"],
  ["Delete", "Remove"],
  ["Escape", "Close"],
  ["?", "This list"],
];

function KeysDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([key, what]) => [<dt key={key}>{key}</dt>, <dd key={what}>{what}</dd>])}
      </dl>
    </Dialog>
  );
}

interface KeyContext {
  readonly torrents: readonly Torrent[];
  readonly selected: Torrent | undefined;
  readonly open: Open;
  readonly setOpen: (open: Open) => void;
  readonly openAdd: () => void;
  readonly search: { readonly current: HTMLInputElement | null };
}

function useKeys(context: KeyContext): void {
  const latest = useRef(context);
  latest.current = context;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || latest.current.open !== undefined) {
        return;
      }
      const target = event.target as HTMLElement;
      if (target.matches("input, select, textarea, button")) {
        if (event.key === "Escape") target.blur();
        if (!target.matches("button") || event.key === " " || event.key === "Enter") return;
      }
      if (onShortcut(event.key, latest.current)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

/** Whether the key means something. */
function onShortcut(key: string, { torrents, selected, setOpen, openAdd, search }: KeyContext) {
  const move = (step: number) => {
    const at = torrents.findIndex(({ id }) => id === selected?.id);
    const to = at < 0 ? 0 : Math.min(torrents.length - 1, Math.max(0, at + step));
    select(torrents[to]?.id);
  };
  switch (key) {
    case "ArrowDown":
    case "j":
      move(1);
      return true;
    case "ArrowUp":
    case "k":
      move(-1);
      return true;
    case " ":
    case "p":
      if (selected !== undefined) toggle(selected);
      return true;
    case "v":
      if (selected !== undefined) {
        act(`${selected.name}: verifying`, "torrent_verify", { ids: [selected.id] });
      }
      return true;
    case "Delete":
      if (selected !== undefined) setOpen("remove");
      return true;
    case "Escape":
      select(undefined);
      return true;
    case "a":
      openAdd();
      return true;
    case "/":
      search.current?.focus();
      return true;
    case "?":
      setOpen("keys");
      return true;
    default:
      return false;
  }
}

/** Files and links dropped or pasted anywhere open the dialog with them. */
function useDrop(openAdd: (list: readonly Addition[]) => void): void {
  const latest = useRef(openAdd);
  latest.current = openAdd;
  useEffect(() => {
    const take = (data: DataTransfer | null) => {
      const list = data === null ? [] : additionsOf(data);
      if (list.length > 0) latest.current(list);
    };
    const onDrop = (event: DragEvent) => {
      event.preventDefault();
      take(event.dataTransfer);
    };
    const onPaste = (event: ClipboardEvent) => {
      if (!(event.target as HTMLElement).matches("input, textarea")) take(event.clipboardData);
    };
    const onDragOver = (event: DragEvent) => event.preventDefault();
    addEventListener("dragover", onDragOver);
    addEventListener("drop", onDrop);
    addEventListener("paste", onPaste);
    return () => {
      removeEventListener("dragover", onDragOver);
      removeEventListener("drop", onDrop);
      removeEventListener("paste", onPaste);
    };
  }, []);
}
