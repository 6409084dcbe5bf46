/** A small model of a terminal: enough of ECMA-48 to see what live bars leave behind. */

// deno-lint-ignore no-control-regex
const TOKEN = /\x1b\[\??\d*[A-Za-z]|[^]/g;

export class Screen {
  isCursorShown = true;
  #lines: string[] = [""];
  #row = 0;
  #column = 0;

  constructor(public columns: number, readonly rows: number) {}

  /** Everything visible, without blanks at the ends of lines. */
  text(): string {
    return this.#lines.map((line) => line.trimEnd()).join("\n");
  }

  /** Wraps what is too long now, as terminals do; the cursor stays at the end. */
  resize(columns: number): void {
    this.columns = columns;
    this.#lines = this.#lines.flatMap((line) => {
      const parts = line.trimEnd().match(new RegExp(`.{1,${columns}}`, "g"));
      return parts ?? [""];
    });
    this.#row = this.#lines.length - 1;
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
    else if (token === "\x1b[J") {
      this.#cutLine();
      this.#lines.length = this.#row + 1;
    } else if (isSequence && token.endsWith("A")) {
      this.#row = Math.max(0, this.#row - Number(token.slice(2, -1)));
    } else if (isSequence && token.endsWith("m")) return;
    else if (isSequence) throw new Error(`Unknown sequence ${JSON.stringify(token)}`);
    else this.#print(token);
  }

  #print(character: string): void {
    if (this.#column === this.columns) this.#newLine();
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
    }
  }

  #cutLine(): void {
    this.#lines[this.#row] = this.#lines[this.#row]!.slice(0, this.#column);
  }
}
