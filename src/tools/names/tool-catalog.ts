/**
 * The tools of one step by each of their names: the way back from what a model wrote to what is called.
 *
 * A name is never taken apart: `mcp__a__b__c` may be of `a` or of `a__b`. It is compared with the names that were given.
 *
 * Models and providers change names: they join both parts, leave one out, change case, or write the server as it is configured.
 * Such a spelling counts where it can mean one tool only.
 *
 * Invariants
 *   C1. A name as it was given finds its tool, whatever other names look like.
 *   C2. Another spelling finds a tool only if it can mean no other one; and with a namespace that was given, none outside of it.
 *   C3. Models are offered tools in the order in which Codex sends them: namespaces by their first tool in the byte order of
 *       identities, so by server; within one by name.
 */
import { nearest } from "../../base/suggest.ts";
import type { QualifiedToolName, ToolInfo, VisibleToolName } from "../tool-info.ts";

/** A name as a model wrote it, in one piece or in two. */
export interface WrittenToolName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** What a written name means. */
export type FoundTool =
  | {
      readonly kind: "found";
      readonly tool: ToolInfo;
      /** Whether it was written as it was given. */
      readonly exact: boolean;
    }
  /** It could be any of these. */
  | { readonly kind: "ambiguous"; readonly tools: readonly ToolInfo[] }
  /** The thread had it, and has it no longer. */
  | { readonly kind: "gone"; readonly qualified: QualifiedToolName }
  | {
      readonly kind: "unknown";
      /** What was perhaps meant. */
      readonly near: ToolInfo | undefined;
    };

/** A tool that is no longer there, by the name that it had. */
export interface GoneTool {
  readonly qualified: QualifiedToolName;
  readonly visible: VisibleToolName;
}

export class ToolCatalog {
  /** What models are offered, by namespace (C3). */
  readonly offered: ReadonlyMap<string, readonly ToolInfo[]>;
  /** All, with those that models are not offered, by server and declared name. */
  readonly tools: readonly ToolInfo[];
  readonly #gone: readonly GoneTool[];
  #exact: ExactIndex | undefined;
  #loose: LooseIndex | undefined;

  /** Only for `ToolNames`. @param tools in the byte order of their identities */
  constructor(tools: readonly ToolInfo[], gone: readonly GoneTool[]) {
    const offered = tools.filter(({ forModel }) => forModel);
    const namespaces = Map.groupBy(offered, ({ visible }) => visible.namespace);
    for (const group of namespaces.values()) group.sort(byName);
    this.offered = namespaces;
    this.tools = tools;
    this.#gone = gone;
  }

  /** By what a call goes to. */
  get({ server, tool }: QualifiedToolName): ToolInfo | undefined {
    return this.#index().qualified.get(server)?.get(tool);
  }

  /** By what a model wrote. A tool that models are not offered is unknown to them, as in Codex (0.169 and 0.171, measured). */
  find({ namespace, name }: WrittenToolName): FoundTool {
    // Some providers send an empty namespace with a name in one piece.
    const written = { namespace: namespace === "" ? undefined : namespace, name };
    const tool = this.#given(written);
    if (tool !== undefined) return { kind: "found", tool, exact: true };
    const gone = this.#gone.find(({ visible }) => isGiven(written, visible));
    if (gone !== undefined) return { kind: "gone", qualified: gone.qualified };
    this.#loose ??= new LooseIndex(this.offered);
    const meant = this.#loose.find(written);
    const [only] = meant;
    if (only === undefined) return { kind: "unknown", near: this.#near(written) };
    return meant.length === 1
      ? { kind: "found", tool: only, exact: false }
      : { kind: "ambiguous", tools: meant };
  }

  #given({ namespace, name }: WrittenToolName): ToolInfo | undefined {
    const { pairs, flats } = this.#index();
    return namespace === undefined ? flats.get(name) : pairs.get(namespace)?.get(name);
  }

  #index(): ExactIndex {
    this.#exact ??= indexOf(this.tools, this.offered);
    return this.#exact;
  }

  #near({ namespace, name }: WrittenToolName): ToolInfo | undefined {
    const inside = namespace === undefined ? undefined : this.offered.get(namespace);
    const tools = inside ?? [...this.offered.values()].flat();
    const words = new Map(tools.map((tool) => [tool.visible.name, tool]));
    if (inside === undefined) for (const tool of tools) words.set(tool.visible.flat, tool);
    const whole = inside === undefined && namespace !== undefined ? `${namespace}__${name}` : name;
    return words.get(nearest(whole, [...words.keys()]) ?? "");
  }
}

function isGiven({ namespace, name }: WrittenToolName, visible: VisibleToolName): boolean {
  return namespace === undefined
    ? name === visible.flat
    : namespace === visible.namespace && name === visible.name;
}

/** The names are ASCII: this is their byte order. */
function byName({ visible: a }: ToolInfo, { visible: b }: ToolInfo): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

interface ExactIndex {
  readonly qualified: ReadonlyMap<string, ReadonlyMap<string, ToolInfo>>;
  readonly pairs: ReadonlyMap<string, ReadonlyMap<string, ToolInfo>>;
  readonly flats: ReadonlyMap<string, ToolInfo>;
}

function indexOf(tools: readonly ToolInfo[], offered: ReadonlyMap<string, readonly ToolInfo[]>): ExactIndex {
  const qualified = new Map<string, Map<string, ToolInfo>>();
  for (const tool of tools) {
    const { server, tool: name } = tool.qualified;
    const ofServer = qualified.get(server) ?? new Map<string, ToolInfo>();
    qualified.set(server, ofServer.set(name, tool));
  }
  const flats = new Map<string, ToolInfo>();
  const pairs = new Map<string, ReadonlyMap<string, ToolInfo>>();
  for (const [namespace, inside] of offered) {
    pairs.set(namespace, new Map(inside.map((tool) => [tool.visible.name, tool])));
    for (const tool of inside) flats.set(tool.visible.flat, tool);
  }
  return { qualified, pairs, flats };
}

/** A way to read a spelling. What two texts are read as is the same, or they are different. */
type Reading = (text: string) => string;

/** One `_` for whatever separates words; `mcp` and `functions` in front say nothing. */
const words: Reading = (text) =>
  text
    .replace(/[^\p{L}\p{N}]+/gu, "_")
    .replace(/^_?(?:functions_)?(?:mcp_)?/i, "")
    .replace(/_$/, "");

/** From the strictest to the loosest. */
const READINGS: readonly Reading[] = [(text) => text, words, (text) => words(text).toLowerCase()];

type ByText = Map<string, Set<ToolInfo>>;

/** Tools by the spellings that can mean them. */
class LooseIndex {
  readonly #offered: ReadonlyMap<string, readonly ToolInfo[]>;
  readonly #readings: readonly { readonly read: Reading; readonly whole: ByText; readonly alone: ByText }[];

  constructor(offered: ReadonlyMap<string, readonly ToolInfo[]>) {
    this.#offered = offered;
    this.#readings = READINGS.map((read) => {
      const [whole, alone]: [ByText, ByText] = [new Map(), new Map()];
      for (const tool of [...offered.values()].flat()) {
        for (const text of wholeNames(tool)) put(whole, read(text), tool);
        for (const text of [tool.visible.name, tool.qualified.tool]) put(alone, read(text), tool);
      }
      return { read, whole, alone };
    });
  }

  /** Those that it can mean, by the strictest reading by which it means any. */
  find({ namespace, name }: WrittenToolName): readonly ToolInfo[] {
    const inside = namespace === undefined ? undefined : this.#offered.get(namespace);
    const readings = this.#readings.map(({ read, whole, alone }) => {
      if (namespace === undefined) return whole.get(read(name));
      const both = whole.get(read(`${namespace}__${name}`));
      if (inside === undefined) return both;
      const any = [both, whole.get(read(name)), alone.get(read(name))].flatMap((found) => [...(found ?? [])]);
      return new Set(any.filter((tool) => inside.includes(tool)));
    });
    // The name of a tool alone, without saying of which server.
    if (namespace === undefined)
      readings.push(...this.#readings.map(({ read, alone }) => alone.get(read(name))));
    return [...(readings.find((meant) => meant !== undefined && meant.size > 0) ?? [])];
  }
}

/** All that a model could write for both parts in one. */
function wholeNames({ visible, qualified }: ToolInfo): readonly string[] {
  const { namespace, name, flat } = visible;
  const { server, tool } = qualified;
  return [
    flat,
    `${namespace}__${name}`,
    `${namespace}${name}`,
    `${server}__${tool}`,
    `mcp__${server}__${tool}`,
  ];
}

function put(index: ByText, text: string, tool: ToolInfo): void {
  if (text === "") return;
  const known = index.get(text);
  if (known === undefined) index.set(text, new Set([tool]));
  else known.add(tool);
}
