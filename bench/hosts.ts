/**
 * The two libraries under test, each used as its README says, behind one small interface.
 *
 * Both run the same Codex binary, the same model and the same MCP servers, in a home of their own.
 */
import { Codex as SdkCodex } from "@openai/codex-sdk";
import { Codex, type CodexOptions, type McpServerInput } from "../src/index.ts";
import { stdioServer } from "../src/testing/index.ts";
import { FINAL_ANSWER, IDENTITY_HEADER, identityOf, MODEL, PROMPT_MARK, SERVER } from "./scenario.ts";

/** What is compared. */
export const VARIANTS = [
  "switchyard",
  "switchyard+ephemeral",
  "switchyard+direct-model",
  "switchyard+direct-model+ephemeral",
  "direct",
  "direct+ephemeral",
  "direct+direct-model",
  "sdk",
  "sdk+settings",
] as const;
export type Variant = (typeof VARIANTS)[number] | "stdio+shared" | "stdio+direct";

export interface HostOptions {
  readonly variant: Variant;
  readonly modelUrl: string;
  readonly mcpOrigin: string;
  readonly codexPath: string;
  /** `CODEX_HOME` of the SDK's side, `SWITCHYARD_HOME` of ours. */
  readonly home: string;
  readonly workingDirectory: string;
  /** The small bundle of root certificates, for the variants that use it. */
  readonly caFile: string;
}

/** A library with its threads. */
export interface Host {
  /** @param name identifies the thread to its MCP server */
  startThread(name: string): HostThread;
  close(): Promise<void>;
}

export interface HostThread {
  /** @throws {Error} the turn did not end with the model's answer */
  run(): Promise<void>;
  close(): Promise<void>;
}

export function createHost(options: HostOptions): Host {
  switch (options.variant) {
    case "switchyard":
      return switchyard(options, {}, false);
    case "switchyard+ephemeral":
      return switchyard(options, {}, true);
    case "switchyard+direct-model":
      return switchyard(options, { modelRequests: "direct" }, false);
    case "switchyard+direct-model+ephemeral":
      return switchyard(options, { modelRequests: "direct" }, true);
    case "direct":
      return switchyard(options, { mcp: "direct" }, false);
    case "direct+ephemeral":
      return switchyard(options, { mcp: "direct" }, true);
    case "direct+direct-model":
      return switchyard(options, { mcp: "direct", modelRequests: "direct" }, false);
    case "stdio+shared":
      return switchyard(options, {}, false, { ...stdioServer(), scope: "host" });
    case "stdio+direct":
      return switchyard(options, { mcp: "direct" }, false, stdioServer());
    case "sdk":
      return sdk(options, false);
    case "sdk+settings":
      return sdk(options, true);
  }
}

/** @param server the same one for every thread. @default an HTTP server for each */
function switchyard(
  options: HostOptions,
  extra: CodexOptions,
  ephemeral: boolean,
  server?: McpServerInput,
): Host {
  const { modelUrl, mcpOrigin, codexPath, workingDirectory } = options;
  const codex = new Codex({ codexPathOverride: codexPath, baseUrl: modelUrl, apiKey: "none", ...extra });
  return {
    startThread(name) {
      const thread = codex.startThread({
        model: MODEL,
        workingDirectory,
        mcpServers: {
          [SERVER]: server ?? {
            url: `${mcpOrigin}/${name}`,
            http_headers: { [IDENTITY_HEADER]: identityOf(name) },
          },
        },
        ...(ephemeral ? { ephemeral } : {}),
      });
      let turn = 0;
      return {
        run: async () => check(await thread.run(`${PROMPT_MARK} ${turn++}`)),
        close: () => thread.close(),
      };
    },
    close: () => codex.close(),
  };
}

/**
 * @param tuned with those of our settings that a host of the SDK could make itself: no shell snapshot, no plugins,
 *   few root certificates, a wait for the MCP server
 */
function sdk(options: HostOptions, tuned: boolean): Host {
  const { modelUrl, mcpOrigin, codexPath, home, workingDirectory, caFile } = options;
  const env: Record<string, string> = { ...(process.env as Record<string, string>), CODEX_HOME: home };
  if (tuned) {
    env.SSL_CERT_FILE = caFile;
    delete env.SSL_CERT_DIR;
  }
  const closing = new AbortController();
  return {
    startThread(name) {
      // The SDK has MCP servers per `Codex`, not per thread; a `Codex` of the SDK costs nothing by itself.
      const codex = new SdkCodex({
        codexPathOverride: codexPath,
        env,
        config: {
          // Instead of `baseUrl`, which makes each turn lose 6 s to WebSocket attempts where only HTTP is spoken.
          model_provider: "bench",
          model_providers: {
            bench: {
              name: "Bench",
              base_url: modelUrl,
              wire_api: "responses",
              supports_websockets: false,
              experimental_bearer_token: "none",
            },
          },
          mcp_servers: {
            [SERVER]: {
              url: `${mcpOrigin}/${name}`,
              http_headers: { [IDENTITY_HEADER]: identityOf(name) },
              default_tools_approval_mode: "approve",
            },
          },
          ...(tuned
            ? {
                features: { shell_snapshot: false, plugins: false, apps: false },
                mcp_optional_startup_grace_ms: 0,
              }
            : {}),
        },
      });
      const thread = codex.startThread({
        model: MODEL,
        workingDirectory,
        sandboxMode: "read-only",
        approvalPolicy: "never",
        skipGitRepoCheck: true,
      });
      let turn = 0;
      return {
        run: async () => check(await thread.run(`${PROMPT_MARK} ${turn++}`, { signal: closing.signal })),
        close: () => Promise.resolve(),
      };
    },
    // Nothing lives between turns; a turn that runs is ended with its process.
    close: () => Promise.resolve(closing.abort()),
  };
}

function check({ finalResponse }: { finalResponse: string }): void {
  if (finalResponse !== FINAL_ANSWER) throw new Error(`The turn ended with ${JSON.stringify(finalResponse)}`);
}
