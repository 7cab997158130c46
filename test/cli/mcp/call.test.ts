/** `switchyard mcp call`: real calls, a real Ctrl-C, a real terminal. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { spawn as spawnInTerminal } from "@lydell/node-pty";
import { processesOfOwner } from "../../../src/testing/leaks.ts";
import { ScriptedHttpServer } from "../../mcp/support/scripted-http.ts";
import { MAIN, NODE_VARIABLES } from "../../support/command.ts";
import { sample } from "../../support/sample.ts";
import { configOf } from "../support/servers.ts";
import { finished, OURS, SECRET, TestHome } from "../support/test-home.ts";

const timeout = 60_000;
const root = join(import.meta.dirname, "..", "..", "..");
const PATH = [join(root, "node_modules", ".bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":");

const EVERYTHING = '[mcp_servers.everything]\ncommand = "mcp-server-everything"\n';
const FORM = {
  name: "form",
  inputSchema: {
    type: "object",
    properties: { n: { type: "integer" } },
    additionalProperties: false,
  },
};

interface Expected {
  readonly code: number;
  readonly stdout: RegExp | string;
  readonly stderr: RegExp | string;
}

suite("switchyard mcp call", { concurrency: 2 }, () => {
  const SCRIPTED = configOf("s", { script: { tools: [FORM] }, disabled: ["wedge"] });
  const OTHERS =
    `${configOf("dead", { script: { dieAtStart: 3 }, more: ["--token", SECRET] })}required = true\n` +
    `env = { TOKEN = "${SECRET}" }\n` +
    '[mcp_servers.off]\ncommand = "sh"\nenabled = false\n' +
    `[mcp_servers.gone]\nurl = "http://me:${SECRET}@127.0.0.1:1/mcp"\n`;
  const cases: readonly (readonly [what: string, argv: readonly string[], expected: Expected])[] = [
    ["a text", ["s", "echo", "--arg", "text=hello"], { code: 0, stdout: "hello\n", stderr: "" }],
    ["JSON", ["s", "echo", '{"text": "a b"}'], { code: 0, stdout: "a b\n", stderr: "" }],
    ["no content but a structure", ["s", "structured"], { code: 0, stdout: '{\n  "n": 1\n}\n', stderr: "" }],
    ["an empty answer", ["s", "echo"], { code: 0, stdout: "", stderr: "(the answer is empty)\n" }],
    [
      "a tool that fails",
      ["s", "fail"],
      { code: 1, stdout: "it failed\n", stderr: "switchyard: The tool says that it failed\n" },
    ],
    [
      "a JSON-RPC error",
      ["s", "form", "--arg", "n=1"],
      { code: 1, stdout: "", stderr: /answered with an error \(-32602\): .*Unknown tool: form/ },
    ],
    [
      "a server that dies of the call",
      ["s", "die"],
      { code: 1, stdout: "", stderr: /exit code 1.*dying as asked.*\nLook at what the tool did before/ },
    ],
    [
      "a server that does not answer",
      ["s", "hang", "-c", "mcp_servers.s.tool_timeout_sec=1"],
      {
        code: 1,
        stdout: "",
        stderr: /did not answer within 1 s; .*raise tool_timeout_sec\nThe tool may have run/,
      },
    ],
    [
      "a tool that is switched off",
      ["s", "wedge"],
      { code: 1, stdout: "", stderr: /'wedge' is disabled.*\nNothing was carried out\. enabled_tools/ },
    ],
    [
      "a server that does not start",
      ["dead", "x", "--arg", `a=${SECRET}`],
      { code: 1, stdout: "", stderr: /exit code 3; its last words: cannot go on.*\nNothing was carried out/ },
    ],
    [
      "a server that is switched off",
      ["off", "x"],
      { code: 1, stdout: "", stderr: /"off" is not started \(disabled\): enabled = false in ~/ },
    ],
    [
      "an address where nothing is",
      ["gone", "x"],
      { code: 1, stdout: "", stderr: /127\.0\.0\.1:1 cannot be/ },
    ],
    ["a misspelt server", ["ss", "echo"], { code: 2, stdout: "", stderr: /"ss"; did you mean "s"/ }],
    [
      "a misspelt tool",
      ["s", "ehco"],
      {
        code: 2,
        stdout: "",
        stderr: /"s" has no tool "ehco"; did you mean "echo"\?\nSee: switchyard mcp call/,
      },
    ],
    [
      "a misspelt argument",
      ["s", "form", "--arg", "m=1"],
      { code: 2, stdout: "", stderr: /did you mean "n"|takes n/ },
    ],
    [
      "a value of another type",
      ["s", "form", "--arg", `n=${SECRET}`],
      { code: 2, stdout: "", stderr: /^switchyard: --arg n takes a whole number\n/ },
    ],
    ["text that is no JSON", ["s", "echo", SECRET], { code: 2, stdout: "", stderr: /are a JSON object/ }],
    [
      "JSON beside --arg",
      ["s", "echo", "{}", "--arg", "a=b"],
      { code: 2, stdout: "", stderr: /cannot be given together/ },
    ],
    [
      "a question where nobody can be asked",
      ["s", "ask"],
      { code: 0, stdout: /"action":"decline"/, stderr: /^MCP server "s" asks: Sure\?\nnote: it is declined/ },
    ],
  ];
  for (const [what, argv, { code, stdout, stderr }] of sample(cases, 2)) {
    test(what, { timeout }, async () => {
      using home = new TestHome({ [OURS]: SCRIPTED + OTHERS });
      const done = await home.run(["mcp", "call", ...argv]);
      const output = JSON.stringify(done, undefined, 2);
      assert.equal(done.code, code, output);
      if (typeof stdout === "string") assert.equal(done.stdout, stdout, output);
      else assert.match(done.stdout, stdout);
      if (typeof stderr === "string") assert.equal(done.stderr, stderr, output);
      else assert.match(done.stderr, stderr);
      assert.ok(!output.includes(SECRET), output);
    });
  }

  test("a published server: typed arguments, progress, what is no text, and JSON", { timeout }, async () => {
    using home = new TestHome({ [OURS]: EVERYTHING });
    const call = (...argv: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
      home.run(["mcp", "call", "everything", ...argv], '{"a": 1, "b": 2}', { PATH });
    const sum = await call("get-sum", "--arg", "a=1", "--arg", "b=2.5");
    assert.deepEqual(sum, { code: 0, stdout: "The sum of 1 and 2.5 is 3.5.\n", stderr: "" });
    const json = await call("get-sum", "-", "--json");
    assert.deepEqual(JSON.parse(json.stdout), {
      kind: "result",
      result: { content: [{ type: "text", text: "The sum of 1 and 2 is 3." }] },
    });
    const image = await call("get-tiny-image");
    assert.match(image.stdout, /\n\[image: image\/png, 3\.9 kB\]\n/);
    const long = await call("trigger-long-running-operation", "--arg", "duration=0.9", "--arg", "steps=3");
    assert.match(long.stderr, /^progress: 1 of 3\nprogress: 2 of 3\n(?:progress: 3 of 3\n)?$/);
    assert.match(long.stdout, /^Long running operation completed/);
  });

  test("Ctrl-C cancels the call at the server, over stdio", { timeout }, async (t) => {
    using home = new TestHome();
    const record = join(home.home, "record");
    home.write(OURS, configOf("s", { script: { record } }));
    home.write("record", "");
    const child = home.start(["mcp", "call", "s", "hang", "--json"]);
    const ended = finished(child);
    const said = (): string => readFileSync(record, "utf8");
    while (!said().includes("in tools/call hang")) await sleep(20, undefined, { signal: t.signal });
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 130, stderr);
    assert.deepEqual(JSON.parse(stdout), { kind: "cancelled", sent: true });
    assert.equal(stderr, "interrupted; the server was told to cancel, but the tool may have run\n");
    assert.match(said(), /in tools\/call hang\nin notifications\/cancelled \S+\n/);
    assert.deepEqual(processesOfOwner(child.pid ?? 0), []);
  });

  for (const era of ["legacy", "modern"] as const) {
    test(`Ctrl-C cancels the call at the server, over HTTP (${era}, H6)`, { timeout }, async () => {
      await using server = await ScriptedHttpServer.start({ era });
      using home = new TestHome({ [OURS]: `[mcp_servers.s]\nurl = "${server.url}"\n` });
      const child = home.start(["mcp", "call", "s", "hang"]);
      const ended = finished(child);
      await server.waitFor("the call", () => server.calls("hang") === 1);
      child.kill("SIGINT");
      const { code, stderr } = await ended;
      assert.equal(code, 130, stderr);
      // In the modern era the end of the request is the cancellation.
      if (era === "legacy") assert.equal(server.asked("notifications/cancelled").length, 1);
      await server.waitFor("that nothing stays open", () => server.connections === 0);
    });
  }

  test("Ctrl-C while the server starts ends it, and nothing was called", { timeout }, async (t) => {
    using home = new TestHome({ [OURS]: configOf("s", { script: { mute: ["tools/list"] } }) });
    const child = home.start(["mcp", "call", "s", "echo"]);
    const ended = finished(child);
    while (processesOfOwner(child.pid ?? 0).length === 0) await sleep(20, undefined, { signal: t.signal });
    child.kill("SIGINT");
    assert.deepEqual(await ended, { code: 130, stdout: "", stderr: "interrupted\n" });
    assert.deepEqual(processesOfOwner(child.pid ?? 0), []);
  });

  for (const [typed, answer] of [
    [["yes", ""], /"action":"accept","content":\{"ok":"yes"\}/],
    [["yes", "n"], /"action":"decline"/],
    [["\u0004"], /"action":"cancel"/],
  ] as const) {
    test(`at a terminal the question is asked there: ${JSON.stringify(typed)}`, { timeout }, async () => {
      using home = new TestHome({ [OURS]: configOf("s") });
      const { code, said } = await atTerminal(
        home,
        ["mcp", "call", "s", "ask"],
        [
          ["  ok (optional): ", typed[0]],
          ["Send this? [Y/n] ", typed[1]],
        ],
      );
      assert.equal(code, 0, said);
      assert.match(said, /MCP server "s" asks: Sure\?/);
      assert.match(said, answer);
    });
  }

  test("at a terminal a form is asked field by field, until the answer fits", { timeout }, async () => {
    using home = new TestHome({ [OURS]: configOf("s") });
    const properties = {
      age: { type: "integer", description: "in years" },
      sure: { type: "boolean", default: false },
      colour: { type: "string", title: "Colour", enum: ["red", "blue"] },
      days: { type: "array", items: { anyOf: [{ const: "mo" }, { const: "tu" }] } },
      note: { type: "string" },
    };
    const schema = { type: "object", properties, required: ["age", "colour"] };
    const { code, said } = await atTerminal(
      home,
      ["mcp", "call", "s", "ask", JSON.stringify({ schema })],
      [
        ["  age (in years): ", "old"],
        ["  age (in years): ", "42"],
        ["  sure (y or n; default: false): ", ""],
        ["  Colour (one of red, blue): ", "green"],
        ["  Colour (one of red, blue): ", "blue"],
        ["  days (any, with commas, of mo, tu; optional): ", "tu, mo"],
        ["  note (optional): ", ""],
        ["Send this? [Y/n] ", "y"],
      ],
    );
    assert.equal(code, 0, said);
    assert.match(said, /"content":\{"age":42,"sure":false,"colour":"blue","days":\["tu","mo"\]\}/);
  });

  test("at a terminal a URL is shown, and a form that is not simple is declined", { timeout }, async () => {
    using home = new TestHome({ [OURS]: configOf("s") });
    const url = await atTerminal(
      home,
      ["mcp", "call", "s", "ask", "--arg", "url=https://example.com/pay"],
      [["Opened and done there? [Y/n] ", ""]],
    );
    assert.match(url.said, /\n {2}https:\/\/example\.com\/pay\r\n[^]*"answer":\{"action":"accept"\}/);
    const schema = { type: "object", properties: { deep: { type: "object" } } };
    const deep = await atTerminal(home, ["mcp", "call", "s", "ask", JSON.stringify({ schema })], []);
    assert.match(deep.said, /note: it is declined, because it asks for more[^]*"action":"decline"/);
  });

  test("Ctrl-C at a question cancels the call", { timeout }, async () => {
    using home = new TestHome({ [OURS]: configOf("s") });
    const { code, said } = await atTerminal(
      home,
      ["mcp", "call", "s", "ask"],
      [["  ok (optional): ", "\u0003"]],
    );
    assert.equal(code, 130, said);
    assert.match(said, /interrupted; /);
  });
});

/** Types an answer after each prompt, in this order. */
function atTerminal(
  home: TestHome,
  argv: readonly string[],
  answers: readonly (readonly [prompt: string, typed: string | undefined])[],
): Promise<{ readonly code: number; readonly said: string }> {
  const env = { ...NODE_VARIABLES, HOME: home.home, TERM: "xterm" };
  const terminal = spawnInTerminal(process.execPath, [MAIN, ...argv], { cwd: home.project, env, cols: 200 });
  const rest = [...answers];
  let said = "";
  let from = 0;
  terminal.onData((text) => {
    said += text;
    const [prompt, typed] = rest[0] ?? [];
    const at = prompt === undefined ? -1 : said.indexOf(prompt, from);
    if (prompt === undefined || typed === undefined || at === -1) return;
    from = at + prompt.length;
    rest.shift();
    // A control character needs no Return.
    terminal.write(typed.length === 1 && typed < " " ? typed : `${typed}\r`);
  });
  return new Promise((resolve) => terminal.onExit(({ exitCode }) => resolve({ code: exitCode, said })));
}
