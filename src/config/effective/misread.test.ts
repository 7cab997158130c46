import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { checkConfig } from "./check-root.ts";
import { formatProblem } from "../show/show-problem.ts";
import { parseToml } from "../../toml/parse.ts";

function warningsOf(lines: string): readonly string[] {
  const parsed = parseToml({ name: "f", text: `[mcp_servers.a]\n${lines}\n` });
  assert.ok(parsed.ok);
  const { errors, warnings } = checkConfig(parsed.document.root);
  assert.deepEqual(errors, []);
  return warnings.map((each) => formatProblem(each));
}

suite("a value in the place of a variable's name is reported, and not shown (W1)", () => {
  const found: readonly (readonly [secret: string, line: string])[] = [
    ["sk-live-0123", 'url = "https://a.b"\nbearer_token_env_var = "sk-live-0123"'],
    ["ghp_0123456789", 'url = "https://a.b"\nbearer_token_env_var = "ghp_0123456789"'],
    ["d41d8cd98f00b204", 'url = "https://a.b"\nbearer_token_env_var = "d41d8cd98f00b204"'],
    ["Bearer abc", 'url = "https://a.b"\nenv_http_headers = { Authorization = "Bearer abc" }'],
    ["eyJhbGciOi.eyJzdWIi.x", 'url = "https://a.b"\nenv_http_headers.A = "eyJhbGciOi.eyJzdWIi.x"'],
    ["TOKEN=abc", 'command = "x"\nenv_vars = ["HOME", "TOKEN=abc"]'],
    ["AKIAIOSFODNN7EXAMPLE", 'command = "x"\nenv_vars = [{ name = "AKIAIOSFODNN7EXAMPLE" }]'],
  ];
  for (const [secret, line] of found) {
    test(line.split("\n")[1], () => {
      const [warning = "", ...others] = warningsOf(line);
      assert.equal(others.length, 0);
      assert.match(warning, /this looks like a value, and the name of an environment variable belongs here/);
      assert.ok(!warning.includes(secret), warning);
    });
  }

  for (const name of ["GITHUB_TOKEN", "OAUTH2_CLIENT_ID", "myCompanyToken", "_x", "AWS_S3_KEY_2"]) {
    test(`${name} is a name`, () => {
      assert.deepEqual(warningsOf(`url = "https://a.b"\nbearer_token_env_var = "${name}"`), []);
    });
  }
});

suite("a Windows path that lost its backslashes is reported (W2)", () => {
  const found: readonly (readonly [line: string, escape: string])[] = [
    [String.raw`command = "C:\tools\new\bin.exe"`, "\\t is a tab"],
    [String.raw`command = "D:\\x\bin\run.cmd"`, "\\b is a backspace"],
    [String.raw`command = "x"${"\n"}cwd = "..\repo"`, "\\r is a carriage return"],
    [String.raw`command = "x"${"\n"}args = ["--root=C:\new"]`, "\\n is a line break"],
    [String.raw`command = "x"${"\n"}env = { HOME = "%USERPROFILE%\files" }`, "\\f is a form feed"],
    [String.raw`command = "node_modules\eslint"`, "\\e is an escape character"],
  ];
  for (const [line, escape] of found) {
    test(line, () => {
      const [warning = "", ...others] = warningsOf(line);
      assert.equal(others.length, 0);
      assert.ok(warning.includes(`in double quotes, ${escape}`), warning);
      assert.match(warning, /Put the path in single quotes, or write each \\ twice/);
    });
  }

  const fine = [
    String.raw`command = 'C:\tools\new\bin.exe'`,
    String.raw`command = "C:\\tools\\new\\bin.exe"`,
    String.raw`command = "C:/tools/new"`,
    String.raw`command = "x"${"\n"}args = ["a\tb", "line one\nline two", "\n"]`,
    String.raw`command = "bash"${"\n"}args = ["-c", "echo a:\n echo b"]`,
  ];
  for (const line of fine) test(`${line} is fine`, () => assert.deepEqual(warningsOf(line), []));

  for (const path of [
    String.raw`C:\Users\me`,
    String.raw`C:\Program Files`,
    String.raw`.\x`,
    String.raw`C:\go`,
  ]) {
    test(`where Codex refuses "${path}", the way to write it is given`, () => {
      const parsed = parseToml({ name: "f", text: `command = "${path}"\n` });
      assert.ok(!parsed.ok);
      assert.match(parsed.problem.hint ?? "", /single quotes, or has each \\ twice/);
    });
  }
});
