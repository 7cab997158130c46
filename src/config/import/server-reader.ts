/**
 * One server as it is written, taken key by key, with the notes about it.
 *
 * The translation takes what it knows; what is then left in `entries` has no counterpart.
 */
import type { DraftMcpServer } from "../server/types.ts";
import type { Dialect } from "./dialects.ts";
import type { JsonDocument, JsonNode } from "./json-document.ts";
import { findReference } from "./references.ts";

export interface ImportNote {
  /** Absent for what concerns the whole file. */
  readonly server?: string;
  /** As the file spells it: `env.TOKEN`. */
  readonly key: string;
  readonly message: string;
}

export class ServerReader {
  readonly notes: ImportNote[] = [];
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
    this.entries = new Map(document.entries(node, path));
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
    return findReference(value, this.dialect.bareReferences === true);
  }

  noteReference(key: string, value: string): void {
    if (this.findReference(value) === undefined) return;
    this.note(
      key,
      "variables in it are not replaced here: it is carried over as written, so replace them by their values",
    );
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
