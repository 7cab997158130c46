/**
 * What the real Codex makes of a configuration file. One app-server answers every question, in a millisecond or two.
 *
 * Disposing it ends the process, checks that nothing is left of it, and removes its home.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { Redactor } from "../../src/base/redact.ts";
import { AppServerProcess } from "../../src/codex/app-server/process.ts";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { RpcError } from "../../src/jsonrpc/index.ts";
import { descendants, waitUntilGone } from "../../src/testing/index.ts";

export type CodexVerdict =
  | { readonly ok: true; readonly servers: unknown }
  /**
   * `message` is the text before ``in `path` ``. A file that is not valid TOML, or whose `projects` are wrong, has a line
   * instead of a path: Codex needs them before it merges its layers.
   */
  | {
      readonly ok: false;
      readonly message: string;
      readonly path: string | undefined;
      readonly line: number | undefined;
    };

export interface CodexAnswer {
  readonly result: unknown;
  /** The home is `$CODEX_HOME`. */
  readonly error: string | null;
  readonly text: string | null;
}

interface ConfigAnswer {
  readonly config: { readonly mcp_servers: unknown };
  readonly layers?: readonly { readonly name: { readonly type: string }; readonly config: unknown }[];
}

export class CodexConfig implements AsyncDisposable {
  readonly home: string;
  readonly #process: AppServerProcess;
  readonly #started: readonly number[];

  private constructor(home: string, process_: AppServerProcess, others: readonly number[]) {
    this.home = home;
    this.#process = process_;
    this.#started = descendants(process.pid).filter((pid) => !others.includes(pid));
  }

  /** @param files of the home, by name, that are there from the start */
  static async start(files: Readonly<Record<string, string>> = {}): Promise<CodexConfig> {
    const home = mkdtempSync(join(tmpdir(), "switchyard-config-"));
    mkdirSync(join(home, "work"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text);
    // What already runs stays: a process that tests share.
    const others = descendants(process.pid);
    try {
      const appServer = await AppServerProcess.start({
        binary: findCodex(undefined, process.env),
        codexHome: home,
        env: { PATH: process.env.PATH ?? "", HOME: home, RUST_BACKTRACE: "0" },
        flags: [],
        clock: systemClock,
        log: silentLog,
        redactor: new Redactor(),
        onRejectedTool: () => {},
        onNotification: () => {},
        onRequest: () => Promise.reject(new Error("Nothing is asked here")),
      });
      return new CodexConfig(home, appServer, others);
    } catch (error) {
      rmSync(home, { recursive: true, force: true });
      throw error;
    }
  }

  /** Writes the text as the user's `config.toml` and has it read. */
  async read(toml: string): Promise<CodexVerdict> {
    const { error, result } = await this.ask("config/read", toml);
    return error === null
      ? { ok: true, servers: (result as ConfigAnswer).config.mcp_servers }
      : refusal(error);
  }

  /** The same, but what the text says, before anything is made of it. A date is a table with one odd key. */
  async readAsIs(toml: string): Promise<CodexVerdict | { readonly ok: true; readonly content: unknown }> {
    const { error, result } = await this.ask("config/read", toml);
    if (error !== null) return refusal(error);
    const { layers } = result as ConfigAnswer;
    return { ok: true, content: layers?.find(({ name }) => name.type === "user")?.config };
  }

  /** Writes the text as the user's `config.toml`, or removes it, and asks. @returns also the text afterwards */
  async ask(method: string, toml: string | null, params?: object): Promise<CodexAnswer> {
    const file = join(this.home, "config.toml");
    if (toml === null) rmSync(file, { force: true });
    else writeFileSync(file, toml);
    const read = { includeLayers: true, cwd: join(this.home, "work") };
    // The writes are not among the requests that we send, so the types know only the one.
    const answer = await this.#process.request(method as "config/read", (params ?? read) as typeof read).then(
      (result: unknown) => ({ result, error: null }),
      (error: unknown) => {
        if (!(error instanceof RpcError)) throw error;
        return { result: undefined, error: error.message.replaceAll(this.home, "$CODEX_HOME") };
      },
    );
    return { ...answer, text: existsSync(file) ? readFileSync(file, "utf8") : null };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    const left = await waitUntilGone(this.#started);
    rmSync(this.home, { recursive: true, force: true });
    assert.deepEqual(left, [], "processes left behind");
  }
}

function refusal(text: string): CodexVerdict {
  const syntax = /^failed to read configuration layers: [^\n]*?:(\d+):\d+: ([^]*)$/.exec(text);
  if (syntax !== null)
    return { ok: false, message: syntax[2] ?? "", path: undefined, line: Number(syntax[1]) };
  const bare = text.replace(/^(?:invalid configuration|failed to resolve feature override precedence): /, "");
  const located = /^([^]*)\nin `([^]*)`\n$/.exec(bare);
  return { ok: false, message: located?.[1] ?? bare, path: located?.[2], line: undefined };
}
