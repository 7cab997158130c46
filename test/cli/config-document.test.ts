/** docs/config.md says what is so: its tables are those of the validator, its transcripts what the command prints. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { serverView } from "../../src/cli/mcp/server-view.ts";
import { ENV_VAR, OAUTH, SERVER, TOOL } from "../../src/config/schema/server-keys.ts";
import { parseArgsStringToArgv } from "string-argv";
import { MAIN, NODE_VARIABLES } from "../support/command.ts";
import { keyRows } from "../support/config-document.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const document = readFileSync(join(root, "docs", "config.md"), "utf8");

for (const struct of [SERVER, OAUTH, TOOL, ENV_VAR]) {
  test(`docs/config.md has the keys of ${struct.name}, as the validator knows them`, () => {
    const table = keyRows(struct).join("\n");
    assert.ok(document.includes(`|---|---|---|---|---|\n${table}\n\n`), `this table is not in it:\n${table}`);
  });
}

test("docs/config.md names the keys of a server's JSON, in their order (V1)", () => {
  const view = serverView(
    { name: "a", status: "enabled", errors: [], warnings: [], origins: new Map(), definedIn: undefined },
    false,
  );
  const section = document.slice(document.indexOf("| `name` | |"), document.indexOf("`mcp check --json`"));
  const cells = section.split("\n").flatMap((line) => line.split("|")[1]?.match(/`\w+`/g) ?? []);
  assert.deepEqual(
    cells.map((cell) => cell.slice(1, -1)),
    Object.keys(view),
  );
});

test("the transcripts in docs/config.md are what the command prints", { timeout: 60_000 }, () => {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-document-")));
  try {
    const project = join(home, "app");
    mkdirSync(join(home, ".codex"));
    mkdirSync(project);
    const bin = join(home, "bin");
    mkdirSync(bin);
    for (const name of ["github-mcp-server", "db-mcp"]) {
      writeFileSync(join(bin, name), "#!/bin/sh\n", { mode: 0o755 });
    }
    writeFileSync(join(home, ".codex", "config.toml"), GITHUB);
    writeFileSync(join(project, "switchyard.toml"), DB);
    writeFileSync(join(project, "bad.toml"), BAD);
    for (const [, transcript = ""] of document.matchAll(/```text\n([^]*?)```/g)) {
      const steps = transcript.split(/^\$ switchyard /m).slice(1);
      for (const step of steps) {
        const [command = "", ...lines] = step.trimEnd().split("\n");
        const { stdout, stderr } = spawnSync(process.execPath, [MAIN, ...parseArgsStringToArgv(command)], {
          cwd: project,
          env: { ...NODE_VARIABLES, HOME: home, PATH: `${bin}:${NODE_VARIABLES.PATH}`, DOCS_AUTH: "x" },
          encoding: "utf8",
        });
        assert.equal(`${stdout}${stderr}`.trimEnd(), lines.join("\n"), command);
      }
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

const GITHUB = `[mcp_servers.github]
command = "github-mcp-server"
args = ["stdio"]
env_vars = ["GITHUB_TOKEN"]
`;

const DB = `[mcp_servers.db]
command = "db-mcp"
args = ["--dsn", "postgres://app:secret@localhost/app"]
`;

const BAD = `[mcp_servers.a]
command = "a"
args = "x"
headers = { A = "b" }
`;
