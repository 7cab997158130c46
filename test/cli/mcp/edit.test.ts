/** `switchyard mcp remove, rename, enable, disable, set, unset`: one change of one server. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Case, testCases } from "../support/cases.ts";
import { CODEXS, DOCS, OURS, TestHome } from "../support/test-home.ts";

const timeout = 60_000;

testCases("switchyard mcp, one change", [
  {
    what: "remove removes the lines of the server and no others (A2)",
    files: { [OURS]: `# top\n[mcp_servers.a]\ncommand = "a" # mine\n\n${DOCS}` },
    args: ["mcp", "remove", "docs"],
    code: 0,
    stdout: /^Removed MCP server "docs" from/,
    after: { [OURS]: '# top\n[mcp_servers.a]\ncommand = "a" # mine\n' },
  },
  {
    what: "remove of a missing name is 1 with the near ones",
    files: { [OURS]: DOCS },
    args: ["mcp", "remove", "doc"],
    code: 1,
    stderr: /did you mean "docs"/,
  },
  {
    what: "remove of a name in another file shows how",
    files: { [CODEXS]: DOCS },
    args: ["mcp", "remove", "docs"],
    code: 1,
    stderr:
      /not in ~\/.switchyard\/switchyard.toml but in ~\/.codex\/config.toml:2; run the command with --codex/,
  },
  {
    what: "remove notes what another file still says about the server",
    files: { [CODEXS]: DOCS, [OURS]: "[mcp_servers.docs]\nenabled = true\n" },
    args: ["mcp", "remove", "--codex", "docs"],
    code: 0,
    stderr: /~\/.switchyard\/switchyard.toml:2 still mentions "docs": switchyard mcp remove docs\n/,
    after: { [CODEXS]: "" },
  },
  {
    what: "remove --file works on any file",
    files: { "project/x.toml": DOCS },
    args: ["mcp", "remove", "--file", "x.toml", "docs"],
    code: 0,
    after: { "project/x.toml": "" },
  },
  {
    what: "rename",
    files: { [OURS]: DOCS },
    args: ["mcp", "rename", "docs", "papers"],
    code: 0,
    stdout: /Renamed MCP server "docs" to "papers" in/,
    after: { [OURS]: '[mcp_servers.papers]\ncommand = "docs-mcp"\n' },
  },
  {
    what: "rename to a taken name",
    files: { [OURS]: DOCS, [CODEXS]: '[mcp_servers.b]\ncommand = "b"\n' },
    args: ["mcp", "rename", "docs", "b"],
    code: 1,
    stderr: /"b" is already in ~\/.codex/,
  },
  {
    what: "enable on top of a lower file",
    files: { [CODEXS]: `${DOCS}enabled = false\n` },
    args: ["mcp", "enable", "docs"],
    code: 0,
    stderr: /this file adds to it/,
    after: { [OURS]: "[mcp_servers.docs]\nenabled = true\n" },
  },
  {
    what: "enable of what is on changes nothing",
    files: { [OURS]: DOCS },
    args: ["mcp", "enable", "docs"],
    code: 0,
    stdout: /Nothing to change/,
    after: { [OURS]: DOCS },
  },
  {
    what: "disable on top of a lower file",
    files: { [CODEXS]: DOCS },
    args: ["mcp", "disable", "docs"],
    code: 0,
    stderr: /note: "docs" is defined in ~\/.codex\/config.toml:2; this file adds to it/,
    after: { [OURS]: "[mcp_servers.docs]\nenabled = false\n", [CODEXS]: DOCS },
  },
  {
    what: "disable of a name that is not found while a file cannot be read",
    files: { [CODEXS]: "[mcp_servers.x\n" },
    args: ["mcp", "disable", "docs"],
    code: 1,
    stderr: /^switchyard: The configuration is invalid \(1 error\)\n~\/.codex\/config.toml:1:/,
  },
  {
    what: "set notes when a higher file takes precedence (A2)",
    files: { [CODEXS]: DOCS, [OURS]: '[mcp_servers.docs]\ncwd = "ours"\n' },
    args: ["mcp", "set", "--codex", "docs", "cwd", "x"],
    code: 0,
    stderr: /no effect: ~\/.switchyard\/switchyard.toml:2 takes precedence/,
  },
  ...[
    ["args.1", "/srv", '["-y", "/srv"]'],
    ["args.0", "8", '["8", "${HERE}"]'],
  ].map(([key = "", value = "", list]): Case => {
    return {
      what: `set of one text of a list, ${key}`,
      files: { [OURS]: '[mcp_servers.a]\ncommand = "x"\nargs = ["-y", "${HERE}"]\n' },
      args: ["mcp", "set", "a", key, value],
      code: 0,
      stdout: new RegExp(`^Set ${key} of MCP server "a" in`),
      after: { [OURS]: `[mcp_servers.a]\ncommand = "x"\nargs = ${list}\n` },
    };
  }),
  {
    what: "set of a text that the list does not have",
    files: { [OURS]: '[mcp_servers.a]\ncommand = "x"\nargs = ["-y"]\n' },
    args: ["mcp", "set", "a", "args.1", "x"],
    code: 2,
    stderr: /There is no key args\.1/,
  },
  {
    what: "set of a nested key",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", 'tools."a.b".approval_mode', "approve"],
    code: 0,
    after: { [OURS]: /\[mcp_servers\.docs\.tools\."a\.b"\]\napproval_mode = "approve"/ },
  },
  {
    what: "set of a list without brackets shows how",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "args", "a"],
    code: 2,
    stderr: /args takes a list, written as '\["a", "b"\]'/,
    after: { [OURS]: DOCS },
  },
  {
    what: "set rejects what would break the server (A1)",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "url", "https://example.com"],
    code: 1,
    stderr: /would break[^]*url is not supported for stdio/,
    after: { [OURS]: DOCS },
  },
  {
    what: "set of a missing server",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "dcos", "cwd", "x"],
    code: 1,
    stderr: /did you mean "docs"/,
    after: { [OURS]: DOCS },
  },
  {
    what: "set --help lists the keys",
    args: ["mcp", "set", "--help"],
    code: 0,
    stdout: /\n {2}tool_timeout_sec +number of seconds\n[^]*\n {2}tools.TOOL.KEY +approval_mode/,
  },
  {
    what: "set of a negative number",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "tool_timeout_sec", "-5"],
    code: 2,
    stderr: /must come after "--": switchyard mcp set \[options\] -- NAME KEY VALUE/,
  },
  {
    what: "set of a number that is out of range",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "oauth.callback_port", "70000"],
    code: 2,
    stderr: /whole number, 0 to 65535/,
  },
  {
    what: "set of name",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "name", "x"],
    code: 0,
    stderr: /note: Codex ignores this key/,
  },
  {
    what: "set that is rejected shows the line as it would be (A1)",
    files: { [OURS]: DOCS },
    args: ["mcp", "set", "docs", "http_headers.A", "x"],
    code: 1,
    stderr: /This is the line as it would be; nothing was written/,
  },
  {
    what: "unset",
    files: { [OURS]: `${DOCS}cwd = "x" # why\n` },
    args: ["mcp", "unset", "docs", "cwd"],
    code: 0,
    after: { [OURS]: DOCS },
  },
  {
    what: "unset of a name that is not a key",
    files: { [OURS]: `${DOCS}cwd = "x"\n` },
    args: ["mcp", "unset", "docs", "cdw"],
    code: 1,
    stderr: /"docs" has no cdw in ~\/.switchyard\/switchyard.toml; did you mean cwd\?/,
  },
  {
    what: "unset of a key that is not set",
    files: { [OURS]: DOCS },
    args: ["mcp", "unset", "docs", "cwd"],
    code: 0,
  },
]);

suite("a server that only a project's file defines", () => {
  const files = {
    [OURS]: "",
    "project/.git/HEAD": "x",
    "project/switchyard.toml": '[mcp_servers.db]\ncommand = "db"\n',
    "project/sub/switchyard.toml": '[mcp_servers.deep]\ncommand = "deep"\n',
  };
  const trusted = async (): Promise<TestHome> => {
    const home = new TestHome(files);
    await home.run(["trust"]);
    return home;
  };

  test("cannot be changed in the user's file, where it would be half a server elsewhere (A3)", {
    timeout,
  }, async () => {
    using home = await trusted();
    const before = home.read(OURS);
    for (const args of [
      ["disable", "db"],
      ["set", "db", "cwd", "x"],
      ["disable", "--codex", "db"],
    ]) {
      const { code, stderr } = await home.run(["mcp", ...args]);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /"db" is defined in ~\/project\/switchyard.toml:2, which (?:takes precedence over ~\/.*|Codex does not read): run the command with --project\n/,
      );
    }
    assert.equal(home.read(OURS), before);
    assert.equal(home.has(CODEXS), false);
    assert.equal((await home.run(["mcp", "disable", "--project", "db"])).code, 0);
    assert.match(home.read("project/switchyard.toml"), /enabled = false/);
  });

  test("is not changed in the file of a folder above (A3)", { timeout }, async () => {
    using home = await trusted();
    const { code, stderr } = await home.run(["mcp", "disable", "-C", "sub", "--project", "deep"]);
    assert.equal(code, 1);
    assert.match(stderr, /: run the command with --file ~\/project\/sub\/switchyard.toml\n/);
    assert.equal(home.read("project/switchyard.toml"), files["project/switchyard.toml"]);
  });
});

test("a server of Switchyard's file is not changed in Codex's, which would break it there (A3)", {
  timeout,
}, async () => {
  using home = new TestHome({ [OURS]: DOCS });
  const { code, stderr } = await home.run(["mcp", "disable", "--codex", "docs"]);
  assert.equal(code, 1);
  assert.match(stderr, /which Codex does not read: run the command without --codex/);
  assert.equal(home.has(CODEXS), false);
});
