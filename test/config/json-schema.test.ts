/** The JSON Schema against the recorded configurations: what Codex takes passes, what it refuses for its keys does not. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv, type ValidateFunction } from "ajv";
import { configJsonSchema } from "../../src/config/schema/json-schema.ts";
import { type TomlNode, toPlain } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import { readRecordings } from "./support/recorder.ts";

const SCHEMA_FILE = join(import.meta.dirname, "../../schema/switchyard.schema.json");

function root(toml: string): TomlNode | undefined {
  const parsed = parseToml({ name: "config.toml", text: toml });
  return parsed.ok ? parsed.document.root : undefined;
}

function validator(): ValidateFunction {
  return new Ajv({ strict: false }).compile(JSON.parse(readFileSync(SCHEMA_FILE, "utf8")) as object);
}

test("schema/switchyard.schema.json is what `npm run schema` writes", () => {
  assert.deepEqual(
    JSON.parse(readFileSync(SCHEMA_FILE, "utf8")),
    JSON.parse(JSON.stringify(configJsonSchema())),
    "run: npm run schema",
  );
});

test("the JSON Schema takes what strict Codex takes and refuses what Codex refuses under mcp_servers", () => {
  const validate = validator();
  const differences: string[] = [];
  const verdicts = { taken: 0, refused: 0 };
  for (const { name, toml, error, strict_error } of readRecordings("config-cases.jsonl")) {
    const node = root(toml);
    const [accept, strict_accept] = [error === null, strict_error === null];
    // Without TOML there is nothing to look at; of other sections the schema knows nothing.
    if (node === undefined || (!accept && error?.includes("in `mcp_") !== true)) continue;
    if (accept && !strict_accept && toml.includes("[mcpServers")) continue;
    const passes = validate(toPlain(node));
    verdicts[strict_accept ? "taken" : "refused"]++;
    if (passes !== strict_accept) differences.push(`${name}: ${JSON.stringify(validate.errors)}`);
  }
  assert.deepEqual(differences, []);
  // All of the recording but what the schema cannot know.
  assert.deepEqual(verdicts, { taken: 129, refused: 105 });
});

test("the JSON Schema knows keys of ours and refuses an inline bearer token with every transport", () => {
  const validate = validator();
  const server = (table: object): boolean => validate({ mcp_servers: { a: table } });
  assert.equal(server({ command: "x", scope: "project" }), true);
  assert.equal(server({ command: "x", scope: "everybody" }), false);
  assert.equal(server({ command: "x", bearer_token: "t" }), false);
  assert.equal(server({ url: "http://127.0.0.1", bearer_token: "t" }), false);
  assert.equal(validate({ model: "gpt", tui: {} }), true);
});

test("the JSON Schema knows environments: url or program with what goes with it, or only more about one of another layer", () => {
  const validate = validator();
  const environment = (table: object, id = "box"): boolean => validate({ environments: { [id]: table } });
  assert.equal(
    environment({ url: "wss://a", auth_bearer_token_env_var: "T", connect_timeout_sec: 1.5 }),
    true,
  );
  assert.equal(
    environment({ program: "ssh", args: ["a"], env: { A: "1" }, cwd: "/", initialize_timeout_sec: 2 }),
    true,
  );
  assert.equal(environment({ auth_bearer_token_env_var: "T" }), true);
  assert.equal(environment({ url: "wss://a", program: "ssh" }), false);
  assert.equal(environment({ url: "wss://a", args: [] }), false);
  assert.equal(environment({ program: "ssh", auth_bearer_token_env_var: "T" }), false);
  assert.equal(environment({ url: "wss://a", token: "T" }), false);
  assert.equal(environment({ url: "wss://a", connect_timeout_sec: -1 }), false);
  for (const id of ["local", "none", "NONE", "a.b", "", "a".repeat(65)]) {
    assert.equal(environment({ url: "wss://a" }, id), false, id);
  }
});
