/**
 * Configurations whose verdict was recorded from the real Codex (0.169 and 0.171 answer alike), one per line of `config-cases.jsonl`.
 *
 * For a text that is not valid TOML only the verdict and the line are compared; our parser has words of its own.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "../../src/config/effective/check-root.ts";
import { CODEX_ROOT_KEYS, CODEX_ROOT_NAMES } from "../../src/config/schema/root-keys.ts";
import { toNormalForm, toWritten } from "../../src/config/server/normal-form.ts";
import { parseMcpServers } from "../../src/config/server/read-servers.ts";
import { lineAndColumn } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import { readRecordings, type RecordedCase } from "./support/recorder.ts";

const CASES = readRecordings("config-cases.jsonl");

/** Codex's error is about a key beside the servers that is not checked here: `mcp check --ask-codex` shows it. */
function isLeftToCodex({ error }: Pick<RecordedCase, "error">): boolean {
  const [, key = ""] = /\nin `(\w+)/.exec(error ?? "") ?? [];
  return CODEX_ROOT_NAMES.has(key) && !CODEX_ROOT_KEYS.has(key);
}

test("the recording of configurations is there, and all but one of the errors in it are ours to find", () => {
  assert.equal(CASES.length, 247);
  assert.deepEqual(
    CASES.filter(isLeftToCodex).map(({ name }) => name),
    ["other_section_bad_type"],
  );
});

for (const { name, toml, ...recorded } of CASES) {
  test(`config case ${name} has Codex's verdict, first error and normal form`, () => {
    const parsed = parseToml({ name: "config.toml", text: toml });
    if (!parsed.ok) {
      const line = parsed.problem.place && lineAndColumn(parsed.problem.place).line;
      assert.equal(`${line}`, /config\.toml:(\d+):\d+: /.exec(recorded.error ?? "")?.[1], "line");
      return;
    }
    const result = checkConfig(parsed.document.root);
    if (isLeftToCodex(recorded)) return assert.deepEqual(result.errors, []);
    if (recorded.config_read === null) {
      const [first] = result.errors;
      const path = first?.path === undefined ? "" : `\nin \`${first.path.join(".")}\``;
      assert.equal(`${first?.message}${path}`, recorded.error);
    } else {
      assert.deepEqual(result.errors, []);
      const forms = [...result.servers].map(([server, config]) => [server, toNormalForm(config)]);
      assert.deepEqual(JSON.parse(JSON.stringify(Object.fromEntries(forms))), recorded.config_read);
      const raw = Object.fromEntries(
        [...result.servers].map(([server, config]) => [server, toWritten(config)]),
      );
      assert.deepEqual(parseMcpServers(raw).servers, result.servers, "toWritten");
    }

    const strict = checkConfig(parsed.document.root, { strict: true });
    assert.equal(strict.ok, recorded.strict_error === null, "strict verdict");
    const located = /config\.toml:(\d+):(\d+): ([^]*)$/.exec(recorded.strict_error ?? "");
    if (located === null) return;
    const [first] = strict.errors;
    assert.equal(first?.message, located[3]);
    // For a server as a whole Codex points at its header; we point at the offending key.
    if (first === undefined || !/^(?:unknown|invalid (?:type|value)|data did)/.test(first.message)) return;
    const at = first.place && lineAndColumn(first.place);
    assert.deepEqual(at, { line: Number(located[1]), column: Number(located[2]) });
  });
}
