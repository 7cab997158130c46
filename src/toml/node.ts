/**
 * A TOML value, and where it is written.
 *
 * One shape for a file, for `-c key=value` and for an object of a program: the checks and the merge see no difference,
 * and every value knows where it comes from. Tables are maps in the order of the
 * file, because Codex reports the first problem in that order, and because a name like `__proto__` is only a name.
 */

/** A text that values were read from. */
export interface Source {
  /** Shown in messages: the path of a file, or what else the text was, such as `-c mcp_servers.a.enabled=false`. */
  readonly name: string;
  readonly text: string;
  /**
   * `override`: the value behind a `-c`, whose key is in the name. `text`: no TOML; only what looks like a secret is one.
   * `masked`: there is no secret in it. @default "toml"
   */
  readonly kind?: "toml" | "override" | "text" | "masked";
}

/** A piece of a source: offsets in UTF-16 units, the end excluded. */
export interface Place {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

interface Written {
  /** Absent for what a program handed over as an object. */
  readonly place?: Place | undefined;
}

export type TomlNode =
  | ({ readonly kind: "string"; readonly value: string } & Written)
  /** TOML's range: 64 bits with a sign. */
  | ({ readonly kind: "integer"; readonly value: bigint } & Written)
  | ({ readonly kind: "float"; readonly value: number } & Written)
  | ({ readonly kind: "boolean"; readonly value: boolean } & Written)
  /** `value` is the text as Codex prints it; Codex takes it wherever a string is wanted (measured). */
  | ({ readonly kind: "datetime"; readonly value: string } & Written)
  | ({ readonly kind: "array"; readonly items: readonly TomlNode[] } & Written)
  | TomlTable;

export interface TomlTable extends Written {
  readonly kind: "table";
  readonly entries: ReadonlyMap<string, TomlEntry>;
}

export interface TomlEntry {
  readonly value: TomlNode;
  /** Where the key is written (for a table with several headers: the first). */
  readonly keyPlace?: Place | undefined;
}

/** What JSON can say of a node. An integer that a double cannot hold exactly becomes the nearest one. */
export type PlainValue = string | number | boolean | PlainValue[] | { [key: string]: PlainValue };

/** The value at a path, or `undefined`. */
export function nodeAt(root: TomlNode, path: readonly string[]): TomlNode | undefined {
  let at: TomlNode | undefined = root;
  for (const key of path) {
    if (at?.kind !== "table") return undefined;
    at = at.entries.get(key)?.value;
  }
  return at;
}

/** The node as plain values; `__proto__` is a key like any other. */
export function toPlain(node: TomlNode): PlainValue {
  switch (node.kind) {
    case "integer":
      return Number(node.value);
    case "array":
      return node.items.map(toPlain);
    case "table": {
      // Unlike an assignment, this sets no prototype.
      return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, toPlain(value)]));
    }
    default:
      return node.value;
  }
}

/**
 * A program's value as a node: whole numbers are integers as far as TOML has them, entries that are `undefined` are not
 * there. Tables are plain objects and maps.
 *
 * @throws {PlainValueError} for what TOML cannot say: null, dates, functions, an integer beyond 64 bits, half a surrogate
 *   pair
 */
export function fromPlain(value: unknown, path: readonly string[] = []): TomlNode {
  if (typeof value === "string" && value.isWellFormed()) return { kind: "string", value };
  if (typeof value === "boolean") return { kind: "boolean", value };
  if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return { kind: "integer", value };
  if (typeof value === "number") {
    if (!Number.isInteger(value) || Object.is(value, -0)) return { kind: "float", value };
    // What the largest integer was before it became a double.
    const whole = value === 2 ** 63 ? 2n ** 63n - 1n : BigInt(value);
    return BigInt.asIntN(64, whole) === whole ? { kind: "integer", value: whole } : { kind: "float", value };
  }
  if (Array.isArray(value)) {
    return { kind: "array", items: value.map((item, index) => fromPlain(item, [...path, String(index)])) };
  }
  if (value instanceof Map || isPlainObject(value)) return tableFromPlain(value, path);
  throw new PlainValueError(value, path);
}

/** A program's value that TOML cannot say. */
export class PlainValueError extends TypeError {
  readonly path: readonly string[];
  /** To be read after the path. */
  readonly what: string;

  constructor(value: unknown, path: readonly string[]) {
    const what = `is ${nameOf(value)}, which TOML cannot say`;
    super(`${path.length === 0 ? "The value" : path.join(".")} ${what}`);
    this.path = path;
    this.what = what;
  }
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // That of another realm has nothing above it, either.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "bigint") return "beyond 64 bits";
  if (typeof value === "string") return "text with half a character";
  return typeof value === "object" ? `a ${value.constructor.name}` : `a ${typeof value}`;
}

function tableFromPlain(value: object, path: readonly string[]): TomlTable {
  const entries = new Map<string, TomlEntry>();
  const pairs: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
  for (const [key, inner] of pairs) {
    if (inner === undefined) continue;
    fromPlain(String(key), path);
    entries.set(String(key), { value: fromPlain(inner, [...path, String(key)]) });
  }
  return { kind: "table", entries };
}

/** 1-based, as editors count; the column is in characters (code points), as Codex counts it. */
export function lineAndColumn(place: Place): { readonly line: number; readonly column: number } {
  const starts = lineStarts(place.source);
  let low = 0;
  for (let high = starts.length; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if ((starts[middle] as number) <= place.start) low = middle;
    else high = middle;
  }
  const before = place.source.text.slice(starts[low], place.start).replace(/^\ufeff/, "");
  return { line: low + 1, column: countCharacters(before) + 1 };
}

/** Code points, which is what an editor and Codex count. */
export function countCharacters(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

const STARTS = new WeakMap<Source, readonly number[]>();

function lineStarts(source: Source): readonly number[] {
  const known = STARTS.get(source);
  if (known !== undefined) return known;
  const starts = [0];
  for (let at = source.text.indexOf("\n"); at !== -1; at = source.text.indexOf("\n", at + 1)) {
    starts.push(at + 1);
  }
  STARTS.set(source, starts);
  return starts;
}
