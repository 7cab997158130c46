import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeAt } from "../../toml/node.ts";
import { parseToml } from "../../toml/parse.ts";
import { ProblemCollector } from "../problem.ts";
import { readStruct } from "./read-value.ts";
import { SERVER } from "./server-keys.ts";

test("every value is looked at, and a problem has the place of the offending piece and a path without indices (V1, V2)", () => {
  const text =
    'a = { command = "x", args = ["x", 1, 2], env = { B = true }, tools = { t = 5 }, enabled = 0 }\n';
  const parsed = parseToml({ name: "config.toml", text });
  assert.ok(parsed.ok);
  const node = nodeAt(parsed.document.root, ["a"]);
  assert.ok(node);
  const problems = new ProblemCollector(false);
  const reading = readStruct(SERVER, node, ["a"], problems);
  assert.deepEqual(
    problems.errors.map(({ path, place }) => [path?.join("."), place && text.slice(place.start, place.end)]),
    [
      ["a.args", "1"],
      ["a.args", "2"],
      ["a.env.B", "true"],
      ["a.tools.t", "5"],
      ["a.enabled", "0"],
    ],
  );
  assert.deepEqual([...(reading?.values.keys() ?? [])], ["command"]);
});
