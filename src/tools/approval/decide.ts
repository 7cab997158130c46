/**
 * Whether a tool of an MCP server may be called: Codex's table, as a pure function.
 *
 *   mode     ask                     never                   full_access
 *   auto     read-only, harmless: run; else ask | refuse     run
 *   writes   read-only: run; else    ask | refuse            run
 *   prompt                           ask | refuse            run
 *   approve  run                     run                     run
 *
 * Measured on Codex 0.171, cell by cell (test/tools/approval-parity.test.ts).
 */
import type { AppToolApproval, McpServerConfig } from "../../config/index.ts";

/**
 * Who decides about calls that need it.
 *
 * - `ask`: a person. Codex's policies `on-request`, `untrusted` and `granular`
 * - `never`: nobody, so they are refused. Codex's policy `never` in a restricted sandbox
 * - `full_access`: nobody, so they are made. Codex's policy `never` with `danger-full-access`
 */
export type ApprovalPolicy = "ask" | "never" | "full_access";

export type ApprovalDecision = "run" | "ask" | "refuse";

/** What a tool says about itself, as a server declares it. */
export interface ToolHints {
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
  readonly openWorldHint?: boolean | undefined;
}

/**
 * What a tool does by its own word. A hint that is missing counts as the worse one, as MCP has it.
 *
 * - `read_only`: whatever its other hints say
 * - `harmless`: it changes things, destroys nothing, and reaches nothing outside
 * - `risky`: all else, also a tool of which nothing is known
 */
export type ToolEffect = "read_only" | "harmless" | "risky";

export interface DecideInput {
  /** The mode of the tool, as `approvalModeOf` finds it. */
  readonly mode: AppToolApproval;
  /** Of the running server. `undefined` while only an older catalog is known: then nothing is believed. */
  readonly annotations: ToolHints | undefined;
  /** Who decides. */
  readonly policy: ApprovalPolicy;
}

export function decide({ mode, annotations, policy }: DecideInput): ApprovalDecision {
  if (mode === "approve" || policy === "full_access") return "run";
  const effect = effectOf(annotations);
  if (effect === "read_only" && mode !== "prompt") return "run";
  if (effect === "harmless" && mode === "auto") return "run";
  return policy === "ask" ? "ask" : "refuse";
}

export function effectOf(annotations: ToolHints | undefined): ToolEffect {
  if (annotations?.readOnlyHint === true) return "read_only";
  const isHarmless = annotations?.destructiveHint === false && annotations.openWorldHint === false;
  return isHarmless ? "harmless" : "risky";
}

/** The mode of a tool, and which key says so. */
export interface ModeOfTool {
  readonly mode: AppToolApproval;
  readonly from: "tool" | "server" | "default";
}

/** `tools.<tool>.approval_mode`, then `default_tools_approval_mode`, then `auto`. */
export function approvalModeOf(
  {
    tools,
    default_tools_approval_mode: ofServer,
  }: Pick<McpServerConfig, "tools" | "default_tools_approval_mode">,
  tool: string,
): ModeOfTool {
  const ofTool = tools.get(tool)?.approval_mode;
  if (ofTool !== undefined) return { mode: ofTool, from: "tool" };
  return ofServer === undefined ? { mode: "auto", from: "default" } : { mode: ofServer, from: "server" };
}
