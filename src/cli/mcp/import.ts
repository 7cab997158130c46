/** `switchyard mcp import`: the servers of other products' files, in one edit. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { shellWord } from "../../base/shell-word.ts";
import { missingServer } from "../../base/suggest.ts";
import type { ConfigEdit } from "../../config/edit/edits.ts";
import type { ImportFormat } from "../../config/import/import-servers.ts";
import { type Origin, formatOrigin } from "../../config/layers/origins.ts";
import { ConfigError } from "../../config/problem.ts";
import { maskText } from "../../config/show/mask-text.ts";
import { formatProblem } from "../../config/show/show-problem.ts";
import { parseToml } from "../../toml/parse.ts";
import type { WrittenMcpServer } from "../../config/server/types.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { Command } from "../command.ts";
import { readInput } from "../input.ts";
import type { Stop } from "../signals.ts";
import { count, printJson, say, shortPath, userHome } from "../output.ts";
import { applyAndReport, tryEdits } from "./apply-edit.ts";
import { EDIT_FLAGS, type EditContext, elsewhere, openEditContext } from "./edit-context.ts";
import { flagsFor } from "./target.ts";

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
  project: [
    ".mcp.json",
    ".vscode/mcp.json",
    ".cursor/mcp.json",
    ".gemini/settings.json",
    ".roo/mcp.json",
    "opencode.json",
    "opencode.jsonc",
  ],
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
    ".config/opencode/opencode.json",
    ".copilot/mcp-config.json",
  ],
} as const;

interface Found {
  readonly server: WrittenMcpServer;
  readonly file: string;
}

interface Note {
  readonly server?: string;
  readonly text: string;
}

/** What there is to import, and what is said about it. */
interface Read {
  readonly servers: ReadonlyMap<string, Found>;
  readonly notes: readonly Note[];
  /** What is wrong with the first server that is left out. */
  readonly error: ConfigError | undefined;
}

/** What is wrong with one server stops that one: the others are imported. */
async function importFiles(args: Args, { signal }: Stop): Promise<number> {
  args.atMostOne("replace", "skip-existing");
  if (args.operands.length === 0) return sayWellKnown(args);
  const context = openEditContext(args);
  const { servers, notes, error: wrong } = await readFiles(context, signal);
  const edits: (ConfigEdit & { readonly name: string })[] = [];
  const left: Note[] = [];
  let error = wrong;
  for (const [name, found] of servers) {
    try {
      if (isToBeSkipped(context, name, found))
        left.push({ text: `${JSON.stringify(name)} is left as it is` });
      else edits.push(await checkedEdit(context, name, found.server, signal));
    } catch (cause) {
      if (!(cause instanceof ConfigError) || cause.code !== "invalid_edit") throw cause;
      error ??= cause;
      const what = args.has("show-secrets") ? cause.message : maskText(cause.message);
      left.push({ text: `${what}. The server is left out` });
    }
  }
  const names = edits.map(({ name }) => name);
  if (names.length === 0 && error !== undefined) throw error;
  const relevant = notes.filter(
    ({ server }) => server === undefined || !servers.has(server) || names.includes(server),
  );
  const list = names.map((name) => JSON.stringify(name)).join(", ");
  const done = `Imported ${count(names.length, "server")} (${list}) to`;
  const said = [...relevant, ...left].map(({ text }) => text);
  return await applyAndReport(context, { edits, names, done, notes: said }, signal);
}

/** @throws {ConfigError} `invalid_edit` when the file cannot have this server */
async function checkedEdit(
  context: EditContext,
  name: string,
  server: WrittenMcpServer,
  signal: AbortSignal,
): Promise<ConfigEdit & { readonly name: string }> {
  const edit = { kind: context.names.has(name) ? "replace" : "add", name, server } as const;
  try {
    await tryEdits(context, { edits: [edit], names: [name] }, signal);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { code, message, problems } = error;
    throw new ConfigError(code, `MCP server ${JSON.stringify(name)}: ${message}`, { cause: error, problems });
  }
  return edit;
}

async function readFiles(context: EditContext, signal: AbortSignal): Promise<Read> {
  const { args, target } = context;
  const { IMPORT_FORMATS, importServers } = await import("../../config/import/import-servers.ts");
  const word = args.one("format");
  const format = IMPORT_FORMATS.find((each: ImportFormat) => each === word);
  if (word !== undefined && format === undefined) {
    throw new UsageError(`--format takes one of ${IMPORT_FORMATS.join(", ")}`);
  }
  const wanted = args.all("name");
  const servers = new Map<string, Found>();
  const known: string[] = [];
  const notes: Note[] = [];
  let error: ConfigError | undefined;
  for (const operand of args.operands) {
    const file = resolve(operand);
    const text = await readInput(file, signal);
    rejectToml(file, text);
    const only = wanted.length === 0 ? undefined : wanted;
    const read = importServers(text, { file, format, only });
    known.push(...read.names);
    for (const problem of read.problems) {
      const shown = formatProblem(problem, { showSecrets: args.has("show-secrets") });
      error ??= new ConfigError("invalid_config", problem.message, { problems: read.problems });
      notes.push({ text: `${shown}\n  The server is left out` });
    }
    for (const [name, server] of read.servers) {
      const other = servers.get(name);
      if (other !== undefined && isDeepStrictEqual(other.server, server)) continue;
      if (other !== undefined) {
        const again = `switchyard mcp import ${shellWord(file)} --name ${shellWord(name)} --replace`;
        const text = `it is in ${other.file} and, with other settings, in ${file}: the first one is taken. To take the other: ${again}`;
        notes.push({ server: name, text: `${name}: ${text}${flagsFor(target.file, args)}` });
        continue;
      }
      servers.set(name, { server, file });
      const keys = read.unfilled.get(name);
      if (keys !== undefined) {
        const what = "a value still has to be filled in, so the server is switched off";
        const next = `switchyard mcp enable ${shellWord(name)}${flagsFor(target.file, args)}`;
        notes.push({ server: name, text: `${name}: ${what}. Fill in ${keys.join(", ")}, then: ${next}` });
      }
    }
    for (const { server, key, message } of read.notes) {
      if (server !== undefined && wanted.length > 0 && !wanted.includes(server)) continue;
      const text = `${server === undefined ? "" : `${server}: `}${key}: ${message}`;
      notes.push({ ...(server === undefined ? {} : { server }), text });
    }
  }
  for (const name of wanted) {
    if (!known.includes(name)) throw new ConfigError("invalid_edit", missingServer(name, known));
  }
  return { servers, notes, error };
}

/** Files of Codex and of Switchyard need no import. */
function rejectToml(file: string, text: string): void {
  if (/^\s*[{[]\s*["}]/.test(text) || !parseToml({ name: file, text }).ok || text.trim() === "") return;
  const what = `${file} is TOML; only JSON files can be imported. To check it`;
  throw new ConfigError("invalid_edit", `${what}: switchyard mcp check ${shellWord(file)}`);
}

/**
 * Whether the user wants the server that is there.
 *
 * @throws {ConfigError} `invalid_edit` when there is one of that name, with the command that replaces it
 */
function isToBeSkipped(context: EditContext, name: string, { file }: Found): boolean {
  const { args, target } = context;
  const isInFile = context.names.has(name);
  const at = elsewhere(context, name).at(-1);
  if (!isInFile && at === undefined) return false;
  if (args.has("skip-existing")) return true;
  if (isInFile && args.has("replace")) return false;
  const where = isInFile ? target.file : formatOrigin(at as Origin);
  const there = isInFile ? target.file : at?.file;
  const merged = isInFile ? "" : ", and the two would be merged key by key";
  const command = `switchyard mcp import ${shellWord(file)} --name ${shellWord(name)} --replace`;
  const how = there === undefined ? "" : `. To replace it there: ${command}${flagsFor(there, args)}`;
  throw new ConfigError(
    "invalid_edit",
    `MCP server ${JSON.stringify(name)} is already in ${where}${merged}${how}`,
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
