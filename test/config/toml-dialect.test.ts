/**
 * What is TOML for Codex is TOML for us, and means the same: the parser against the real binary, on the edges of the
 * dialect and on texts that were valid before something was changed in them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toPlain } from "../../src/toml/node.ts";
import { parseToml } from "../../src/toml/parse.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { runs } from "../support/sample.ts";
import { readRecordings } from "./support/recorder.ts";
import { TOML_SNIPPETS } from "./support/toml-snippets.ts";

const RUNS = runs(300, 6_000);
const SERVER = '[mcp_servers.a]\ncommand = "x"\n';
const DATE = "$__toml_private_datetime";

/** Dates are text here, and order is ignored, because JSON has none. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  // JSON has no negative zero.
  if (value === 0) return 0;
  if (typeof value !== "object" || value === null) return value;
  if (DATE in value) return value[DATE];
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, normal(inner)]);
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function sameForBoth(codex: CodexConfig, text: string): Promise<void> {
  const theirs = await codex.readAsIs(text);
  const ours = parseToml({ name: "config.toml", text });
  const isToml = theirs.ok || theirs.line === undefined;
  const message = `${JSON.stringify(text)}\n${JSON.stringify(theirs)}\n${ours.ok ? "" : ours.problem.message}`;
  assert.equal(ours.ok, isToml, message);
  if (ours.ok && theirs.ok && "content" in theirs) {
    const plain: unknown = JSON.parse(JSON.stringify(toPlain(ours.document.root)));
    assert.deepEqual(normal(plain), normal(theirs.content), message);
  }
}

test("a text is TOML for us where it is for Codex, and means the same", async () => {
  await using codex = await CodexConfig.start();
  for (const snippet of TOML_SNIPPETS) {
    await sameForBoth(codex, `${snippet}\n${SERVER}`);
    await sameForBoth(codex, `${SERVER}${snippet}`);
    await sameForBoth(codex, `${snippet.replaceAll("\n", "\r\n")}\r\n`);
  }
});

test("a text that was damaged at random has the same verdict and value for us and for Codex", async () => {
  // Codex shows seconds rounded to nanoseconds even where it shows what is written.
  const texts = readRecordings("config-cases.jsonl")
    .map(({ toml }) => toml)
    .filter((toml) => !/0\.0{6}|e-\d/.test(toml));
  const token = fc.constantFrom(
    ..."[ [[ ] ]] { } = . , # \" ' \"\"\" ''' a b.c 1 1.5 true \\ - _ 1979-05-27 07:32 inf é e5 0x1F +".split(
      " ",
    ),
    ...["\n", "\r\n", "\r", " ", "\t", "\ufeff", "\u0000", "\u2028"],
  );
  const damage = fc.record({ at: fc.nat(), taken: fc.nat({ max: 3 }), put: fc.option(token, { nil: "" }) });
  await using codex = await CodexConfig.start();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...texts),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      async (text, damages) => {
        let damaged = text;
        for (const { at, taken, put } of damages) {
          const from = at % (damaged.length + 1);
          damaged = damaged.slice(0, from) + put + damaged.slice(from + taken);
        }
        await sameForBoth(codex, damaged.toWellFormed());
      },
    ),
    { numRuns: RUNS },
  );
});
