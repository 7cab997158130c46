/** `switchyard run`: a real process, its output, its exit code, what it leaves behind. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  descendants,
  promptOf,
  RecordingMcpServer,
  ScriptedModel,
  waitUntilGone,
} from "../../src/testing/index.ts";
import { finished, TestHome } from "./support/test-home.ts";

const timeout = 60_000;

test("switchyard run: the answer on stdout, progress on stderr, exit 0; --resume continues", {
  timeout,
}, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  await using desk = await RecordingMcpServer.start();
  const whoami = promptOf({ call: { server: "desk", tool: "whoami" } }, { say: "the answer" });
  const servers = [
    "--server",
    `desk=${desk.url}`,
    "--header",
    "desk:X-Identity=me",
    "--header-env",
    "desk:Authorization=AUTH",
  ];
  const common = [
    "--base-url",
    model.baseUrl,
    ...servers,
    "--server",
    "broken=sh -c 'echo no licence >&2; echo in ./here >&2; exit 3'",
  ];
  const first = await home.run(["run", whoami, ...common], "", { AUTH: "Bearer from-env" });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, "the answer\n");
  assert.match(first.stderr, /> desk\.whoami/);
  assert.match(first.stderr, /ok desk\.whoami \d+ ms: .*Bearer from-env.*me/);
  assert.match(
    first.stderr,
    /Missing in this turn: MCP server "broken" ended with exit code 3; .*"sh" on stderr:\nno licence\nin \.\/here\n/,
  );
  assert.equal(first.stderr.match(/"broken" ended with/g)?.length, 1);
  const id = /To continue: switchyard run "…" --resume (\S+) --base-url \S+ \(and the same --server/.exec(
    first.stderr,
  )?.[1] as string;
  const second = await home.run(["run", "and now?", "--resume", id, "--base-url", model.baseUrl, "--json"]);
  assert.equal(second.code, 0, second.stderr);
  const events = second.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; thread_id?: string });
  assert.equal(events[0]?.thread_id, id);
  assert.equal(events.at(-1)?.type, "turn.completed");
});

test("switchyard run uses OPENAI_API_KEY, and reads servers from a file", { timeout }, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  await using desk = await RecordingMcpServer.start();
  const file = join(home.home, "servers.toml");
  writeFileSync(
    file,
    `[mcp_servers.desk]\nurl = "${desk.url}"\nhttp_headers = { X-Identity = "from a file" }\n`,
  );
  const prompt = promptOf({ call: { server: "desk", tool: "whoami" } }, { say: "done" });
  const args = ["run", prompt, "--servers", file, "--base-url", model.baseUrl];
  const { code, stderr } = await home.run(args, "", { OPENAI_API_KEY: "sk-from-the-environment" });
  assert.equal(code, 0, stderr);
  assert.equal(desk.calls[0]?.headers["x-identity"], "from a file");
  assert.equal(model.requests[0]?.request?.bearerToken, "sk-from-the-environment");
});

test("switchyard run exits 1 when the turn fails, and reports why (P2)", { timeout }, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  const failing = promptOf({ fail: { status: 400, body: { error: { message: "no such model" } } } });
  const { code, stdout, stderr } = await home.run(["run", failing, "--base-url", model.baseUrl]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /failed: .*no such model/);
  const unknown = await home.run(["run", "hi", "--base-url", model.baseUrl, "--resume", "nope"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^switchyard: There is no thread nope/m);
});

test("switchyard run without a key or a login shows what to do, and mentions the demo", {
  timeout,
}, async () => {
  using home = new TestHome();
  const { code, stderr } = await home.run(["run", "hi"]);
  assert.equal(code, 1);
  assert.match(stderr, /OPENAI_API_KEY/);
  assert.match(stderr, /codex login/);
  assert.match(stderr, /switchyard demo/);
});

const usage: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
  ["no prompt", ["run"], /Missing argument PROMPT\. Usage: switchyard run \[options\] PROMPT/],
  ["list with an unknown option", ["run", "hi", "--bogus"], /Unknown option --bogus/],
  [
    "a header for an unknown server",
    ["run", "hi", "--base-url", "http://127.0.0.1:9", "--header", "a:b=c"],
    /no server "a"/,
  ],
  ["an empty prompt", ["run", "  ", "--base-url", "http://127.0.0.1:9"], /The prompt is empty/],
  [
    "a server given twice",
    ["run", "hi", "--base-url", "http://127.0.0.1:9", "--server", "a=true", "--server", "a=false"],
    /"a" is given twice/,
  ],
  [
    "a bad server name",
    ["run", "hi", "--base-url", "http://127.0.0.1:9", "--server", "a b=true"],
    /invalid server name 'a b' \(use letters, numbers/,
  ],
  [
    "a bad directory",
    ["run", "hi", "--base-url", "http://127.0.0.1:9", "-C", "/nowhere"],
    /--cd: there is no folder \/nowhere/,
  ],
];
for (const [what, args, message] of usage) {
  test(`switchyard exits 2 for ${what} (P2)`, { timeout }, async () => {
    using home = new TestHome();
    const { code, stdout, stderr } = await home.run(args);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, message);
  });
}

test("a reader that leaves ends the turn: exit 1, no stack, nothing left", { timeout }, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  await using desk = await RecordingMcpServer.start();
  const prompt = promptOf(
    { call: { server: "desk", tool: "sleep", arguments: { ms: 1_000 } } },
    { call: { server: "desk", tool: "sleep", arguments: { ms: 60_000 } } },
  );
  const args = ["run", prompt, "--server", `desk=${desk.url}`, "--base-url", model.baseUrl, "--json"];
  const child = home.start(args);
  const ended = finished(child);
  await desk.waitFor(() => desk.calls.length === 1);
  const below = descendants(child.pid as number);
  child.stdout.destroy();
  const { code, stderr } = await ended;
  assert.deepEqual({ code, stderr }, { code: 1, stderr: "" });
  assert.deepEqual(await waitUntilGone(below), []);
});

test("Ctrl-C interrupts the turn, cancels the call, leaves nothing behind and exits 130 (P2)", {
  timeout,
}, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  await using desk = await RecordingMcpServer.start();
  const prompt = promptOf({ call: { server: "desk", tool: "sleep", arguments: { ms: 60_000 } } });
  const child = home.start(["run", prompt, "--server", `desk=${desk.url}`, "--base-url", model.baseUrl]);
  const ended = finished(child);
  await desk.waitFor(() => desk.calls.length === 1);
  const below = descendants(child.pid as number);
  assert.ok(below.length > 0);
  child.kill("SIGINT");
  const { code, stderr } = await ended;
  assert.equal(code, 130);
  assert.match(stderr, /interrupted/);
  assert.deepEqual(await waitUntilGone(below), []);
  await desk.waitFor(() => desk.calls[0]?.outcome === "cancelled");
});

test("switchyard run asks the provider that settings or the user's own home name, and says what is missing", {
  timeout,
}, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  const keyOf = (): unknown => model.requests.at(-1)?.headers["authorization"];
  const settings = (name: string, key: string): string[] =>
    [
      `model_provider=${name}`,
      `model_providers.${name}.name=Mine`,
      `model_providers.${name}.base_url=${model.baseUrl}`,
      `model_providers.${name}.env_key=${key}`,
    ].flatMap((text) => ["-c", text]);
  const azure = await home.run(["run", "hello", ...settings("azure", "AZURE_KEY")], "", {
    AZURE_KEY: "k-azure",
  });
  assert.deepEqual([azure.code, azure.stdout], [0, "You said: hello\n"], azure.stderr);
  assert.equal(keyOf(), "Bearer k-azure");

  const unset = await home.run(["run", "hello", ...settings("azure", "AZURE_KEY")]);
  assert.equal(unset.code, 2);
  assert.match(unset.stderr, /azure\.env_key: the environment variable AZURE_KEY is not set/);

  const table = `name = "Router"\nbase_url = "${model.baseUrl}"\nenv_key = "ROUTER_KEY"\n`;
  home.write(".codex/config.toml", `model_provider = "router"\n[model_providers.router]\n${table}`);
  const router = await home.run(["run", "hello", "--user-home"], "", { ROUTER_KEY: "k-router" });
  assert.deepEqual([router.code, router.stdout], [0, "You said: hello\n"], router.stderr);
  assert.equal(keyOf(), "Bearer k-router");
  const without = await home.run(["run", "hello", "--user-home"]);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /router\.env_key: the environment variable ROUTER_KEY is not set/);

  // Switchyard's own home has no such provider, and nobody is logged in.
  const nothing = await home.run(["run", "hello"]);
  assert.equal(nothing.code, 1);
  assert.match(
    nothing.stderr,
    /^switchyard: No model can be asked: OPENAI_API_KEY is not set, and there is no /,
  );
});
