/** Edits to a document: planned together where they can be, proven, and turned into the next document. */
import { ConfigError } from "../problem.ts";
import type { TomlDocument } from "../../toml/document.ts";
import { formatKeys } from "../../toml/format.ts";
import { nodeAt, type Source, type TomlTable } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { type Change, changesOf, type ConfigEdit } from "./edits.ts";
import { EditPlan } from "./plan.ts";
import { proveEdit } from "./prove.ts";
import { withoutValue, withValue } from "../../toml/tree.ts";

/**
 * The document after all edits, in their order.
 *
 * Each is proven: the new text is read again and must mean exactly what was asked for, and nothing but lines of the
 * servers that were named may differ.
 *
 * @throws {ConfigError} `invalid_edit` when an edit cannot be made in the document, `unprovable_edit`
 *   when the result is not what was asked for
 */
export function editDocument(document: TomlDocument, edits: readonly ConfigEdit[]): TomlDocument {
  const file = document.source.name;
  let round = new Round(document);
  for (const edit of edits) {
    for (const change of changesOf(round.wanted, edit, file)) {
      const names = change.kind === "rename" ? [...change.path, change.name] : change.path;
      if (!names.every((name) => name.isWellFormed())) {
        throw new ConfigError(
          "invalid_edit",
          `${formatKeys(names)} is not valid text: it has half a character`,
        );
      }
      if (!round.takes(change)) round = new Round(round.finish());
      round.add(change);
    }
  }
  return round.finish();
}

/** The same from text to text. @throws {ConfigError} also `invalid_config` when the text is not valid TOML */
export function applyEdits(source: Source, edits: readonly ConfigEdit[]): string {
  return editDocument(readDocument(source), edits).source.text;
}

/** @throws {ConfigError} `invalid_config` when the text is not valid TOML */
export function readDocument(source: Source): TomlDocument {
  const result = parseToml(source);
  if (result.ok) return result.document;
  throw new ConfigError("invalid_config", `${source.name} is not valid TOML: ${result.problem.message}`, {
    problems: [result.problem],
  });
}

/** Changes that do not affect each other: they are planned on one text, and proven together. */
class Round {
  /** What the text will mean. */
  wanted: TomlTable;
  readonly #document: TomlDocument;
  readonly #plan: EditPlan;
  readonly #owners = new Map<string, readonly string[]>();
  #first: Change | undefined;

  constructor(document: TomlDocument) {
    this.#document = document;
    this.#plan = new EditPlan(document);
    this.wanted = document.root;
  }

  /** Two changes for one owner are not planned together, nor changes that edit with changes that add. */
  takes(change: Change): boolean {
    if (this.#first === undefined) return true;
    const isAlike =
      change.kind === this.#first.kind &&
      change.path[0] === this.#first.path[0] &&
      this.#isNew(change) === this.#isNew(this.#first);
    return isAlike && ownersOf(change).every((owner) => !this.#owners.has(formatKeys(owner)));
  }

  add(change: Change): void {
    this.#first ??= change;
    for (const owner of ownersOf(change)) this.#owners.set(formatKeys(owner), owner);
    switch (change.kind) {
      case "set":
        this.#plan.set(change.path, change.value);
        break;
      case "unset":
        this.#plan.unset(change.path);
        break;
      case "rename":
        this.#plan.rename(change.path, change.name);
    }
    this.wanted = applyChange(this.wanted, change);
  }

  #isNew(change: Change): boolean {
    return nodeAt(this.#document.root, ownerOf(change)) === undefined;
  }

  finish(): TomlDocument {
    if (this.#first === undefined) return this.#document;
    const source = { name: this.#document.source.name, text: this.#plan.text() };
    return proveEdit(this.#document, source, this.wanted, [...this.#owners.values()]);
  }
}

function applyChange(root: TomlTable, change: Change): TomlTable {
  switch (change.kind) {
    case "set":
      return withValue(root, change.path, change.value);
    case "unset":
      return withoutValue(root, change.path);
    case "rename": {
      const value = nodeAt(root, change.path);
      const without = withoutValue(root, change.path);
      return value === undefined
        ? without
        : withValue(without, [...change.path.slice(0, -1), change.name], value);
    }
  }
}

function ownersOf(change: Change): (readonly string[])[] {
  const owner = ownerOf(change);
  return change.kind === "rename" ? [owner, [owner[0] as string, change.name]] : [owner];
}

/** The first two keys of a path: `mcp_servers.NAME`, `projects.FOLDER`. */
function ownerOf(change: Change): readonly string[] {
  return change.path.slice(0, 2);
}
