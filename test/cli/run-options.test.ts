/** `switchyard run`: the options of a turn, as they reach the model, and the servers that it takes. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promptOf, RecordingMcpServer, ScriptedModel } from "../../src/testing/index.ts";
import { dressedCodex } from "../support/dressed-codex.ts";
import { CODEXS, OURS, SECRET, TestHome } from "./support/test-home.ts";

const timeout = 60_000;
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

test("switchyard run hands images, the schema of the answer and settings of Codex on", {
  timeout,
}, async () => {
  using home = new TestHome({
    "project/schema.json":
      '{"type":"object","properties":{"city":{"type":"string"}},"additionalProperties":false}',
  });
  await using model = await ScriptedModel.start();
  for (const name of ["a.png", "b.png"]) writeFileSync(join(home.project, name), Buffer.from(PNG, "base64"));
  const { code, stderr } = await home.run([
    ...["run", "hi", "--base-url", model.baseUrl, "-i", "a.png", "--image", "b.png"],
    ...["--output-schema", "schema.json", "-c", "model=from-config", "-c", 'model_reasoning_effort="high"'],
  ]);
  assert.equal(code, 0, stderr);
  const body = model.requests.find(({ request }) => request !== undefined)?.body as Record<string, unknown>;
  assert.equal(JSON.stringify(body["input"]).match(/"type":"input_image"/g)?.length, 2);
  assert.match(JSON.stringify(body["text"]), /"city"/);
  assert.equal(body["model"], "from-config");
  assert.match(JSON.stringify(body["reasoning"]), /"effort":"high"/);
});

test("switchyard run says once, on stderr, that Codex is newer than the tested ones", {
  timeout,
}, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  const SWITCHYARD_CODEX_PATH = dressedCodex(home.home, "0.199.0");
  for (const flag of [[], ["--json"]]) {
    const { code, stdout, stderr } = await home.run(["run", "hi", "--base-url", model.baseUrl, ...flag], "", {
      SWITCHYARD_CODEX_PATH,
    });
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout, /tested with/);
    assert.equal(
      stderr.match(/^warning: .*is Codex 0\.199\.0; Switchyard is tested with /gm)?.length,
      1,
      stderr,
    );
  }
});

test("switchyard run --last continues the thread that was last worked with in this folder", {
  timeout,
}, async () => {
  using home = new TestHome({ "other/x": "" });
  await using model = await ScriptedModel.start();
  const run = async (...args: string[]): Promise<{ code: number | null; stderr: string; id: string }> => {
    const { code, stderr } = await home.run(["run", "hi", "--base-url", model.baseUrl, ...args]);
    return { code, stderr, id: /^thread (\S+)$/m.exec(stderr)?.[1] ?? "" };
  };
  const none = await run("--last");
  assert.equal(none.code, 2);
  assert.match(
    none.stderr,
    /--last: no thread of ~\/project was found in Switchyard's Codex home; --user-home/,
  );
  const first = await run();
  const second = await run();
  const elsewhere = await run("--cd", "../other");
  assert.equal(elsewhere.code, 0, elsewhere.stderr);
  assert.equal((await run("--last")).id, second.id);
  assert.equal((await run("--resume", first.id)).id, first.id);
  assert.equal((await run("--last")).id, first.id);
  const kept = await run("--ephemeral");
  assert.equal(kept.code, 0, kept.stderr);
  assert.doesNotMatch(kept.stderr, /To continue/);
  assert.equal((await run("--last")).id, first.id);
  assert.equal((await run("--last", "--cd", "../other")).id, elsewhere.id);
});

test("switchyard run --only and --except choose among all servers of the turn", { timeout }, async () => {
  await using model = await ScriptedModel.start();
  await using desk = await RecordingMcpServer.start();
  const server = (name: string): string => `[mcp_servers.${name}]\nurl = "${desk.origin}/${name}"\n`;
  using home = new TestHome({
    [OURS]: `${server("a")}${server("b")}[mcp_servers.broken]\ncommand = ""\n`,
  });
  const reached = async (...args: string[]): Promise<string[]> => {
    const before = desk.requests.length;
    const common = ["run", promptOf({ say: "done" }), "--base-url", model.baseUrl, "--configured"];
    const { code, stderr } = await home.run([...common, "--server", `c=${desk.origin}/c`, ...args]);
    assert.equal(code, 0, stderr);
    return [...new Set(desk.requests.slice(before).map(({ path }) => path))].sort();
  };
  assert.deepEqual(await reached("--only", "a", "--only", "c"), ["/a", "/c"]);
  assert.deepEqual(await reached("--except", "b", "--except", "broken"), ["/a", "/c"]);
  assert.deepEqual(await reached("--only", "a", "--only", "b", "--except", "a"), ["/b"]);
  assert.deepEqual(await reached("--except", "broken", "-c", "mcp_servers.a.enabled=false"), ["/b", "/c"]);
  // Only the user's own Codex does not start with it.
  home.write(CODEXS, 'profile = "p"\n');
  assert.deepEqual(await reached("--only", "a"), ["/a"]);
});

const usage: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
  ["an image that is not there", ["--image", "no.png"], /--image: there is no file ~\/project\/no.png/],
  ["an image that is a folder", ["-i", "."], /--image: there is no file/],
  [
    "a schema that is not JSON",
    ["--output-schema", "x.txt"],
    /--output-schema takes a file with a JSON object/,
  ],
  ["a schema that is a list", ["--output-schema", "list.json"], /list.json has none/],
  ["a setting without a value", ["-c", `token-${SECRET}`], /--config: Invalid override/],
  ["servers as settings", ["-c", "mcp_servers.a.url=x"], /mcp_servers needs --configured/],
  ["two threads", ["--last", "--resume", "x"], /--resume and --last cannot be given together/],
  ["a thread that is not kept", ["--ephemeral", "--last"], /cannot be given together/],
  [
    "an unknown server",
    ["--server", "docs=true", "--only", "dosc"],
    /--only: .*"dosc"; did you mean "docs"\?/,
  ],
  ["no server at all", ["--except", "docs"], /--except: There is no MCP server "docs"/],
];
for (const [what, args, message] of usage) {
  test(`switchyard run exits 2 for ${what}`, { timeout }, async () => {
    using home = new TestHome({ "project/x.txt": SECRET, "project/list.json": "[]" });
    const words = ["run", "hi", "--base-url", "http://127.0.0.1:9", ...args];
    const { code, stderr } = await home.runInOneProcess(words);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.ok(!stderr.includes(SECRET), stderr);
  });
}

test("switchyard run asks the model itself where it has the key, and says why it cannot without one", {
  timeout,
}, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  const run = ["run", "hi", "--base-url", model.baseUrl, "--model-requests", "relayed"];
  const without = await home.run(run);
  assert.equal(without.code, 2, without.stderr);
  assert.match(without.stderr, /modelRequests "relayed": .* there is no apiKey/);
  const { code, stderr } = await home.run(run, "", { OPENAI_API_KEY: SECRET });
  assert.equal(code, 0, stderr);
  assert.equal(model.requests.at(-1)?.headers["authorization"], `Bearer ${SECRET}`);
});

test("switchyard run shows the whole of an error", { timeout }, async () => {
  using home = new TestHome();
  await using model = await ScriptedModel.start();
  const why = `first ${"word ".repeat(80)}the end`;
  const failing = promptOf({ fail: { status: 400, body: { error: { message: why } } } });
  const { code, stderr } = await home.run(["run", failing, "--base-url", model.baseUrl]);
  assert.equal(code, 1);
  assert.match(stderr, /first (?:word ){80}the end/);
});
