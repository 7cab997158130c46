/** The tools of a thread, as its turns call them. */
import type { Clock } from "../base/clock.ts";
import type { Redactor } from "../base/redact.ts";
import type { McpConnectionManager } from "../mcp/index.ts";
import {
  type Gate,
  type HostTool,
  inputSchemasOf,
  KeptOutputs,
  outputsFor,
  resourceTools,
  type StepTools,
  ToolRouter,
} from "../tools/index.ts";

export type CreateTools = (thread: McpConnectionManager, hostTools: readonly HostTool[]) => StepTools;

export interface ToolsOptions {
  readonly spelling: "flat" | "namespaces";
  readonly exposure: "direct" | "search";
  readonly gate: Gate;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

export function createTools({ redactor, ...options }: ToolsOptions): CreateTools {
  return (thread, hostTools) => {
    const kept = new KeptOutputs();
    const aboutServers = [...resourceTools(thread), kept.tool()].filter(
      // A host may have a tool of that name.
      ({ name }) => !hostTools.some((tool) => tool.name === name),
    );
    const router = new ToolRouter({
      ...options,
      thread,
      hostTools: [...hostTools, ...aboutServers],
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
