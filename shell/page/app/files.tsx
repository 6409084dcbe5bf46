/** A torrent's files: which are wanted, how urgent each is, how far it is. */
import { useState } from "preact/hooks";
import { percent, size } from "./format.ts";
import type { File, FileStat } from "./torrents.ts";

/** More rows would make the page slow; the rest is reached by filtering. */
const ROWS_MAX = 500;

interface FileListProps {
  readonly files: readonly File[];
  readonly stats: readonly FileStat[];
  readonly onWanted: (indexes: readonly number[], wanted: boolean) => void;
  /** Absent where priorities can't be given yet. */
  readonly onPriority?: (index: number, priority: number) => void;
}

export function FileList({ files, stats, onWanted, onPriority }: FileListProps) {
  const [words, setWords] = useState("");
  const shown = files.map((file, index) => ({ file, index }))
    .filter(({ file }) => file.name.toLowerCase().includes(words.toLowerCase()));
  return (
    <div class="files">
      {files.length > 10 && (
        <input
          type="search"
          placeholder="Find files"
          aria-label="Find files"
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      )}
      <ul>
        {shown.slice(0, ROWS_MAX).map(({ file, index }) => {
          const { wanted, priority } = stats[index]!;
          const done = file.length === 0 ? 1 : file.bytes_completed / file.length;
          return (
            <li key={index} class={wanted ? "" : "unwanted"}>
              <label title={file.name}>
                <input
                  type="checkbox"
                  checked={wanted}
                  onChange={(event) => onWanted([index], event.currentTarget.checked)}
                />
                <span class="path">{file.name}</span>
              </label>
              <span class="size">{size(file.length)}</span>
              {onPriority !== undefined && (
                <>
                  <span class="done">{percent(done)}</span>
                  <select
                    aria-label={`Priority of ${file.name}`}
                    value={priority}
                    disabled={!wanted}
                    onChange={(event) => onPriority(index, Number(event.currentTarget.value))}
                  >
                    <option value={1}>High</option>
                    <option value={0}>Normal</option>
                    <option value={-1}>Low</option>
                  </select>
                </>
              )}
            </li>
          );
        })}
      </ul>
      {shown.length > ROWS_MAX && (
        <p class="hint">{shown.length - ROWS_MAX} more files; find them by name.</p>
      )}
    </div>
  );
}
