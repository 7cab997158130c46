/** What the modules of `switchyard mcp` export. */
import type { Args, CommandSpec } from "../flags.ts";

export interface McpCommand {
  readonly spec: CommandSpec;
  /** @returns the exit code */
  readonly run: (args: Args, signal: AbortSignal) => number | Promise<number>;
}
