/**
 * YAML as Codex's serde reads it: every scalar is the text that is written, an unknown key is ignored, and one mistake makes the
 * whole document count for nothing.
 */
import type * as YamlLibrary from "yaml";
import type { Document, Node, YAMLMap } from "yaml";
import type { ConfigProblem } from "../problem.ts";
import type { Place, Source } from "../../toml/node.ts";

export type Yaml = typeof YamlLibrary;

/** What is wrong in a document; it counts for nothing. */
export class YamlProblem extends Error {
  override readonly name = "YamlProblem";
  readonly problem: ConfigProblem;

  constructor(problem: ConfigProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** A piece of YAML within a source. */
export interface YamlText {
  readonly source: Source;
  /** Where the piece begins and ends in the source. */
  readonly start: number;
  readonly end: number;
}

/** The library is loaded when the first document is read. */
export async function loadYaml(): Promise<Yaml> {
  return await import("yaml");
}

/** The nodes of one document, read key by key. */
export class YamlFile {
  readonly #yaml: Yaml;
  readonly #document: Document.Parsed;
  readonly #text: YamlText;
  readonly #targets = new Map<Node, Node>();
  readonly root: Node | undefined;

  /** @throws {YamlProblem} where Codex would not read it */
  constructor(yaml: Yaml, text: YamlText) {
    this.#yaml = yaml;
    this.#text = text;
    const piece = text.source.text.slice(text.start, text.end);
    try {
      // With this schema every scalar stays text; Codex takes any scalar where it wants text.
      this.#document = yaml.parseDocument(piece, {
        schema: "failsafe",
        uniqueKeys: false,
        prettyErrors: false,
        logLevel: "error",
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new YamlProblem({ message: "it is nested too deeply", place: this.#place(0, 0) });
    }
    const [first] = this.#document.errors;
    if (first !== undefined) {
      const [start, end] = first.pos;
      throw new YamlProblem({ message: `invalid YAML: ${first.message}`, place: this.#place(start, end) });
    }
    // The library looks through the whole document for each alias.
    const anchors = new Map<string, Node>();
    yaml.visit(this.#document, {
      Alias: (_key, alias) => {
        const target = anchors.get(alias.source);
        if (target === undefined)
          throw new YamlProblem({ message: "unknown anchor", place: this.placeOf(alias) });
        this.#targets.set(alias, target);
      },
      Value: (_key, node) => {
        if (node.anchor !== undefined) anchors.set(node.anchor, node);
      },
    });
    this.root = this.#document.contents ?? undefined;
  }

  placeOf(node: Node | undefined): Place {
    const [start = 0, end = start] = node?.range ?? [];
    return this.#place(start, end);
  }

  /** The keys of a map that are asked for; `undefined` where there is nothing. @throws {YamlProblem} */
  fields<Key extends string>(
    node: Node | undefined,
    path: readonly string[],
    keys: readonly Key[],
  ): Partial<Record<Key, Node>> | undefined {
    const found = this.#resolved(node);
    if (found === undefined || this.isNull(found)) return undefined;
    if (!this.#yaml.isMap(found)) throw this.wrong(found, path, "a map");
    const fields: Partial<Record<Key, Node>> = {};
    for (const { key: keyNode, value } of (found as YAMLMap<Node, Node | null>).items) {
      const key = keys.find((each) => this.#yaml.isScalar(keyNode) && keyNode.value === each);
      if (key === undefined) continue;
      if (fields[key] !== undefined)
        throw new YamlProblem({
          message: `duplicate field \`${key}\``,
          path: [...path, key],
          place: this.placeOf(keyNode),
        });
      fields[key] = value ?? new this.#yaml.Scalar(null);
    }
    return fields;
  }

  /** @throws {YamlProblem} */
  items(node: Node | undefined, path: readonly string[]): readonly Node[] {
    if (node === undefined) return [];
    const found = this.#resolved(node);
    if (this.#yaml.isSeq(found)) return found.items as Node[];
    throw this.wrong(node, path, "a list");
  }

  /** @returns `undefined` where there is none. @throws {YamlProblem} */
  text(node: Node | undefined, path: readonly string[]): string | undefined {
    const found = this.#resolved(node);
    if (found === undefined || this.isNull(found)) return undefined;
    if (!this.#yaml.isScalar(found)) throw this.wrong(found, path, "text");
    return String(found.value);
  }

  /** @throws {YamlProblem} */
  boolean(node: Node | undefined, path: readonly string[]): void {
    const found = this.#resolved(node);
    if (found === undefined || this.isNull(found)) return;
    const isWritten = this.#yaml.isScalar(found) && found.type === "PLAIN";
    if (isWritten && /^(?:true|True|TRUE|false|False|FALSE)$/.test(String(found.value))) return;
    throw this.wrong(found, path, "true or false");
  }

  isNull(node: Node): boolean {
    if (!this.#yaml.isScalar(node)) return false;
    if (node.value === null) return true;
    const { value, type } = node;
    return type === "PLAIN" && typeof value === "string" && /^(?:~|null|Null|NULL|)$/.test(value);
  }

  #resolved(node: Node | undefined): Node | undefined {
    return node === undefined ? undefined : (this.#targets.get(node) ?? node);
  }

  /** The problem of a node that is something else. */
  wrong(node: Node, path: readonly string[], wanted: string): YamlProblem {
    return new YamlProblem({
      message: `${wanted} is expected here`,
      ...(path.length === 0 ? {} : { path }),
      place: this.placeOf(node),
    });
  }

  #place(start: number, end: number): Place {
    const { source, start: from, end: to } = this.#text;
    const at = Math.min(from + start, to);
    return { source, start: at, end: Math.max(at, Math.min(from + end, to)) };
  }
}
