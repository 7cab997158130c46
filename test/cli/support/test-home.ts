/** A home and a project in it, with their files, where tests run the command. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MAIN, NODE_VARIABLES } from "../../support/command.ts";
import { runInOneProcess } from "./one-process.ts";

/** Below the home: Switchyard's file and Codex's. */
export const OURS = ".switchyard/switchyard.toml";
export const CODEXS = ".codex/config.toml";

export const DOCS = '[mcp_servers.docs]\ncommand = "docs-mcp"\n';
export const BROKEN = `[mcp_servers.bad]\ncommand = "x"\nurl = "https://example.com"\n`;

/** What no output may show. */
export const SECRET = "PLANTED-7f3a";

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Variables = Readonly<Record<string, string>>;

/** A configuration that Codex accepts, with both transports and a server that is switched off. */
export const RICH = `[mcp_servers.a]
command = "npx"
args = ["-y", "x"]
env = { K = "v" }
env_vars = ["P", { name = "Q", source = "remote" }]
startup_timeout_ms = 1500
[mcp_servers.b]
url = "https://127.0.0.1:1/mcp"
http_headers = { Authorization = "Bearer x" }
tool_timeout_sec = 60
[mcp_servers.c]
command = "c"
enabled = false
`;

export class TestHome implements Disposable {
  readonly home: string = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-home-")));
  readonly project: string = join(this.home, "project");

  constructor(files: Readonly<Record<string, string>> = {}) {
    mkdirSync(this.project);
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.home, path)), { recursive: true });
    writeFileSync(join(this.home, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.home, path), "utf8");
  }

  has(path: string): boolean {
    return existsSync(join(this.home, path));
  }

  /** `switchyard`, in the project's folder. */
  run(args: readonly string[], input = "", env: Variables = {}): Promise<Finished> {
    return this.runProgram(process.execPath, [MAIN, ...args], input, env);
  }

  /** The same in a process that many commands share, from source: only where no start of a process is shown. */
  runInOneProcess(args: readonly string[], input = "", env: Variables = {}): Promise<Finished> {
    return runInOneProcess({ args, input, env: this.#environment(env), cwd: this.project });
  }

  /** A script of bash: `"$0" "$1"` is the command. */
  shell(script: string): Promise<Finished> {
    return this.runProgram("bash", ["-c", script, process.execPath, MAIN]);
  }

  runProgram(file: string, args: readonly string[], input = "", env: Variables = {}): Promise<Finished> {
    const child = this.spawn(file, args, env);
    // A command that reads no input may be gone before it is written.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    return finished(child);
  }

  /** `switchyard`, with its stdin open. */
  start(args: readonly string[], env: Variables = {}): ChildProcessWithoutNullStreams {
    return this.spawn(process.execPath, [MAIN, ...args], env);
  }

  spawn(file: string, args: readonly string[], more: Variables): ChildProcessWithoutNullStreams {
    return spawn(file, args, { cwd: this.project, env: this.#environment(more) });
  }

  #environment(more: Variables): Record<string, string> {
    return { ...NODE_VARIABLES, HOME: this.home, TMPDIR: tmpdir(), RUST_BACKTRACE: "0", ...more };
  }

  async json(args: readonly string[]): Promise<unknown> {
    const { stdout, stderr } = await this.run(args);
    try {
      return JSON.parse(stdout) as unknown;
    } catch {
      throw new Error(`not JSON: ${stdout} ${stderr}`);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

export function finished(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

/** Whether a process reads its stdin: whether it waits for events of that descriptor. */
export function isReading(pid: number | undefined): boolean {
  try {
    const fds = readdirSync(`/proc/${pid}/fdinfo`);
    return fds.some((fd) => /^tfd: +0 /m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8")));
  } catch {
    // It has just closed one of them.
    return false;
  }
}

/** A few at a time: the machine has two processors. */
export async function together<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all([worker(), worker(), worker()]);
}
