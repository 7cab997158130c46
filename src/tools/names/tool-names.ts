/**
 * The names that a model sees, for the tools of one thread.
 *
 * The first time they are Codex's, bit for bit (`spelling.ts`; measured on Codex 0.169 and 0.171). Later Codex renames: when
 * `my_server` joins `my-server`, the tools of both get other names, and a model that calls what it saw a step ago calls nothing.
 * Here a tool keeps its name as long as the thread lives; a newcomer takes what is left, and is named as Codex names it wherever
 * that is free. `match: "codex"` renames.
 *
 * The flat form is ours: namespace and name joined by `__`, at most 64 characters, with the suffix of the same rule where it is
 * too long or where two tools would share it (`s` with `t__u`, and `s__t` with `u`).
 *
 * Invariants
 *   N1. The names of a first list are Codex's, whatever the order of the list.
 *   N2. No two tools have the same pair, the same pair written in one, or the same flat name; also not one that is gone.
 *   N3. A pair with its delimiter is at most 128 bytes long, a flat name at most 64.
 *   N4. A tool that had a name has it in every later list, unless `match` is `codex`.
 */
import { compareBytes } from "../../base/byte-order.ts";
import type { QualifiedToolName, ServerTool, ToolInfo, VisibleToolName } from "../tool-info.ts";
import {
  DELIMITER,
  FLAT_MAX,
  fitFlat,
  fitParts,
  nameWithin,
  PARTS_MAX,
  plainNamespace,
  retried,
  sanitise,
  type Space,
  spaceOf,
  suffix,
  toolIdentity,
  withSuffix,
} from "./spelling.ts";
import { ToolCatalog } from "./tool-catalog.ts";

export interface ToolNamesOptions {
  /** `codex` renames tools when others join, as Codex does. @default names are kept */
  readonly match?: "codex";
}

/** How many names are kept, of tools that are gone. */
const GONE_MAX = 10_000;

interface Named {
  readonly identity: string;
  readonly qualified: QualifiedToolName;
  readonly space: Space;
  /** Before limits. */
  readonly namespace: string;
  /** Of the tool, before collisions and limits. */
  readonly plain: string;
  readonly visible: VisibleToolName;
}

export class ToolNames {
  readonly #keeps: boolean;
  /** By identity, in the order in which they were named. */
  #named = new Map<string, Named>();

  constructor({ match }: ToolNamesOptions = {}) {
    this.#keeps = match !== "codex";
  }

  /** Names these tools. Of tools with the same qualified name the first one counts, as in Codex. */
  name(tools: Iterable<ServerTool>): ToolCatalog {
    const current = new Map<string, ServerTool>();
    for (const tool of tools) {
      const identity = toolIdentity(tool);
      if (!current.has(identity)) current.set(identity, tool);
    }
    if (!this.#keeps) this.#named.clear();
    this.#forget(current);
    const identities = inByteOrder([...current.keys()]);
    const fresh = identities.filter((identity) => !this.#named.has(identity));
    if (fresh.length > 0) this.#nameAll(fresh, current);
    const infos = identities.flatMap((identity) => infoOf(current.get(identity), this.#named.get(identity)));
    const gone = [...this.#named.values()].filter(({ identity }) => !current.has(identity));
    return new ToolCatalog(infos, gone);
  }

  /** @param identities in byte order: who comes first has the first choice */
  #nameAll(identities: readonly string[], tools: ReadonlyMap<string, ServerTool>): void {
    const known = [...this.#named.values()];
    const spaces = new Namespaces(known);
    const newcomers: Newcomer[] = [];
    for (const identity of identities) {
      const found = tools.get(identity);
      if (found === undefined) continue;
      const qualified = { server: found.server, tool: found.tool.name };
      const space = spaceOf(found);
      spaces.add(space);
      newcomers.push({ identity, qualified, space, plain: sanitise(nameWithin(found)) });
    }
    for (const { space, plain } of newcomers) spaces.of(space).plain.add(plain);

    const takenPairs = new Set(known.map(({ visible }) => visible.namespace + visible.name));
    const flats = new Tally(known.map(({ visible }) => joined(visible)));
    const paired = newcomers.map((newcomer) => {
      const { identity, plain } = newcomer;
      const { namespace, plain: others } = spaces.of(newcomer.space);
      const name = others.isShared(plain) ? plain + suffix(identity) : plain;
      const pair = uniquePair(namespace, name, identity, takenPairs);
      const flat = joined(pair);
      flats.add(flat);
      return { newcomer, namespace, pair, flat };
    });
    const takenFlats = new Set(known.map(({ visible }) => visible.flat));
    for (const { newcomer, namespace, pair, flat: wanted } of paired) {
      const { identity, qualified, space, plain } = newcomer;
      const flat = uniqueFlat(wanted, identity, flats, takenFlats);
      const visible = { namespace: pair.namespace, name: pair.name, flat };
      this.#named.set(identity, { identity, qualified, space, namespace, plain, visible });
    }
  }

  /** The oldest of those that are gone, where there are too many. */
  #forget(current: ReadonlyMap<string, ServerTool>): void {
    const gone = [...this.#named.keys()].filter((identity) => !current.has(identity));
    for (const identity of gone.slice(0, Math.max(0, gone.length - GONE_MAX))) this.#named.delete(identity);
  }
}

type Pair = Omit<VisibleToolName, "flat">;

interface Newcomer {
  readonly identity: string;
  readonly qualified: QualifiedToolName;
  readonly space: Space;
  readonly plain: string;
}

/** How many would have which name. */
class Tally {
  readonly #counts = new Map<string, number>();

  constructor(names: Iterable<string> = []) {
    for (const name of names) this.add(name);
  }

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  isShared(name: string): boolean {
    return (this.#counts.get(name) ?? 0) > 1;
  }
}

/** A namespace before limits, and the names of its tools before collisions. */
interface Namespace {
  readonly namespace: string;
  readonly plain: Tally;
}

/** The namespaces of servers and connectors. One that has tools already keeps its own. */
class Namespaces {
  readonly #added = new Set<string>();
  readonly #plain = new Tally();
  readonly #kept = new Map<string, string>();
  readonly #byIdentity = new Map<string, Namespace>();
  readonly #byName = new Map<string, Namespace>();

  constructor(known: readonly Named[]) {
    for (const { space, namespace } of known) {
      this.add(space);
      this.#kept.set(space.identity, namespace);
    }
    for (const { space, plain } of known) this.of(space).plain.add(plain);
  }

  add({ identity, namespace }: Space): void {
    if (this.#added.has(identity)) return;
    this.#added.add(identity);
    this.#plain.add(plainNamespace(namespace));
  }

  /** Only when all were added. */
  of(space: Space): Namespace {
    const before = this.#byIdentity.get(space.identity);
    if (before !== undefined) return before;
    const name = this.#kept.get(space.identity) ?? this.#nameOf(space);
    const found = this.#byName.get(name) ?? { namespace: name, plain: new Tally() };
    this.#byName.set(name, found);
    this.#byIdentity.set(space.identity, found);
    return found;
  }

  #nameOf({ identity, namespace }: Space): string {
    const plain = plainNamespace(namespace);
    return this.#plain.isShared(plain) ? withSuffix(plain, identity) : plain;
  }
}

function uniquePair(namespace: string, name: string, identity: string, taken: Set<string>): Pair {
  const length = namespace.length + DELIMITER.length + name.length;
  if (length <= PARTS_MAX && take(taken, namespace + name)) return { namespace, name };
  for (let attempt = 0; ; attempt++) {
    const pair = fitParts(namespace, name, retried(identity, attempt));
    if (take(taken, pair.join(""))) return { namespace: pair[0], name: pair[1] };
  }
}

function uniqueFlat(flat: string, identity: string, flats: Tally, taken: Set<string>): string {
  if (flat.length <= FLAT_MAX && !flats.isShared(flat) && take(taken, flat)) return flat;
  for (let attempt = 0; ; attempt++) {
    const cut = fitFlat(flat, retried(identity, attempt));
    if (take(taken, cut)) return cut;
  }
}

function take(taken: Set<string>, name: string): boolean {
  if (taken.has(name)) return false;
  taken.add(name);
  return true;
}

function joined({ namespace, name }: Pair): string {
  return namespace + DELIMITER + name;
}

function inByteOrder(names: readonly string[]): readonly string[] {
  // Only beyond U+FFFF the order of UTF-16 is another one; and comparing bytes takes ten times as long.
  return names.some((name) => /[\ud800-\udfff]/.test(name)) ? names.toSorted(compareBytes) : names.toSorted();
}

function infoOf(tool: ServerTool | undefined, named: Named | undefined): readonly ToolInfo[] {
  if (tool === undefined || named === undefined) return [];
  return [{ ...tool, qualified: named.qualified, visible: named.visible }];
}
