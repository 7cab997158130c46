/** `switchyard mcp import`: the servers of other products' files, in one edit. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import type { ConfigEdit } from "../../config/edit/edits.ts";
import type { ImportFormat } from "../../config/import/import-servers.ts";
import { formatOrigin } from "../../config/layers/origins.ts";
import { ConfigError } from "../../config/problem.ts";
import { parseToml } from "../../toml/parse.ts";
import type { WrittenMcpServer } from "../../config/server/types.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Command } from "../command.ts";
import { readInput } from "../input.ts";
import type { Stop } from "../signals.ts";
import { count, printJson, say, shortPath, userHome } from "../output.ts";
import { applyAndReport } from "./apply-edit.ts";
import { EDIT_FLAGS, type EditContext, elsewhere, openEditContext } from "./edit-context.ts";
import { missingServer } from "../../base/suggest.ts";

export const importCommand: Command = {
  operands: [{ name: "FILE", optional: true, many: true }],
  flags: [
    { name: "format", value: "FORMAT", about: "the product that wrote the file, where it is not clear" },
    { name: "name", value: "NAME", many: true, about: "import only this server" },
    { name: "replace", about: "replace servers of the same name" },
    { name: "skip-existing", about: "leave servers of the same name as they are" },
    ...EDIT_FLAGS,
  ],
  notes: "Without FILE, it lists the files that it finds.",
  run: importFiles,
};

/** Where products keep their servers: below the project's folder and the user's home. */
const WELL_KNOWN = {
  project: [".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json", ".gemini/settings.json", ".roo/mcp.json"],
  home: [
    ".claude.json",
    ".cursor/mcp.json",
    ".gemini/settings.json",
    ".codeium/windsurf/mcp_config.json",
    ".config/Claude/claude_desktop_config.json",
    "Library/Application Support/Claude/claude_desktop_config.json",
    "AppData/Roaming/Claude/claude_desktop_config.json",
    ".config/Code/User/mcp.json",
    "Library/Application Support/Code/User/mcp.json",
    "AppData/Roaming/Code/User/mcp.json",
    ".config/zed/settings.json",
  ],
} as const;

interface Found {
  readonly server: WrittenMcpServer;
  readonly file: string;
}

async function importFiles(args: Args, { signal }: Stop): Promise<number> {
  args.atMostOne("replace", "skip-existing");
  if (args.operands.length === 0) return sayWellKnown(args);
  const { servers, notes } = await readFiles(args, signal);
  const context = openEditContext(args);
  const skipped = namesToSkip(context, [...servers.keys()]);
  const taken = [...servers].filter(([name]) => !skipped.includes(name));
  const edits = taken.map(([name, { server }]): ConfigEdit => {
    return { kind: context.names.has(name) ? "replace" : "add", name, server };
  });
  const names = taken.map(([name]) => name);
  const relevant = notes.flatMap(({ server, text }) =>
    server !== undefined && skipped.includes(server) ? [] : [text],
  );
  const list = names.map((name) => JSON.stringify(name)).join(", ");
  return await applyAndReport(
    context,
    {
      edits,
      names,
      done: `Imported ${count(names.length, "server")} (${list}) to`,
      notes: [...relevant, ...skipped.map((name) => `${JSON.stringify(name)} is left as it is`)],
    },
    signal,
  );
}

interface Note {
  readonly server: string | undefined;
  readonly text: string;
}

async function readFiles(
  args: Args,
  signal: AbortSignal,
): Promise<{ servers: ReadonlyMap<string, Found>; notes: readonly Note[] }> {
  const { IMPORT_FORMATS, importServers } = await import("../../config/import/import-servers.ts");
  const word = args.one("format");
  const format = IMPORT_FORMATS.find((each: ImportFormat) => each === word);
  if (word !== undefined && format === undefined) {
    throw new UsageError(`--format takes one of ${IMPORT_FORMATS.join(", ")}`);
  }
  const wanted = args.all("name");
  const all = new Map<string, Found>();
  const known: string[] = [];
  const notes: Note[] = [];
  for (const operand of args.operands) {
    const file = resolve(operand);
    const text = await readInput(file, signal);
    rejectToml(file, text);
    const only = wanted.length === 0 ? undefined : wanted;
    const { servers, names, notes: found } = importServers(text, { file, format, only });
    known.push(...names);
    for (const [name, written] of servers) {
      const server = hasReference(written) ? { ...written, enabled: false } : written;
      if (server !== written)
        notes.push({ server: name, text: `${name}: ${SWITCHED_OFF} ${shellWord(name)}` });
      const other = all.get(name);
      if (other !== undefined) {
        const message = `MCP server ${JSON.stringify(name)} is in ${other.file} and in ${file}; import the files one by one`;
        throw new ConfigError("invalid_edit", message);
      }
      all.set(name, { server, file });
    }
    for (const { server, key, message } of found) {
      if (server !== undefined && wanted.length > 0 && !wanted.includes(server)) continue;
      notes.push({ server, text: `${server === undefined ? "" : `${server}: `}${key}: ${message}` });
    }
  }
  for (const name of wanted) {
    if (!known.includes(name)) throw new ConfigError("invalid_edit", missingServer(name, known));
  }
  return { servers: all, notes };
}

/** Files of Codex and of Switchyard need no import. */
function rejectToml(file: string, text: string): void {
  if (/^\s*[{[]\s*["}]/.test(text) || !parseToml({ name: file, text }).ok || text.trim() === "") return;
  const what = `${file} is TOML; only JSON files can be imported. To check it`;
  throw new ConfigError("invalid_edit", `${what}: switchyard mcp check ${shellWord(file)}`);
}

const SWITCHED_OFF =
  "a value still has to be filled in, so the server is switched off. Fill it in, then: switchyard mcp enable";

/** Whether a value has a placeholder that its product would have filled in. */
function hasReference(value: unknown): boolean {
  if (typeof value === "string") return /\$\{[^}]*\}/.test(value);
  return typeof value === "object" && value !== null && Object.values(value).some(hasReference);
}

/** The names to leave out. @throws {ConfigError} when names are taken and no flag says what to do */
function namesToSkip(context: EditContext, names: readonly string[]): readonly string[] {
  const existing = names.filter((name) => context.names.has(name) || elsewhere(context, name).length > 0);
  if (existing.length === 0 || context.args.has("replace")) return [];
  if (context.args.has("skip-existing")) return existing;
  const where = existing.map((name) => {
    const at = context.names.has(name) ? undefined : elsewhere(context, name).at(-1);
    return `${JSON.stringify(name)} (${at === undefined ? context.target.file : formatOrigin(at)})`;
  });
  throw new ConfigError(
    "invalid_edit",
    `Already there: ${where.join(", ")}; nothing was imported. --skip-existing leaves them, --replace replaces them`,
  );
}

function sayWellKnown(args: Args): number {
  const home = userHome();
  const project = resolve(args.one("cd") ?? ".");
  const files = [
    ...WELL_KNOWN.project.map((path) => join(project, path)),
    ...WELL_KNOWN.home.map((path) => join(home, path)),
  ];
  const found = [...new Set(files)].filter((file) => existsSync(file));
  if (args.has("json")) {
    printJson({ ok: true, files: found });
  } else if (found.length === 0) {
    say("No file of another product was found. To name one: switchyard mcp import FILE");
  } else {
    say("These files may have servers. To see what an import would do; without --dry-run, it is done:");
    for (const file of found) say(`  switchyard mcp import ${shortPath(shellWord(file))} --dry-run`);
  }
  return 0;
}
