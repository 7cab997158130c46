/**
 * Edits a configuration file, and changes no byte that the edits are not about.
 *
 *   new ConfigEditor(file).add("docs", { command: "docs-mcp" }).disable("old").apply()
 *
 * What an edit does to a text is `edits.ts`; how a file is locked and replaced is `file/`. Here they come together.
 *
 * Invariants
 *   E1. All edits are made, or no edit is: one text, proven as a whole, replaces the other.
 *   E2. No change is lost: Switchyard's own writers wait for each other, and when anybody else changed the file since
 *       it was read, the edits are made again on its new text.
 *   E3. A valid server is never made invalid; a broken one may stay broken or be mended.
 */
import { createTwoFilesPatch } from "diff";
import type { Clock } from "../../base/clock.ts";
import { withFileLock } from "../file/file-lock.ts";
import type { ConfigFileSystem } from "../file/file-system.ts";
import { readVersioned, replaceFile, resolveTarget } from "../file/safe-write.ts";
import { serverNameProblem, serverUrlProblem } from "../server/start-problem.ts";
import { ConfigError, type ConfigProblem } from "../problem.ts";
import { readMcpServers } from "../server/read-servers.ts";
import { describeProblem } from "../show/show-problem.ts";
import { nodeAt, type TomlTable } from "../../toml/node.ts";
import type { AppToolApproval, WrittenMcpServer } from "../server/types.ts";
import { editDocument, readDocument } from "./apply-edits.ts";
import type { ConfigEdit, McpServerTables } from "./edits.ts";

export interface ConfigEditorOptions {
  /** The file is a `switchyard.toml`: keys of ours are known. @default false */
  readonly own?: boolean;
  /**
   * The file is one of several layers: a server may lack what another layer says, such as its transport.
   * @default false
   */
  readonly partial?: boolean;
  /** How long to wait for other Switchyard processes. @default 10_000 */
  readonly lockTimeoutMs?: number;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** The file system, for tests. */
  readonly fs?: ConfigFileSystem;
}

export interface ApplyOptions {
  /** Nothing is written; the result is what would be written. @default false */
  readonly dryRun?: boolean;
  /** Ends the wait for the file. A file that was replaced by then stays replaced. */
  readonly signal?: AbortSignal;
}

export interface EditResult {
  readonly file: string;
  /** Empty where there was no file. */
  readonly before: string;
  readonly after: string;
  readonly changed: boolean;
  /** About the servers that the edits name: keys that Codex would ignore, for instance. */
  readonly warnings: readonly ConfigProblem[];
  /** A unified diff; it shows what the lines say, secrets included. Empty where nothing changed. */
  diff(): string;
}

interface Found {
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** How often other programs may change the file while it is edited before we give up. */
const CONFLICTS_MAX = 20;

/**
 * Collects edits for one file and applies them together. A missing file counts as an empty one, and is created
 * with mode 0600.
 */
export class ConfigEditor {
  readonly #file: string;
  readonly #options: ConfigEditorOptions;
  #edits: ConfigEdit[] = [];

  constructor(file: string, options: ConfigEditorOptions = {}) {
    this.#file = file;
    this.#options = options;
  }

  /** A new server, behind the last one. */
  add(name: string, server: WrittenMcpServer): this {
    return this.edit({ kind: "add", name, server });
  }

  /** Writes a server exactly like this, whether it exists or not; keys that stay equal keep their spelling. */
  replace(name: string, server: WrittenMcpServer): this {
    return this.edit({ kind: "replace", name, server });
  }

  remove(name: string): this {
    return this.edit({ kind: "remove", name });
  }

  rename(name: string, to: string): this {
    return this.edit({ kind: "rename", name, to });
  }

  enable(name: string): this {
    return this.edit({ kind: "enable", name });
  }

  disable(name: string): this {
    return this.edit({ kind: "disable", name });
  }

  /** @param key one key, or the way to a nested one: `["env", "TOKEN"]` */
  set(name: string, key: string | readonly string[], value: unknown): this {
    return this.edit({ kind: "set", name, key: typeof key === "string" ? [key] : key, value });
  }

  unset(name: string, key: string | readonly string[]): this {
    return this.edit({ kind: "unset", name, key: typeof key === "string" ? [key] : key });
  }

  /** @param tool the name as the server declares it */
  approve(name: string, tool: string, mode: AppToolApproval): this {
    return this.edit({ kind: "approve", name, tool, mode });
  }

  /**
   * These servers and no others. Codex's `replace_mcp_servers`, without what that loses: a server that already has
   * the wanted meaning is left as it is written.
   */
  replaceMcpServers(servers: McpServerTables): this {
    return this.edit({ kind: "replace_all", servers });
  }

  /** @param folder as `projectKey` spells it */
  trust(folder: string, level: "trusted" | "untrusted" | undefined): this {
    return this.edit({ kind: "trust", folder, level });
  }

  edit(edit: ConfigEdit): this {
    this.#edits.push(edit);
    return this;
  }

  /**
   * Makes all edits, in their order, or none. They are the editor's until they are written: after a dry run or a failure
   * it still has them.
   *
   * @throws {ConfigError} `invalid_edit` when an edit cannot be made or would break a server, `invalid_config` when
   *   the file is not valid TOML, `unreadable`, `locked`, `conflict`, `write_failed`; nothing was written then
   */
  async apply({ dryRun = false, signal }: ApplyOptions = {}): Promise<EditResult> {
    const edits = [...this.#edits];
    const { fs, clock, lockTimeoutMs } = this.#options;
    signal?.throwIfAborted();
    const target = await resolveTarget(this.#file, fs);
    const seen = await readVersioned(target, fs);
    const preview = dryRun || seen === undefined ? this.#edited(seen?.text ?? "", edits) : undefined;
    if (dryRun && preview !== undefined) return preview;
    // The lock would create the folder of a missing file without need.
    const isNothing = preview?.changed === false;
    const write = async (): Promise<EditResult> => {
      for (let attempt = 1; ; attempt++) {
        const file = await readVersioned(target, fs);
        const result = this.#edited(file?.text ?? "", edits);
        if (!result.changed) return result;
        try {
          const { version: expectedVersion, mode } = file ?? {};
          await replaceFile(target, result.after, { expectedVersion, mode, signal, fs });
          return result;
        } catch (error) {
          const isConflict = error instanceof ConfigError && error.code === "conflict";
          if (!isConflict || attempt === CONFLICTS_MAX) throw error;
        }
      }
    };
    const result =
      preview !== undefined && isNothing
        ? preview
        : await withFileLock(target, write, { timeoutMs: lockTimeoutMs, signal, clock, fs });
    this.#edits.splice(0, edits.length);
    return result;
  }

  #edited(before: string, edits: readonly ConfigEdit[]): EditResult {
    const file = this.#file;
    const document = readDocument({ name: file, text: before });
    checkNew(document.root, edits);
    const edited = editDocument(document, edits);
    const warnings = edited === document ? [] : this.#checkServers(document.root, edited.root, edits);
    const after = edited.source.text;
    const changed = after !== before;
    const diff = (): string => (changed ? createTwoFilesPatch(file, file, before, after) : "");
    return { file, before, after, changed, warnings, diff };
  }

  /**
   * E3. Only what an edit names can have changed.
   *
   * @returns the warnings about those
   */
  #checkServers(before: TomlTable, after: TomlTable, edits: readonly ConfigEdit[]): readonly ConfigProblem[] {
    const names = new Set(edits.flatMap(namesOf));
    const tell = ({ path, message }: ConfigProblem): string => JSON.stringify([path, message]);
    const known = new Set(this.#read(before, names).errors.map(tell));
    const { errors, warnings } = this.#read(after, names);
    const [first, ...others] = errors.filter((problem) => !known.has(tell(problem)));
    if (first === undefined) return warnings;
    throw new ConfigError("invalid_edit", `The edit would break ${this.#file}: ${describeProblem(first)}`, {
      problems: [first, ...others],
    });
  }

  #read(root: TomlTable, names: ReadonlySet<string>): Found {
    const { own = false, partial = false } = this.#options;
    const servers = nodeAt(root, ["mcp_servers"]);
    if (servers?.kind !== "table") return { errors: [], warnings: [] };
    const entries = new Map([...servers.entries].filter(([name]) => names.has(name)));
    const { errors, warnings } = readMcpServers({ kind: "table", entries }, { own });
    if (!partial) return { errors, warnings };
    return { errors: errors.filter(({ message }) => message !== "invalid transport"), warnings };
  }
}

/** Edits that may create a server. */
const BRINGS_NEW: ReadonlySet<ConfigEdit["kind"]> = new Set([
  "add",
  "replace",
  "replace_all",
  "set",
  "rename",
]);

/**
 * Loading accepts any name, URL and command, as Codex does; a new one has to be able to start. The URL of a server that
 * is switched off may still have to be filled in.
 */
function checkNew(root: TomlTable, edits: readonly ConfigEdit[]): void {
  for (const edit of edits) {
    if (BRINGS_NEW.has(edit.kind)) {
      for (const name of namesOf(edit)) {
        if (nodeAt(root, ["mcp_servers", name]) === undefined) refuse(serverNameProblem(name));
      }
    }
    for (const [name, { url, command, enabled }] of serversOf(edit)) {
      const old = nodeAt(root, ["mcp_servers", name]);
      const isNew = (key: string, value: string): boolean => {
        const before = old === undefined ? undefined : nodeAt(old, [key]);
        return before?.kind !== "string" || before.value !== value;
      };
      if (typeof url === "string" && enabled !== false && isNew("url", url)) refuse(serverUrlProblem(url));
      if (command === "" && isNew("command", command)) refuse("invalid command (it is empty)");
    }
  }
}

/** The servers that an edit writes, or the part of one. */
function serversOf(edit: ConfigEdit): (readonly [name: string, server: WrittenMcpServer])[] {
  switch (edit.kind) {
    case "add":
    case "replace":
      return [[edit.name, edit.server]];
    case "set": {
      const [key = "", ...rest] = edit.key;
      return rest.length > 0 ? [] : [[edit.name, { [key]: edit.value }]];
    }
    case "replace_all":
      return edit.servers instanceof Map ? [...edit.servers] : Object.entries(edit.servers);
    default:
      return [];
  }
}

/** The servers that an edit may change. */
function namesOf(edit: ConfigEdit): string[] {
  switch (edit.kind) {
    case "add":
    case "replace":
    case "set":
    case "unset":
    case "approve":
    case "enable":
    case "disable":
      return [edit.name];
    case "rename":
      return [edit.to];
    case "replace_all":
      return serversOf(edit).map(([name]) => name);
    case "remove":
    case "trust":
      return [];
  }
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new ConfigError("invalid_edit", problem);
}
