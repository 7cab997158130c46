/** `switchyard mcp import`: servers of other products. */
import { testCases } from "../support/cases.ts";
import { DOCS, OURS, SECRET } from "../support/test-home.ts";

testCases("switchyard mcp import", [
  {
    what: "import without FILE lists the files that it finds",
    files: { "project/.mcp.json": "{}", ".cursor/mcp.json": "{}" },
    args: ["mcp", "import"],
    code: 0,
    stdout: /import ~\/project\/.mcp.json --dry-run\n.*~\/.cursor\/mcp.json/,
  },
  {
    what: "import takes all servers in one edit, and notes what it left out",
    files: {
      "project/.mcp.json":
        '{"mcpServers":{"a":{"command":"x"},"b":{"url":"https://example.com"},"c":{"type":"sse","url":"https://example.com"}}}',
    },
    args: ["mcp", "import", ".mcp.json"],
    code: 0,
    stdout: /^Imported 2 servers \("a", "b"\) to/,
    stderr: /note: c: .*SSE/,
    after: { [OURS]: /a\][^]*b\]/ },
  },
  {
    what: "import rejects names that are there, and writes nothing",
    files: {
      [OURS]: DOCS,
      "project/.mcp.json": '{"mcpServers":{"docs":{"command":"x"},"b":{"command":"y"}}}',
    },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr: /"docs" \(~\/.switchyard\/switchyard.toml\); nothing was imported/,
    after: { [OURS]: DOCS },
  },
  {
    what: "import --skip-existing",
    files: {
      [OURS]: DOCS,
      "project/.mcp.json": '{"mcpServers":{"docs":{"command":"x"},"b":{"command":"y"}}}',
    },
    args: ["mcp", "import", ".mcp.json", "--skip-existing"],
    code: 0,
    stderr: /note: "docs" is left/,
    after: { [OURS]: `${DOCS}\n[mcp_servers.b]\ncommand = "y"\n` },
  },
  {
    what: "import of a file that is not valid JSON",
    files: { "project/.mcp.json": `{"mcpServers": {"a": {"env": {"K": "${SECRET}" }` },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr: /not valid JSON/,
  },
  {
    what: "import of a missing file",
    args: ["mcp", "import", "nope.json"],
    code: 1,
    stderr: /^switchyard: There is no file ~\/project\/nope.json$/m,
  },
  {
    what: "import of one server ignores errors of the others",
    files: { "project/.mcp.json": '{"mcpServers":{"bad":{"args":1},"b":{"command":"y"}}}' },
    args: ["mcp", "import", ".mcp.json", "--name", "b"],
    code: 0,
    after: { [OURS]: '[mcp_servers.b]\ncommand = "y"\n' },
  },
  {
    what: "import of a broken entry names the file",
    files: { "project/.mcp.json": '{"mcpServers":{"bad":{"args":1},"b":{"command":"y"}}}' },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr: /^switchyard: Cannot import from "~\/project\/.mcp.json"/,
    after: { [OURS]: undefined },
  },
  {
    what: "import of TOML",
    files: { "project/my config.toml": DOCS },
    args: ["mcp", "import", "my config.toml"],
    code: 1,
    stderr:
      /is TOML; only JSON files can be imported\. To check it: switchyard mcp check ~\/project\/'my config.toml'/,
  },
  {
    what: "import switches off a server with a value to be filled in",
    files: { "project/.mcp.json": '{"mcpServers":{"a":{"command":"x","args":["${input:key}"]}}}' },
    args: ["mcp", "import", ".mcp.json"],
    code: 0,
    stderr: /note: a: a value still has to be filled in, [^]*switchyard mcp enable a/,
    after: { [OURS]: /enabled = false/ },
  },
  {
    what: "import --skip-existing has no notes about what it skips",
    files: {
      [OURS]: DOCS,
      "project/.mcp.json": '{"mcpServers":{"docs":{"command":"x","args":["${A}"]},"b":{"command":"y"}}}',
    },
    args: ["mcp", "import", ".mcp.json", "--skip-existing"],
    code: 0,
    stderr: /^note: "docs" is left as it is\n$/,
  },
]);
