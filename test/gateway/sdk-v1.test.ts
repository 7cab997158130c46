/** The SDK's client of v1, which most products still have, behind servers of both eras. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { pickText } from "../../src/testing/index.ts";
import { until } from "../executor/support/until.ts";
import { ScriptedHttpServer } from "../mcp/support/scripted-http.ts";
import { GatewayBench } from "./support/gateway-bench.ts";

suite("the SDK's client of v1 at a gateway", { timeout: 30_000 }, () => {
  for (const era of ["legacy", "modern"] as const) {
    test(`uses a server of the ${era} era`, async () => {
      await using server = await ScriptedHttpServer.start({ era });
      await using bench = await GatewayBench.start();
      const { at } = bench.open({ a: { url: server.url } });
      const client = new Client(
        { name: "v1", version: "1.0.0" },
        { capabilities: { elicitation: { form: {}, url: {} } } },
      );
      const told: string[] = [];
      client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        told.push(`asked ${params.message}`);
        return { action: "accept", content: { ok: "yes" } };
      });
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => void told.push("changed"));
      client.setNotificationHandler(
        ResourceUpdatedNotificationSchema,
        ({ params }) => void told.push(`updated ${params.uri}`),
      );
      client.setNotificationHandler(
        LoggingMessageNotificationSchema,
        ({ params }) => void told.push(`logged ${String(params.data)}`),
      );
      const headers = { authorization: `Bearer ${at.bearer}` };
      const transport = new StreamableHTTPClientTransport(new URL(at.urlOf("a")), {
        requestInit: { headers },
      });
      await client.connect(transport);
      try {
        assert.equal(client.getServerVersion()?.name, "scripted");
        const call = async (name: string, args: Record<string, unknown> = {}): Promise<string> =>
          pickText(await client.callTool({ name, arguments: args }), "content", 0, "text");
        assert.match(await call("ask", { message: "Sure?" }), /"accept"/);
        const onprogress = ({ progress }: { progress: number }): void => void told.push(`at ${progress}`);
        await client.callTool({ name: "progress", arguments: { count: 3 } }, undefined, { onprogress });
        await client.setLoggingLevel("info");
        await call("log", { data: "loud", level: "error" });
        await client.subscribeResource({ uri: "test://a" });
        await call("touch", { uri: "test://a" });
        await call("change", { add: "newcomer" });
        await until("all news", () => ["changed", "updated test://a"].every((each) => told.includes(each)));
        assert.ok((await client.listTools()).tools.some(({ name }) => name === "newcomer"));
        assert.ok(
          ["asked Sure?", "logged loud", "at 1", "at 2"].every((each) => told.includes(each)),
          `${told}`,
        );

        const cancelling = new AbortController();
        const hanging = client.callTool({ name: "hang" }, undefined, { signal: cancelling.signal });
        await Promise.all([
          assert.rejects(hanging),
          until("the call", () => server.calls("hang") === 1).then(() => cancelling.abort("enough")),
        ]);
        await until("its cancellation", () =>
          server.record.some((line) => line.startsWith("in notifications/cancelled")),
        );
        assert.equal((await client.readResource({ uri: "test://a" })).contents.length, 1);
        assert.equal((await client.getPrompt({ name: "p" })).messages.length, 1);
      } finally {
        await client.close();
      }
    });
  }
});
