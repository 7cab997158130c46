/**
 * An MCP server made of test tools, on the official SDK; its calls go into a record.
 *
 * One server of the SDK serves one session, so this module is a factory; the record is shared by its servers.
 * Which transport a server is connected to is the business of `recording-http-server.ts` and
 * `stdio-server.ts`.
 */
import { McpServer } from "@modelcontextprotocol/server";
import type { CallToolResult, ServerContext, ToolAnnotations } from "@modelcontextprotocol/server";
import type { CallRecord } from "./call-record.ts";
import type { TestTool, ToolContext } from "./mcp-tools.ts";

/** What a test server is made of. */
export interface TestServerOptions {
  /** Name in the server's `serverInfo`. @default "test-server" */
  readonly name?: string;
  /** Instructions for the model. */
  readonly instructions?: string;
  /** Hints by tool name; added to what the tool itself declares. */
  readonly annotations?: Readonly<Record<string, ToolAnnotations>>;
  /** Tools besides the default ones; one with the same name replaces the default. */
  readonly extraTools?: readonly TestTool[];
  /** Names of the default tools to offer. @default all */
  readonly onlyTools?: readonly string[];
}

/**
 * Builds the SDK's server for one session.
 *
 * @param closing cancels every call when it aborts
 */
export function createTestServer(
  options: TestServerOptions,
  defaults: readonly TestTool[],
  record: CallRecord,
  closing: AbortSignal,
): McpServer {
  const tools = chooseTools(options, defaults);
  const mcp = new McpServer(
    { name: options.name ?? "test-server", version: "1.0.0" },
    {
      capabilities: { tools: { listChanged: true } },
      ...(options.instructions === undefined ? {} : { instructions: options.instructions }),
    },
  );
  // The low-level handlers, not `registerTool`: strange names and schemas must reach the client as they are.
  const { server } = mcp;
  server.setRequestHandler("tools/list", () => ({
    tools: tools.map((tool) => ({
      name: tool.name,
      ...(tool.description === undefined ? {} : { description: tool.description }),
      inputSchema: { type: "object" as const, ...tool.inputSchema },
      ...annotationsOf(tool, options),
    })),
  }));
  server.setRequestHandler("tools/call", async (request, context) => {
    const { name, arguments: args = {} } = request.params;
    const call = readContext(context, closing);
    const { headers, path, meta, signal } = call;
    const end = record.start({
      tool: name,
      arguments: args,
      headers,
      path,
      sessionId: context.sessionId,
      meta,
    });
    signal.addEventListener("abort", () => end("cancelled"), { once: true });
    try {
      const tool = tools.find((candidate) => candidate.name === name);
      if (tool === undefined) throw new Error(`Unknown tool: ${name}`);
      const output = await tool.run(args, call);
      const result: CallToolResult =
        typeof output === "string" ? { content: [{ type: "text", text: output }] } : output;
      end(signal.aborted ? "cancelled" : result.isError === true ? "failed" : "completed");
      return result;
    } catch (error) {
      end(signal.aborted ? "cancelled" : "failed");
      throw error;
    }
  });
  return mcp;
}

function chooseTools(options: TestServerOptions, defaults: readonly TestTool[]): readonly TestTool[] {
  const extra = options.extraTools ?? [];
  const kept = defaults.filter(
    (tool) =>
      (options.onlyTools === undefined || options.onlyTools.includes(tool.name)) &&
      !extra.some((other) => other.name === tool.name),
  );
  return [...kept, ...extra];
}

function annotationsOf(tool: TestTool, options: TestServerOptions): { annotations?: ToolAnnotations } {
  const annotations = { ...tool.annotations, ...options.annotations?.[tool.name] };
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

function readContext(context: ServerContext, closing: AbortSignal): ToolContext & { readonly path: string } {
  const http = context.http?.req;
  const meta = context.mcpReq._meta ?? {};
  const progressToken = meta["progressToken"];
  return {
    signal: AbortSignal.any([context.mcpReq.signal, closing]),
    headers: Object.fromEntries(http?.headers ?? []),
    path: http === undefined ? "" : new URL(http.url).pathname,
    meta,
    progress: async (progress, total) => {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total };
      await context.mcpReq.notify({ method: "notifications/progress", params });
    },
    ask: (message, options = {}) => {
      const requestedSchema = { type: "object", properties: { answer: { type: "string" } } };
      const params = { mode: "form", message, requestedSchema };
      return context.mcpReq.send({ method: "elicitation/create", params }, options);
    },
  };
}
