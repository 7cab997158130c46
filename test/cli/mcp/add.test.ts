/** `switchyard mcp add`: a server from flags. */
import { type Case, testCases } from "../support/cases.ts";
import { BROKEN, CODEXS, DOCS, OURS, SECRET } from "../support/test-home.ts";

testCases("switchyard mcp add", [
  {
    what: "add writes a command",
    args: [
      "mcp",
      "add",
      "--env",
      " K =v =w ",
      "--env-var",
      "P=remote",
      "--environment",
      "box",
      "docs",
      "npx",
      "-y",
      "--env",
    ],
    code: 0,
    stdout: /^Added MCP server "docs" to ~\/.switchyard\/switchyard.toml\n$/,
    stderr: /^note: "docs" will not run: environment_id: there is no environment "box"\. There is "local"\n$/,
    after: { [OURS]: /command = "npx"\nargs = \["-y", "--env"\][^]*environment_id = "box"[^]*K = "v =w "/ },
  },
  {
    what: "add writes a URL with all its settings",
    args: [
      "mcp",
      "add",
      "web",
      "--url",
      "https://example.com/mcp",
      "--header",
      "X-A: b:c",
      "--header",
      "X-B=d",
      "--header-env",
      "A=VAR",
      "--no-tools",
      "--approval",
      "writes",
      "--tool-approval",
      "t.u=approve",
      "--tool-token-limit",
      "t.u=9",
      "--oauth-scope",
      "a",
      "--oauth-scope",
      "b",
      "--oauth-client-id",
      "i",
      "--oauth-callback-url",
      "http://127.0.0.1/back",
      "--oauth-client-secret-file",
      "-",
      "--scope",
      "host",
      "--startup-timeout",
      "1.5",
    ],
    input: "from-stdin\n",
    env: { VAR: "v" },
    code: 0,
    after: {
      [OURS]:
        /enabled_tools = \[\][^]*scope = "host"[^]*X-A = "b:c"\nX-B = "d"[^]*client_secret = "from-stdin"|client_secret = "from-stdin"/,
    },
  },
  ...[
    ["web", "https://example.com/mcp"],
    ["--transport", "http", "web", "https://example.com/mcp"],
    ["-t", "streamable-http", "web", "--", "https://example.com/mcp"],
    ["web", "--url", "https://example.com/mcp", "-t", "http"],
  ].map((words): Case => {
    return {
      what: `add ${words.join(" ")} is a URL`,
      args: ["mcp", "add", ...words],
      code: 0,
      after: { [OURS]: '[mcp_servers.web]\nurl = "https://example.com/mcp"\n' },
    };
  }),
  {
    what: "add takes flags after a URL",
    args: [
      ...["mcp", "add", "web", "HTTPS://example.com/mcp", "-H", "X-A: b", "--header", "X-B=c"],
      ...["--header-env", "X-C: VAR", "--project"],
    ],
    code: 0,
    stderr: /it has no effect yet/,
    after: {
      "project/switchyard.toml":
        /url = "HTTPS:\/\/example.com\/mcp"[^]*http_headers\]\nX-A = "b"\nX-B = "c"[^]*X-C = "VAR"/,
    },
  },
  {
    what: "add -e and --transport stdio, as other products have them",
    args: ["mcp", "add", "-e", "A=1", "-t", "stdio", "docs", "-e", "B=2", "--", "npx", "-e", "C=3"],
    code: 0,
    after: { [OURS]: /args = \["-e", "C=3"\][^]*A = "1"\nB = "2"/ },
  },
  ...(
    [
      [["w", "https://x.y", "arg"], /takes no arguments/],
      [["w", "https://x.y", "--url", "https://x.y"], /given twice/],
      [["w", "https://x.y", "--env", "A=b"], /--env and --url cannot/],
      [["--scope", "user", "w", "https://x.y"], /your own file is the default, and --project/],
      [["-t", "sse", "w", "https://x.y"], /SSE transport is not supported/],
      [["-t", "websocket", "w", "https://x.y"], /--transport takes stdio or http/],
      [["-t", "http", "w", "x.y/mcp"], /URL in full/],
      [["-t", "http", "w"], /URL in full/],
      [["-t", "stdio", "w", "https://x.y"], /needs a command/],
    ] as const
  ).map(([words, stderr]): Case => {
    return {
      what: `add ${words.join(" ")} is a usage error`,
      args: ["mcp", "add", ...words],
      code: 2,
      stderr,
      after: { [OURS]: undefined },
    };
  }),
  {
    what: "add --codex rejects Switchyard's own keys",
    args: ["mcp", "add", "--codex", "docs", "--scope", "host", "--", "x"],
    code: 2,
    stderr: /scope is a key of Switchyard's own/,
    after: { [CODEXS]: undefined },
  },
  {
    what: "add --dry-run shows the diff and writes nothing",
    args: ["mcp", "add", "docs", "--dry-run", "--env", `K=${SECRET}`, "--", "x"],
    code: 0,
    stdout: /\+\[mcp_servers.docs\]\n\+command = "x"[^]*\+K = "\*{5}"/,
    after: { [OURS]: undefined },
  },
  {
    what: "add rejects a name that is in the file",
    files: { [OURS]: DOCS },
    args: ["mcp", "add", "docs", "--", "y"],
    code: 1,
    stderr: /"docs" is already in ~\/.switchyard\/switchyard.toml; --replace/,
    after: { [OURS]: DOCS },
  },
  {
    what: "add rejects a name that is in another file",
    files: { [CODEXS]: DOCS },
    args: ["mcp", "add", "docs", "--", "y"],
    code: 1,
    stderr: /already in ~\/.codex\/config.toml:2/,
    after: { [OURS]: undefined },
  },
  {
    what: "add --replace replaces a server, and keeps the rest of the file",
    files: { [OURS]: `# mine\n${DOCS}cwd = "x"\n` },
    args: ["mcp", "add", "--replace", "docs", "--", "y"],
    code: 0,
    stdout: /^Replaced/,
    stderr:
      /^note: "docs" will not run: command: there is no program "y" in PATH: install it, or name it by its whole path\n$/,
    after: { [OURS]: '# mine\n[mcp_servers.docs]\ncommand = "y"\n' },
  },
  ...["https//docs.example.com/mcp", "docs.example.com/mcp", "http:docs.example.com"].map((word): Case => {
    return {
      what: `add of ${word} says that it is no URL, and what is missing`,
      args: ["mcp", "add", "docs", word],
      code: 0,
      stderr: new RegExp(
        `^note: "${word}" is taken for a command; a URL begins with https://\nnote: "docs" will not run: command: there is no program`,
      ),
      after: { [OURS]: `[mcp_servers.docs]\ncommand = "${word}"\n` },
    };
  }),
  {
    what: "add of a server that wants a variable says that it is not set",
    args: ["mcp", "add", "web", "https://example.com/mcp", "--header-env", "A=NOT_SET_HERE"],
    code: 0,
    stderr: /^note: "web" will not run: .*NOT_SET_HERE is not set\n$/,
  },
  {
    what: "add --replace does not make a hybrid of two files (A1)",
    files: { [CODEXS]: DOCS },
    args: ["mcp", "add", "--replace", "docs", "--url", "https://example.com"],
    code: 1,
    stderr: /would break mcp_servers.docs[^]*url is not supported for stdio/,
    after: { [OURS]: undefined },
  },
  {
    what: "add rejects a bad name",
    args: ["mcp", "add", "a b", "--", "x"],
    code: 1,
    stderr: /invalid server name 'a b'/,
  },
  {
    what: "add rejects a bad URL",
    args: ["mcp", "add", "a", "--url", "ftp://x"],
    code: 1,
    stderr: /unsupported URL scheme/,
  },
  {
    what: "add without a URL and without a command is a usage error",
    args: ["mcp", "add", "a"],
    code: 2,
    stderr: /--url URL or a command/,
  },
  {
    what: "add with a URL and a command is a usage error",
    args: ["mcp", "add", "a", "--url", "https://x.y", "cmd"],
    code: 2,
    stderr: /--url and a command/,
  },
  {
    what: "add --url --env is a usage error that names both",
    args: ["mcp", "add", "a", "--url", "https://x.y", "--env", "A=b"],
    code: 2,
    stderr: /--env and --url cannot/,
  },
  {
    what: "add --header with a command is a usage error",
    args: ["mcp", "add", "--header", `A: ${SECRET}`, "a", "cmd"],
    code: 2,
    stderr: /--header and a command cannot/,
  },
  {
    what: "add with a malformed pair is a usage error that does not repeat it",
    args: ["mcp", "add", "--env", SECRET, "a", "cmd"],
    code: 2,
    stderr: /--env takes NAME=VALUE/,
  },
  {
    what: "add writes the callback address that Codex writes",
    args: ["mcp", "add", "w", "--codex", "--url", "https://127.0.0.1:1/mcp", "--oauth-client-id", "cid"],
    code: 0,
    stderr: /note: the login returns to http:\/\/127.0.0.1\/callback\/JYXppVefn8J6:/,
    // As codex mcp add writes it.
    after: { [CODEXS]: /callback_url = "http:\/\/127.0.0.1\/callback\/JYXppVefn8J6"/ },
  },
  {
    what: "add passes a flag after the command on to the command, and notes it",
    args: ["mcp", "add", "c", "--", "c", "--file", "g.toml"],
    code: 0,
    stderr: /note: --file is passed to the command/,
    after: { [OURS]: /args = \["--file", "g.toml"\]/ },
  },
  {
    what: "add with a header that cannot be sent",
    args: ["mcp", "add", "w", "--url", "https://x.y", "--header", `A B: ${SECRET}`],
    code: 2,
    stderr: /"A B" is not a valid header name/,
  },
  {
    what: "add takes a header value that is not ASCII, which Codex sends as UTF-8",
    args: ["mcp", "add", "web", "--url", "https://example.com/mcp", "--header", "X-Name: ü"],
    code: 0,
    after: { [OURS]: /X-Name = "ü"/ },
  },
  {
    what: "add notes another error in the file, for which Codex rejects all of it (A2)",
    files: { "project/config.toml": BROKEN },
    args: ["mcp", "add", "--file", "config.toml", "a", "--", "x"],
    code: 0,
    stderr:
      /note: ~\/project\/config.toml has 1 other error, so Codex rejects all of it: switchyard mcp check ~/,
  },
  { what: "add --help", args: ["mcp", "add", "--help"], code: 0, stdout: /--tool-token-limit TOOL=N/ },
]);
