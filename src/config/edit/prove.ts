/**
 * Proves that an edited text is what was asked for, before anything is written.
 *
 * It trusts nothing of the plan: the new text is read again, its meaning is compared with the old meaning edited as
 * a tree, and all lines that belong to others are compared with those of the old text.
 */
import type { TomlDocument, TomlStatement } from "../../toml/document.ts";
import { formatKeys } from "../../toml/format.ts";
import { nodeAt, type Source, type TomlTable } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { ConfigError } from "../problem.ts";
import { firstKeys } from "./find.ts";
import { closed, lastNewline, lineStart, type Owner, ownedRanges } from "./lines.ts";
import { sameMeaning, withoutValue } from "../../toml/tree.ts";

/**
 * @param wanted what the new text has to mean
 * @param owners those whose lines may differ: `mcp_servers.NAME`, `projects.FOLDER`
 * @returns the new text, read
 * @throws {ConfigError} `unprovable_edit`
 */
export function proveEdit(
  before: TomlDocument,
  source: Source,
  wanted: TomlTable,
  owners: readonly (readonly string[])[],
): TomlDocument {
  const result = parseToml(source);
  const fail = (what: string): ConfigError => {
    const who = owners.map(formatKeys).join(", ");
    return new ConfigError(
      "unprovable_edit",
      `Cannot edit ${who} in ${source.name}: ${what}. Nothing was written; this is a bug in Switchyard's editor`,
    );
  };
  if (!result.ok) throw fail(`the new text would not be valid TOML (${result.problem.message})`);
  const { document } = result;
  if (!sameMeaning(withoutHollow(document.root, owners), withoutHollow(wanted, owners))) {
    throw fail("the new text would not mean what was asked for");
  }
  if (!othersStay(before, document, ownersFor(wanted, owners)))
    throw fail("lines of other owners would change");
  return document;
}

/**
 * Without the tables that are empty and on the way to an owner: a table that only dotted keys made goes with the last
 * of them, one with a header stays.
 */
function withoutHollow(root: TomlTable, owners: readonly (readonly string[])[]): TomlTable {
  let left = root;
  for (const owner of owners) {
    for (let length = owner.length; length > 0; length--) {
      const path = owner.slice(0, length);
      const node = nodeAt(left, path);
      if (node?.kind === "table" && node.entries.size === 0) left = withoutValue(left, path);
    }
  }
  return left;
}

type Owners = ReadonlyMap<string, ReadonlyMap<string, Owner>>;

/** The owners by their two keys. One that is removed goes as a whole. */
function ownersFor(wanted: TomlTable, paths: readonly (readonly string[])[]): Owners {
  const owners = new Map<string, Map<string, Owner>>();
  for (const path of paths as readonly [string, string][]) {
    const [first, second] = path;
    const inner = owners.get(first) ?? new Map<string, Owner>();
    owners.set(first, inner.set(second, { isWhole: nodeAt(wanted, path) === undefined }));
  }
  return owners;
}

/** Whether all lines but those of the owners are the same, blank ones aside. */
function othersStay(before: TomlDocument, after: TomlDocument, owners: Owners): boolean {
  // What closes the last line of one text has to close that of the other.
  const newline = lastNewline(before.source.text);
  const exactOld = textOfOthers(before, owners, newline);
  const exactNow = textOfOthers(after, owners, newline);
  if (exactOld === exactNow) return true;
  const old = withoutBlankLines(exactOld);
  const now = withoutBlankLines(exactNow);
  // A comment between two servers may stand beside one of them, or beside neither, when lines go.
  return (
    old === now ||
    (isWithin(old, closed(after.source.text, newline)) && isWithin(now, closed(before.source.text, newline)))
  );
}

/** Whether all lines of `some` are among those of `all`, in their order. */
function isWithin(some: string, all: string): boolean {
  const wanted = some.split("\n").filter((line) => line !== "");
  let at = 0;
  for (const line of all.slice(lineStart(all, 0)).split("\n")) if (line === wanted[at]) at++;
  return at === wanted.length;
}

function textOfOthers(document: TomlDocument, owners: Owners, newline: string): string {
  const text = closed(document.source.text, newline);
  let others = "";
  let at = lineStart(text, 0);
  for (const { start, end } of ownedRanges(text, document.statements, ownedStatements(document, owners))) {
    others += text.slice(at, start);
    at = end;
  }
  return others + text.slice(at);
}

function withoutBlankLines(text: string): string {
  return `\n${text}`.replace(/\n(?:[ \t\r]*\n)+/g, "\n");
}

function ownedStatements(document: TomlDocument, owners: Owners): ReadonlyMap<TomlStatement, Owner> {
  const shared: Owner = { isWhole: false };
  const owned = new Map<TomlStatement, Owner>();
  for (const statement of document.statements) {
    const [first, second] = firstKeys(statement);
    const inner = owners.get(first);
    if (inner === undefined) continue;
    // `mcp_servers = { … }` holds all of them; a header alone belongs to nobody.
    const owner = second !== undefined ? inner.get(second) : statement.kind === "pair" ? shared : undefined;
    if (owner !== undefined) owned.set(statement, owner);
  }
  return owned;
}
