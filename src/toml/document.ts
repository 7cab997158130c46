/**
 * A TOML text as statements: what stands where, comments and spelling untouched.
 *
 * `root` says what the text means; `statements` say how it is written. Between two statements there are only blanks
 * and comments. The editor works on statements, everything else on `root`.
 */
import type { Place, Source, TomlNode, TomlTable } from "./node.ts";

export interface TomlDocument {
  readonly source: Source;
  readonly root: TomlTable;
  /** In the order of the text. */
  readonly statements: readonly TomlStatement[];
}

/** A key, and the place where it is written. */
export interface TomlKey extends Place {
  readonly name: string;
}

/** `[a.b]` or `[[a.b]]`. */
export interface TomlHeader {
  readonly kind: "header";
  readonly array: boolean;
  readonly keys: readonly TomlKey[];
  /** From the first bracket to behind the last: offsets into the text of the document, the end excluded. */
  readonly start: number;
  readonly end: number;
}

/** `a.b = value`. */
export interface TomlPair {
  readonly kind: "pair";
  readonly keys: readonly TomlKey[];
  /** The header it stands under; `undefined` above the first one, and inside an inline table. */
  readonly header: TomlHeader | undefined;
  readonly value: TomlNode;
  /** The pairs of an inline table, as written. */
  readonly inline: readonly TomlPair[] | undefined;
  /** From the first key to behind the value. */
  readonly start: number;
  readonly end: number;
}

export type TomlStatement = TomlHeader | TomlPair;
