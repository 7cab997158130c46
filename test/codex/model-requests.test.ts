/** Who asks the model: we, for Codex, or Codex itself. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Codex, ThreadOptions } from "../../src/index.ts";
import { cut, fail, pick, promptOf, RecordingMcpServer, ScriptedModel } from "../../src/testing/index.ts";
import { collect, startBench } from "../support/codex-bench.ts";
import { meddledCodex } from "../support/meddled-codex.ts";
import { AUTHORITY, tlsFront } from "../support/tls-front.ts";

const timeout = 60_000;
const done = promptOf({ say: "done" });
const whoami = promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "done" });

/** What Codex was given of our provider in each thread, from a record of what it was told. */
function givenIn(
  record: string,
): { readonly base_url: string; readonly experimental_bearer_token: string }[] {
  return readFileSync(record, "utf8")
    .trim()
    .split("\n")
    .flatMap((line) => {
      const given = pick(JSON.parse(line) as unknown, "params", "config", "model_providers", "switchyard");
      return given === undefined ? [] : [given as { base_url: string; experimental_bearer_token: string }];
    });
}

async function statusOf(url: string, bearer: string): Promise<number> {
  const response = await fetch(`${url}/models`, { headers: { authorization: `Bearer ${bearer}` } });
  await response.body?.cancel();
  return response.status;
}

/** Which certificates Codex finds: "one", or "all". */
function certificatesIn(home: string): string | undefined {
  const folder = readdirSync(home).find((name) => name.startsWith("certificates-"));
  return folder === undefined ? undefined : readlinkSync(join(home, folder, "now"));
}

test("each thread has a key and an endpoint of its own, over TLS, in one process that knows none of them (Q1, Q2, Z1)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using other = await ScriptedModel.start();
  await using http = await RecordingMcpServer.start();
  await using secureModel = await tlsFront(bench.model.baseUrl);
  await using secureServer = await tlsFront(http.url);
  const recordTo = join(bench.cwd, "record");
  const codex = bench.another({
    baseUrl: secureModel.url,
    apiKey: "sk-key-of-all",
    caFile: AUTHORITY,
    mcp: "managed",
    codexPathOverride: meddledCodex(bench.cwd, { recordTo }),
  });
  const threadOf = (options: ThreadOptions = {}): ReturnType<Codex["startThread"]> =>
    codex.startThread({ workingDirectory: bench.cwd, ephemeral: true, ...options });
  const keyAt = (model: ScriptedModel): unknown => model.requests.at(-1)?.headers["authorization"];
  const certificates = (): string | undefined => certificatesIn(bench.home);
  const isLinux = process.platform === "linux";

  const first = threadOf({ ephemeral: false });
  assert.equal((await first.run(done)).finalResponse, "done");
  assert.equal(keyAt(bench.model), "Bearer sk-key-of-all");
  assert.ok(secureModel.connections > 0);
  const { pid } = codex;
  if (isLinux) assert.equal(certificates(), "one");

  const second = threadOf({ apiKey: "sk-key-of-second", baseUrl: other.baseUrl });
  await second.run(done);
  assert.equal(keyAt(other), "Bearer sk-key-of-second");

  // A thread whose server Codex reaches itself, over TLS, beside the others.
  const svc = { url: secureServer.url };
  const third = threadOf({ mcp: "direct", mcpServers: { svc } });
  const { items } = await third.run(whoami);
  assert.equal(items.find((item) => item.type === "mcp_tool_call")?.status, "completed");
  assert.equal(keyAt(bench.model), "Bearer sk-key-of-all");
  if (isLinux) assert.equal(certificates(), "all");
  await third.close();
  if (isLinux) assert.equal(certificates(), "one");

  const fourth = threadOf({ modelRequests: "direct", apiKey: "sk-key-of-fourth" });
  assert.equal((await fourth.run(done)).finalResponse, "done");
  assert.equal(keyAt(bench.model), "Bearer sk-key-of-fourth");
  if (isLinux) assert.equal(certificates(), "all");
  await fourth.close();
  const opened = givenIn(recordTo).length;
  const renewed = codex.resumeThread(first.id as string, {
    workingDirectory: bench.cwd,
    apiKey: "sk-key-renewed",
  });
  assert.equal((await renewed.run(done)).finalResponse, "done");
  assert.equal(keyAt(bench.model), "Bearer sk-key-renewed");
  assert.equal(givenIn(recordTo).length, opened, "the thread was not opened again");
  assert.equal(codex.pid, pid);

  const [one, two, , direct] = givenIn(recordTo);
  assert.ok(one !== undefined && two !== undefined);
  for (const { base_url } of [one, two]) assert.match(base_url, /^http:\/\/127\.0\.0\.1:\d+\/m\/[\w-]+$/);
  assert.deepEqual(
    [direct?.base_url, direct?.experimental_bearer_token],
    [secureModel.url, "sk-key-of-fourth"],
  );
  const told = readFileSync(recordTo, "utf8");
  for (const secret of ["sk-key-of-all", "sk-key-of-second", "sk-key-renewed", other.baseUrl])
    assert.ok(!told.includes(secret), secret);
  assert.equal(await statusOf(one.base_url, one.experimental_bearer_token), 200);
  assert.equal(await statusOf(one.base_url, two.experimental_bearer_token), 401, "of another thread");
  await first.close();
  assert.equal(await statusOf(one.base_url, one.experimental_bearer_token), 401, "closed");
  assert.equal(await statusOf(two.base_url, two.experimental_bearer_token), 200);
  await codex.close();
  assert.equal(certificates(), undefined);
  await assert.rejects(statusOf(two.base_url, two.experimental_bearer_token));
});

test("a model that fails fails the same way, and is asked as often, relayed or not (Q3)", {
  timeout,
}, async () => {
  const answers = [
    () => fail(400, { error: { message: "not like this" } }),
    () => fail(401, { error: { message: "who are you" } }),
    () => fail(503, { error: { message: "too busy" } }),
    () => fail(429, { error: { message: "slow down", type: "rate_limit" } }, { "retry-after": "0" }),
    () => cut(),
  ];
  let answer = answers[0];
  await using model = await ScriptedModel.start({ script: () => (answer as (typeof answers)[0])() });
  await using bench = await startBench({}, model);
  const outcomeOf = async (
    modelRequests: "relayed" | "direct",
  ): Promise<{ asked: number; codes: unknown[]; texts: string[] }> => {
    const before = model.received;
    const config = {
      "model_providers.switchyard.request_max_retries": 1,
      "model_providers.switchyard.stream_max_retries": 1,
    };
    const thread = bench.codex.startThread({
      workingDirectory: bench.cwd,
      ephemeral: true,
      modelRequests,
      config,
    });
    const events = await collect(thread.runStreamed("go"));
    await thread.close();
    const messages = events.flatMap((event) =>
      event.type === "turn.failed" ? [event.error.message] : event.type === "error" ? [event.message] : [],
    );
    const texts = messages.map((text) => text.replaceAll(/, request id: [\w-]+/g, ""));
    const codes = events.flatMap((event) => (event.type === "turn.failed" ? [event.error.code] : []));
    return { asked: model.received - before, codes, texts };
  };
  for (answer of answers) {
    const [relayed, direct] = [await outcomeOf("relayed"), await outcomeOf("direct")];
    assert.deepEqual(relayed, direct);
  }
  const { origin } = new URL(model.baseUrl);
  await model[Symbol.asyncDispose]();
  const codes = { asked: 0, codes: ["model_unreachable"] };
  for (const modelRequests of ["relayed", "direct"] as const) {
    const { texts, ...rest } = await outcomeOf(modelRequests);
    assert.deepEqual(rest, codes);
    // Who asks knows more.
    if (modelRequests === "relayed")
      assert.ok(
        texts.at(-1)?.endsWith(`: The model at ${origin} cannot be connected to (ECONNREFUSED)`),
        texts.at(-1),
      );
  }
});
