/**
 * Tools by which a model lists and reads the resources of its thread's servers, under Codex's names and with its answers.
 *
 * Without `server`, the resources of all servers, each with the name of its server; a server that does not answer is left out. Codex
 * answers page by page where a server is named; here a list is whole, within the limits of a catalog, so `cursor` is rejected.
 */
import type { JsonObject } from "../../base/json.ts";
import { McpError, type McpConnectionManager } from "../../mcp/index.ts";
import type { HostTool } from "../router/contract.ts";

type Listed = "resources" | "resourceTemplates";

const SERVER = {
  server: { type: "string", description: "The name of an MCP server; all of them if absent" },
};

/** `list_mcp_resources`, `list_mcp_resource_templates` and `read_mcp_resource`, for the `hostTools` of a router. */
export function resourceTools(thread: McpConnectionManager): readonly HostTool[] {
  const list = (name: string, what: string, kind: Listed): HostTool => ({
    name,
    description: `Lists the ${what} that MCP servers offer.`,
    parameters: { type: "object", properties: SERVER, additionalProperties: false },
    parallel: true,
    run: async (args, { signal }) => JSON.stringify(await listed(thread, kind, args, signal)),
  });
  return [
    list("list_mcp_resources", "resources", "resources"),
    list("list_mcp_resource_templates", "resource templates", "resourceTemplates"),
    {
      name: "read_mcp_resource",
      description: "Reads one resource of an MCP server.",
      parameters: {
        type: "object",
        properties: {
          server: { type: "string", description: "The name of the MCP server" },
          uri: { type: "string", description: "The URI of the resource, as it was listed" },
        },
        required: ["server", "uri"],
        additionalProperties: false,
      },
      parallel: true,
      run: async (args, { signal }) => {
        const [server, uri] = [textOf(args, "server"), textOf(args, "uri")];
        const { contents } = await thread.readResource(known(thread, server), uri, { signal });
        return JSON.stringify({ server, uri, contents });
      },
    },
  ];
}

async function listed(
  thread: McpConnectionManager,
  kind: Listed,
  args: JsonObject,
  signal: AbortSignal,
): Promise<JsonObject> {
  if (args["cursor"] !== undefined) throw new Error("there is no cursor: every list is whole");
  const list = (server: string): Promise<readonly object[]> =>
    kind === "resources"
      ? thread.listResources(server, { signal })
      : thread.listResourceTemplates(server, { signal });
  if (args["server"] !== undefined) {
    const server = known(thread, textOf(args, "server"));
    return { server, [kind]: (await list(server)) as JsonObject[] };
  }
  const all = await Promise.all(
    thread.servers.map(async ({ name }) => {
      const entries = await list(name).catch((error: unknown) => {
        // One server's trouble must not hide what the others have.
        if (error instanceof McpError) return [];
        throw error;
      });
      return entries.map((entry) => ({ server: name, ...entry }));
    }),
  );
  return { [kind]: all.flat() as JsonObject[] };
}

function textOf(args: JsonObject, key: string): string {
  const value = args[key];
  if (value === undefined) throw new Error(`failed to parse function arguments: missing field \`${key}\``);
  if (typeof value !== "string")
    throw new Error(`failed to parse function arguments: \`${key}\` must be a string`);
  return value;
}

function known(thread: McpConnectionManager, server: string): string {
  if (!thread.servers.some(({ name }) => name === server)) throw new Error(`unknown MCP server '${server}'`);
  return server;
}
