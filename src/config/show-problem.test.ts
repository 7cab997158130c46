import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { ConfigError, type ConfigProblem } from "./problem.ts";
import { formatProblem, problemToJson } from "./show-problem.ts";
import { checkConfig } from "./check-config.ts";
import { parseToml } from "./toml/parse.ts";

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
      '  |\n3 | args = ["é", 1]\n  |              ^\n  Put the value into quotes',
  );
});

test("formatProblem of what a program handed over has a path and no place", () => {
  assert.equal(
    formatProblem({ message: "invalid transport", path: "mcp_servers.a" }),
    "invalid transport (in mcp_servers.a)",
  );
});

test("problemToJson counts from 1, and says null for what is not known", () => {
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
