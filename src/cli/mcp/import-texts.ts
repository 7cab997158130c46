/** Servers of other products' texts, each tried alone, in one edit. */
import { isDeepStrictEqual } from "node:util";
import { shellWord } from "../../base/shell-word.ts";
import { missingServer } from "../../base/suggest.ts";
import type { ConfigEdit } from "../../config/edit/edits.ts";
import type { ImportFormat, ImportNote } from "../../config/import/import-servers.ts";
import { formatOrigin, type Origin } from "../../config/layers/origins.ts";
import { ConfigError } from "../../config/problem.ts";
import type { WrittenMcpServer } from "../../config/server/types.ts";
import { maskText } from "../../config/show/mask-text.ts";
import { formatProblem } from "../../config/show/show-problem.ts";
import { UsageError } from "../args/parse.ts";
import { applyAndReport, checkedEdit } from "./apply-edit.ts";
import { type EditContext, elsewhere } from "./edit-context.ts";
import { flagsFor } from "./target.ts";

export interface ImportText {
  /** Its name in messages. */
  readonly file: string;
  readonly text: string;
  /** The command that takes a server of it in place of the one that is there, without the flags for the file. */
  readonly again: (name: string) => string;
}

interface Found extends Omit<ImportText, "text"> {
  readonly server: WrittenMcpServer;
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

/** What is wrong with one server stops that one: the others are imported. @returns the exit code */
export async function importTexts(
  context: EditContext,
  texts: readonly ImportText[],
  done: (names: readonly string[]) => string,
  signal: AbortSignal,
): Promise<number> {
  const { args } = context;
  const { servers, notes, error: wrong } = await readTexts(context, texts);
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
  if (names.length === 0 && servers.size === 0) {
    error ??= new ConfigError("invalid_edit", notes.map(({ text }) => text).join("\n"));
  }
  const relevant = notes.filter(
    ({ server }) => server === undefined || !servers.has(server) || names.includes(server),
  );
  const said = [...relevant, ...left].map(({ text }) => text);
  if (names.length === 0 && error !== undefined) {
    if (said.length === 1) throw error;
    throw new ConfigError(error.code, `No server was imported:\n${said.join("\n")}`, { cause: error });
  }
  return await applyAndReport(context, { edits, names, done: done(names), notes: said }, signal);
}

async function readTexts(context: EditContext, texts: readonly ImportText[]): Promise<Read> {
  const { args, target } = context;
  const { IMPORT_FORMATS, importServers } = await import("../../config/import/import-servers.ts");
  const word = args.one("format");
  const format = IMPORT_FORMATS.find((each: ImportFormat) => each === word);
  if (word !== undefined && format === undefined) {
    throw new UsageError(`--format takes one of ${IMPORT_FORMATS.join(", ")}`);
  }
  const wanted = args.all("name");
  const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
  const servers = new Map<string, Found>();
  const known: string[] = [];
  const notes: Note[] = [];
  let error: ConfigError | undefined;
  for (const { file, text, again } of texts) {
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
        const why = `it is in ${other.file} and, with other settings, in ${file}: the first one is taken. To take the other: ${again(name)}`;
        notes.push({ server: name, text: `${name}: ${why}${flagsFor(target.file, args)}` });
        continue;
      }
      servers.set(name, { server, file, again });
      notes.push(...read.notes.filter((note) => note.server === name).map(noteOf));
      const keys = read.unfilled.get(name);
      if (keys !== undefined) {
        const what = "a value still has to be filled in, so the server is switched off";
        const [word, flags] = [shellWord(name), flagsFor(target.file, args)];
        const how = `Fill in ${keys.join(", ")} (switchyard mcp set ${word} KEY VALUE${flags})`;
        const text = `${name}: ${what}. ${how}, then: switchyard mcp enable ${word}${flags}`;
        notes.push({ server: name, text });
      }
    }
    // Those of servers that are not among them: left out, or as in an earlier file.
    for (const note of read.notes) {
      const { server } = note;
      if (server !== undefined && (read.servers.has(server) || !isWanted(server))) continue;
      notes.push(noteOf(note));
    }
  }
  for (const name of wanted) {
    if (!known.includes(name)) throw new ConfigError("invalid_edit", missingServer(name, known));
  }
  return { servers, notes, error };
}

function noteOf({ server, key, message }: ImportNote): Note {
  if (server === undefined) return { text: `${key}: ${message}` };
  return { server, text: `${server}: ${key}: ${message}` };
}

/**
 * Whether the user wants the server that is there.
 *
 * @throws {ConfigError} `invalid_edit` when there is one of that name, with the command that replaces it
 */
function isToBeSkipped(context: EditContext, name: string, { again }: Found): boolean {
  const { args, target } = context;
  const isInFile = context.names.has(name);
  const at = elsewhere(context, name).at(-1);
  if (!isInFile && at === undefined) return false;
  if (args.has("skip-existing")) return true;
  if (isInFile && args.has("replace")) return false;
  const where = isInFile ? target.file : formatOrigin(at as Origin);
  const there = isInFile ? target.file : at?.file;
  const merged = isInFile ? "" : ", and the two would be merged key by key";
  const how = there === undefined ? "" : `. To replace it there: ${again(name)}${flagsFor(there, args)}`;
  throw new ConfigError(
    "invalid_edit",
    `MCP server ${JSON.stringify(name)} is already in ${where}${merged}${how}`,
  );
}
