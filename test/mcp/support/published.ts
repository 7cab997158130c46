/** Published MCP servers from npm, as they come, for threads of a manager. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { descendants } from "../../../src/testing/leaks.ts";
import { NODE_VARIABLES } from "../../support/command.ts";
import { McpBench } from "./scripted.ts";
import { root } from "./placement.ts";

/** The programs are found in PATH, and so is the Node they name in their first line. */
const PATH = [join(root, "node_modules", ".bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":");
const { NODE_COMPILE_CACHE } = NODE_VARIABLES;

export interface StdioEntry {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export function publishedBench(): McpBench {
  return new McpBench({ env: { PATH } });
}

export function published(
  name: "everything" | "filesystem" | "memory" | "sequential-thinking",
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): StdioEntry {
  return { command: `mcp-server-${name}`, args, env: { NODE_COMPILE_CACHE, ...env } };
}

/** Kills the published servers over stdio that this process has started, without a warning. */
export function killPublished(name: string): void {
  const mine = descendants(process.pid).filter((pid) => commandOf(pid).includes(`mcp-server-${name}`));
  for (const pid of mine) process.kill(pid, "SIGKILL");
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** `mcp-server-everything streamableHttp`, which can be killed and started again at its URL. */
export class EverythingOverHttp implements AsyncDisposable {
  readonly #port: number;
  #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.#port = port;
    this.#child = child;
  }

  static async start(): Promise<EverythingOverHttp> {
    const port = await freePort();
    return new EverythingOverHttp(port, await listening(port));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  async restart(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#child = await listening(this.#port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

async function listening(port: number): Promise<ChildProcess> {
  const env = { PATH, NODE_COMPILE_CACHE, PORT: String(port) };
  const child = spawn("mcp-server-everything", ["streamableHttp"], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  for await (const line of createInterface({ input: child.stderr })) {
    // What it writes later must not fill the pipe.
    child.stderr.resume();
    if (line.includes("listening on port")) return child;
    said += `${line}\n`;
  }
  throw new Error(`The server ended and said: ${said}`);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
