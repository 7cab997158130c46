/** Many processes edit one file at once; Codex itself loses servers with six. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { loadGlobalMcpServers } from "../../src/config/index.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { exhaustive } from "../support/sample.ts";

const run = promisify(execFile);
const PROCESSES = exhaustive ? 50 : 16;
const BEFORE =
  '# mine\nmodel = "m" # kept\n\n[mcp_servers.first]\ncommand = "x"\nenabled_tools = [] # none\n\n[tui]\ntheme = "t"\n';

test(`ConfigEditor: ${PROCESSES} processes that add at once leave as many servers, and nothing else changed`, async () => {
  const home = mkdtempSync(join(tmpdir(), "switchyard-editors-"));
  const file = join(home, "config.toml");
  try {
    writeFileSync(file, BEFORE, { mode: 0o640 });
    const names = Array.from({ length: PROCESSES }, (_, i) => `server-${i}`);
    const program = join(import.meta.dirname, "support/adding-editor.ts");
    await Promise.all(names.map((name) => run(process.execPath, [program, file, name])));

    const text = readFileSync(file, "utf8");
    const servers = await loadGlobalMcpServers(home);
    assert.deepEqual([...servers.keys()].toSorted(), ["first", ...names].toSorted());
    const added = new RegExp('\\n\\[mcp_servers\\.server-\\d+\\]\\ncommand = "run-server-\\d+"\\n', "g");
    assert.equal(text.replace(added, ""), BEFORE);
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(home), ["config.toml"], "no lock and no temporary file is left");

    await using codex = await CodexConfig.start();
    const read = await codex.read(text);
    assert.ok(read.ok);
    assert.equal(Object.keys(read.servers as object).length, PROCESSES + 1);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
