import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { inspect } from "node:util";
import { ConfigError, type ConfigProblem } from "../problem.ts";
import { describeProblem, formatProblem, invalidConfig, problemText, problemToJson } from "./show-problem.ts";
import { checkConfig } from "../effective/check-root.ts";
import { parseToml } from "../../toml/parse.ts";

const SECRET = "hunter2-and-more";

function problemOf(text: string): ConfigProblem {
  const parsed = parseToml({ name: "/u/config.toml", text });
  const problem = parsed.ok ? checkConfig(parsed.document.root).errors[0] : parsed.problem;
  assert.ok(problem);
  return problem;
}

test("formatProblem shows the line, marks the piece, and says what to do", () => {
  const problem = problemOf('[mcp_servers."ü"]\ncommand = "x"\nargs = ["é", 1]\n');
  assert.equal(
    formatProblem(problem),
    "/u/config.toml:3:14: invalid type: integer `1`, expected a string (in mcp_servers.ü.args)\n" +
      '  |\n3 | args = ["é", 1]\n  |              ^\n  Put the value in quotes',
  );
});

test("formatProblem of what a program handed over has a path and no place", () => {
  assert.equal(
    formatProblem({ message: "invalid transport", path: ["mcp_servers", "a"] }),
    "invalid transport (in mcp_servers.a)",
  );
});

test("problemToJson counts from 1, and has null for what is not known", () => {
  const { line, column, file, path } = problemToJson(problemOf("\ufeff[mcp_servers.a]\n"));
  assert.deepEqual(
    { line, column, file, path },
    { line: 1, column: 14, file: "/u/config.toml", path: "mcp_servers.a" },
  );
  assert.deepEqual(problemToJson({ message: "m" }), {
    message: "m",
    path: null,
    file: null,
    line: null,
    column: null,
    excerpt: null,
    hint: null,
  });
});

test("no text of a problem shows a secret, unless it is asked for", () => {
  const problem = problemOf(`[mcp_servers.a]\ncommand = "x"\nbearer_token = "${SECRET}"\n`);
  assert.ok(!formatProblem(problem).includes(SECRET));
  assert.ok(!JSON.stringify(problemToJson(problem)).includes(SECRET));
  assert.ok(formatProblem(problem, { showSecrets: true }).includes("bearer_token"));
  const broken = problemOf(`[mcp_servers.a]\nenv.K = "${SECRET}\n`);
  assert.ok(!formatProblem(broken).includes(SECRET));
  assert.ok(formatProblem(broken, { showSecrets: true }).includes(SECRET));
});

test("ConfigError does not lead a logger to the text of the file", () => {
  const problem = problemOf(`[mcp_servers.a]\ncommand = 1\nenv.K = "${SECRET}"\n`);
  const error = new ConfigError("invalid_config", "m", { problems: [problem] });
  assert.deepEqual(error.problems, [problem]);
  assert.ok(!inspect(error, { depth: null }).includes(SECRET));
  assert.ok(!JSON.stringify(error).includes(SECRET));
});

test("no one-line text of a problem shows a secret", () => {
  const problem = problemOf(`[mcp_servers.a]\nurl = "u"\nhttp_headers = "Bearer ${SECRET}"\n`);
  assert.ok(problem.message.includes(SECRET));
  const words = 'invalid type: string "*****", expected a map (in mcp_servers.a.http_headers)';
  assert.equal(describeProblem(problem), words);
  assert.ok(describeProblem(problem, { showSecrets: true }).includes(SECRET));
  assert.equal(problemText(problem), `/u/config.toml:3:16: ${words}`);
  const { message } = invalidConfig([problem, problem, problem]);
  assert.equal(message, `Invalid configuration: /u/config.toml:3:16: ${words}, and 2 more`);
});

suite("of a long line a piece is shown (D1)", () => {
  const lines: readonly (readonly [what: string, text: string])[] = [
    ["at its start", `a = x${" ".repeat(40)}${"b".repeat(1_000)}\n`],
    ["in the middle", `#\nq = ["${"é".repeat(300)}", x, "${"𝄞".repeat(300)}"]\r\n`],
    ["behind characters of two units", `q = ["${"𝄞".repeat(301)}", x, "${"𝄞".repeat(300)}"]\r\n`],
    ["at its end", `q = "${"a".repeat(1_000)}" x`],
    ["behind a byte order mark", `\ufeffa = x${" ".repeat(200)}`],
  ];
  for (const [what, text] of lines) {
    test(`where the place is ${what}, which stays marked`, () => {
      const start = text.lastIndexOf("x");
      const place = { source: { name: "f", text, kind: "masked" as const }, start, end: start + 1 };
      const [head = "", , line = "", carets = ""] = formatProblem({ message: "m", place }).split("\n");
      const { column, excerpt } = problemToJson({ message: "m", place });
      assert.ok(line.length < 180, line);
      assert.ok(excerpt !== null && line.endsWith(excerpt) && excerpt.isWellFormed());
      assert.equal(Array.from(line)[carets.length - 1], "x");
      assert.match(carets, /^ +\| +\^$/);
      assert.equal(head, `f:${text.startsWith("#") ? 2 : 1}:${column}: m`);
      const before = text.slice(text.lastIndexOf("\n", start) + 1, start).replace("\ufeff", "");
      assert.equal(column, Array.from(before).length + 1);
    });
  }

  test("with the cut ends marked, and carets no longer than the piece that is shown", () => {
    const text = `q = "${"a".repeat(1_000)}"`;
    const place = { source: { name: "f", text, kind: "masked" as const }, start: 4, end: text.length };
    assert.equal(
      formatProblem({ message: "m", place }),
      `f:1:5: m\n  |\n1 | q = "${"a".repeat(155)}…\n  |     ${"^".repeat(156)}`,
    );
  });

  test("and of a long value in a message its start, and what was expected", () => {
    const [value, name] = ["v".repeat(10_000), "n".repeat(10_000)];
    const problem = problemOf(`[mcp_servers.${name}]\ncommand = "x"\nenabled = "${value}"\n`);
    const shown = formatProblem(problem);
    assert.ok(shown.length < 2_000, String(shown.length));
    assert.match(
      shown,
      /invalid type: string "v+…v+", expected a boolean \(in mcp_servers\.n+…n+\.enabled\)/,
    );
    assert.equal(problemToJson(problem).message, problem.message);
  });
});

test("the column is true behind a secret of characters of two units", () => {
  const problem = problemOf(`[mcp_servers.a]\ncommand = "x"\nenv = { A = "𝄞𝄞", B = 1 }\n`);
  assert.equal(problemToJson(problem).column, problemToJson(problem, { showSecrets: true }).column);
});
