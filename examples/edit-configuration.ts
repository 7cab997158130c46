/**
 * Reads and edits a configuration file: the comment stays, only the lines of the edited servers change.
 *
 *   node examples/edit-configuration.ts
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigEditor, effectiveMcpServers, loadConfigLayers } from "mcp-switchyard/config";

const folder = mkdtempSync(join(tmpdir(), "switchyard-example-"));
try {
  const file = join(folder, "config.toml");
  writeFileSync(file, '# my servers\n[mcp_servers.old]\ncommand = "old-mcp"   # to be replaced\n');

  const result = await new ConfigEditor(file)
    .add("docs", { url: "https://docs.example.com/mcp", enabled_tools: ["search"] })
    .disable("old")
    .apply(); // all of the edits, or none
  console.log(result.diff());

  const env = { ...process.env, CODEX_HOME: folder, SWITCHYARD_HOME: folder };
  const { servers } = effectiveMcpServers(loadConfigLayers({ cwd: folder, env }));
  for (const { name, status, definedIn } of servers) console.log(name, status, `line ${definedIn?.line}`);

  assert.match(readFileSync(file, "utf8"), /^# my servers\n.*# to be replaced/ms);
  assert.deepEqual(
    servers.map(({ name, status }) => `${name}: ${status}`),
    ["docs: enabled", "old: disabled"],
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
