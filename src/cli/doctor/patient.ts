/** What is known of a server when `switchyard doctor` judges it. */
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import type { ServerSnapshot } from "../../mcp/index.ts";
import type { Variables } from "../../servers/resolve.ts";
import type { StartProblem } from "../mcp/start-problems.ts";
import type { Finding } from "./finding.ts";
import type { Fixes } from "./fixes.ts";
import type { Program } from "./program.ts";

/** What is known of a server. */
export interface Patient {
  readonly server: EffectiveMcpServer;
  readonly startProblem: StartProblem | undefined;
  readonly program: Program | undefined;
  /** If it was started. */
  readonly snapshot: ServerSnapshot | undefined;
  /** What it wrote, without secrets: the last lines on stderr, and the first ones on stdout that are not MCP. */
  readonly stderr: readonly string[];
  readonly stdout: readonly string[];
  readonly env: Variables;
  readonly fixes: Fixes;
}

/** Why it does not work. */
export type Verdict = Pick<Finding, "code" | "cause" | "fix">;

/** Opens the file where it is written. */
export function openOf({ server: { definedIn }, fixes }: Patient): string | null {
  return definedIn === undefined ? null : fixes.open(definedIn);
}

type StdioTransport = McpServerConfig["transport"] & { readonly type: "stdio" };

export function stdioOf({ config }: EffectiveMcpServer): StdioTransport | undefined {
  return config?.transport.type === "stdio" ? config.transport : undefined;
}
