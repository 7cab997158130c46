/** `switchyard run --engine responses`: the same command without a Codex. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { promptOf, RecordingMcpServer, ScriptedModel } from "../../src/testing/index.ts";
import { install, legacy } from "../config/support/plugin-folders.ts";
import { finished, TestHome } from "./support/test-home.ts";

const timeout = 60_000;
/** There is no Codex where this PATH leads. */
const NO_CODEX = { SWITCHYARD_CODEX_PATH: "/nowhere/codex" };

test("switchyard run --engine responses: the answer on stdout, and --resume continues", {
  timeout,
}, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  await using desk = await RecordingMcpServer.start();
  const prompt = promptOf({ call: { server: "desk", tool: "whoami" } }, { say: "the answer" });
  const common = ["--engine", "responses", "--model", "scripted", "--base-url", model.baseUrl];
  const servers = [
    "-s",
    `desk=${desk.url}`,
    "--header-env",
    "desk:Authorization=AUTH",
    "-s",
    "broken=no-such-program",
  ];
  const first = await home.run(["run", prompt, ...common, ...servers], "", {
    AUTH: "Bearer from-env",
    ...NO_CODEX,
  });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, "the answer\n");
  assert.match(first.stderr, /ok desk\.whoami \d+ ms: .*Bearer from-env/);
  assert.match(first.stderr, /^server desk ready in \d+ ms, \d+ tools\n/m);
  assert.doesNotMatch(first.stderr, /server broken does not work/, "it is said once");
  assert.match(first.stderr, /Missing in this turn: MCP server "broken" cannot be started/);
  assert.doesNotMatch(first.stderr, /ExperimentalWarning/);
  const again =
    /To continue: switchyard run "…" --resume (\S+) --engine responses --model scripted --base-url/;
  const id = again.exec(first.stderr)?.[1] as string;
  home.write(".codex/config.toml", '[plugins."p@m"]\n');
  const ofPlugin = legacy({ desk: { url: desk.url } }, { interface: { displayName: "The P" } });
  install(join(home.home, ".codex"), "p@m", ofPlugin);
  const resume = ["run", "and now?", "--resume", id, ...common, "--json", "--configured"];
  const second = await home.run(resume, "", NO_CODEX);
  assert.equal(second.code, 0, second.stderr);
  const events = second.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; thread_id?: string });
  assert.deepEqual([events[0]?.thread_id, events.at(-1)?.type], [id, "turn.completed"]);
  assert.deepEqual(
    events.flatMap((event) => ("state" in event ? [[event.type, event.state]] : [])),
    [
      ["mcp.server", "starting"],
      ["mcp.server", "ready"],
    ],
  );
  const { request } = model.requests.at(-1) ?? {};
  assert.equal(request?.model, "scripted");
  assert.match(
    JSON.stringify(request),
    /"name":"mcp__desk__whoami","description":"[^"]*This tool is part of plugin `The P`\."/,
  );
});

test("switchyard run --engine responses rejects what only Codex has, and needs a model", {
  timeout,
}, async () => {
  using home = new TestHome();
  const wrong: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [[], /--engine responses needs the --model to ask/],
    [["--sandbox", "read-only"], /--sandbox needs the engine codex/],
    [["--last"], /--last needs the engine codex/],
    [["--user-home"], /--user-home needs the engine codex/],
    [["-c", "a=1"], /--config needs the engine codex/],
  ];
  for (const [args, message] of wrong) {
    const { code, stderr } = await home.run(["run", "hi", "--engine", "responses", ...args]);
    assert.deepEqual([code, message.test(stderr)], [2, true], stderr);
  }
  const { code, stderr } = await home.run(["run", "hi", "--engine", "responses", "--model", "x"]);
  assert.equal(code, 1);
  assert.match(stderr, /No model can be asked: there is no API key/);
});

test("switchyard run --engine responses exits 130 when it is interrupted, and leaves nothing", {
  timeout,
}, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  const args = [
    "run",
    promptOf({ hang: true }),
    "--engine",
    "responses",
    "--model",
    "x",
    "--base-url",
    model.baseUrl,
  ];
  const child = home.start(args);
  await model.waitForRequests(1);
  child.kill("SIGINT");
  assert.equal((await finished(child)).code, 130);
});
