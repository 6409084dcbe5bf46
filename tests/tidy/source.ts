/**
 * TypeScript text for the tidy rules: in `code` every comment and the content of every string is
 * blanked out, character for character, so that offsets and lines stay those of the file.
 * A small scanner, not a parser: enough to tell code from comments and strings.
 */

export interface Source {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly code: string;
}

export interface ImportOf {
  readonly specifier: string;
  readonly offset: number;
  /** Type-only: it vanishes at run time. */
  readonly isTypeOnly: boolean;
}

const COMMENT = /\/\/[^\n]*|\/\*[^]*?\*\//y;
const STRING = /"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/y;
const REGEXP = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
/** From a backtick, or from the brace that ends an expression, to the next of either. */
const TEMPLATE_PART = /[`}](?:\\[^]|\$(?!\{)|[^\\`$])*(?:`|\$\{)/y;
/** The most characters of an import's names. */
const CLAUSE_MAX = 2_000;
const WORD = /[\w$]+/y;

/** A slash after one of these words, or after an operator, starts a regular expression. */
const WORDS_BEFORE_VALUE = new Set(["return", "typeof", "case", "in", "of", "void", "throw"]);
const SIGNS_AFTER_VALUE = new Set([")", "]", "}"]);

export function readSource(path: string, text: string): Source {
  return { path, text, code: path.endsWith(".ts") ? blankProse(text) : text };
}

/** Counts from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** Static and dynamic imports and re-exports, in the order of the file. */
export function importsOf(source: Source): ImportOf[] {
  const found: ImportOf[] = [];
  for (const match of source.code.matchAll(/\b(?:from|import)\s*\(?\s*(["'])/g)) {
    const offset = match.index + match[0].length;
    const end = source.text.indexOf(match[1]!, offset);
    const specifier = source.text.slice(offset, end);
    found.push({
      specifier,
      offset,
      isTypeOnly: isTypeOnly(source.code.slice(Math.max(0, offset - CLAUSE_MAX), offset - 1)),
    });
  }
  return found;
}

/** `before`: the code up to a specifier. */
function isTypeOnly(before: string): boolean {
  const clause = /\b(?:import|export)\s+(type\s)?\s*([\w$*{},\s]*?)\s*\bfrom\s*$/.exec(before);
  if (clause === null) return false;
  const names = /^\{([^}]*)\}$/.exec(clause[2]!)?.[1]?.split(",").map((name) => name.trim());
  return clause[1] !== undefined ||
    (names?.every((name) => name === "" || name.startsWith("type ")) ?? false);
}

function blankProse(text: string): string {
  let code = "";
  /** The last token of code: it tells a regular expression from a division. */
  let last = "";
  /** The number of open braces in each enclosing template expression, innermost last. */
  const templates: number[] = [];

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = code.length;
    return pattern.exec(text)?.[0];
  };
  const blank = (prose: string, kept: number) => {
    code += prose.slice(0, kept) + prose.slice(kept, prose.length - kept).replace(/[^\n]/g, " ") +
      prose.slice(Math.max(kept, prose.length - kept));
  };

  while (code.length < text.length) {
    const sign = text[code.length]!;
    const expressionEnds = sign === "}" && templates.at(-1) === 0;
    const valueMayStart = /^\w/.test(last)
      ? WORDS_BEFORE_VALUE.has(last)
      : !SIGNS_AFTER_VALUE.has(last);
    let token: string | undefined;
    if ((token = match(COMMENT)) !== undefined) blank(token, 0);
    else if ((token = match(STRING)) !== undefined) blank(token, 1), last = ")";
    else if (valueMayStart && (token = match(REGEXP)) !== undefined) blank(token, 1), last = ")";
    else if (
      (sign === "`" || expressionEnds) && (token = match(TEMPLATE_PART)) !== undefined
    ) {
      blank(token, 1);
      if (expressionEnds) templates.pop();
      if (token.endsWith("{")) templates.push(0);
      last = token.endsWith("{") ? "{" : ")";
    } else if ((token = match(WORD)) !== undefined) code += last = token;
    else {
      if (templates.length > 0 && sign === "{") templates[templates.length - 1]!++;
      if (templates.length > 0 && sign === "}") templates[templates.length - 1]!--;
      code += sign;
      if (sign.trim() !== "") last = sign;
    }
  }
  return code;
}
