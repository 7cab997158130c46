/** `switchyard mcp add-json`: a server that is written in JSON. */
import { type Case, testCases } from "../support/cases.ts";
import { DOCS, OURS, SECRET } from "../support/test-home.ts";

testCases("switchyard mcp add-json", [
  {
    what: "add-json writes a command",
    args: ["mcp", "add-json", "docs", '{"type":"stdio","command":"npx","args":["-y","x"],"env":{"A":"1"}}'],
    code: 0,
    stdout: /^Added MCP server "docs" to ~\/.switchyard\/switchyard.toml\n$/,
    after: {
      [OURS]: '[mcp_servers.docs]\ncommand = "npx"\nargs = ["-y", "x"]\n\n[mcp_servers.docs.env]\nA = "1"\n',
    },
  },
  {
    what: "add-json reads a URL from stdin",
    args: ["mcp", "add-json", "web", "-"],
    input: '{\n  // theirs\n  "type": "http", "url": "https://example.com/mcp",\n}\n',
    code: 0,
    after: { [OURS]: '[mcp_servers.web]\nurl = "https://example.com/mcp"\n' },
  },
  {
    what: "add-json --dry-run writes nothing",
    args: ["mcp", "add-json", "a", `{"command":"x","env":{"TOKEN":"${SECRET}"}}`, "--dry-run"],
    code: 0,
    stdout: /\+TOKEN = "\*+"/,
    after: { [OURS]: undefined },
  },
  {
    what: "add-json of a name that is there, without a word of the JSON",
    files: { [OURS]: DOCS },
    args: ["mcp", "add-json", "docs", `{"command":"x","env":{"TOKEN":"${SECRET}"}}`],
    code: 1,
    stderr: /already in .*: switchyard mcp add-json docs JSON --replace\n$/,
    after: { [OURS]: DOCS },
  },
  {
    what: "add-json --replace",
    files: { [OURS]: DOCS },
    args: ["mcp", "add-json", "docs", '{"command":"x"}', "--replace"],
    code: 0,
    after: { [OURS]: '[mcp_servers.docs]\ncommand = "x"\n' },
  },
  ...(
    [
      ['{"command":', /this is not valid JSON[^]*JSON:1:\d+/],
      [`${SECRET}`, /not valid JSON/],
      ["[]", /docs must be an object, not an array/],
      ['{"args":["x"]}', /both command and url are missing/],
      [`{"command":"x","env":"${SECRET}"}`, /env must be an object, not a string/],
      ['{"type":"sse","url":"https://x.y"}', /SSE transport is not supported/],
      ['{"url":"x.y"}', /invalid URL/],
    ] as const
  ).map(([json, stderr]): Case => {
    return {
      what: `add-json rejects ${json.replace(SECRET, "…")}`,
      args: ["mcp", "add-json", "docs", json],
      code: 1,
      stderr,
      after: { [OURS]: undefined },
    };
  }),
  {
    what: "add-json of a list of servers",
    args: ["mcp", "add-json", "docs", '{"mcpServers":{"docs":{"command":"x"}}}'],
    code: 2,
    stderr: /for a list of servers: switchyard mcp import -/,
  },
  {
    what: "add-json rejects a bad name",
    args: ["mcp", "add-json", "a b", '{"command":"x"}'],
    code: 1,
    stderr: /invalid server name 'a b'/,
  },
]);
