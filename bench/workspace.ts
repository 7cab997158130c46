/**
 * What every benchmark needs: a temporary folder, the model, the MCP servers, and processes that use a library.
 *
 * Invariants
 *   W1. Disposal ends all processes, then removes the folder; Ctrl-C is a disposal.
 *   W2. By default a library sees a plain environment: an empty home, no proxy, no certificate settings.
 *   W3. Codex is a copy of the binary that nobody else runs, so that no page of it is shared with a process of others:
 *       the PSS of a single process would otherwise shrink with every Codex that happens to run on the machine.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { rootCertificates } from "node:tls";
import { findCodex } from "../src/codex/app-server/binary.ts";
import { Child } from "./child.ts";
import type { DriverQuestions } from "./driver.ts";
import type { Variant } from "./hosts.ts";
import type { McpQuestions } from "./servers/mcp.ts";
import type { ModelQuestions } from "./servers/model.ts";

/** So many root certificates are in the small file. */
export const CA_CERTIFICATES = 3;

/** Where the agents work: an empty folder, or a repository with one commit. */
export type Folder = "empty" | "repository";

/** What a library finds around it: `plain` (W2), or the environment of the user who runs the bench. */
export type Environment = "plain" | "user";

export type Driver = Child<DriverQuestions>;

export class Workspace implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  readonly #drivers = new Set<Driver>();
  readonly model: Child<ModelQuestions> = new Child(join(import.meta.dirname, "servers", "model.ts"));
  readonly mcp: Child<McpQuestions> = new Child(join(import.meta.dirname, "servers", "mcp.ts"));
  readonly #environment: Environment;
  readonly #workIn: Folder;
  #modelUrl = "";
  #mcpOrigin = "";
  #homes = 0;
  #disposed: Promise<void> | undefined;

  private constructor(environment: Environment, workIn: Folder) {
    this.#environment = environment;
    this.#workIn = workIn;
  }

  static async open(environment: Environment = "plain", workIn: Folder = "empty"): Promise<Workspace> {
    const workspace = new Workspace(environment, workIn);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        void workspace[Symbol.asyncDispose]().finally(() => process.exit(130));
      });
    }
    workspace.#modelUrl = (await workspace.model.ask("start", undefined)).baseUrl;
    workspace.#mcpOrigin = (await workspace.mcp.ask("start", undefined)).origin;
    for (const name of ["empty", "repository", "user-home", "tmp"]) mkdirSync(join(workspace.#folder, name));
    mkdirSync(dirname(workspace.#codexPath), { recursive: true });
    copyFileSync(findCodex(undefined, {}).path, workspace.#codexPath);
    const author = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
    for (const args of [
      ["init", "-q"],
      [...author, "commit", "-q", "--allow-empty", "-m", "first"],
    ])
      execFileSync("git", args, { cwd: join(workspace.#folder, "repository") });
    writeFileSync(workspace.#caFile, rootCertificates.slice(0, CA_CERTIFICATES).join("\n"));
    return workspace;
  }

  /** The version of the Codex that both sides run. */
  get codexVersion(): string {
    return execFileSync(this.#codexPath, ["--version"], { encoding: "utf8" }).trim();
  }

  /** In words, for a report. */
  get environment(): string {
    const home =
      this.#environment === "plain"
        ? "an empty home directory and no other settings"
        : "the home directory, login shell and settings of a developer";
    return this.#workIn === "repository" ? `${home}; agents work in a git repository` : home;
  }

  get sdkVersion(): string {
    // The package does not export its package.json.
    const manifest = new URL("../package.json", import.meta.resolve("@openai/codex-sdk"));
    return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
  }

  get #codexPath(): string {
    return join(this.#folder, "codex", "bin", "codex");
  }

  get #caFile(): string {
    return join(this.#folder, "few-roots.pem");
  }

  /** Starts a process that uses one library, in a home of its own. Dispose it. */
  async openDriver(variant: Variant): Promise<Driver> {
    const home = join(this.#folder, `home-${this.#homes++}`);
    mkdirSync(home);
    const driver: Driver = new Child(join(import.meta.dirname, "driver.ts"), {
      env: { ...this.#hostEnvironment(), SWITCHYARD_HOME: home },
      cwd: join(this.#folder, "empty"),
    });
    this.#drivers.add(driver);
    await driver.ask("open", {
      variant,
      modelUrl: this.#modelUrl,
      mcpOrigin: this.#mcpOrigin,
      codexPath: this.#codexPath,
      home,
      workingDirectory: join(this.#folder, this.#workIn),
      caFile: this.#caFile,
    });
    return driver;
  }

  async closeDriver(driver: Driver): Promise<void> {
    await driver[Symbol.asyncDispose]();
    this.#drivers.delete(driver);
  }

  #hostEnvironment(): Record<string, string> {
    if (this.#environment === "user") return { ...(process.env as Record<string, string>) };
    return {
      PATH: process.env.PATH ?? "",
      HOME: join(this.#folder, "user-home"),
      SHELL: "/bin/bash",
      LANG: "C.UTF-8",
      // Codex does part of its start-up only where its home is not in the folder for temporary files.
      TMPDIR: join(this.#folder, "tmp"),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await Promise.all([...this.#drivers].map((driver) => driver[Symbol.asyncDispose]()));
    await Promise.all([this.model[Symbol.asyncDispose](), this.mcp[Symbol.asyncDispose]()]);
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
