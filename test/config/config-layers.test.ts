/**
 * Layers as the real Codex 0.169 merges them: each line of the fixture is one run of `codex mcp list --json` with the
 * files it read, its flags, and what it answered. The same files must give the same servers here, or the same error.
 *
 * `/etc/codex` of the recording is a folder below the test's own.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import {
  configuredMcpServers,
  disabledReasonText,
  type EffectiveMcpServer,
  effectiveMcpServers,
} from "../../src/config/effective.ts";
import { loadConfigLayers } from "../../src/config/layers.ts";
import { ConfigError, type ConfigProblem } from "../../src/config/problem.ts";

interface Recorded {
  readonly name: string;
  /** By path. */
  readonly files: Readonly<Record<string, string>>;
  /** Whether `$ROOT/proj` is a repository. */
  readonly git_init: boolean;
  readonly codex_home: string;
  readonly cwd: string;
  readonly argv: readonly string[];
  readonly exit: number;
  readonly stderr: string;
  readonly list: readonly ListedServer[] | null;
}

interface ListedServer {
  readonly name: string;
  readonly enabled: boolean;
  readonly disabled_reason: string | null;
  readonly transport: unknown;
  readonly startup_timeout_sec: number | null;
  readonly tool_timeout_sec: number | null;
}

const recordings = readFileSync(join(import.meta.dirname, "../fixtures/config-layers.jsonl"), "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Recorded);

/** What follows each `flag`, in order. */
function valuesOf(argv: readonly string[], flag: string): string[] {
  return argv.flatMap((word, at) => (word === flag ? [argv[at + 1] ?? ""] : []));
}

type Outcome = { readonly servers: readonly EffectiveMcpServer[] } | { readonly problem: ConfigProblem };

function read(recorded: Recorded, root: string): Outcome {
  const inRoot = (text: string): string => text.replaceAll("$ROOT", root);
  const folder = (path: string): string => {
    mkdirSync(path, { recursive: true });
    return path;
  };
  for (const [path, text] of Object.entries(recorded.files)) {
    const file = path.startsWith("/etc/codex/") ? join(root, path) : inRoot(path);
    folder(dirname(file));
    writeFileSync(file, inRoot(text));
  }
  if (recorded.git_init) {
    for (const part of ["objects", "refs"]) folder(join(root, "proj/.git", part));
    writeFileSync(join(root, "proj/.git/HEAD"), "ref: refs/heads/main\n");
  }
  const [profile] = valuesOf(recorded.argv, "--profile");
  try {
    const layers = loadConfigLayers({
      codexHome: inRoot(recorded.codex_home),
      switchyardHome: join(root, "switchyard"),
      systemDir: join(root, "etc/codex"),
      cwd: folder(inRoot(recorded.cwd)),
      overrides: valuesOf(recorded.argv, "-c").map(inRoot),
      ...(profile === undefined ? {} : { profile }),
    });
    const [problem] = configuredMcpServers(layers).errors;
    return problem === undefined ? { servers: effectiveMcpServers(layers) } : { problem };
  } catch (error) {
    assert.ok(error instanceof ConfigError && error.problems[0] !== undefined);
    return { problem: error.problems[0] };
  }
}

/** A server as `codex mcp list --json` shows it, without the network's part. */
function listed({ name, config }: EffectiveMcpServer): ListedServer {
  assert.ok(config);
  const { transport: written } = config;
  const plain = (map: ReadonlyMap<string, string> | undefined): unknown =>
    map === undefined ? null : Object.fromEntries(map);
  const transport =
    written.type === "stdio"
      ? { ...written, env: plain(written.env), cwd: written.cwd ?? null }
      : {
          type: written.type,
          url: written.url,
          bearer_token_env_var: written.bearer_token_env_var ?? null,
          http_headers: plain(written.http_headers),
          env_http_headers: plain(written.env_http_headers),
          http_headers_helper: written.http_headers_helper === undefined ? null : "<redacted>",
        };
  return {
    name,
    enabled: config.enabled,
    disabled_reason: disabledReasonText(config.disabled_reason) ?? null,
    transport,
    startup_timeout_sec: config.startup_timeout_sec ?? null,
    tool_timeout_sec: config.tool_timeout_sec ?? null,
  };
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
    if (codexPath !== undefined) assert.equal(path, codexPath);
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
        const theirs = (recorded.list ?? []).map((server) => {
          const { name, enabled, disabled_reason, transport, startup_timeout_sec, tool_timeout_sec } = server;
          return { name, enabled, disabled_reason, transport, startup_timeout_sec, tool_timeout_sec };
        });
        assert.deepEqual(JSON.parse(inHome), theirs);
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    });
  }

  test("and the recording is there", () => assert.ok(recordings.length >= 43));
});
