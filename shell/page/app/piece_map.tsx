/** Which pieces are here, and how many connected peers have the others: a cell for some pieces. */
import { useEffect, useRef } from "preact/hooks";
import type { Details } from "./torrents.ts";

const COLUMNS = 128;
const ROWS_MAX = 8;
const CELL_PX = 6;
/** From this number of peers on, the cell of a piece has its darkest colour. */
const COMMON_PEERS = 5;

export function PieceMap({ details }: { readonly details: Details }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { pieces, availability, piece_count: count } = details;
  const cells = Math.min(count, COLUMNS * ROWS_MAX);
  const rows = Math.ceil(cells / COLUMNS);
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    draw(element, details, cells);
  }, [pieces, availability, count]);
  if (count === 0) return null;
  return (
    <canvas
      ref={canvas}
      class="pieces"
      role="img"
      aria-label="Pieces: filled are downloaded, shaded are available from connected peers, empty are not available"
      width={COLUMNS * CELL_PX}
      height={rows * CELL_PX}
    />
  );
}

function draw(element: HTMLCanvasElement, details: Details, cells: number): void {
  const { availability, piece_count: count } = details;
  const bits = atob(details.pieces);
  const has = (piece: number) => (bits.charCodeAt(piece >> 3) >> (7 - (piece & 7)) & 1) === 1;
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const [here, away, none] = [colour("--seed"), colour("--leech"), colour("--line")];
  const context = element.getContext("2d")!;
  context.clearRect(0, 0, element.width, element.height);
  for (let cell = 0; cell < cells; cell++) {
    const from = Math.floor(cell * count / cells);
    const to = Math.max(from + 1, Math.floor((cell + 1) * count / cells));
    let owned = 0, rarest = Infinity;
    for (let piece = from; piece < to; piece++) {
      if (has(piece)) owned++;
      else rarest = Math.min(rarest, availability[piece] ?? 0);
    }
    const x = (cell % COLUMNS) * CELL_PX, y = Math.floor(cell / COLUMNS) * CELL_PX;
    context.globalAlpha = 1;
    context.fillStyle = none;
    context.fillRect(x, y, CELL_PX - 1, CELL_PX - 1);
    const isWhole = owned === to - from;
    context.fillStyle = isWhole ? here : away;
    context.globalAlpha = isWhole ? 1 : 0.8 * Math.min(1, Math.max(0, rarest) / COMMON_PEERS);
    context.fillRect(x, y, CELL_PX - 1, CELL_PX - 1);
  }
}
