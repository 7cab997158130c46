/** docs/mcp-commands.md says what is so: its transcripts are what the commands print, with published servers. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parseArgsStringToArgv } from "string-argv";
import { statusView } from "../../src/cli/mcp/status.ts";
import { OURS, TestHome } from "./support/test-home.ts";

const root = join(import.meta.dirname, "..", "..");
const document = readFileSync(join(root, "docs", "mcp-commands.md"), "utf8");
const BIN = [join(root, "node_modules", ".bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":");

/** One server that works, one that cannot reach its database, one that is switched off. */
const THREE = `[mcp_servers.everything]
command = "mcp-server-everything"

[mcp_servers.db]
command = "db-mcp"
args = ["--dsn", "postgres://app:secret@localhost/app"]

[mcp_servers.old]
command = "old-mcp"
enabled = false
`;
const MEMORY = `[mcp_servers.memory]
command = "mcp-server-memory"
`;
const EVERYTHING = `[mcp_servers.everything]
command = "mcp-server-everything"
`;
/** A skill that needs three servers; two of them are configured, one under another name. */
const SKILL = {
  "SKILL.md": "---\nname: review\ndescription: reviews\n---\n",
  "agents/openai.yaml": `dependencies:
  tools:
    - {type: mcp, value: memory, transport: stdio, command: mcp-server-memory}
    - {type: mcp, value: notes, transport: stdio, command: mcp-server-everything}
    - {type: mcp, value: docs, url: "https://docs.example/mcp"}
`,
};
const DB = "#!/bin/sh\necho 'db-mcp: no database at localhost:5432' >&2\nexit 1\n";

test("the transcripts in docs/mcp-commands.md are what the commands print", {
  timeout: 120_000,
}, async () => {
  using home = new TestHome();
  mkdirSync(join(home.home, "bin"));
  writeFileSync(join(home.home, "bin", "db-mcp"), DB, { mode: 0o755 });
  for (const [file, text] of Object.entries(SKILL)) home.write(`.codex/skills/review/${file}`, text);
  const PATH = `${join(home.home, "bin")}:${BIN}`;
  let played = 0;
  for (const [, transcript = ""] of document.matchAll(/```text\n([^]*?)```/g)) {
    for (const step of transcript.split(/^\$ switchyard /m).slice(1)) {
      const [command = "", ...lines] = step.trimEnd().split("\n");
      const configuration = command.startsWith("mcp status") ? THREE : MEMORY + EVERYTHING;
      // What was known of the servers would not count for a newer file.
      if (!home.has(OURS) || home.read(OURS) !== configuration) home.write(OURS, configuration);
      const words = parseArgsStringToArgv(command);
      const { stdout, stderr } = await home.runInOneProcess(words, "", { PATH });
      const printed = everyTime(`${stdout}${stderr}`);
      const shown = everyTime(lines.join("\n"));
      // A long text is shown by its beginning.
      const [begin, rest] = shown.split("\n…");
      if (rest === undefined) assert.equal(printed, shown, command);
      else assert.equal(printed.slice(0, begin?.length), begin, command);
      played++;
    }
  }
  assert.ok(played >= 12);
});

/** Without what differs from one time to the next. */
function everyTime(text: string): string {
  return text.trimEnd().replaceAll(/\b\d\.\d\d s/g, "0.35 s");
}

test("docs/mcp-commands.md names the keys of the JSON of status, in their order", () => {
  const server = { name: "a", status: "enabled", errors: [], warnings: [], origins: new Map() } as const;
  const view = statusView({ server: { ...server, definedIn: undefined }, snapshot: undefined });
  const section = document.slice(
    document.indexOf("| `name` | |"),
    document.indexOf("## `switchyard mcp tools"),
  );
  const cells = section.split("\n").flatMap((line) => line.split("|")[1]?.match(/`\w+`/g) ?? []);
  assert.deepEqual(
    cells.map((cell) => cell.slice(1, -1)),
    Object.keys(view),
  );
});
