/**
 * What the real Codex makes of a configuration file: its app-server, asked again and again, a millisecond or two each.
 *
 * Disposing it ends the process, looks that nothing is left of it, and removes its home.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
   * `message` is the text before ``in `path` ``. A file that is no TOML, or whose `projects` are wrong, has a line
   * instead of a path: Codex needs them before it merges its layers.
   */
  | {
      readonly ok: false;
      readonly message: string;
      readonly path: string | undefined;
      readonly line: number | undefined;
    };

interface ConfigAnswer {
  readonly config: { readonly mcp_servers: unknown };
  readonly layers?: readonly { readonly name: { readonly type: string }; readonly config: unknown }[];
}

export class CodexConfig implements AsyncDisposable {
  readonly home: string;
  readonly #process: AppServerProcess;
  readonly #started: readonly number[];

  private constructor(home: string, process_: AppServerProcess) {
    this.home = home;
    this.#process = process_;
    this.#started = descendants(process.pid);
  }

  static async start(): Promise<CodexConfig> {
    const home = mkdtempSync(join(tmpdir(), "switchyard-config-"));
    mkdirSync(join(home, "work"));
    try {
      const appServer = await AppServerProcess.start({
        binary: findCodex(undefined, process.env),
        codexHome: home,
        env: { PATH: process.env.PATH ?? "", HOME: home, RUST_BACKTRACE: "0" },
        flags: [],
        apiKey: undefined,
        clock: systemClock,
        log: silentLog,
        redactor: new Redactor(),
        onNotification: () => {},
        onRequest: () => Promise.reject(new Error("Nothing is asked here")),
      });
      return new CodexConfig(home, appServer);
    } catch (error) {
      rmSync(home, { recursive: true, force: true });
      throw error;
    }
  }

  /** Writes the text as the user's `config.toml` and has it read. */
  async read(toml: string): Promise<CodexVerdict> {
    const answer = await this.#ask(toml);
    return answer instanceof RpcError
      ? refusal(answer.message)
      : { ok: true, servers: answer.config.mcp_servers };
  }

  /** The same, but what the text says, before anything is made of it. A date is a table with one odd key. */
  async readAsIs(toml: string): Promise<CodexVerdict | { readonly ok: true; readonly content: unknown }> {
    const answer = await this.#ask(toml);
    if (answer instanceof RpcError) return refusal(answer.message);
    return { ok: true, content: answer.layers?.find(({ name }) => name.type === "user")?.config };
  }

  async #ask(toml: string): Promise<ConfigAnswer | RpcError> {
    writeFileSync(join(this.home, "config.toml"), toml);
    try {
      const params = { includeLayers: true, cwd: join(this.home, "work") };
      return (await this.#process.request("config/read", params)) as object as ConfigAnswer;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return error;
    }
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
