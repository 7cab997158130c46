/** A gateway, a manager, and clients of every era at its URLs. */
import {
  Client,
  type ClientCapabilities,
  type ClientOptions,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { Gateway, type GatewayOptions, type ThreadGateway } from "../../../src/gateway/index.ts";
import type { McpConnectionManager, McpManagerOptions, McpThreadOptions } from "../../../src/mcp/index.ts";
import { pickText } from "../../../src/testing/index.ts";
import { McpBench } from "../../mcp/support/scripted.ts";

export const OFFERS = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} } as const;

/** What a client speaks. */
export type Version = "2025-06-18" | "2025-11-25" | "2026-07-28";
export const VERSIONS: readonly Version[] = ["2025-06-18", "2025-11-25", "2026-07-28"];

export class GatewayBench implements AsyncDisposable {
  readonly mcp: McpBench;
  readonly gateway: Gateway;
  readonly log: string[];
  readonly #clients: Client[] = [];

  private constructor(gateway: Gateway, log: string[], manager: McpManagerOptions) {
    this.mcp = new McpBench({ catalogFolder: false, ...manager });
    this.gateway = gateway;
    this.log = log;
  }

  static async start(options: GatewayOptions = {}, manager: McpManagerOptions = {}): Promise<GatewayBench> {
    const log: string[] = [];
    const gateway = await Gateway.start({
      log: (level, message) => void log.push(`${level} ${message}`),
      ...options,
    });
    return new GatewayBench(gateway, log, manager);
  }

  open(
    servers: McpThreadOptions["servers"],
    options: Omit<McpThreadOptions, "servers"> = {},
  ): { readonly thread: McpConnectionManager; readonly at: ThreadGateway } {
    const thread = this.mcp.manager.openThread({ servers, offers: OFFERS, ...options });
    return { thread, at: this.gateway.openThread(thread) };
  }

  /** A client of the SDK. @param setUp before it connects */
  async connect(
    url: string,
    bearer: string | undefined,
    version: Version,
    capabilities: ClientCapabilities = {},
    setUp: (client: Client) => void = () => {},
    options: ClientOptions = {},
  ): Promise<Client> {
    const modern = version === "2026-07-28";
    const client = new Client(
      { name: "test", version: "1.0.0" },
      {
        capabilities,
        ...(modern
          ? { versionNegotiation: { mode: { pin: version } } }
          : { supportedProtocolVersions: [version] }),
        ...options,
      },
    );
    setUp(client);
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.gateway[Symbol.asyncDispose]();
    await this.mcp[Symbol.asyncDispose]();
  }
}

/** Calls a tool. @returns the text of its result */
export async function call(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
  options?: Parameters<Client["callTool"]>[1],
): Promise<string> {
  return pickText(await client.callTool({ name, arguments: args }, options), "content", 0, "text");
}
