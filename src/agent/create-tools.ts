/** The tools of a thread, as its turns call them. */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Redactor } from "../base/redact.ts";
import type { McpConnectionManager } from "../mcp/index.ts";
import {
  type ApprovalPolicy,
  Approvals,
  type ApprovalsOptions,
  type Gate,
  type HostTool,
  inputSchemasOf,
  KeptOutputs,
  outputsFor,
  resourceTools,
  type StepTools,
  ToolRouter,
} from "../tools/index.ts";

/** What a turn says about the tools of its thread. */
export interface ToolsOfTurn {
  readonly hostTools: readonly HostTool[];
  /** Who decides about calls that need an approval. */
  readonly policy: ApprovalPolicy;
}

export type CreateTools = (
  thread: McpConnectionManager,
  of: ToolsOfTurn & { readonly onAsk: NonNullable<ApprovalsOptions["onAsk"]> },
) => StepTools;

export interface ToolsOptions {
  readonly spelling: "flat" | "namespaces";
  readonly exposure: "direct" | "search";
  readonly gate: Gate;
  readonly redactor: Redactor;
  readonly log: Log;
  readonly clock: Clock;
}

/** The host's time limit for a question is the turn's. */
const NO_LIMIT_MS = 2 ** 31 - 1;

export function createTools({ redactor, log, ...options }: ToolsOptions): CreateTools {
  return (thread, { hostTools, policy, onAsk }) => {
    const kept = new KeptOutputs();
    const aboutServers = [...resourceTools(thread), kept.tool()].filter(
      // A host may have a tool of that name.
      ({ name }) => !hostTools.some((tool) => tool.name === name),
    );
    const { clock } = options;
    const router = new ToolRouter({
      ...options,
      thread,
      hostTools: [...hostTools, ...aboutServers],
      approver: new Approvals({ thread, policy, onAsk, redactor, log, clock, timeoutMs: NO_LIMIT_MS }),
      schemaOf: inputSchemasOf(thread),
      outputOf: outputsFor({ thread, redactor, kept }),
    });
    const names = new Set(aboutServers.map(({ name }) => name));
    return {
      tools: () =>
        thread.servers.length > 0 ? router.tools() : router.tools().filter((tool) => !names.has(tool.name)),
      dispatch: (items, more) => router.dispatch(items, more),
    };
  };
}
