/**
 * Random configuration files as people write them: every way to spell a server, comments and blank lines everywhere.
 *
 * A document knows its pieces and whose they are, by construction and not by our own reading of the text, so a test
 * can say which bytes an edit may not touch.
 */
import fc from "fast-check";

/** Chance, from fast-check: a whole number below `count`. */
export type Chance = (count: number) => number;

/** Runs `body` with chance of its own in every run; what fails is made smaller by fast-check. */
export function withChance(runs: number, body: (chance: Chance) => void): void {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      body((count) => g(below, count));
    }),
    { numRuns: runs },
  );
}

/** fc.gen() remembers every function that it is given, so it is given this one only. */
function below(count: number): fc.Arbitrary<number> {
  return fc.nat({ max: count - 1 });
}

export function oneOf<Item>(chance: Chance, items: readonly Item[]): Item {
  return items[chance(items.length)] as Item;
}

export function someOf<Item>(chance: Chance, items: readonly Item[]): Item[] {
  return items.filter(() => chance(2) === 1);
}

function shuffled<Item>(chance: Chance, items: readonly Item[]): Item[] {
  const left = [...items];
  return items.flatMap(() => left.splice(chance(left.length), 1));
}

/** Text that has to survive every edit that does not name its owner. */
export interface Piece {
  /** A server; `undefined` for what belongs to no server. */
  readonly owner: string | undefined;
  readonly text: string;
  /** A piece of a line, in a one-line `mcp_servers = { … }`. */
  readonly inLine?: boolean;
}

export interface RandomDocument {
  readonly text: string;
  readonly newline: "\n" | "\r\n" | "mixed";
  readonly servers: readonly string[];
  readonly pieces: readonly Piece[];
}

/** A value as this generator writes it: plain, or a table. */
export type Value = Scalar | Value[] | Table;
export type Table = ReadonlyMap<string, Value>;
/** TOML text of a value that is neither an array nor a table. */
interface Scalar {
  readonly toml: string;
}

interface Block {
  readonly owner: string | undefined;
  readonly lines: readonly string[];
  /** Whether a comment right above belongs to the owner: not above a plain pair. */
  readonly standsAlone: boolean;
}

export const SERVER_NAMES: readonly string[] = [
  "a",
  "docs",
  "b-2",
  "1",
  "e.f",
  "__proto__",
  "ü x",
  "",
  "a b",
];

export function randomDocument(chance: Chance): RandomDocument {
  return new Writer(chance).document();
}

class Writer {
  readonly #chanceOf: Chance;
  #comments = 0;

  constructor(chance: Chance) {
    this.#chanceOf = chance;
  }

  document(): RandomDocument {
    const names = shuffled(this.#chanceOf, SERVER_NAMES).slice(0, this.#chanceOf(5));
    const servers = new Map(names.map((name) => [name, this.#server()]));
    const bodies = this.#chance(8) ? this.#asOneTable(servers) : this.#asStatements(servers);
    if (this.#chance(6)) bodies.push({ owner: undefined, text: this.#directive() });
    const newline = this.#chance(4) ? "\r\n" : this.#chance(8) ? "mixed" : "\n";
    const pieces = bodies.map((piece) => {
      const own = newline === "mixed" ? this.#pick(["\n", "\r\n"]) : newline;
      return { ...piece, text: piece.text.replaceAll("\n", own) };
    });
    let text = pieces.map((piece) => piece.text).join("");
    if (this.#chance(5)) text = text.replace(/(?:\r?\n)+$/, "");
    if (this.#chance(6)) text = `\ufeff${text}`;
    return { text, newline, servers: names, pieces };
  }

  /** `mcp_servers = { … }`, all in one. */
  #asOneTable(servers: ReadonlyMap<string, Table>): Piece[] {
    const pieces: Piece[] = [{ owner: undefined, text: "mcp_servers = {", inLine: true }];
    const multiLine = servers.size > 0 && this.#chance(3);
    const gap = multiLine ? "\n  " : " ";
    [...servers].forEach(([name, table], index) => {
      pieces.push({ owner: undefined, text: index === 0 ? gap : `,${gap}`, inLine: true });
      pieces.push({
        owner: name,
        text: `${this.key(name)} = ${this.inline(table, multiLine)}`,
        inLine: true,
      });
    });
    const tail = multiLine && servers.size > 0 && this.#chance(2) ? "," : "";
    const end = `${tail}${multiLine ? "\n" : servers.size > 0 ? " " : ""}}`;
    pieces.push({ owner: undefined, text: `${end}${this.#trailing()}\n`, inLine: true });
    const others = this.#others("root").map((block) => this.#blockPieces([block]));
    const sections = this.#others("section").map((block) => this.#blockPieces([block]));
    return [...others.flat(), ...pieces, ...sections.flat()];
  }

  #asStatements(servers: ReadonlyMap<string, Table>): Piece[] {
    const root: Block[] = this.#others("root");
    const under: Block[] = [];
    const early: Block[] = [];
    const late: Block[] = [];
    for (const [name, table] of servers) {
      const path = ["mcp_servers", name];
      switch (this.#chanceOf(9)) {
        case 0:
          under.push(this.#pairBlock(name, [name], table));
          break;
        case 1:
          root.push(this.#pairBlock(name, path, table));
          break;
        case 2:
          late.push(...this.#dotted(name, [name], path, table, under));
          break;
        case 3:
          late.push(...this.#dotted(name, path, path, table, root));
          break;
        default:
          early.push(...this.#sections(name, path, table));
      }
    }
    // Dotted keys at the root make the table `mcp_servers`, and then it can have no header.
    const isDotted = root.some((block) => block.owner !== undefined);
    if (isDotted && under.length > 0) root.push(...under.splice(0).map((block) => this.#atRoot(block)));
    const sections = [...early, ...this.#others("section")].map((block) => [block]);
    if (!isDotted && (under.length > 0 || this.#chance(6))) {
      const header = {
        owner: undefined,
        standsAlone: true,
        lines: [`${this.#header(["mcp_servers"])}${this.#trailing()}`],
      };
      sections.push([header, ...under]);
    }
    const order = this.#chance(2) ? sections : shuffled(this.#chanceOf, sections);
    return this.#blockPieces([...root, ...order.flat(), ...late]);
  }

  #atRoot(block: Block): Block {
    return {
      ...block,
      lines: block.lines.map((line) => (/^\s*(#|$)/.test(line) ? line : `mcp_servers.${line.trimStart()}`)),
    };
  }

  #server(): Table {
    const server = new Map<string, Value>();
    const maybe = (key: string, value: () => Value): void => {
      if (this.#chance(3)) server.set(key, value());
    };
    const strings = (): Value => (this.#chanceOf(4) === 0 ? [] : this.#many(2, () => this.#string()));
    const map = (): Table => new Map(this.#many(2, () => [this.#name(), this.#string()] as const));
    if (!this.#chance(12)) server.set("command", this.#string());
    maybe("args", strings);
    maybe("enabled", () => ({ toml: this.#pick(["true", "false"]) }));
    maybe("env", map);
    maybe("enabled_tools", strings);
    maybe("startup_timeout_sec", () => ({
      toml: this.#pick(["20", "0x1F", "1_0.50", "1e1"]),
    }));
    maybe(
      "tools",
      () =>
        new Map(
          this.#many(2, () => [this.#name(), new Map([["approval_mode", { toml: '"auto"' }]])] as const),
        ),
    );
    maybe("env_vars", () =>
      this.#many(2, () => (this.#chance(2) ? this.#string() : new Map([["name", this.#string()]]))),
    );
    maybe("x_unknown", () => this.#anything(3));
    return server;
  }

  #anything(depth: number): Value {
    if (depth > 0 && this.#chance(4)) return this.#many(2, () => this.#anything(depth - 1));
    if (depth > 0 && this.#chance(2)) {
      return new Map(this.#many(3, () => [this.#name(), this.#anything(depth - 1)] as const));
    }
    if (this.#chance(2)) return this.#string();
    return { toml: this.#pick(["1", "-0.0", "1979-05-27", "07:32:00", "true", "inf", "1e5"]) };
  }

  #string(): Scalar {
    return {
      toml: this.#pick([
        '"x"',
        '""',
        "'lit # [a]'",
        '"a # b"',
        '"\\u00e9\\""',
        '"""\n# no comment\n[mcp_servers.no]\n"""',
        "'''\n\n  k = 1\n'''",
        '"""one"""',
        "'\\'",
      ]),
    };
  }

  #name(): string {
    return this.#pick(["A", "B_2", "c-d", "1", "x.y", "__proto__", "ü", ""]);
  }

  /** `[path]` with its plain pairs, and sections, dotted keys or inline tables for what is below it. */
  #sections(owner: string, path: readonly string[], table: Table): Block[] {
    const lines: string[] = [];
    const below: Block[] = [];
    const indent = this.#indent();
    for (const [key, value] of table) {
      const style = this.#chanceOf(4);
      if (value instanceof Map && style < 2) below.push(...this.#sections(owner, [...path, key], value));
      else if (value instanceof Map && value.size > 0 && style === 2) {
        lines.push(...this.#dottedLines([key], value, indent));
      } else if (isTables(value) && style < 3) {
        for (const item of value) below.push(...this.#arrayOfTables(owner, [...path, key], item));
      } else lines.push(...(this.#chance(6) ? this.#inner(indent) : []), ...this.#pair([key], value, indent));
    }
    const header = `${indent}${this.#header(path)}${this.#trailing()}`;
    const own: Block = { owner, standsAlone: true, lines: [header, ...lines] };
    const isNeedless = lines.length === 0 && below.length > 0 && this.#chance(2);
    if (isNeedless) return below;
    return this.#chance(5) && below.every((block) => !block.lines[0]?.includes("[["))
      ? shuffled(this.#chanceOf, [own, ...below])
      : [own, ...below];
  }

  #arrayOfTables(owner: string, path: readonly string[], table: Table): Block[] {
    const lines = [...table].flatMap(([key, value]) => this.#pair([key], value, ""));
    return [{ owner, standsAlone: true, lines: [`[${this.#header(path)}]${this.#trailing()}`, ...lines] }];
  }

  /** Dotted keys, put into `pairs`; what is a section instead is returned. */
  #dotted(
    owner: string,
    keys: readonly string[],
    path: readonly string[],
    table: Table,
    pairs: Block[],
  ): Block[] {
    const sections: Block[] = [];
    const indent = this.#indent();
    for (const [key, value] of table) {
      if (value instanceof Map && this.#chance(2))
        sections.push(...this.#sections(owner, [...path, key], value));
      else {
        const lines =
          value instanceof Map && value.size > 0 && this.#chance(2)
            ? this.#dottedLines([...keys, key], value, indent)
            : this.#pair([...keys, key], value, indent);
        pairs.push({ owner, standsAlone: true, lines });
      }
    }
    return sections;
  }

  #pairBlock(owner: string, keys: readonly string[], table: Table): Block {
    return { owner, standsAlone: true, lines: this.#pair(keys, table, this.#indent()) };
  }

  #dottedLines(keys: readonly string[], table: Table, indent: string): string[] {
    return [...table].flatMap(([key, value]) =>
      value instanceof Map && value.size > 0 && this.#chance(2)
        ? this.#dottedLines([...keys, key], value, indent)
        : this.#pair([...keys, key], value, indent),
    );
  }

  #pair(keys: readonly string[], value: Value, indent: string): string[] {
    const equals = this.#pick([" = ", " = ", "=", "  =\t"]);
    const text = value instanceof Map ? this.inline(value, this.#chance(4)) : this.value(value);
    return [`${indent}${this.#keys(keys)}${equals}${text}${this.#trailing()}`];
  }

  value(value: Value): string {
    if (value instanceof Map) return this.inline(value, false);
    if (!Array.isArray(value)) return (value as Scalar).toml;
    if (!this.#chance(4)) return `[${value.map((item) => this.value(item)).join(", ")}]`;
    const items = value.map((item) => `\n  ${this.value(item)},${this.#trailing()}`).join("");
    return `[${items}\n${this.#chance(2) ? `  # ${this.#word()}\n` : ""}]`;
  }

  inline(table: Table, multiLine: boolean): string {
    const pairs = [...table].map(([key, value]) => {
      if (value instanceof Map && value.size === 1 && this.#chance(3)) {
        const [[inner, innerValue]] = [...value] as [[string, Value]];
        return `${this.#keys([key, inner])} = ${this.value(innerValue)}`;
      }
      return `${this.key(key)} = ${this.value(value)}`;
    });
    if (pairs.length === 0) return this.#pick(["{}", "{ }"]);
    if (!multiLine) return this.#chance(2) ? `{ ${pairs.join(", ")} }` : `{${pairs.join(",")}}`;
    const lines = pairs.map((pair, index) => {
      const comma = index < pairs.length - 1 || this.#chance(2) ? "," : "";
      const above = this.#chance(4) ? `  # ${this.#word()}\n` : "";
      const isLeading = comma === "," && this.#chance(6);
      return `${above}  ${pair}${isLeading ? ` # ${this.#word()}\n  ,` : comma}${this.#trailing()}\n`;
    });
    return `{${this.#trailing()}\n${lines.join("")}}`;
  }

  #header(path: readonly string[]): string {
    const space = this.#chance(8) ? " " : "";
    return `[${space}${path.map((key) => this.key(key)).join(this.#chance(8) ? " . " : ".")}${space}]`;
  }

  #keys(keys: readonly string[]): string {
    return keys.map((key) => this.key(key)).join(this.#chance(8) ? " . " : ".");
  }

  key(name: string): string {
    if (/^[\w-]+$/.test(name) && !this.#chance(6)) return name;
    return this.#chance(2) ? `'${name}'` : JSON.stringify(name);
  }

  #others(zone: "root" | "section"): Block[] {
    const root = [
      'model = "m"',
      "[projects]",
      "sandbox.x = 1",
      "notify = [\n  'a', # x\n]",
      '"odd key" = """\n[mcp_servers.a]\n"""',
    ];
    const section = [
      '[tui]\ntheme = "t"',
      '[projects."/w"]\ntrust_level = "trusted"',
      "[[list]]\nx = 1\n# y\n[[list]]",
      "[features]",
      "  [mcp_servers_2.a]\n  command = 'x'",
    ];
    const texts = zone === "root" ? root.filter((text) => !text.startsWith("[")) : section;
    return someOf(this.#chanceOf, texts).map((text) => ({
      owner: undefined,
      standsAlone: zone === "section",
      lines: text.split("\n"),
    }));
  }

  #blockPieces(blocks: readonly Block[]): Piece[] {
    const pieces: Piece[] = [];
    blocks.forEach((block, index) => {
      const next = blocks[index + 1];
      let text = "";
      if (this.#chance(10)) pieces.push({ owner: undefined, text: this.#directive() });
      if (this.#chance(4)) {
        const above = `# ${this.#word()}\n`;
        if (block.standsAlone) text += above;
        else pieces.push({ owner: undefined, text: above });
      }
      text += `${block.lines.join("\n").trimEnd()}\n`;
      const hasTail = this.#chance(6);
      if (hasTail) text += `# ${this.#word()} below\n`;
      pieces.push({ owner: block.owner, text });
      if (this.#chance(8)) {
        text = this.#commentedOut();
        pieces.push({ owner: undefined, text });
      }
      const blank = this.#pick(["", "\n", "\n", "\n", "\n\n"]);
      const endsInComment = /^\s*#/.test(text.trimEnd().split("\n").at(-1) ?? "");
      if (this.#chance(6)) {
        const isBetween = next !== undefined && next.owner === block.owner;
        pieces.push({ owner: undefined, text: "\n" });
        pieces.push({ owner: isBetween ? block.owner : undefined, text: `# ${this.#word()} free\n` });
        pieces.push({ owner: undefined, text: "\n" });
      } else pieces.push({ owner: undefined, text: endsInComment && blank === "" ? "\n" : blank });
    });
    return pieces;
  }

  #inner(indent: string): string[] {
    return this.#chance(3) ? [""] : [`${indent}# ${this.#word()} inner`];
  }

  /** For a program that reads the file: it belongs to nobody, wherever it stands. */
  #directive(): string {
    const word = this.#word();
    return `${this.#pick(["#!/bin/", "#:schema ", "# vim: set ft=", "# -*- mode: toml -*- "])}${word}\n`;
  }

  /** A server that somebody wants back; right below a block it belongs to nobody. */
  #commentedOut(): string {
    const header = `# [mcp_servers.${this.#word()}] # off\n`;
    return this.#chance(2) ? header : `${header}# command = "${this.#word()}" # off\n`;
  }

  #trailing(): string {
    return this.#chance(8) ? ` # ${this.#word()}` : "";
  }

  #word(): string {
    return `c${this.#comments++}`;
  }

  #indent(): string {
    return this.#pick(["", "", "", "", "  ", "\t"]);
  }

  #many<Item>(max: number, make: () => Item): Item[] {
    return Array.from({ length: this.#chanceOf(max + 1) }, make);
  }

  #chance(outOf: number): boolean {
    return this.#chanceOf(outOf) === outOf - 1;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return oneOf(this.#chanceOf, items);
  }
}

function isTables(value: Value): value is Table[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => item instanceof Map);
}
