/**
 * What the installed Codex answers to the inputs in test/fixtures/config-*.jsonl: a line in, the same line with Codex's
 * answers made anew out.
 *
 * `npm run record` writes them; `recordings.test.ts` does so with a sample, and compares.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findCodex } from "../../../src/codex/app-server/binary.ts";
import { CodexConfig } from "../../support/codex-config.ts";

/** A text as the user's `config.toml`. */
export interface RecordedCase {
  readonly name: string;
  readonly toml: string;
  /** What its servers are to Codex; `null`: it refuses the text. */
  readonly config_read: Readonly<Record<string, unknown>> | null;
  /** The file is `$CODEX_HOME/config.toml`. */
  readonly error: string | null;
  /** The same with `--strict-config`. */
  readonly strict_error: string | null;
}

/** A `codex mcp` command and the file before and after it; `null` where it does not exist. */
export interface RecordedEdit {
  readonly name: string;
  readonly before: string | null;
  readonly argv: readonly string[];
  readonly exit: number | null;
  readonly after: string | null;
}

/** The same through the app-server. */
export interface RecordedWrite {
  readonly name: string;
  readonly before: string | null;
  readonly method: string;
  readonly params: Write | { readonly edits: readonly Write[] };
  readonly error: string | null;
  readonly after: string | null;
}

export interface Write {
  readonly keyPath: string;
  readonly value: unknown;
  readonly mergeStrategy: string;
}

/** `codex mcp list --json` among several files. */
export interface RecordedLayers {
  readonly name: string;
  /** By path; `$ROOT` is the recording's own folder. */
  readonly files: Readonly<Record<string, string>>;
  /** Whether `$ROOT/proj` is a repository. */
  readonly git_init: boolean;
  readonly codex_home: string;
  readonly cwd: string;
  readonly argv: readonly string[];
  readonly exit: number | null;
  readonly stderr: string;
  readonly list: readonly unknown[] | null;
}

interface Recordings {
  readonly "config-cases.jsonl": RecordedCase;
  readonly "config-edits.jsonl": RecordedEdit;
  readonly "config-rpc-edits.jsonl": RecordedWrite;
  readonly "config-layers.jsonl": RecordedLayers;
}

export type RecordingFile = keyof Recordings;

export const RECORDING_FILES: readonly RecordingFile[] = [
  "config-cases.jsonl",
  "config-edits.jsonl",
  "config-rpc-edits.jsonl",
  "config-layers.jsonl",
];

const folder = join(import.meta.dirname, "../../fixtures");

export function readRecordings<File extends RecordingFile>(file: File): Recordings[File][] {
  const lines = readFileSync(join(folder, file), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Recordings[File]);
}

export function writeRecordings<File extends RecordingFile>(
  file: File,
  lines: readonly Recordings[File][],
): void {
  writeFileSync(join(folder, file), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

interface Ran {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Recorder implements AsyncDisposable {
  readonly #codex: CodexConfig;

  private constructor(codex: CodexConfig) {
    this.#codex = codex;
  }

  static async start(): Promise<Recorder> {
    return new Recorder(await CodexConfig.start());
  }

  async record<File extends RecordingFile>(file: File, line: Recordings[File]): Promise<Recordings[File]> {
    const recorders: {
      readonly [Name in RecordingFile]: (line: Recordings[Name]) => Promise<Recordings[Name]>;
    } = {
      "config-cases.jsonl": (each) => this.#recordCase(each),
      "config-edits.jsonl": recordEdit,
      "config-rpc-edits.jsonl": (each) => this.#recordWrite(each),
      "config-layers.jsonl": recordLayers,
    };
    return sorted(await recorders[file](line)) as Recordings[File];
  }

  async #recordCase({ name, toml }: RecordedCase): Promise<RecordedCase> {
    const { result, error } = await this.#codex.ask("config/read", toml);
    const config_read = (result as { config: { mcp_servers: RecordedCase["config_read"] } } | undefined)
      ?.config.mcp_servers;
    return await inFolder(async (home) => {
      writeFileSync(join(home, "config.toml"), toml);
      const { exit, stderr } = await runCodex(home, home, ["app-server", "--strict-config", "--stdio"]);
      const strict_error =
        exit === 0 ? null : stderr.replace(/^Error: /, "").replace(/\n\nCaused by:[^]*/, "");
      return { name, toml, config_read: config_read ?? null, error: withoutTopic(error), strict_error };
    });
  }

  async #recordWrite({ name, before, method, params }: RecordedWrite): Promise<RecordedWrite> {
    const { error, text } = await this.#codex.ask(method, before, params);
    return { name, before, method, params, error, after: text };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#codex[Symbol.asyncDispose]();
  }
}

/** Codex keeps some tables in an order of chance. A line keeps its own, and so does what is not answered but asked. */
function sorted(line: object): object {
  const asked = ["name", "params", "files"];
  const entries = Object.entries(line).map(([key, value]: [string, unknown]) => [
    key,
    asked.includes(key) ? value : deep(value),
  ]);
  return Object.fromEntries(entries) as object;
}

function deep(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deep);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, deep(inner)]));
}

function withoutTopic(error: string | null): string | null {
  const topics =
    /^(?:invalid configuration|failed to resolve feature override precedence|failed to read configuration layers): /;
  return error?.replace(topics, "").trimEnd() ?? null;
}

async function recordEdit({ name, before, argv }: RecordedEdit): Promise<RecordedEdit> {
  return await inFolder(async (home) => {
    const file = join(home, "config.toml");
    if (before !== null) writeFileSync(file, before);
    const { exit } = await runCodex(home, home, argv);
    return { name, before, argv, exit, after: readText(file) };
  });
}

/** Whether a folder of ours can stand for `/etc` below Codex. Only Linux has a way, and not everywhere. */
export async function canReplaceEtc(): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const { exit } = await run("unshare", ["-Urm", "true"], { cwd: "/", env: process.env }).catch(() => ({
    exit: null,
  }));
  return exit === 0;
}

export function needsEtc({ files }: RecordedLayers): boolean {
  return Object.keys(files).some((path) => path.startsWith("/etc/"));
}

/** Makes the files and folders of a line below `root`, what belongs in `/etc` too. */
export function createFiles({ files, git_init, cwd }: RecordedLayers, root: string): void {
  const inRoot = (text: string): string => text.replaceAll("$ROOT", root);
  for (const [path, text] of Object.entries(files)) {
    const file = path.startsWith("/etc/") ? join(root, path) : inRoot(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, inRoot(text));
  }
  if (git_init) {
    for (const part of ["objects", "refs"]) mkdirSync(join(root, "proj/.git", part), { recursive: true });
    writeFileSync(join(root, "proj/.git/HEAD"), "ref: refs/heads/main\n");
  }
  mkdirSync(inRoot(cwd), { recursive: true });
}

async function recordLayers(line: RecordedLayers): Promise<RecordedLayers> {
  return await inFolder(async (root) => {
    const inRoot = (text: string): string => text.replaceAll("$ROOT", root);
    createFiles(line, root);
    const etc = needsEtc(line) ? join(root, "etc") : undefined;
    if (etc !== undefined) cpSync("/etc/passwd", join(etc, "passwd"));
    const ran = await runCodex(inRoot(line.codex_home), inRoot(line.cwd), line.argv.map(inRoot), etc);
    const stderr = ran.stderr.replaceAll(root, "$ROOT");
    const shown = ran.exit === 0 ? (JSON.parse(ran.stdout.replaceAll(root, "$ROOT")) as unknown[]) : null;
    return { ...line, exit: ran.exit, stderr, list: shown };
  });
}

/** Runs Codex to its end, without input. */
async function runCodex(home: string, cwd: string, argv: readonly string[], etc?: string): Promise<Ran> {
  const temporary = mkdtempSync(join(tmpdir(), "switchyard-codex-tmp-"));
  try {
    const env = {
      PATH: process.env["PATH"],
      HOME: home,
      CODEX_HOME: home,
      // Codex complains of a home below the folder for temporary files.
      TMPDIR: temporary,
      RUST_BACKTRACE: "0",
    };
    const codex = [findCodex(undefined, process.env).path, ...argv];
    const bind = ["-Urm", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"'];
    const [file = "", ...args] = etc === undefined ? codex : ["unshare", ...bind, etc, ...codex];
    const { exit, stdout, stderr } = await run(file, args, { cwd, env });
    return { exit, stdout, stderr: stderr.replaceAll(home, "$CODEX_HOME").trimEnd() };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function run(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Ran> {
  const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exit) => resolve({ exit, ...texts }));
  });
}

async function inFolder<T>(body: (path: string) => Promise<T>): Promise<T> {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-record-")));
  try {
    return await body(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
