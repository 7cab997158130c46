import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { importServers, type ImportFormat, type ImportNote, type ImportResult } from "./import-servers.ts";
import { ConfigError } from "../problem.ts";
import { formatProblem, problemToJson } from "../show/show-problem.ts";

function importJson(value: unknown, file = ".mcp.json", format?: ImportFormat): ImportResult {
  return importServers(JSON.stringify(value, undefined, 2), { file, format });
}

/** The one server of a file, and its notes. */
function importOne(
  server: unknown,
  file = ".mcp.json",
  name = "a",
): { readonly server: unknown; readonly notes: readonly ImportNote[]; readonly keys: readonly string[] } {
  const { servers, notes } = importJson({ mcpServers: { [name]: server } }, file);
  return { server: servers.get(name), notes, keys: notes.map((note) => note.key) };
}

function refusal(text: string, file = ".mcp.json", format?: ImportFormat): ConfigError {
  try {
    importServers(text, { file, format });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.code, "invalid_config");
    assert.ok(error.problems.length > 0);
    assert.ok(error.message.includes(file), error.message);
    return error;
  }
  assert.fail("it was imported");
}

suite("importServers finds the servers of", () => {
  const files: readonly (readonly [file: string, text: string, format: ImportFormat])[] = [
    [".mcp.json", `{"mcpServers": {"a": {"command": "x"}}}`, "claude_code"],
    ["/home/me/.claude.json", `{"numStartups": 1, "mcpServers": {"a": {"command": "x"}}}`, "claude_code"],
    [
      "C:\\Users\\me\\claude_desktop_config.json",
      `{"mcpServers": {"a": {"command": "x"}}}`,
      "claude_desktop",
    ],
    [".vscode/mcp.json", `{"servers": {"a": {"type": "stdio", "command": "x"}}, "inputs": []}`, "vscode"],
    [
      "settings.json",
      `{"editor.tabSize": 2, "mcp": {"servers": {"a": {"command": "x"}}}}`,
      "vscode_settings",
    ],
    ["/p/.cursor/mcp.json", `{"mcpServers": {"a": {"command": "x"}}}`, "cursor"],
    ["mcp.json", `{"mcpServers": {"a": {"command": "x"}, "b": {"serverUrl": "https://x/mcp"}}}`, "windsurf"],
    [".codeium/windsurf/mcp_config.json", `{"mcpServers": {"a": {"command": "x"}}}`, "windsurf"],
    [".gemini/settings.json", `{"theme": "x", "mcpServers": {"a": {"command": "x"}}}`, "gemini"],
    ["settings.json", `{"mcpServers": {"a": {"command": "x", "trust": false}}}`, "gemini"],
    ["cline_mcp_settings.json", `{"mcpServers": {"a": {"command": "x"}}}`, "cline"],
    [".roo/mcp.json", `{"mcpServers": {"a": {"command": "x"}}}`, "roo"],
    ["mcp.json", `{"mcpServers": {"a": {"command": "x", "alwaysAllow": []}}}`, "roo"],
    ["settings.json", `{"context_servers": {"a": {"source": "custom", "command": "x"}}}`, "zed"],
    ["opencode.json", `{"mcp": {"a": {"type": "local", "command": ["x"]}}}`, "opencode"],
    ["/p/opencode.jsonc", `{"$schema": "s", "mcp": {"a": {"command": ["x"]}}}`, "opencode"],
    [".mcp.json", `{"a": {"command": "x"}}`, "plugin"],
    ["plugin/.mcp.json", `{"$schema": "s", "version": 1, "a": {"type": "stdio", "command": "x"}}`, "plugin"],
    [".claude-plugin/plugin.json", `{"name": "p", "mcpServers": {"a": {"command": "x"}}}`, "claude_code"],
    ["gemini-extension.json", `{"name": "p", "mcpServers": {"a": {"command": "x"}}}`, "claude_code"],
    // A file's shape counts for more than its name.
    [".cursor/mcp.json", `{"servers": {"a": {"command": "x"}}}`, "vscode"],
  ];
  for (const [file, text, format] of files) {
    test(`${format} in ${file}`, () => {
      const result = importServers(text, { file });
      assert.equal(result.format, format);
      assert.deepEqual(result.servers.get("a"), { command: "x" });
    });
  }

  test("a file with comments, trailing commas and a byte order mark", () => {
    const text = `\ufeff// ours\n{ "servers": { /* one */ "a": { "command": "x", "args": ["1",], }, }, }\n`;
    assert.deepEqual(importServers(text, { file: "mcp.json" }).servers.get("a"), {
      command: "x",
      args: ["1"],
    });
  });

  test("the product that is named, though the file could be another's", () => {
    const value = { mcpServers: { a: { command: "x", timeout: 60 } } };
    assert.deepEqual(importJson(value, "mcp.json", "cline").servers.get("a"), {
      command: "x",
      tool_timeout_sec: 60,
    });
    assert.deepEqual(importJson(value, "mcp.json", "gemini").servers.get("a"), {
      command: "x",
      tool_timeout_sec: 0.06,
    });
  });

  test("names of JavaScript's own, in the order of the file", () => {
    const text = `{"mcpServers": {"z": {"command": "x"}, "__proto__": {"command": "y", "env": {"__proto__": "1"}}}}`;
    const { servers } = importServers(text, { file: ".mcp.json" });
    assert.deepEqual([...servers.keys()], ["z", "__proto__"]);
    assert.deepEqual(Object.entries(servers.get("__proto__")?.env ?? {}), [["__proto__", "1"]]);
  });
});

suite("importServers carries over", () => {
  test("a command with all that belongs to it, without a word", () => {
    const server = {
      type: "stdio",
      command: "npx",
      args: ["-y", "x"],
      env: { LEVEL: "1", N: 2 },
      cwd: "/w",
      disabled: false,
    };
    const { server: got, notes } = importOne(server);
    assert.deepEqual(got, { command: "npx", args: ["-y", "x"], env: { LEVEL: "1", N: "2" }, cwd: "/w" });
    assert.deepEqual(notes, []);
  });

  test("a URL under each of its names and types, without a word", () => {
    for (const [server, file] of [
      [{ type: "http", url: "https://x/mcp" }, ".mcp.json"],
      [{ type: "streamable-http", url: "https://x/mcp" }, ".roo/mcp.json"],
      [{ type: "streamableHttp", url: "https://x/mcp" }, "cline_mcp_settings.json"],
      [{ url: "https://x/mcp" }, ".cursor/mcp.json"],
      [{ serverUrl: "https://x/mcp" }, "mcp_config.json"],
      [{ httpUrl: "https://x/mcp" }, ".gemini/settings.json"],
      [{ type: "http", url: "https://x/mcp" }, ".gemini/settings.json"],
    ] as const) {
      const { server: got, notes } = importOne(server, file);
      assert.deepEqual([got, notes], [{ url: "https://x/mcp" }, []], file);
    }
  });

  test("references to the environment as references: variables, headers, the bearer token", () => {
    const stdio = importOne({ command: "x", env: { TOKEN: "${TOKEN}", HOST: "${env:HOST}" } });
    assert.deepEqual([stdio.server, stdio.notes], [{ command: "x", env_vars: ["TOKEN", "HOST"] }, []]);
    const gemini = importOne({ command: "x", env: { TOKEN: "$TOKEN" } }, ".gemini/settings.json");
    assert.deepEqual([gemini.server, gemini.notes], [{ command: "x", env_vars: ["TOKEN"] }, []]);
    const headers = { authorization: "bearer ${env:T}", "X-Key": "${K}", Accept: "x" };
    const http = importOne({ type: "http", url: "u", headers });
    assert.deepEqual(http.server, {
      url: "u",
      bearer_token_env_var: "T",
      env_http_headers: { "X-Key": "K" },
      http_headers: { Accept: "x" },
    });
    assert.deepEqual(http.notes, []);
  });

  test("opencode's words: the command in one list, environment, {env:NAME}, the time to start", () => {
    const environment = { TOKEN: "{env:TOKEN}", LEVEL: "1" };
    const local = { type: "local", command: ["npx", "-y", "x"], environment, enabled: false, timeout: 5000 };
    const headers = { Authorization: "Bearer {env:KEY}", "X-File": "{file:./key}" };
    const remote = { type: "remote", url: "https://x/mcp", headers, enabled: true };
    const { servers, notes } = importJson({ mcp: { local, remote } }, "opencode.json");
    assert.deepEqual(Object.fromEntries(servers), {
      local: {
        command: "npx",
        args: ["-y", "x"],
        env: { LEVEL: "1" },
        env_vars: ["TOKEN"],
        enabled: false,
        startup_timeout_sec: 5,
      },
      remote: {
        url: "https://x/mcp",
        bearer_token_env_var: "KEY",
        http_headers: { "X-File": "{file:./key}" },
        enabled: false,
      },
    });
    assert.deepEqual(
      notes.map(({ server, key }) => `${server} ${key}`),
      ["remote headers.X-File"],
    );
  });

  test("a URL and a transport under other products' names", () => {
    for (const server of [
      { serverURL: "https://x/mcp" },
      { baseUrl: "https://x/mcp" },
      { baseURL: "https://x/mcp", transport: "HTTP" },
      { type: "streamable_http", url: "https://x/mcp" },
      { transportType: "http-stream", url: "https://x/mcp" },
      { type: "remote", url: "https://x/mcp" },
    ]) {
      const { server: got, notes } = importOne(server);
      assert.deepEqual([got, notes], [{ url: "https://x/mcp" }, []], JSON.stringify(server));
    }
    for (const type of ["local", "STDIO", "command"]) {
      assert.deepEqual(importOne({ type, command: "x" }).server, { command: "x" }, type);
    }
  });

  test("lists of allowed and of refused tools, whatever a product calls them", () => {
    for (const key of ["tools", "allowedTools", "allowed_tools", "enabled-tools", "includeTools"]) {
      const { server, notes } = importOne({ command: "x", [key]: ["a", "b"] });
      assert.deepEqual([server, notes], [{ command: "x", enabled_tools: ["a", "b"] }, []], key);
    }
    for (const key of ["disallowedTools", "disabled_tools", "excludeTools", "blockedTools"]) {
      const { server, notes } = importOne({ command: "x", [key]: ["a"] });
      assert.deepEqual([server, notes], [{ command: "x", disabled_tools: ["a"] }, []], key);
    }
    assert.deepEqual(importOne({ command: "x", tools: ["*"] }).server, { command: "x" });
    assert.deepEqual(importOne({ command: "x", disabledTools: ["*"] }).server, {
      command: "x",
      enabled_tools: [],
    });
    const both = importOne({ command: "x", tools: ["a", "b"], allowedTools: ["b", "c"] });
    assert.deepEqual(both.server, { command: "x", enabled_tools: ["b"] });
    assert.deepEqual(importOne({ command: "x", tools: { a: { allow: true } } }).keys, ["tools"]);
    assert.deepEqual(importOne({ command: "x", tools: ["read_*"] }).keys, ["tools"]);
  });

  test("a variable of the server's own that its program replaces, and keeps the server switched on", () => {
    const env = { AUTH: "Bearer 1", ID: "${ID}" };
    for (const args of [["Authorization:${AUTH}"], ["${ID}"], ["-c", "x --a ${AUTH} --i ${ID}"]]) {
      const { server, keys } = importOne({ command: "x", args, env });
      const carried = { command: "x", args, env: { AUTH: "Bearer 1" }, env_vars: ["ID"] };
      assert.deepEqual(server, carried, args.join(" "));
      assert.ok(keys.includes(`args.${args.length - 1}`));
    }
    for (const arg of ["${OTHER}", "${AUTH}${OTHER}", "${AUTH:-x}", "${env:AUTH}", "${AUTH}<x>"]) {
      const { server } = importOne({ command: "x", args: [arg], env });
      assert.equal((server as { enabled?: boolean }).enabled, false, arg);
    }
    assert.equal((importOne({ command: "${AUTH}", env }).server as { enabled?: boolean }).enabled, false);
  });

  test("what has to be filled in as it is written, and switches the server off (I4)", () => {
    for (const value of [
      "<token>",
      "https://<host>/mcp",
      "{{TOKEN}}",
      "YOUR_API_KEY",
      "https://your-domain.example.com/mcp",
      "${A:-https://x}/mcp",
      "Basic <user:password>",
    ]) {
      const http = importJson({ mcpServers: { a: { type: "http", url: value, headers: { H: value } } } });
      assert.deepEqual(http.servers.get("a")?.url, value);
      assert.deepEqual(http.servers.get("a")?.http_headers, { H: value });
      assert.equal(http.servers.get("a")?.enabled, false, value);
      assert.deepEqual([...http.unfilled], [["a", ["url", "headers.H"]]]);
    }
    const stdio = importOne({ command: "x", args: ["<path>"], env: { TOKEN: "<token>" } });
    const wanted = { command: "x", args: ["<path>"], env: { TOKEN: "<token>" }, enabled: false };
    assert.deepEqual([stdio.server, stdio.keys], [wanted, ["args.0", "env.TOKEN"]]);
    const args = ["a < b", "<3", "--format", "{{.Names}}", "yourself", "a->b", "</x>", "{}"];
    assert.deepEqual(importOne({ command: "x", args }).server, { command: "x", args });
  });

  test("keys without a value as if they were not there", () => {
    const server = {
      command: null,
      url: "https://x/mcp",
      args: null,
      env: null,
      timeout: null,
      oauth: false,
    };
    const { server: got, keys } = importOne(server);
    assert.deepEqual([got, keys], [{ url: "https://x/mcp" }, ["oauth"]]);
  });

  test("the servers beside one that is wrong, which is left out with its problem", () => {
    const entries = [
      7,
      [],
      { args: 1 },
      { command: 1 },
      { command: "y", env: 1 },
      { type: "http" },
      { command: [] },
    ];
    for (const bad of entries) {
      const { servers, problems, names } = importJson({ mcpServers: { bad, good: { command: "x" } } });
      assert.deepEqual([...servers], [["good", { command: "x" }]]);
      assert.deepEqual(names, ["bad", "good"]);
      assert.deepEqual(problems[0]?.path?.slice(0, 2), ["mcpServers", "bad"], JSON.stringify(bad));
    }
  });

  test("the near name of a key that a server lacks", () => {
    for (const [key, meant] of [
      ["comand", "command"],
      ["Command", "command"],
      ["commands", "command"],
      ["urll", "url"],
      ["server_url", "serverUrl"],
    ] as const) {
      const { hint } = refusal(JSON.stringify({ mcpServers: { a: { [key]: "s3cr3t" } } })).problems[0] ?? {};
      assert.equal(hint, `${key}: did you mean ${meant}?`);
    }
  });

  test("switches, lists of tools and approvals", () => {
    const server = {
      command: "x",
      disabled: true,
      alwaysAllow: ["read"],
      autoApprove: ["list"],
      disabledTools: ["drop"],
      excludeTools: ["drop", "rm"],
      includeTools: ["read", "list"],
    };
    const { server: got, notes } = importOne(server);
    assert.deepEqual(got, {
      command: "x",
      enabled: false,
      enabled_tools: ["read", "list"],
      disabled_tools: ["drop", "rm"],
      tools: { read: { approval_mode: "approve" }, list: { approval_mode: "approve" } },
    });
    assert.deepEqual(notes, []);
    assert.deepEqual(importOne({ command: "x", includeTools: [] }).server, {
      command: "x",
      enabled_tools: [],
    });
  });

  test("a timeout in the product's unit, and no timeout where the unit is not known", () => {
    for (const [file, timeout, seconds] of [
      [".mcp.json", 90_000, 90],
      [".gemini/settings.json", 1_500, 1.5],
      ["cline_mcp_settings.json", 60, 60],
      [".roo/mcp.json", 60, 60],
    ] as const) {
      const { server, notes } = importOne({ command: "x", timeout }, file);
      assert.deepEqual([server, notes], [{ command: "x", tool_timeout_sec: seconds }, []], file);
    }
    for (const [file, timeout] of [
      [".cursor/mcp.json", 60],
      [".mcp.json", 500],
    ] as const) {
      const { server, keys } = importOne({ command: "x", timeout }, file);
      assert.deepEqual([server, keys], [{ command: "x" }, ["timeout"]], file);
    }
  });

  test("OAuth settings that have a counterpart", () => {
    const claude = importOne({
      type: "http",
      url: "u",
      oauth: { clientId: "id", callbackPort: 8080, scopes: "read write", authServerMetadataUrl: "https://m" },
      headersHelper: "get-headers",
    });
    assert.deepEqual(claude.server, {
      url: "u",
      http_headers_helper: "get-headers",
      oauth: { client_id: "id", callback_port: 8080 },
      scopes: ["read", "write"],
    });
    assert.deepEqual(claude.keys, ["headersHelper", "oauth.authServerMetadataUrl"]);
    const auth = { CLIENT_ID: "id", CLIENT_SECRET: "${env:S}", scopes: ["a"] };
    const cursor = importOne({ url: "u", auth }, ".cursor/mcp.json");
    assert.deepEqual(cursor.server, { url: "u", oauth: { client_id: "id" }, scopes: ["a"] });
    assert.deepEqual(cursor.keys, ["auth.CLIENT_SECRET"]);
    const lone = importOne({ url: "u", auth: { CLIENT_SECRET: "s" } }, ".cursor/mcp.json");
    assert.deepEqual(lone.server, { url: "u" });
  });

  test("Zed's older form of a command", () => {
    const value = {
      context_servers: { a: { command: { path: "x", args: ["1"], env: { L: "1" } }, settings: {} } },
    };
    const { servers, notes } = importJson(value, "settings.json");
    assert.deepEqual(servers.get("a"), { command: "x", args: ["1"], env: { L: "1" } });
    assert.deepEqual(
      notes.map((note) => note.key),
      ["settings"],
    );
  });
});

suite("importServers notes", () => {
  test("servers that cannot run here, and leaves them out", () => {
    for (const [server, file, key] of [
      [{ type: "sse", url: "https://x/sse" }, ".mcp.json", "type"],
      [{ url: "https://x/sse" }, ".gemini/settings.json", "url"],
      [{ url: "https://x" }, "cline_mcp_settings.json", "url"],
      [{ type: "ws", url: "wss://x" }, ".mcp.json", "type"],
      [{ source: "extension", settings: {} }, ".mcp.json", "source"],
    ] as const) {
      const { server: got, keys, notes } = importOne(server, file);
      assert.deepEqual([got, keys], [undefined, [key]], file);
      assert.match(notes[0]?.message ?? "", /left out$/);
    }
    assert.deepEqual(importOne({ type: "http", url: "https://x/sse" }).keys, ["url"]);
  });

  test("what is asked for, has a default, or is put together", () => {
    const value = {
      inputs: [{ id: "gh-token", type: "promptString", password: true }],
      servers: {
        a: {
          type: "http",
          url: "https://${input:host}/mcp",
          headers: {
            Authorization: "Bearer ${input:gh-token}",
            "X-Team": "${input:1st}",
            "X-Path": "${workspaceFolder}",
            "X-Two": "${A}-${B}",
            "X-Default": "${D:-fallback}",
          },
        },
        b: {
          command: "${workspaceFolder}/run",
          args: ["--root", "${userHome}"],
          env: {
            TOKEN: "${input:gh-token}",
            OTHER: "${NAME}",
            URL: "http://${HOST}",
            D: "${D:-fallback}",
            GONE: null,
          },
          envFile: ".env",
        },
      },
    };
    const { servers, notes, unfilled } = importJson(value, ".vscode/mcp.json");
    assert.deepEqual(Object.fromEntries(servers), {
      a: {
        url: "https://${input:host}/mcp",
        bearer_token_env_var: "GH_TOKEN",
        env_http_headers: { "X-Team": "_1ST", "X-Default": "D" },
        http_headers: { "X-Path": "${workspaceFolder}", "X-Two": "${A}-${B}" },
        enabled: false,
      },
      b: {
        command: "${workspaceFolder}/run",
        args: ["--root", "${userHome}"],
        env_vars: ["TOKEN", "OTHER", "URL", "D"],
        enabled: false,
      },
    });
    assert.deepEqual(
      [...unfilled],
      [
        ["a", ["url", "headers.X-Path", "headers.X-Two"]],
        ["b", ["command", "args.1"]],
      ],
    );
    assert.deepEqual(
      notes.map(({ server, key }) => (server === undefined ? key : `${server} ${key}`)),
      [
        "inputs",
        ..."url,headers.Authorization,headers.X-Team,headers.X-Path,headers.X-Two,headers.X-Default"
          .split(",")
          .map((key) => `a ${key}`),
        ..."command,args.1,env.TOKEN,env.OTHER,env.URL,env.D,env.GONE,envFile"
          .split(",")
          .map((key) => `b ${key}`),
      ],
    );
    assert.match(notes[2]?.message ?? "", /set GH_TOKEN before the start/);
  });

  test("secrets that are in the file, and where they could be instead", () => {
    const headers = { Authorization: "Bearer sk-1", "X-Api-Key": "sk-2", Accept: "x" };
    const http = importOne({ type: "http", url: "u", headers });
    assert.deepEqual(http.server, { url: "u", http_headers: headers });
    assert.deepEqual(http.keys, ["headers.Authorization", "headers.X-Api-Key"]);
    assert.match(http.notes[0]?.message ?? "", /bearer_token_env_var/);
    assert.match(http.notes[1]?.message ?? "", /env_http_headers/);
    const stdio = importOne({ command: "x", env: { API_TOKEN: "sk-3", EMPTY_TOKEN: "" } });
    assert.deepEqual(stdio.keys, ["env.API_TOKEN"]);
    assert.match(stdio.notes[0]?.message ?? "", /env_vars/);
  });

  test("every key that has no counterpart, that belongs to the other transport, or that gives rights away (I1, I3)", () => {
    const server = {
      command: "x",
      url: "u",
      headers: {},
      trust: true,
      autoApprove: ["*"],
      dev: {},
      gallery: true,
      color: 1,
    };
    const { server: got, keys, notes } = importOne({ ...server, version: "1", alwaysLoad: true });
    assert.deepEqual(got, { command: "x" });
    assert.deepEqual(
      keys.toSorted(),
      [
        "autoApprove",
        "url",
        "headers",
        "trust",
        "dev",
        "gallery",
        "color",
        "version",
        "alwaysLoad",
      ].toSorted(),
    );
    for (const { key, message } of notes) {
      if (key === "trust" || key === "autoApprove")
        assert.match(message, /default_tools_approval_mode = "approve"/);
      if (key === "url") assert.match(message, /means nothing for a server that is a command/);
    }
    assert.deepEqual(importOne({ httpUrl: "u", url: "v", env: {} }, ".gemini/settings.json").keys, [
      "url",
      "env",
    ]);
  });

  test("names that are not valid, and gives near ones that are free", () => {
    const server = { command: "x" };
    const { servers, notes } = importJson({
      mcpServers: {
        "My Docs!": server,
        "My-Docs": server,
        "my docs": server,
        Ünïcode: server,
        日本: server,
        "a.b/c": server,
      },
    });
    assert.deepEqual([...servers.keys()], ["My-Docs-2", "My-Docs", "my-docs", "Unicode", "server", "a.b/c"]);
    assert.deepEqual(
      notes.map((note) => note.server),
      ["My-Docs-2", "my-docs", "Unicode", "server"],
    );
    assert.match(notes[0]?.message ?? "", /"My Docs!".*"My-Docs-2"/);
  });

  test("keys that are written twice, with their lines, wherever servers lose something by it (J3)", () => {
    const text = `{ "theme": 1, "theme": 2, "mcpServers": {},
      "mcpServers": {
        "a b": { "command": "first", "env": { "X": "1" } },
        "a b": {
          "command": "second", "command": "third",
          "env": { "X": "2",
            "X": "3" }
        }
      }
    }`;
    const { servers, notes } = importServers(text, { file: ".mcp.json" });
    assert.deepEqual([...servers], [["a-b", { command: "third", env: { X: "3" } }]]);
    const twice = notes.filter(({ message }) => message.includes("times"));
    assert.deepEqual(
      twice.map(({ server, key, message }) => [server, key, /\(lines .*?\)/.exec(message)?.[0]]),
      [
        ["a-b", "a b", "(lines 3, 4)"],
        ["a-b", "command", "(lines 5, 5)"],
        ["a-b", "env.X", "(lines 6, 7)"],
        [undefined, "mcpServers", "(lines 1, 2)"],
      ],
    );
  });

  test("secrets in arguments and in the URL, unless a variable stands for them", () => {
    const { keys } = importOne({
      command: "x",
      args: [
        "--port",
        "80",
        "--token",
        "abc",
        "--token",
        "${TOKEN}",
        "KEY_A=1",
        "API_KEY=abc",
        "sk-abcdefgh",
      ],
    });
    assert.deepEqual(keys, ["args.3", "args.5", "args.7", "args.8"]);
    const urls = [
      ["https://u:p@x/mcp", 1],
      ["https://x/mcp?key=abc", 1],
      ["https://x/mcp", 0],
    ] as const;
    for (const [url, count] of urls) {
      const { notes } = importOne({ type: "http", url });
      assert.equal(notes.length, count, url);
      for (const { key, message } of notes) assert.match(`${key}: ${message}`, /^url: .* may be a secret/);
    }
    const { notes } = importOne({ type: "http", url: "https://x/mcp?key=${KEY}" });
    assert.match(
      notes.map(({ message }) => message).join("\n"),
      /^variables in it are not replaced here[^\n]*$/,
    );
  });

  test("why a value with a reference is not taken", () => {
    const { notes } = importOne(
      { command: "x", env: { A: "${input:a}", B: "${env:C}", D: "${workspaceFolder}", E: "x${F}" } },
      ".vscode/mcp.json",
    );
    assert.deepEqual(
      notes.map(({ key, message }) => `${key}: ${message}`),
      [
        "env.A: its value is not asked for here: set A itself before the start",
        "env.B: it is the value of the variable C, which is not looked up here: set B itself before the start",
        "env.D: only the product knows its value: set D itself before the start",
        "env.E: its value is put together from others, which is not supported here: set E itself before the start",
      ],
    );
  });

  test("servers and lists that stand elsewhere in the file", () => {
    const a = { command: "x" };
    const claude = importJson(
      { mcpServers: { a }, projects: { "/p": { mcpServers: { b: a } }, "/q": {} } },
      ".claude.json",
    );
    assert.deepEqual(
      claude.notes.map((note) => note.key),
      ["projects./p.mcpServers"],
    );
    const gemini = importJson({ mcpServers: { a }, mcp: { allowed: ["a"] } }, ".gemini/settings.json");
    assert.deepEqual(
      gemini.notes.map((note) => note.key),
      ["mcp.allowed"],
    );
  });
});

suite("importServers refuses", () => {
  test("what is not valid JSON, with line and column", () => {
    const error = refusal(`{\n  "mcpServers": {\n    "a": { "command" "x" }\n  }\n}\n`);
    assert.match(error.message, /not valid JSON: colon expected/);
    const [problem] = error.problems;
    assert.ok(problem !== undefined);
    const { line, column, file } = problemToJson(problem);
    assert.deepEqual([file, line, column], [".mcp.json", 3, 22]);
    refusal("");
    refusal("{");
    refusal("{} {}");
  });

  test("every wrong shape, with its place, all at once (J2)", () => {
    const error = refusal(
      JSON.stringify(
        {
          mcpServers: {
            a: { command: 7, args: "x", env: { A: ["x"] }, disabled: "yes", timeout: -1, alwaysAllow: true },
            b: { type: "http" },
            c: {},
            d: [],
            e: { type: "stdio" },
            f: { type: "http", url: "u", headers: { A: null }, oauth: { callbackPort: 70_000 } },
          },
        },
        undefined,
        1,
      ),
    );
    assert.deepEqual(
      error.problems.map((problem) => `${problem.path?.join(".")}: ${problem.message}`),
      [
        "mcpServers.a.command: command must be a string, not a number",
        "mcpServers.a.args: args must be an array of strings, not a string",
        "mcpServers.a.env.A: A must be a string, not an array",
        "mcpServers.a.disabled: disabled must be true or false, not a string",
        "mcpServers.a.alwaysAllow: alwaysAllow must be an array of strings, not a boolean",
        "mcpServers.a.timeout: timeout must be a finite number that is not negative",
        "mcpServers.b: url is missing",
        "mcpServers.c: both command and url are missing",
        "mcpServers.d: d must be an object, not an array",
        "mcpServers.e: command is missing",
        "mcpServers.f.headers.A: A must be a string, not null",
        "mcpServers.f.oauth.callbackPort: callbackPort must be a whole number up to 65535",
      ],
    );
    assert.match(error.message, /12 errors/);
    assert.match(
      refusal(`{"mcpServers": {"a": {"command": "x", "timeout": "5"}}}`).message,
      /timeout must be a number, not a string$/,
    );
    assert.equal(problemToJson(error.problems[0] ?? { message: "" }).line, 4);
    assert.match(refusal(`{"mcpServers": []}`).message, /mcpServers must be an object/);
  });

  test("a file without servers, and says what it looked for", () => {
    assert.match(refusal(`{"mcpServers": "./servers.json"}`).message, /not in this file/);
    for (const text of ["{}", "[]", "7", `{"mcpServers": {}}`, `{"mcp": {}}`]) {
      assert.match(refusal(text).message, /no MCP servers .* "mcpServers" \(Claude Code, /);
    }
    assert.doesNotMatch(formatProblem(refusal("{}").problems[0] ?? { message: "" }), /\(in /);
    assert.match(
      refusal(`{"mcpServers": {"a": {}}}`, "x.json", "zed").message,
      /Looked for "context_servers" \(Zed\)$/,
    );
  });
});

suite("importServers shows no secret", () => {
  const secret = "s3cr3t";
  test("in notes (I2)", () => {
    const values = [
      secret,
      `Bearer ${secret}`,
      `\${X:-${secret}}`,
      `\${${secret}} \${env:X}`,
      `a${secret}\${A}`,
    ];
    for (const value of values) {
      for (const server of [
        {
          command: value,
          args: [value],
          cwd: value,
          env: { TOKEN: value },
          envFile: value,
          version: value,
          x: { y: value },
        },
        {
          type: "http",
          url: value,
          headers: { Authorization: value, Key: value },
          oauth: { clientSecret: value, x: value },
        },
        { type: value, url: value },
      ]) {
        const { notes } = importJson({ mcpServers: { a: server } });
        assert.ok(notes.length > 0);
        assert.ok(!JSON.stringify(notes).includes(secret), JSON.stringify(notes));
      }
    }
  });

  test("in errors, wherever the file breaks (J1)", () => {
    const whole = `{ // ${secret}\n "mcpServers": {"a": {"command": "x", "env": {"T": "${secret}"},\n "n": ["${secret}", 1${secret}]}}}`;
    for (let end = 0; end <= whole.length; end++) {
      for (const text of [whole.slice(0, end), `${whole.slice(0, end)}"${whole.slice(end)}`]) {
        try {
          importServers(text, { file: "f" });
        } catch (error) {
          assert.ok(error instanceof ConfigError);
          const shown = [error.message, ...error.problems.map((problem) => formatProblem(problem))].join(
            "\n",
          );
          assert.ok(!shown.includes(secret), `${text}\n${shown}`);
        }
      }
    }
    const wrong = refusal(`{"mcpServers": {"a": {"command": "x", "env": "${secret}", "args": "${secret}"}}}`);
    assert.ok(
      !wrong.problems
        .map((problem) => formatProblem(problem))
        .join("\n")
        .includes(secret),
    );
    assert.match(formatProblem(wrong.problems[0] ?? { message: "" }), /"env": \*+/);
  });
});
