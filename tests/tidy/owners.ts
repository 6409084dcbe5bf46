/**
 * Ownership of state, which the compiler alone cannot enforce: it refuses to assign a property of a
 * `View`, but lets a cast or an argument turn it into a type in which it can be assigned. This
 * finds every such step: a property that an interface `Own...` of one file declares must not become
 * a mutable property that another file declares.
 */
import ts from "typescript";

const MUTABLE_OF: Readonly<Record<string, string>> = {
  ReadonlyMap: "Map",
  ReadonlySet: "Set",
  ReadonlyArray: "Array",
};

export interface OwnerFault {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

/**
 * Violations in `files`, paths below `root`, which ends with a slash. `added`: texts of files that
 * are not on disk, checked as well, with the compiler's errors for them.
 */
export function findOwnerFaults(
  root: string,
  files: readonly string[],
  added: ReadonlyMap<string, string> = new Map(),
): OwnerFault[] {
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    noUncheckedIndexedAccess: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const texts = new Map([...added].map(([path, text]) => [root + path, text]));
  const { readFile, fileExists } = host;
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  const paths = [...files, ...added.keys()].map((path) => root + path);
  const program = ts.createProgram(paths, options, host);
  const checker = program.getTypeChecker();
  const faults: OwnerFault[] = [];
  for (const path of paths) {
    const source = program.getSourceFile(path)!;
    const report = (node: ts.Node, what: string) => {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      faults.push({ path: path.slice(root.length), line: line + 1, what });
    };
    const check = (node: ts.Node, from: ts.Type, to: ts.Type | undefined) => {
      const name = to && from !== to ? writable(checker, source, from, to) : undefined;
      if (name !== undefined) report(node, `${name} can be assigned behind its owner's back`);
    };
    if (texts.has(path)) {
      for (const { messageText } of program.getSemanticDiagnostics(source)) {
        report(source, ts.flattenDiagnosticMessageText(messageText, " "));
      }
    }
    const visit = (node: ts.Node): void => {
      if (ts.isAsExpression(node)) {
        if (isAny(checker.getTypeAtLocation(node)) && !isConst(node)) report(node, "a cast to any");
        const [from, to] = [node.expression, node].map((one) => checker.getTypeAtLocation(one));
        const collection = MUTABLE_OF[from!.symbol?.name ?? ""];
        if (collection !== undefined && to!.symbol?.name === collection) {
          report(node, `a cast to ${collection}`);
        }
        check(node, from!, to);
      } else if (ts.isCallExpression(node)) {
        const parameters = checker.getResolvedSignature(node)?.getParameters() ?? [];
        for (const [i, argument] of node.arguments.entries()) {
          if (parameters[i] === undefined) break;
          const to = checker.getTypeOfSymbolAtLocation(parameters[i], node);
          check(argument, checker.getTypeAtLocation(argument), to);
        }
      } else if (ts.isVariableDeclaration(node) && node.type && node.initializer) {
        const to = checker.getTypeFromTypeNode(node.type);
        check(node, checker.getTypeAtLocation(node.initializer), to);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return faults;
}

/**
 * The property of another owner that `from` has as readonly and `to` lets this file, or its
 * callees, assign.
 */
function writable(
  checker: ts.TypeChecker,
  here: ts.SourceFile,
  from: ts.Type,
  to: ts.Type,
): string | undefined {
  if (!(to.flags & ts.TypeFlags.Object)) return undefined;
  for (const property of checker.getPropertiesOfType(to)) {
    const target = declarationOf(property);
    if (target === undefined || isReadonly(target)) continue;
    const symbol = checker.getPropertyOfType(from, property.name);
    const source = symbol && declarationOf(symbol);
    if (source === undefined || source === target || !isOwn(source)) continue;
    if (source.getSourceFile() !== here) return property.name;
  }
  return undefined;
}

function declarationOf(symbol: ts.Symbol): ts.PropertySignature | undefined {
  return symbol.declarations?.find(ts.isPropertySignature);
}

function isReadonly(declaration: ts.PropertySignature): boolean {
  return declaration.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword) ?? false;
}

function isOwn({ parent }: ts.PropertySignature): boolean {
  return ts.isInterfaceDeclaration(parent) && /^Own/.test(parent.name.text);
}

function isAny(type: ts.Type): boolean {
  return (type.flags & ts.TypeFlags.Any) !== 0;
}

function isConst({ type }: ts.AsExpression): boolean {
  return ts.isTypeReferenceNode(type) && type.getText() === "const";
}
