/**
 * Edits a configuration file without harming a byte that is not its business.
 *
 *   new ConfigEditor(file).add("docs", { command: "docs-mcp" }).disable("old").apply()
 *
 * What an edit does to a text is `edits.ts`; how a file is locked and replaced is `file/`. Here they come together.
 *
 * Invariants
 *   E1. All edits count, or none: one text, proven as a whole, replaces the other.
 *   E2. No change is lost: Switchyard's own writers wait for each other, and when anybody else changed the file since
 *       it was read, the edits are made again on what it says now.
 *   E3. A server that was valid is never made invalid; one that was broken may stay so or be mended.
 */
import { createTwoFilesPatch } from "diff";
import type { Clock } from "../../base/clock.ts";
import { withFileLock } from "../file/file-lock.ts";
import type { ConfigFileSystem } from "../file/file-system.ts";
import { readVersioned, replaceFile, resolveTarget } from "../file/safe-write.ts";
import { serverNameProblem, serverUrlProblem } from "../names.ts";
import { ConfigError, type ConfigProblem } from "../problem.ts";
import { readMcpServers } from "../read-servers.ts";
import { nodeAt, type TomlTable } from "../toml/node.ts";
import type { AppToolApproval, RawMcpServerConfig } from "../types.ts";
import { editDocument, readDocument } from "./apply-edits.ts";
import type { ConfigEdit } from "./edits.ts";

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
  readonly clock?: Clock;
  readonly fs?: ConfigFileSystem;
}

export interface ApplyOptions {
  /** Nothing is written; the result is what would be. @default false */
  readonly dryRun?: boolean;
  /** Ends the wait for the file; what has been replaced by then stays replaced. */
  readonly signal?: AbortSignal;
}

export interface EditResult {
  readonly file: string;
  /** Empty where there was no file. */
  readonly before: string;
  readonly after: string;
  readonly changed: boolean;
  /** A unified diff; it shows what the lines say, secrets included. Empty where nothing changed. */
  diff(): string;
}

/** How often somebody else may change the file while we edit it, until we give up. */
const CONFLICTS_MAX = 20;

/**
 * Collects edits for one file and applies them together. A file that is not there counts as an empty one, and comes
 * into being with mode 0600.
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
  add(name: string, server: RawMcpServerConfig): this {
    return this.edit({ kind: "add", name, server });
  }

  /** Writes a server exactly so, whether it is there or not; keys that stay equal keep their spelling. */
  replace(name: string, server: RawMcpServerConfig): this {
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

  /** These servers and no others. Codex's `replace_mcp_servers`, without what that loses. */
  replaceMcpServers(servers: Readonly<Record<string, RawMcpServerConfig>>): this {
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
   * Makes all edits, in their order, or none. Afterwards the editor has no edits.
   *
   * @throws {ConfigError} `invalid_edit` when an edit makes no sense or would break a server, `invalid_config` when
   *   the file is no TOML, `unreadable`, `locked`, `conflict`, `write_failed`; nothing was written then
   */
  async apply({ dryRun = false, signal }: ApplyOptions = {}): Promise<EditResult> {
    const edits = this.#edits;
    this.#edits = [];
    const { fs, clock, lockTimeoutMs } = this.#options;
    signal?.throwIfAborted();
    const target = await resolveTarget(this.#file, fs);
    if (dryRun) {
      const before = (await readVersioned(target, fs))?.text ?? "";
      return this.#result(before, this.#edited(before, edits));
    }
    const write = async (): Promise<EditResult> => {
      for (let attempt = 1; ; attempt++) {
        const file = await readVersioned(target, fs);
        const before = file?.text ?? "";
        const after = this.#edited(before, edits);
        if (after === before) return this.#result(before, after);
        try {
          await replaceFile(target, after, { expectedVersion: file?.version, mode: file?.mode, signal, fs });
          return this.#result(before, after);
        } catch (error) {
          const isConflict = error instanceof ConfigError && error.code === "conflict";
          if (!isConflict || attempt === CONFLICTS_MAX) throw error;
        }
      }
    };
    return await withFileLock(target, write, { timeoutMs: lockTimeoutMs, signal, clock, fs });
  }

  #edited(before: string, edits: readonly ConfigEdit[]): string {
    const document = readDocument({ name: this.#file, text: before });
    checkNew(document.root, edits);
    const edited = editDocument(document, edits);
    if (edited !== document) this.#checkServers(document.root, edited.root, edits);
    return edited.source.text;
  }

  /** E3. Only what an edit names can have changed. */
  #checkServers(before: TomlTable, after: TomlTable, edits: readonly ConfigEdit[]): void {
    const names = new Set(edits.flatMap(namesOf));
    const known = new Set(this.#problems(before, names).map(({ path, message }) => `${path} ${message}`));
    const [first, ...others] = this.#problems(after, names).filter(
      ({ path, message }) => !known.has(`${path} ${message}`),
    );
    if (first === undefined) return;
    const where = first.path === undefined ? "" : ` (in ${first.path})`;
    throw new ConfigError("invalid_edit", `The edit would break ${this.#file}: ${first.message}${where}`, {
      problems: [first, ...others],
    });
  }

  #problems(root: TomlTable, names: ReadonlySet<string>): ConfigProblem[] {
    const { own = false, partial = false } = this.#options;
    const servers = nodeAt(root, ["mcp_servers"]);
    if (servers?.kind !== "table") return [];
    const entries = new Map([...servers.entries].filter(([name]) => names.has(name)));
    const { errors } = readMcpServers({ kind: "table", entries }, { own });
    return partial ? errors.filter(({ message }) => message !== "invalid transport") : [...errors];
  }

  #result(before: string, after: string): EditResult {
    const file = this.#file;
    return {
      file,
      before,
      after,
      changed: before !== after,
      diff: () => (before === after ? "" : createTwoFilesPatch(file, file, before, after)),
    };
  }
}

/** Edits that a server may come into being by. */
const BRINGS_NEW: ReadonlySet<ConfigEdit["kind"]> = new Set([
  "add",
  "replace",
  "replace_all",
  "set",
  "rename",
]);

/** Loading takes any name, any URL and any command, as Codex does; what is new has to be able to start. */
function checkNew(root: TomlTable, edits: readonly ConfigEdit[]): void {
  for (const edit of edits) {
    if (BRINGS_NEW.has(edit.kind)) {
      for (const name of namesOf(edit)) {
        if (nodeAt(root, ["mcp_servers", name]) === undefined) refuse(serverNameProblem(name));
      }
    }
    const servers =
      edit.kind === "replace_all" ? Object.values(edit.servers) : "server" in edit ? [edit.server] : [];
    for (const { url, command } of servers) {
      if (url !== undefined) refuse(serverUrlProblem(url));
      if (command === "") refuse("invalid command (it is empty)");
    }
    if (edit.kind === "set" && edit.key.length === 1 && edit.key[0] === "url") {
      refuse(serverUrlProblem(String(edit.value)));
    }
  }
}

/** The servers that may be another after the edit than before. */
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
      return Object.keys(edit.servers);
    case "remove":
    case "trust":
      return [];
  }
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new ConfigError("invalid_edit", problem);
}
