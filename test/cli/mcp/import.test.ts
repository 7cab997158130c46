/** `switchyard mcp import`: servers of other products. */
import { type Case, testCases } from "../support/cases.ts";
import { CODEXS, DOCS, OURS, SECRET } from "../support/test-home.ts";

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
    what: "import of a name that is there leaves that one, and says how to replace it",
    files: {
      [OURS]: DOCS,
      "project/.mcp.json": '{"mcpServers":{"docs":{"command":"x"},"b":{"command":"y"}}}',
    },
    args: ["mcp", "import", ".mcp.json"],
    code: 0,
    stdout: /^Imported 1 server \("b"\)/,
    stderr:
      /^note: MCP server "docs" is already in ~\/.switchyard\/switchyard.toml\. To replace it there: switchyard mcp import ~\/project\/.mcp.json --name docs --replace\. The server is left out\n$/,
    after: { [OURS]: `${DOCS}\n[mcp_servers.b]\ncommand = "y"\n` },
  },
  {
    what: "import of nothing but names that are there fails",
    files: { [OURS]: DOCS, "project/.mcp.json": '{"mcpServers":{"docs":{"command":"x"}}}' },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr: /^switchyard: MCP server "docs" is already in .*--replace\n$/,
    after: { [OURS]: DOCS },
  },
  {
    what: "import that can take nothing gives every reason",
    files: {
      [OURS]: DOCS,
      "project/.mcp.json":
        '{"mcpServers":{"docs":{"command":"x"},"bad":{"comand":"y"},"sse":{"type":"sse"}}}',
    },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr:
      /^switchyard: No server was imported:\n[^]*both command and url are missing[^]*did you mean command\?[^]*sse: type: the SSE[^]*"docs" is already in .*--replace/,
    after: { [OURS]: DOCS },
  },
  {
    what: "import --replace leaves a name of another file, where the two would be merged",
    files: {
      [CODEXS]: DOCS,
      "project/.mcp.json": '{"mcpServers":{"docs":{"url":"https://example.com"},"b":{"command":"y"}}}',
    },
    args: ["mcp", "import", ".mcp.json", "--replace"],
    code: 0,
    stderr: /is already in ~\/.codex\/config.toml:2, .* --name docs --replace --codex\. The server is left/,
    after: { [OURS]: '[mcp_servers.b]\ncommand = "y"\n', [CODEXS]: DOCS },
  },
  {
    what: "import --replace does what was offered",
    files: { [CODEXS]: DOCS, "project/.mcp.json": '{"mcpServers":{"docs":{"url":"https://example.com"}}}' },
    args: ["mcp", "import", ".mcp.json", "--name", "docs", "--replace", "--codex"],
    code: 0,
    after: { [OURS]: undefined, [CODEXS]: '[mcp_servers.docs]\nurl = "https://example.com"\n' },
  },
  {
    what: "import of two files that use one name differently takes the first",
    files: {
      "project/a.json": '{"mcpServers":{"docs":{"command":"x"},"same":{"command":"s"}}}',
      "project/b.json": '{"mcpServers":{"docs":{"command":"y"},"same":{"command":"s"},"c":{"command":"z"}}}',
    },
    args: ["mcp", "import", "a.json", "b.json"],
    code: 0,
    stdout: /^Imported 3 servers \("docs", "same", "c"\)/,
    stderr: /^note: docs: it is in .*a.json and, with other settings, in .*b.json --name docs --replace\n$/,
    after: { [OURS]: /docs\]\ncommand = "x"/ },
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
    what: "import of what was pasted, from stdin",
    args: ["mcp", "import", "-"],
    input: '{"mcpServers": {"docs": {"command": "x"}}}',
    code: 0,
    after: { [OURS]: '[mcp_servers.docs]\ncommand = "x"\n' },
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
    what: "import of a file of nothing but broken entries names the file",
    files: { "project/.mcp.json": '{"mcpServers":{"bad":{"args":1}}}' },
    args: ["mcp", "import", ".mcp.json"],
    code: 1,
    stderr: /^switchyard: Cannot import from "~\/project\/.mcp.json"/,
    after: { [OURS]: undefined },
  },
  ...(
    [
      ['{"args":1}', /note: ~\/project\/.mcp.json:1:\d+: both command and url are missing/],
      ['{"command":"x","env":["A"]}', /note: .*env must be an object, not an array/],
      ['{"command":"x","timeout":"soon"}', /note: .*timeout must be a number/],
      ['{"command":""}', /note: MCP server "bad": invalid command \(it is empty\)/],
      ['{"url":"example.com/mcp"}', /note: MCP server "bad": invalid URL/],
      ['{"url":"ftp://example.com"}', /note: MCP server "bad": unsupported URL scheme/],
      ["[]", /note: .*bad must be an object/],
      ["null", /note: .*bad must be an object/],
    ] as const
  ).map(([entry, stderr]): Case => {
    return {
      what: `import of the broken entry ${entry} stops only that one`,
      files: { "project/.mcp.json": `{"mcpServers":{"bad":${entry},"b":{"command":"y"}}}` },
      args: ["mcp", "import", ".mcp.json"],
      code: 0,
      stderr,
      after: { [OURS]: '[mcp_servers.b]\ncommand = "y"\n' },
    };
  }),
  ...[
    "${BASE_URL:-https://example.com}/mcp",
    "${input:url}",
    "<your url>",
    "https://{{HOST}}/mcp",
    "${env:U}",
  ].map((url): Case => {
    return {
      what: `import writes the URL ${url}, and switches the server off`,
      files: { "project/.mcp.json": JSON.stringify({ mcpServers: { a: { type: "http", url } } }) },
      args: ["mcp", "import", ".mcp.json"],
      code: 0,
      stderr:
        /note: a: a value still has to be filled in, [^]*Fill in url \(switchyard mcp set a KEY VALUE\), then: switchyard mcp enable a\n/,
      after: { [OURS]: `[mcp_servers.a]\nurl = ${JSON.stringify(url)}\nenabled = false\n` },
    };
  }),
  {
    what: "import of TOML",
    files: { "project/my config.toml": DOCS },
    args: ["mcp", "import", "my config.toml"],
    code: 1,
    stderr:
      /is TOML; only JSON files can be imported\. To check it: switchyard mcp check ~\/project\/'my config.toml'/,
  },
  {
    what: "import says all about one server before the next",
    files: { "project/.mcp.json": '{"mcpServers":{"a":{"url":"${U}"},"b":{"command":"x","args":["${V}"]}}}' },
    args: ["mcp", "import", ".mcp.json"],
    code: 0,
    stderr:
      /^note: a: url: .*\nnote: a: a value .*\nnote: b: args\.0: .*\nnote: b: a value .*mcp enable b\n$/,
  },
  {
    what: "import switches off a server with a value to be filled in",
    files: { "project/.mcp.json": '{"mcpServers":{"a":{"command":"x","args":["${input:key}"]}}}' },
    args: ["mcp", "import", ".mcp.json"],
    code: 0,
    stderr: /note: a: a value still has to be filled in, [^]*switchyard mcp enable a/,
    after: { [OURS]: /enabled = false/ },
  },
  ...[
    'url = "https://${HOST}/mcp"',
    'command = "x"\nargs = ["a", "<path>"]',
    'command = "x"\nenv = { K = "YOUR_KEY" }',
  ].map((server, at): Case => {
    return {
      what: `enable of a server with a placeholder says which key has it (${at})`,
      files: { [OURS]: `[mcp_servers.a]\n${server}\nenabled = false\n` },
      args: ["mcp", "enable", "a"],
      code: 0,
      stderr:
        /^note: (?:url|args\.1|env\.K) may still have a placeholder in it, which nothing replaces here\n(?:note: "a" will not run: command: there is no program "x".*\n)?$/,
      after: { [OURS]: `[mcp_servers.a]\n${server}\nenabled = true\n` },
    };
  }),
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
