/**
 * Which comment lines of a random document an edit may take, gap by gap: the rules of the editor, in another form.
 *
 * Directives and commented-out headers are known by how `random-documents.ts` writes them.
 */
import assert from "node:assert/strict";
import type { ConfigEdit } from "../../../src/config/edit/edits.ts";
import { nodeAt, type TomlTable } from "../../../src/toml/node.ts";
import { parseToml } from "../../../src/toml/parse.ts";
import type { TomlStatement } from "../../../src/toml/document.ts";

/** What an edit takes away or writes anew. */
interface Taken {
  readonly path: readonly string[];
  readonly isWhole: boolean;
}

interface Line {
  readonly text: string;
  readonly mayGo: boolean;
}

/** The comment lines between the statements of a text. */
export function commentLines(text: string): string[] {
  return comments(text, []).map((line) => line.text);
}

/** Those of them that are there after the edit whatever it does, in their order. */
export function keptComments(text: string, edit: ConfigEdit): string[] {
  const taken = takenBy(rootOf(text), edit);
  const lines = taken === undefined ? protectedLines(text) : comments(text, taken);
  return lines.filter(({ mayGo }) => !mayGo).map((line) => line.text);
}

function document(text: string): { readonly root: TomlTable; readonly statements: readonly TomlStatement[] } {
  const result = parseToml({ name: "config.toml", text });
  assert.ok(result.ok, text);
  return result.document;
}

function rootOf(text: string): TomlTable {
  return document(text).root;
}

/** `undefined` where several changes follow one another, and what is a server's is not what it was at first. */
function takenBy(root: TomlTable, edit: ConfigEdit): Taken[] | undefined {
  if (edit.kind === "trust") {
    const path = ["projects", edit.folder];
    const entry = nodeAt(root, path);
    const isWhole = edit.level === undefined && entry?.kind === "table" && entry.entries.size === 1;
    return [isWhole ? { path, isWhole } : { path: [...path, "trust_level"], isWhole }];
  }
  if (edit.kind === "replace_all") return undefined;
  const path = ["mcp_servers", edit.name];
  const part = (...keys: readonly string[]): Taken => ({ path: [...path, ...keys], isWhole: false });
  switch (edit.kind) {
    case "remove":
      return [{ path, isWhole: true }];
    case "set":
    case "unset":
      return [part(...edit.key)];
    case "approve":
      return [part("tools", edit.tool, "approval_mode")];
    case "replace": {
      const server = nodeAt(root, path);
      return server?.kind === "table" ? [...server.entries.keys()].map((key) => part(key)) : [];
    }
    case "enable":
    case "disable":
      return [part("enabled")];
    case "add":
    case "rename":
      return [];
  }
}

/** Directives, and the blocks of commented-out servers that stand right below something. */
function protectedLines(text: string): Line[] {
  return comments(text, []).map((line) => ({
    ...line,
    mayGo: !isDirective(line.text) && !line.text.endsWith("# off"),
  }));
}

function comments(text: string, taken: readonly Taken[]): Line[] {
  const { statements } = document(text);
  const lines: Line[] = [];
  for (let i = 0; i <= statements.length; i++) {
    const above = statements[i - 1];
    const below = statements[i];
    const start = above === undefined ? 0 : endOfLine(text, above.end);
    const end = below === undefined ? text.length : text.lastIndexOf("\n", below.start - 1) + 1;
    const gap = text
      .slice(start, end)
      .replace(/^\ufeff/, "")
      .replace(/\r?\n$/, "")
      .split(/\r?\n/);
    lines.push(
      ...linesOfGap(
        gap.map((line) => line.trim()),
        above,
        below,
        taken,
      ),
    );
  }
  return lines;
}

function linesOfGap(
  gap: readonly string[],
  above: TomlStatement | undefined,
  below: TomlStatement | undefined,
  taken: readonly Taken[],
): Line[] {
  const ofAbove = taken.findIndex(({ path }) => isUnder(above, path));
  const ofBelow = taken.findIndex(({ path }) => isUnder(below, path));
  const isSame = ofAbove !== -1 && ofAbove === ofBelow;
  const isBetween = isSame && !gap.some((line) => isDirective(line) || isHeader(line));
  const ends = (line: string): boolean => line === "" || isDirective(line);
  const firstEnd = gap.findIndex(ends);
  const lastEnd = gap.findLastIndex(ends);
  const firstHeader = gap.findIndex(isHeader);
  return gap.flatMap((text, at) => {
    if (text === "") return [];
    const isRightAbove = below !== undefined && at > lastEnd;
    const isRightBelow = above !== undefined && !isRightAbove && (firstEnd === -1 || at < firstEnd);
    const isPastHeader = firstHeader !== -1 && at >= firstHeader;
    const goesWithAbove = isRightBelow && !isPastHeader && taken[ofAbove]?.isWhole === true;
    const goesWithBelow =
      isRightAbove && ofBelow !== -1 && hasComments(below, taken[ofBelow]?.isWhole === true);
    return [{ text, mayGo: !isDirective(text) && (isBetween || goesWithAbove || goesWithBelow) }];
  });
}

function hasComments(statement: TomlStatement, isWhole: boolean): boolean {
  if (statement.kind === "header") return true;
  return isWhole && (statement.inline !== undefined || statement.keys.length > 1);
}

function isUnder(statement: TomlStatement | undefined, path: readonly string[]): boolean {
  if (statement === undefined) return false;
  const above = statement.kind === "pair" ? (statement.header?.keys ?? []) : [];
  const full = [...above, ...statement.keys].map(({ name }) => name);
  return path.every((key, index) => full[index] === key);
}

function isDirective(line: string): boolean {
  return /^#(?:!|:schema| vim:| -\*-)/.test(line);
}

function isHeader(line: string): boolean {
  return line.startsWith("# [");
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : end + 1;
}
