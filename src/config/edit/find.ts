/** Where a key of a document is written: as a pair, inside an inline table, through headers and dotted keys, or not. */
import type { TomlDocument, TomlKey, TomlPair, TomlStatement } from "../../toml/document.ts";

/** A statement, or a pair of an inline table, with the path it sets. */
export interface Written<Statement extends TomlStatement = TomlStatement> {
  readonly path: readonly string[];
  readonly statement: Statement;
}

export type Found<Statement extends TomlStatement = TomlStatement> =
  | { readonly kind: "pair"; readonly pair: TomlPair }
  /** An inline table on the way holds it, or would hold it. `rest` is the path inside. */
  | { readonly kind: "inside"; readonly pair: TomlPair; readonly rest: readonly string[] }
  /** A table, or an array of tables, that several statements make. In the order of the text, one at least. */
  | { readonly kind: "table"; readonly written: readonly Written<Statement>[] }
  | { readonly kind: "absent" };

/** The pairs of an inline table, with paths inside it. */
export function writtenInside(pair: TomlPair): Written<TomlPair>[] {
  return (pair.inline ?? []).map((statement) => ({ path: namesOf(statement), statement }));
}

/** @param path that of a value that is there, or of one that can be set: tables all the way */
export function find<Statement extends TomlStatement>(
  written: readonly Written<Statement>[],
  path: readonly string[],
): Found<Statement> {
  const below: Written<Statement>[] = [];
  for (const entry of written) {
    const { statement } = entry;
    if (startsWith(entry.path, path)) {
      if (entry.path.length === path.length && statement.kind === "pair")
        return { kind: "pair", pair: statement };
      below.push(entry);
    } else if (statement.kind === "pair" && startsWith(path, entry.path)) {
      return { kind: "inside", pair: statement, rest: path.slice(entry.path.length) };
    }
  }
  return below.length === 0 ? { kind: "absent" } : { kind: "table", written: below };
}

/** The statements of a document by the first two keys of their paths, so that few are searched in a long file. */
export class StatementIndex {
  readonly #statements: readonly TomlStatement[];
  readonly #byKeys = new Map<string, Map<string | undefined, TomlStatement[]>>();

  constructor(document: TomlDocument) {
    this.#statements = document.statements;
    for (const statement of document.statements) {
      const [first, second] = firstKeys(statement);
      const inner = this.#byKeys.get(first) ?? new Map<string | undefined, TomlStatement[]>();
      this.#byKeys.set(first, inner);
      const list = inner.get(second);
      if (list === undefined) inner.set(second, [statement]);
      else list.push(statement);
    }
  }

  /** The statements that `find` needs for this path, in the order of the text. */
  around(path: readonly string[]): Written[] {
    const [first, second] = path as [string, ...string[]];
    const inner = this.#byKeys.get(first);
    if (inner === undefined) return [];
    // One key alone may hold everything: `mcp_servers = { … }`.
    const statements =
      second === undefined
        ? this.#statements.filter((statement) => firstKeys(statement)[0] === first)
        : [...(inner.get(undefined) ?? []), ...(inner.get(second) ?? [])];
    return statements.map((statement) => ({ path: pathOf(statement), statement }));
  }
}

/** The first two keys of a statement's full path. */
export function firstKeys(statement: TomlStatement): [string, string | undefined] {
  const above = statement.kind === "pair" ? statement.header?.keys : undefined;
  const first = (above ?? statement.keys)[0] as TomlKey;
  const second = above === undefined ? statement.keys[1] : (above[1] ?? statement.keys[0]);
  return [first.name, second?.name];
}

export function namesOf(statement: TomlStatement): string[] {
  return statement.keys.map((key) => key.name);
}

export function startsWith(path: readonly string[], prefix: readonly string[]): boolean {
  if (path.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (path[i] !== prefix[i]) return false;
  return true;
}

/** The element of an array of tables has the path of the array. */
function pathOf(statement: TomlStatement): string[] {
  const names = namesOf(statement);
  return statement.kind === "pair" && statement.header !== undefined
    ? [...namesOf(statement.header), ...names]
    : names;
}
