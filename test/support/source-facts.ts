import { parseSync } from "vite";

/** What one source file reaches for, read from its syntax tree: types count as much as values. */
export interface SourceFacts {
  /** The specifiers of all imports, type-only and dynamic ones and re-exports included; `<computed>` where it is no literal. */
  readonly imports: readonly string[];
  /** Uses of what hands out time, chance or the world without being asked for it, such as `Date.now`. */
  readonly impurities: readonly string[];
}

interface SyntaxNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Where a node stands: in this field of that parent. */
interface Place {
  readonly parent: SyntaxNode;
  readonly field: string;
}

/** @throws Error when `source` is no TypeScript: what cannot be read cannot be vouched for. */
export function readSourceFacts(path: string, source: string): SourceFacts {
  const { program, comments, errors } = parseSync(path, source, { lang: "ts" });
  const [error] = errors;
  if (error) throw new Error(`cannot parse ${path}: ${error.message}`);

  const references = comments.filter((comment) => /^\/\s*<reference/.test(comment.value));
  const imports = references.map(({ value }) => /(?:path|types|lib)="([^"]*)"/.exec(value)?.[1] ?? "<computed>");
  const impurities: string[] = [];
  // `as`: the parser's own node types name each of some 200 kinds; this reads five of them.
  walk(program as unknown as SyntaxNode, undefined, (node, place) => {
    const specifier = importedBy(node);
    if (specifier !== undefined) imports.push(specifier);
    const impurity = impurityOf(node, place);
    if (impurity !== undefined) impurities.push(impurity);
  });
  return { imports, impurities };
}

function walk(node: SyntaxNode, place: Place | undefined, visit: (node: SyntaxNode, place?: Place) => void): void {
  visit(node, place);
  for (const [field, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk(child, { parent: node, field }, visit);
    }
  }
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function importedBy(node: SyntaxNode): string | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return literal(node.source);
    case "ExportNamedDeclaration":
      return node.source ? literal(node.source) : undefined;
    case "TSExternalModuleReference":
      return literal(node.expression);
    case "CallExpression":
      return nameOf(node.callee) === "require" && Array.isArray(node.arguments)
        ? literal(node.arguments[0])
        : undefined;
    default:
      return undefined;
  }
}

function literal(node: unknown): string {
  return isNode(node) && typeof node.value === "string" ? node.value : "<computed>";
}

function nameOf(node: unknown): string | undefined {
  return isNode(node) && node.type === "Identifier" && typeof node.name === "string" ? node.name : undefined;
}

/** Globals that no pure code names. A local of the same name counts too: nobody should have to look twice. */
const IMPURE_GLOBALS = new Set([
  ...["process", "Deno", "Bun", "globalThis", "require", "eval", "Function"],
  ...["console", "fetch", "crypto", "performance", "XMLHttpRequest", "WebSocket"],
  ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "clearTimeout", "clearInterval", "clearImmediate"],
]);

function impurityOf(node: SyntaxNode, place: Place | undefined): string | undefined {
  const name = nameOf(node);
  if (name === undefined || place === undefined || isMereName(place)) return undefined;
  if (IMPURE_GLOBALS.has(name)) return name;
  if (name === "Math") return memberOf(place, (member) => member !== "random") ? undefined : "Math.random";
  if (name === "Date") return isPureDate(place) ? undefined : "Date.now";
  return undefined;
}

/** A property or a key of that name refers to no global: `job.process`, `{ fetch: 1 }`. */
function isMereName({ parent, field }: Place): boolean {
  if (parent.type === "TSQualifiedName") return field === "right";
  if (parent.computed === true) return false;
  return field === "key" || field === "property" || field === "imported" || field === "exported";
}

function memberOf({ parent, field }: Place, allowed: (member: string) => boolean): boolean {
  if (parent.type !== "MemberExpression" || field !== "object" || parent.computed === true) return false;
  const member = nameOf(parent.property);
  return member !== undefined && allowed(member);
}

/**
 * `Date.UTC(…)`, `Date.parse(text)`, `new Date(ms)`, `x instanceof Date` and the type. Everything else reads the clock,
 * or the machine's time zone (`new Date(2026, 10, 22)`), or hides which of them it does (`const D = Date`).
 */
function isPureDate(place: Place): boolean {
  const { parent, field } = place;
  if (parent.type === "TSTypeReference") return true;
  if (parent.type === "BinaryExpression") return parent.operator === "instanceof" && field === "right";
  if (parent.type === "NewExpression" && field === "callee" && Array.isArray(parent.arguments)) {
    const [only, ...others] = parent.arguments;
    return isNode(only) && only.type !== "SpreadElement" && others.length === 0;
  }
  return memberOf(place, (member) => member === "UTC" || member === "parse");
}
