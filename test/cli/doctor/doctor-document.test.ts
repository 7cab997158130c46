/** docs/doctor.md says what is so: its transcript is what the command prints, and its tables have every code and key. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { FINDINGS, finding } from "../../../src/cli/doctor/finding.ts";
import { reportOf } from "../../../src/cli/doctor/report.ts";
import { serverView } from "../../../src/cli/doctor/server-view.ts";
import { Fixes } from "../../../src/cli/doctor/fixes.ts";
import { Args } from "../../../src/cli/args/parse.ts";
import { OURS, TestHome } from "../support/test-home.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const document = readFileSync(join(root, "docs", "doctor.md"), "utf8");

const THREE = `[mcp_servers.everything]
command = "mcp-server-everything"
[mcp_servers.db]
command = "db-mcp"
[mcp_servers.old]
command = "old-mcp"
enabled = false
`;
const DB = "#!/bin/sh\necho 'db-mcp: DB_HOST_URL is not set' >&2\nexit 1\n";

test("the transcript in docs/doctor.md is what the command prints", { timeout: 60_000 }, async () => {
  using home = new TestHome({ [OURS]: THREE, ".codex/auth.json": "{}" });
  chmodSync(join(home.home, ".codex", "auth.json"), 0o644);
  for (const folder of [".codex", ".switchyard"]) chmodSync(join(home.home, folder), 0o755);
  const bin = join(home.home, "bin");
  mkdirSync(bin);
  symlinkSync(
    join(root, "node_modules", ".bin", "mcp-server-everything"),
    join(bin, "mcp-server-everything"),
  );
  writeFileSync(join(bin, "db-mcp"), DB, { mode: 0o755 });
  const PATH = [bin, dirname(process.execPath), "/usr/bin", "/bin"].join(":");
  const { stdout, stderr } = await home.run(["doctor"], "", { PATH });
  const [, shown = ""] = /```text\n\$ switchyard doctor\n([^]*?)```/.exec(document) ?? [];
  assert.equal(everyTime(stdout), everyTime(shown));
  assert.equal(stderr, "");
});

/** Without what differs from one machine, and one time, to the next. */
function everyTime(text: string): string {
  return text
    .trimEnd()
    .replaceAll(/\b\d+\.\d\d s/g, "0.00 s")
    .replaceAll(/ {2,}/g, "  ")
    .replace(/codex {2}\S+, \S+ \(from [^)]+\)(?:, not tested)?/, "codex  …");
}

test("docs/doctor.md lists every code with its severity, in the order of the code's families", () => {
  const rows = [...document.matchAll(/^\| `(\w+)` \| (error|warning|note) \| \S/gm)].map(
    ([, code, severity]) => [code, severity],
  );
  assert.deepEqual(new Map(rows as [string, string][]), new Map(Object.entries(FINDINGS)));
  assert.equal(rows.length, Object.keys(FINDINGS).length);
});

test("docs/doctor.md names the keys of the JSON, in their order", () => {
  const machine = {
    ...{ codex: { path: null, source: null, version: null, held: false } },
    ...{ logins: { codex: false, openai_api_key: false, mcp: [] }, homes: [], locks: [] },
    ...{ left_behind: { processes: 0, files: 0 }, findings: [] },
  };
  const server = { name: "a", status: "enabled", errors: [], warnings: [], origins: new Map() } as const;
  const patient = {
    ...{ server: { ...server, definedIn: undefined }, startProblem: undefined, program: undefined },
    ...{
      snapshot: undefined,
      stderr: [],
      stdout: [],
      env: {},
      fixes: new Fixes(new Args([], new Map(), [])),
    },
  };
  const view = serverView(patient, { tokens: undefined, clockAheadMs: undefined });
  const [, whole = "", ofServer = ""] = /## `--json`([^]*?)\nA server:\n([^]*)$/.exec(document) ?? [];
  assert.deepEqual(keysIn(whole), Object.keys(reportOf([], [], machine, false)));
  assert.deepEqual(keysIn(ofServer), Object.keys(view));
  const [, listed = ""] = /`findings` \| errors first: `\{([^}]*)\}`/.exec(whole) ?? [];
  assert.deepEqual(listed.split(", "), Object.keys(finding("exited", "it ended")));
});

function keysIn(section: string): string[] {
  const cells = section.split("\n").flatMap((line) => line.split("|")[1]?.match(/`\w+`/g) ?? []);
  return cells.map((cell) => cell.slice(1, -1));
}
