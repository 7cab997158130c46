/**
 * Layers as the real Codex (0.169 and 0.171 alike) merges them: each line of the fixture is one run of `codex mcp list --json` with the
 * files it read, its flags, and what it answered. The same files must give the same servers here, or the same error.
 *
 * `/etc/codex` of the recording is a folder below the test's own.
 */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { type EffectiveMcpServer, effectiveMcpServers } from "../../src/config/effective/effective.ts";
import { configuredMcpServers } from "../../src/config/effective/configured.ts";
import { loadConfigLayers } from "../../src/config/layers/layers.ts";
import { ConfigError, type ConfigProblem } from "../../src/config/problem.ts";
import { listed, type ListedServer, shownByCodex } from "./support/listed-servers.ts";
import { createFiles, readRecordings, type RecordedLayers } from "./support/recorder.ts";

const recordings = readRecordings("config-layers.jsonl");

/** What follows each `flag`, in order. */
function valuesOf(argv: readonly string[], flag: string): string[] {
  return argv.flatMap((word, at) => (word === flag ? [argv[at + 1] ?? ""] : []));
}

type Outcome = { readonly servers: readonly EffectiveMcpServer[] } | { readonly problem: ConfigProblem };

function read(recorded: RecordedLayers, root: string): Outcome {
  const inRoot = (text: string): string => text.replaceAll("$ROOT", root);
  createFiles(recorded, root);
  const [profile] = valuesOf(recorded.argv, "--profile");
  try {
    const layers = loadConfigLayers({
      codexHome: inRoot(recorded.codex_home),
      switchyardHome: join(root, "switchyard"),
      systemDir: join(root, "etc/codex"),
      cwd: inRoot(recorded.cwd),
      overrides: valuesOf(recorded.argv, "-c").map(inRoot),
      ...(profile === undefined ? {} : { profile }),
    });
    const [problem] = configuredMcpServers(layers).errors;
    return problem === undefined ? { servers: effectiveMcpServers(layers).servers } : { problem };
  } catch (error) {
    assert.ok(error instanceof ConfigError && error.problems[0] !== undefined);
    return { problem: error.problems[0] };
  }
}

/** Codex's error: its sentence, the path behind it, and the file where it names one. */
function assertSameError({ message, path, place }: ConfigProblem, stderr: string, root: string): void {
  const ours = message.replaceAll(join(root, "etc/codex"), "/etc/codex");
  const said = stderr
    .replace(/^[^]*Caused by:\n/, "")
    .replace(/^ {4}/gm, "")
    .replace(/^0: [^]*?\n(?=1: )/, "")
    .replace(/^1: [^]*$/, (chained) => chained.slice(3).replace(/^ {3}/gm, ""))
    .replace(/^Error: /, "");
  const syntax = /^(.*?)TOML parse error at line (\d+), column (\d+)$/m.exec(said);
  if (syntax === null) {
    const [sentence, codexPath] = said.split(/\nin `(.*)`$/);
    assert.equal(ours, sentence);
    if (codexPath !== undefined) assert.equal(path?.join("."), codexPath);
    return;
  }
  assert.ok(said.endsWith(ours.replace(/^failed to parse requirements layer [^:]*: /, "")));
  assert.ok(place && (syntax[1] === "" || syntax[1]?.includes(place.source.name.replace(root, "$ROOT"))));
}

suite("layers are merged as by the real Codex", () => {
  for (const recorded of recordings) {
    test(recorded.name, () => {
      const root = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-recorded-")));
      try {
        const outcome = read(recorded, root);
        if ("problem" in outcome) {
          assert.notEqual(recorded.exit, 0, outcome.problem.message);
          assertSameError(outcome.problem, recorded.stderr, root);
          return;
        }
        assert.equal(recorded.exit, 0, recorded.stderr);
        const ours = outcome.servers.filter(({ status }) => status !== "inactive").map(listed);
        const inHome = JSON.stringify(ours).replaceAll(join(root, "etc/codex"), "/etc/codex");
        assert.deepEqual(JSON.parse(inHome), shownByCodex((recorded.list ?? []) as ListedServer[]));
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    });
  }

  test("and the recording is there", () => assert.equal(recordings.length, 43));
});
