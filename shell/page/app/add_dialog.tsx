/**
 * Adds torrents: dropped or chosen `.torrent` files, links and magnets. A single file can have its
 * files chosen first: it is added paused, and started with the choice.
 */
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";
import { FileList } from "./files.tsx";
import { act, refresh, select } from "./state.ts";
import { call, RpcError } from "./rpc.ts";
import { type Details, fetchDetails } from "./torrents.ts";

/** A `.torrent` file, or a link or magnet as text. */
export type Addition = File | string;

/** Larger ones are no torrents. */
const TORRENT_BYTES_MAX = 32 * 1024 * 1024;

/** Dropped or pasted items that can be added. */
export function additionsOf(data: DataTransfer): Addition[] {
  const files = [...data.files].filter(({ name }) => /\.torrent$/i.test(name));
  return files.length > 0 ? files : linksOf(data.getData("text/plain"));
}

function linksOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => /^(magnet:\?|https?:\/\/)/i.test(word));
}

interface AddDialogProps {
  readonly initial: readonly Addition[];
  readonly onClose: () => void;
}

export function AddDialog({ initial, onClose }: AddDialogProps) {
  const [files, setFiles] = useState(initial.filter((item) => item instanceof File));
  const [links, setLinks] = useState(initial.filter((item) => typeof item === "string").join("\n"));
  const [dir, setDir] = useState("");
  const [choosing, setChoosing] = useState<Details | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const additions: Addition[] = [...files, ...linksOf(links)];

  const add = async (isPaused: boolean) => {
    setProblem("");
    let last: number | undefined;
    for (const addition of additions) {
      try {
        last = await addOne(addition, dir, isPaused);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        const name = addition instanceof File ? addition.name : addition;
        return setProblem(`Cannot add ${name}: ${error.message}`);
      }
    }
    await refresh();
    return last;
  };
  const addAll = async () => {
    const id = await add(false);
    if (id === undefined) return;
    if (additions.length === 1) select(id);
    onClose();
  };
  const choose = async () => {
    const id = await add(true);
    if (id === undefined) return;
    const details = await fetchDetails(id);
    if (details === undefined || details.files.length === 0) return onClose();
    setChoosing(details);
  };
  if (choosing !== undefined) return <ChooseFiles details={choosing} onClose={onClose} />;
  const isOneFile = additions.length === 1 && additions[0] instanceof File;
  return (
    <Dialog title="Add torrents" onClose={onClose}>
      <label>
        Links and magnets, one a line
        <textarea
          rows={3}
          placeholder="magnet:?xt=urn:btih:…"
          value={links}
          autofocus
          onInput={(event) => setLinks(event.currentTarget.value)}
        />
      </label>
      <label>
        Torrent files
        <input
          type="file"
          accept=".torrent,application/x-bittorrent"
          multiple
          onChange={(event) => setFiles([...event.currentTarget.files ?? []])}
        />
      </label>
      {files.length > 0 && (
        <ul class="chosen">{files.map(({ name }) => <li key={name}>{name}</li>)}</ul>
      )}
      <label>
        Folder
        <input
          value={dir}
          placeholder="the daemon's download folder"
          onInput={(event) => setDir(event.currentTarget.value)}
        />
      </label>
      {problem !== "" && <p class="problem" role="alert">{problem}</p>}
      <div class="buttons">
        <button type="button" onClick={onClose}>Cancel</button>
        {isOneFile && <button type="button" onClick={choose}>Choose files…</button>}
        <button type="button" class="primary" disabled={additions.length === 0} onClick={addAll}>
          Add
        </button>
      </div>
    </Dialog>
  );
}

async function addOne(addition: Addition, dir: string, isPaused: boolean): Promise<number> {
  const source = typeof addition === "string"
    ? { filename: addition }
    : { metainfo: await base64Of(addition) };
  const params = { ...source, paused: isPaused, ...(dir !== "" && { download_dir: dir }) };
  const answer = await call<
    { torrent_added?: { id: number }; torrent_duplicate?: { id: number } }
  >("torrent_add", params);
  return (answer.torrent_added ?? answer.torrent_duplicate)!.id;
}

async function base64Of(file: File): Promise<string> {
  if (file.size > TORRENT_BYTES_MAX) throw new RpcError("the file is too large for a torrent");
  const reader = new FileReader();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
  reader.onerror = () => reject(new RpcError("the file cannot be read"));
  reader.readAsDataURL(file);
  return await promise;
}

function ChooseFiles(
  { details, onClose }: { readonly details: Details; readonly onClose: () => void },
) {
  const [wanted, setWanted] = useState(details.files.map(() => true));
  const stats = wanted.map((isWanted) => ({ wanted: isWanted, priority: 0 }));
  const start = async () => {
    const unwanted = wanted.flatMap((isWanted, index) => isWanted ? [] : [index]);
    const ids = [details.id];
    if (unwanted.length > 0) {
      const isSet = await act("Files chosen", "torrent_set", { ids, files_unwanted: unwanted });
      if (!isSet) return;
    }
    await act("Started", "torrent_start", { ids });
    select(details.id);
    onClose();
  };
  return (
    <Dialog title="Choose files" onClose={onClose}>
      <div class="buttons left">
        <button type="button" onClick={() => setWanted(wanted.map(() => true))}>All</button>
        <button type="button" onClick={() => setWanted(wanted.map(() => false))}>None</button>
      </div>
      <FileList
        files={details.files}
        stats={stats}
        onWanted={(indexes, isWanted) =>
          setWanted(wanted.map((old, index) => indexes.includes(index) ? isWanted : old))}
      />
      <div class="buttons">
        <button type="button" onClick={onClose}>Leave paused</button>
        <button
          type="button"
          class="primary"
          disabled={!wanted.includes(true)}
          onClick={start}
        >
          Start
        </button>
      </div>
    </Dialog>
  );
}
