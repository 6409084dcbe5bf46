/** A small model of a terminal: enough of ECMA-48 to see what live bars leave behind. */

// deno-lint-ignore no-control-regex
const TOKEN = /\x1b\[\??\d*[A-Za-z]|[^]/g;

export class Screen {
  isCursorShown = true;
  /** What was erased from the top left corner on, which tmux keeps. */
  readonly history: string[] = [];
  #lines: string[] = [""];
  /** Rows that continue the one above. */
  #wrapped = new Set<number>();
  #row = 0;
  #column = 0;

  constructor(public columns: number, readonly rows: number) {}

  /** Everything visible, without trailing blanks. */
  text(): string {
    return this.#lines.map((line) => line.trimEnd()).join("\n");
  }

  /** Rewraps lines, as terminals do; the cursor stays on its character. */
  resize(columns: number): void {
    const before = this.#lines.slice(0, this.#row);
    const start = before.length - 1 -
      [...before].reverse().findIndex((_, i) => !this.#wrapped.has(before.length - i));
    const first = this.#wrapped.has(this.#row) ? Math.max(0, start) : this.#row;
    const offset = (this.#row - first) * this.columns + this.#column;
    const logical: string[] = [];
    let cursorLine = 0;
    for (const [row, line] of this.#lines.entries()) {
      if (this.#wrapped.has(row)) logical[logical.length - 1] += line;
      else logical.push(line.trimEnd());
      if (row === first) cursorLine = logical.length - 1;
    }
    this.columns = columns;
    this.#lines = [];
    this.#wrapped = new Set();
    for (const [index, line] of logical.entries()) {
      if (index === cursorLine) {
        this.#row = this.#lines.length + Math.floor(offset / columns);
        this.#column = offset % columns;
      }
      const parts = line.match(new RegExp(`.{1,${columns}}`, "g")) ?? [""];
      for (const [at, part] of parts.entries()) {
        if (at > 0) this.#wrapped.add(this.#lines.length);
        this.#lines.push(part);
      }
    }
    while (this.#lines.length <= this.#row) this.#lines.push("");
  }

  write(text: string): void {
    for (const token of text.match(TOKEN) ?? []) this.#put(token);
  }

  #put(token: string): void {
    const isSequence = token.length > 1;
    if (token === "\n") this.#newLine();
    else if (token === "\r") this.#column = 0;
    else if (token === "\x1b[?25l") this.isCursorShown = false;
    else if (token === "\x1b[?25h") this.isCursorShown = true;
    else if (token === "\x1b[K") this.#cutLine();
    else if (token === "\x1b[2K") {
      this.#lines[this.#row] = "";
      this.#wrapped.delete(this.#row);
    } else if (token === "\x1b[J") {
      if (this.#row === 0 && this.#column === 0) this.history.push(...this.#lines);
      this.#cutLine();
      this.#lines.length = this.#row + 1;
      // A row that is erased only from a later column on stays marked, as in tmux.
      const kept = this.#row + (this.#column > 0 ? 1 : 0);
      this.#wrapped = new Set([...this.#wrapped].filter((row) => row < kept));
    } else if (isSequence && token.endsWith("A")) {
      this.#row = Math.max(0, this.#row - Number(token.slice(2, -1)));
    } else if (isSequence && token.endsWith("B")) {
      this.#row = Math.min(this.#lines.length - 1, this.#row + Number(token.slice(2, -1)));
    } else if (isSequence && token.endsWith("m")) return;
    else if (isSequence) throw new Error(`Unknown sequence ${JSON.stringify(token)}`);
    else this.#print(token);
  }

  #print(character: string): void {
    if (this.#column === this.columns) {
      this.#newLine();
      this.#wrapped.add(this.#row);
    }
    const line = this.#lines[this.#row]!.padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + character +
      line.slice(this.#column + 1);
    this.#column++;
  }

  #newLine(): void {
    this.#column = 0;
    this.#row++;
    if (this.#row === this.#lines.length) this.#lines.push("");
    if (this.#lines.length > this.rows) {
      this.#lines.shift();
      this.#row--;
      this.#wrapped = new Set([...this.#wrapped].map((row) => row - 1));
    }
  }

  #cutLine(): void {
    this.#lines[this.#row] = this.#lines[this.#row]!.slice(0, this.#column);
  }
}
