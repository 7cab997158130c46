/** One MCP tool call in the real Codex, as Codex times it: how long, by where the server runs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppServerProcess } from "../src/codex/app-server/process.ts";
import { findCodex } from "../src/codex/app-server/binary.ts";
import { systemClock } from "../src/base/clock.ts";
import { silentLog } from "../src/base/log.ts";
import { Redactor } from "../src/base/redact.ts";
import { promptOf, ScriptedModel } from "../src/testing/index.ts";

const SERVER = join(import.meta.dirname, "servers/stdio-mcp.mjs");

/**
 * Milliseconds of each of `calls` calls of a tool that waits 1 ms. Whole ones: so Codex reports them.
 *
 * @param url of the executor that runs the server. Without it, it is Codex's own child
 */
export async function timeCallsInCodex(calls: number, url: string | undefined): Promise<number[]> {
  const home = mkdtempSync(join(tmpdir(), "switchyard-bench-"));
  await using model = await ScriptedModel.start();
  const times: number[] = [];
  const ready = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  writeFileSync(
    join(home, "config.toml"),
    `model = "gpt-5"\nmodel_provider = "bench"\n[model_providers.bench]\nname = "bench"\n` +
      `base_url = "${model.baseUrl}"\nwire_api = "responses"\n`,
  );
  if (url !== undefined)
    writeFileSync(join(home, "environments.toml"), `[[environments]]\nid = "box"\nurl = "${url}"\n`);
  const codex = await AppServerProcess.start({
    binary: findCodex(undefined, process.env),
    codexHome: home,
    env: { PATH: process.env["PATH"] ?? "", HOME: home },
    flags: [],
    clock: systemClock,
    log: silentLog,
    redactor: new Redactor(),
    onRequest: () => Promise.resolve({ decision: "accept" }),
    onRejectedTool: () => {},
    onNotification: (method, params) => {
      const { item, status } = params as { item?: { type: string; durationMs?: number }; status?: string };
      if (method === "mcpServer/startupStatus/updated" && status === "ready") ready.resolve();
      if (method === "turn/completed") over.resolve();
      if (method === "item/completed" && item?.type === "mcpToolCall")
        times.push(item.durationMs ?? Number.NaN);
    },
  });
  try {
    const placed = url === undefined ? {} : { environment_id: "box" };
    const svc = {
      command: process.execPath,
      args: [SERVER],
      cwd: home,
      default_tools_approval_mode: "approve",
      ...placed,
    };
    const { thread } = await codex.request("thread/start", {
      cwd: home,
      approvalPolicy: "never",
      sandbox: "danger-full-access",
      config: { mcp_servers: { svc } },
    });
    await ready.promise;
    const call = { call: { server: "svc", tool: "wait" } };
    const text = promptOf(...Array.from({ length: calls }, () => call), { say: "done" });
    await codex.request("turn/start", {
      threadId: thread.id,
      input: [{ type: "text", text, text_elements: [] }],
    });
    await over.promise;
    if (times.length !== calls || times.some(Number.isNaN))
      throw new Error(`Of ${calls} calls: ${times.join()}`);
    return times;
  } finally {
    await codex.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
