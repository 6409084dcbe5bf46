/**
 * Finds the mutants of a source file and writes them all into it at once: each stands behind a guard
 * that compares its number with the active one, so that a file is parsed and loaded once for hundreds
 * of mutants ("mutant schemata").
 *
 * Deliberately absent: mutants of string literals, of `limits` and other module constants, and of the
 * step of a `for` loop. They are equivalent or endless far more often than they tell anything.
 */
import ts from "typescript";

export interface Mutant {
  /** Unique within one plan; the guard knows it. */
  readonly id: number;
  readonly line: number;
  /** Name of the function that it is in; empty outside of any. */
  readonly inside: string;
  readonly before: string;
  readonly after: string;
}

export interface Instrumented {
  readonly text: string;
  readonly mutants: readonly Mutant[];
}

/** The guard's name in the global scope of the code under test. */
export const GUARD = "__isMutant";

/** Larger literals are sizes and times, where one more makes no difference that a test should see. */
const NUMBER_MAX = 100;

/** The number of the active mutant, for programs and threads that tests start. */
export const ACTIVE_VARIABLE = "TT_MUTANT";
/** A folder for the numbers of mutants whose code they execute. */
export const SEEN_VARIABLE = "TT_MUTANTS_SEEN";

/**
 * The guard of a program or thread, as text in each source. What it executes is written at once, since it may
 * be killed at any time. Without the permission to read its environment nothing is active.
 */
function makeGuard(activeName: string, seenName: string): (id: number) => boolean {
  const read = (name: string) => {
    try {
      return Deno.env.get(name);
    } catch {
      return undefined;
    }
  };
  const active = Number(read(activeName) ?? 0), folder = read(seenName);
  if (folder === undefined) return (id) => id === active;
  const seen = new Set<number>(), encoder = new TextEncoder();
  const file = Deno.openSync(`${folder}/${crypto.randomUUID()}`, { append: true, create: true });
  return (id) => {
    if (!seen.has(id)) {
      seen.add(id);
      file.writeSync(encoder.encode(`${id}\n`));
    }
    return id === active;
  };
}

const PREAMBLE = `globalThis.${GUARD} ??= ` +
  `(${makeGuard})("${ACTIVE_VARIABLE}", "${SEEN_VARIABLE}");`.replace(/\s*\n\s*/g, " ") + "\n";

const OPERATORS = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.PlusToken, "-"],
  [ts.SyntaxKind.MinusToken, "+"],
  [ts.SyntaxKind.AsteriskToken, "/"],
  [ts.SyntaxKind.SlashToken, "*"],
  [ts.SyntaxKind.PercentToken, "*"],
  [ts.SyntaxKind.LessThanToken, "<="],
  [ts.SyntaxKind.LessThanEqualsToken, "<"],
  [ts.SyntaxKind.GreaterThanToken, ">="],
  [ts.SyntaxKind.GreaterThanEqualsToken, ">"],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, "!=="],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, "==="],
  [ts.SyntaxKind.AmpersandAmpersandToken, "||"],
  [ts.SyntaxKind.BarBarToken, "&&"],
  [ts.SyntaxKind.AmpersandToken, "|"],
  [ts.SyntaxKind.BarToken, "&"],
  [ts.SyntaxKind.LessThanLessThanToken, ">>"],
  [ts.SyntaxKind.GreaterThanGreaterThanToken, "<<"],
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken, "<<"],
  [ts.SyntaxKind.PlusEqualsToken, "-="],
  [ts.SyntaxKind.MinusEqualsToken, "+="],
]);

/** `firstId` numbers the file's first mutant. */
export function instrument(path: string, text: string, firstId: number): Instrumented {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const mutants: Mutant[] = [];

  const add = (node: ts.Node, after: string): number => {
    const id = firstId + mutants.length;
    const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
    const inside = functionAround(node);
    mutants.push({ id, line, inside, before: oneLine(node.getText(file)), after: oneLine(after) });
    return id;
  };

  /** The text of `node` with its mutants, without the trivia before it. */
  const writeNode = (node: ts.Node, isStatic: boolean): string => {
    if (isOpaque(node)) return node.getText(file);
    const isInside = isStatic && !ts.isFunctionLike(node);
    const inner = writeChildren(node, isInside);
    if (isInside) return inner;
    const alternatives = mutationsOf(node, file);
    if (alternatives.length === 0) return inner;
    if (ts.isExpressionStatement(node)) {
      // In braces of its own: an `else` may follow that belongs to an `if` before.
      return `{ if (!${GUARD}(${add(node, "")})) { ${inner} } }`;
    }
    let out = inner;
    for (const after of alternatives) out = `${GUARD}(${add(node, after)}) ? ${after} : ${out}`;
    return `(${out})`;
  };

  const writeChildren = (node: ts.Node, isStatic: boolean): string => {
    let out = "", at = node.getStart(file);
    ts.forEachChild(node, (child) => {
      out += text.slice(at, child.getStart(file));
      out += writeNode(child, isStatic);
      at = child.getEnd();
    });
    return out + text.slice(at, node.getEnd());
  };

  return { text: PREAMBLE + writeChildren(file, true), mutants };
}

/** The nearest function around that has a name of its own. */
function functionAround(node: ts.Node): string {
  for (let at: ts.Node | undefined = node; at !== undefined; at = at.parent) {
    if (ts.isFunctionDeclaration(at) || ts.isMethodDeclaration(at)) return at.name?.getText() ?? "";
  }
  return "";
}

/** Parts that carry no behaviour, or where an expression may not be replaced by another. */
function isOpaque(node: ts.Node): boolean {
  return ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ||
    ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) ||
    (ts.isExpressionStatement(node) && ts.isStringLiteral(node.expression));
}

/** What may stand in place of `node`, each as text. */
function mutationsOf(node: ts.Node, file: ts.SourceFile): string[] {
  const textOf = (part: ts.Node) => part.getText(file);
  if (ts.isExpressionStatement(node)) return isRemovable(node) ? [""] : [];
  if (ts.isBinaryExpression(node)) {
    const { left, operatorToken: { kind }, right } = node;
    if (kind === ts.SyntaxKind.QuestionQuestionToken) return [`(${textOf(left)})`];
    const operator = OPERATORS.get(kind);
    if (operator === undefined || isConcatenation(node)) return [];
    // `a = b || c` must not become `a = b && c ...` of another nesting: both sides are bracketed.
    const isAssignment = kind === ts.SyntaxKind.PlusEqualsToken ||
      kind === ts.SyntaxKind.MinusEqualsToken;
    const [a, b] = [textOf(left), textOf(right)];
    return [isAssignment ? `(${a} ${operator} ${b})` : `((${a}) ${operator} (${b}))`];
  }
  if (ts.isPrefixUnaryExpression(node)) {
    if (node.operator === ts.SyntaxKind.ExclamationToken) return [`!!(${textOf(node.operand)})`];
    if (node.operator === ts.SyntaxKind.MinusToken) return [`(${textOf(node.operand)})`];
    return node.operator === ts.SyntaxKind.PlusPlusToken ? [`--${textOf(node.operand)}`] : [];
  }
  if (ts.isPostfixUnaryExpression(node)) {
    if (ts.isForStatement(node.parent) && node.parent.incrementor === node) return [];
    const isPlus = node.operator === ts.SyntaxKind.PlusPlusToken;
    return [textOf(node.operand) + (isPlus ? "--" : "++")];
  }
  if (node.kind === ts.SyntaxKind.TrueKeyword) return ["false"];
  if (node.kind === ts.SyntaxKind.FalseKeyword) return ["true"];
  // Of a negative literal the sign is changed.
  if (ts.isNumericLiteral(node) && !isNegated(node) && !ts.isPropertyAssignment(node.parent)) {
    return isName(node) || Number(node.text) > NUMBER_MAX ? [] : [`(${node.text} + 1)`];
  }
  return isCondition(node) ? ["true", "false"] : [];
}

/** Calls and assignments may be left out; declarations, `await` of a promise and `super()` may not. */
function isRemovable(node: ts.ExpressionStatement): boolean {
  const { expression } = node;
  if (ts.isCallExpression(expression)) {
    return expression.expression.kind !== ts.SyntaxKind.SuperKeyword;
  }
  if (!ts.isBinaryExpression(expression)) return false;
  const { kind } = expression.operatorToken;
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

/** A test of `if`, `?:` or `while` that is no operator by itself (those are mutated as such). */
function isCondition(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isBinaryExpression(node) || ts.isPrefixUnaryExpression(node)) return false;
  if (node.kind === ts.SyntaxKind.TrueKeyword) return false;
  return (ts.isIfStatement(parent) && parent.expression === node) ||
    (ts.isConditionalExpression(parent) && parent.condition === node);
}

function isNegated({ parent }: ts.Node): boolean {
  return ts.isPrefixUnaryExpression(parent) && parent.operator === ts.SyntaxKind.MinusToken;
}

/** `"a" + b` makes a message. */
function isConcatenation(node: ts.BinaryExpression): boolean {
  if (node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return false;
  const isText = (part: ts.Expression): boolean =>
    ts.isStringLiteralLike(part) || ts.isTemplateExpression(part) ||
    (ts.isBinaryExpression(part) && isConcatenation(part));
  return isText(node.left) || isText(node.right);
}

/** A number that names a member: `{ 1: ... }`. */
function isName(node: ts.NumericLiteral): boolean {
  return ts.isPropertyName(node) && "name" in node.parent && node.parent.name === node;
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 70 ? line.slice(0, 67) + "..." : line;
}
