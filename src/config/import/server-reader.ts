/**
 * One server as it is written, taken key by key, with the notes about it.
 *
 * The translation takes what it knows; what is then left in `entries` has no counterpart.
 */
import type { DraftMcpServer } from "../server/types.ts";
import type { Dialect } from "./dialects.ts";
import type { JsonDocument, JsonNode } from "./json-document.ts";
import { findReference, isLeftToProgram } from "./references.ts";

export interface ImportNote {
  /** Absent for what concerns the whole file. */
  readonly server?: string;
  /** As the file spells it: `env.TOKEN`. */
  readonly key: string;
  readonly message: string;
}

export class ServerReader {
  readonly notes: ImportNote[] = [];
  /** The keys whose values have to be filled in before the server can run. */
  readonly unfilled: Set<string> = new Set();
  readonly document: JsonDocument;
  readonly dialect: Dialect;
  readonly node: JsonNode;
  readonly path: readonly string[];
  /** What has not been taken yet. */
  readonly entries: Map<string, JsonNode>;
  readonly #name: string;

  constructor(
    name: string,
    node: JsonNode,
    path: readonly string[],
    dialect: Dialect,
    document: JsonDocument,
  ) {
    this.#name = name;
    this.node = node;
    this.path = path;
    this.dialect = dialect;
    this.document = document;
    // Programs that write such files write `null` for what is not there.
    const entries = [...(document.entries(node, path) ?? [])];
    this.entries = new Map(entries.filter(([, value]) => value.type !== "null"));
  }

  take<T>(key: string, read: (node: JsonNode, path: readonly string[]) => T): T | undefined {
    const node = this.entries.get(key);
    this.entries.delete(key);
    return node === undefined ? undefined : read(node, [...this.path, key]);
  }

  /** A text that is used as it is written; a note says if the product would have replaced something in it. */
  takeText(key: string): string | undefined {
    return this.take(key, (node, path) => {
      const value = this.document.text(node, path);
      if (value !== undefined) this.noteReference(key, value);
      return value;
    });
  }

  takeList(key: string, use: (items: string[]) => void): void {
    this.take(key, (node, path) => {
      const items = this.document.texts(node, path);
      if (items !== undefined) use(items);
    });
  }

  findReference(value: string): ReturnType<typeof findReference> {
    return findReference(value, this.dialect.reference);
  }

  isLeftToProgram(value: string, variables: ReadonlySet<string>): boolean {
    return isLeftToProgram(value, variables, this.dialect.reference);
  }

  /** A value that is carried over as it is written, though it is not what the server needs. */
  noteReference(key: string, value: string): void {
    const reference = this.findReference(value);
    if (reference === undefined) return;
    const isBlank = typeof reference === "object" && reference.kind === "blank";
    const why = isBlank ? "it is a placeholder" : "variables in it are not replaced here";
    const what = isBlank ? "the placeholder by the value" : "them by their values";
    this.unfilled.add(key);
    this.note(key, `${why}: it is carried over as written, so replace ${what}`);
  }

  note(key: string, message: string): void {
    this.notes.push({ server: this.#name, key, message });
  }
}

export function setText(
  draft: DraftMcpServer,
  key: "command" | "cwd" | "url",
  value: string | undefined,
): void {
  if (value !== undefined) draft[key] = value;
}
