/**
 * Plugins that are written well and badly, by what they are about. Each has the files of its folder; a link is `{ to }`.
 *
 * The differential test gives them all to one Codex, so the names of servers differ.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export type PluginFiles = Readonly<Record<string, unknown>>;

const AGENT = "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json";
const AGENT_MCP = "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json";
const URL = "http://127.0.0.1:1/";

const run = (more: object = {}): object => ({ command: "x", ...more });
const http = (more: object = {}): object => ({ url: URL, ...more });

/** Codex's own format. */
export function legacy(servers: unknown, manifest: unknown = {}, more: PluginFiles = {}): PluginFiles {
  return { ".codex-plugin/plugin.json": manifest, ".mcp.json": servers, ...more };
}

/** The Agent Plugins format. */
export function agent(servers: unknown, manifest: object = {}, more: PluginFiles = {}): PluginFiles {
  return {
    "plugin.json": { $schema: AGENT, name: "agent", ...manifest },
    "mcp.json": { $schema: AGENT_MCP, mcpServers: servers },
    ...more,
  };
}

const stdio = (more: object = {}): object => ({ type: "stdio", command: "node", ...more });
const web = (url: string, more: object = {}): object => ({ type: "streamable-http", url, ...more });
const nested = (levels: number): string =>
  `{"levels${levels}":{"command":"x","more":${"[".repeat(levels)}${"]".repeat(levels)}}}`;

export const PLUGIN_FOLDERS: Readonly<Record<string, PluginFiles>> = {
  bare: legacy({ bare: run() }),
  wrapped: legacy({ mcpServers: { wrapped: run() } }),
  "wrapped-and-bare": legacy({ mcpServers: { "wrapped-only": run() }, "bare-beside": run() }),
  "wrapped-wrongly": legacy({ mcpServers: [], "beside-wrong": run() }),
  "wrapped-null": legacy({ mcpServers: null, "beside-null": run() }),
  schema: legacy({ $schema: "x", mcpServers: { schema: run() } }),
  types: legacy({
    "type-stdio": run({ type: "stdio" }),
    "type-http": http({ type: "http" }),
    "type-snake": http({ type: "streamable_http" }),
    "type-kebab": http({ type: "streamable-http" }),
    "type-sse": http({ type: "sse" }),
    "type-unknown": run({ type: "wat" }),
    "type-number": run({ type: 5 }),
    "type-of-other": run({ type: "http" }),
    "type-null": run({ type: null }),
  }),
  keys: legacy({
    "key-headers": http({ headers: { A: "b" } }),
    "key-http-headers": http({ http_headers: { A: "b" } }),
    "key-token-variable": http({ bearer_token_env_var: "X", env_http_headers: { A: "B" } }),
    "key-token": http({ bearer_token: "X" }),
    "key-unknown": run({ foo: 1 }),
    "key-camel": run({ startupTimeoutSec: 5 }),
    "key-times": run({ startup_timeout_sec: 5, tool_timeout_sec: 7.5 }),
    "key-milliseconds": run({ startup_timeout_ms: 5000 }),
    "key-milliseconds-float": run({ startup_timeout_ms: 5.5 }),
    "key-negative": run({ startup_timeout_sec: -1 }),
    "key-disabled": run({ enabled: false }),
    "key-required": run({ required: true }),
    "key-scope": run({ scope: "host" }),
    "key-env-vars": run({ env_vars: ["A", { name: "B", source: "local" }] }),
    "key-env-vars-wrong": run({ env_vars: [{ name: "B", source: "zz" }] }),
    "key-env": run({ env: { A: "${B}" }, args: ["${PLUGIN_ROOT}", "$HOME"] }),
    "key-env-number": run({ env: { A: 5 } }),
    "key-args-text": run({ args: "x" }),
    "key-args-number": run({ args: [1] }),
    "key-environment": run({ environment_id: "remote" }),
    "key-tools": run({ enabled_tools: ["a"], tools: { a: { approval_mode: "approve" } } }),
    "key-mode": run({ default_tools_approval_mode: "wat" }),
    "key-both": run({ url: "y" }),
    "key-helper": http({ http_headers_helper: "x" }),
    "key-chatgpt": http({ auth: "chatgpt" }),
    "key-ema": http({ auth: "ema_auth" }),
    "key-name": run({ name: "other" }),
    "key-none": {},
    "key-null": null,
    "key-text": "x",
    "key-list": ["x"],
    "key-empty-command": { command: "" },
  }),
  oauth: legacy({
    "oauth-id": http({ oauth: { clientId: "c" } }),
    "oauth-both": http({ oauth: { client_id: "c", clientId: "d" } }),
    "oauth-secret": http({ oauth: { clientSecret: "x" } }),
    "oauth-id-secret": http({ oauth: { clientId: "c", clientSecret: "x" } }),
    "oauth-port": http({ oauth: { callbackPort: "x" } }),
    "oauth-port-number": http({ oauth: { callbackPort: 5 } }),
    "oauth-callback": http({ oauth: { callbackUrl: 5 } }),
    "oauth-method": http({ oauth: { tokenEndpointAuthMethod: "zz" } }),
    "oauth-text": http({ oauth: "x" }),
    "oauth-empty": http({ oauth: {} }),
    "oauth-number": http({ oauth: { clientId: 5 } }),
    "oauth-unknown": http({ oauth: { clientId: "c", foo: 1 } }),
    "oauth-stdio": run({ oauth: { clientId: "c" } }),
  }),
  cwd: legacy({
    "cwd-inside": run({ cwd: "sub" }),
    "cwd-dot": run({ cwd: "." }),
    "cwd-dots": run({ cwd: "./a/./b" }),
    "cwd-out": run({ cwd: "../../up" }),
    "cwd-absolute": run({ cwd: "/abs" }),
    "cwd-empty": run({ cwd: "" }),
    "cwd-null": run({ cwd: null }),
    "cwd-number": run({ cwd: 5 }),
    "cwd-http": http({ cwd: "x" }),
    "cwd-home": run({ cwd: "~/x" }),
    "cwd-program": { command: "./bin/x" },
  }),
  names: legacy({
    "with space": run(),
    "": run(),
    üni: run(),
    "a.b": run(),
    "x/y": run(),
    constructor: run(),
  }),
  prototype: legacy('{"__proto__":{"command":"x"}}'),
  nulls: legacy({
    "null-args": run({ args: null }),
    "null-enabled": run({ enabled: null }),
    "null-tools": run({ tools: null }),
    "null-url": run({ url: null }),
    "null-command": { command: null, url: URL },
    "null-unknown": run({ foo: null }),
    "null-oauth": http({ oauth: { clientId: null } }),
    "null-mode": run({ tools: { a: { approval_mode: null } } }),
    "null-source": run({ env_vars: [{ name: "A", source: null }] }),
    "null-variable": run({ env: { A: null } }),
    "null-argument": run({ args: [null] }),
    "null-tool": run({ tools: { a: null } }),
  }),
  inline: {
    ".codex-plugin/plugin.json": { mcpServers: { inline: run({ cwd: "sub" }) } },
    ".mcp.json": { "inline-file": run() },
  },
  "inline-wrapped": {
    ".codex-plugin/plugin.json": { mcpServers: { mcpServers: { "inline-wrapped": run() } } },
  },
  path: legacy(
    { "path-default": run() },
    { mcpServers: "./conf/m.json" },
    { "conf/m.json": { path: run({ cwd: "sub" }) } },
  ),
  "path-dots": legacy({}, { mcpServers: "././a/./m.json" }, { "a/m.json": { "path-dots": run() } }),
  "path-no-dot": legacy(
    { "no-dot": run() },
    { mcpServers: "m.json" },
    { "m.json": { "no-dot-file": run() } },
  ),
  "path-double": legacy(
    { double: run() },
    { mcpServers: ".//m.json" },
    { "m.json": { "double-file": run() } },
  ),
  "path-up": legacy({ up: run() }, { mcpServers: "./../m.json" }),
  "path-gone": legacy({ "gone-default": run() }, { mcpServers: "./gone.json" }),
  "path-list": legacy(
    { "list-default": run() },
    { mcpServers: ["./a.json"] },
    { "a.json": { "list-file": run() } },
  ),
  "path-number": legacy({ "number-default": run() }, { mcpServers: 5 }),
  "path-empty": legacy({ "empty-default": run() }, { mcpServers: "" }),
  "path-root": legacy({ "root-default": run() }, { mcpServers: "./" }),
  "path-null": legacy({ "null-default": run() }, { mcpServers: null }),
  "manifest-broken": legacy({ "m-broken": run() }, "{not json"),
  "manifest-none": { ".mcp.json": { "m-none": run() } },
  "manifest-bom": legacy({ "m-bom": run() }, "\ufeff{}"),
  "manifest-twice": legacy({ "m-twice": run() }, '{"name":"a","name":"b"}'),
  "manifest-claude": { ".claude-plugin/plugin.json": {}, ".mcp.json": { claude: run() } },
  "manifest-cursor": { ".cursor-plugin/plugin.json": {}, ".mcp.json": { cursor: run() } },
  "manifest-first": {
    ".codex-plugin/plugin.json": { mcpServers: { "first-codex": run() } },
    ".claude-plugin/plugin.json": { mcpServers: { "first-claude": run() } },
  },
  "manifest-second": {
    ".claude-plugin/plugin.json": { mcpServers: { "second-claude": run() } },
    ".cursor-plugin/plugin.json": { mcpServers: { "second-cursor": run() } },
  },
  "manifest-broken-first": {
    ".codex-plugin/plugin.json": "nope",
    ".claude-plugin/plugin.json": { mcpServers: { "after-broken": run() } },
  },
  "manifest-other-file": legacy(
    { "other-file": run() },
    {},
    { ".codex-plugin/plugin.json": undefined, ".codex-plugin/x": "", ".claude-plugin/plugin.json": {} },
  ),
  "manifest-file-for-folder": {
    ".codex-plugin": "file",
    ".claude-plugin/plugin.json": {},
    ".mcp.json": { "for-folder": run() },
  },
  "manifest-link": legacy({ "m-link": run() }, { to: "../m.json" }, { "m.json": {} }),
  "manifest-folder-link": {
    ".codex-plugin": { to: "real" },
    "real/plugin.json": {},
    ".mcp.json": { "m-folder-link": run() },
  },
  "name-of-other": legacy({ "n-other": run() }, { name: "other" }),
  "name-number": legacy({ "n-number": run() }, { name: 5 }),
  "name-null": legacy({ "n-null": run() }, { name: null }),
  "version-number": legacy({ "v-number": run() }, { version: 5 }),
  "version-null": legacy({ "v-null": run() }, { version: null }),
  "keywords-text": legacy({ "k-text": run() }, { keywords: "x" }),
  "keywords-null": legacy({ "k-null": run() }, { keywords: null }),
  "keywords-inner": legacy({ "k-inner": run() }, { keywords: ["a", null] }),
  "description-number": legacy({ "d-number": run() }, { description: 5 }),
  "apps-number": legacy({ "a-number": run() }, { apps: 5 }),
  "hooks-number": legacy({ "h-number": run() }, { hooks: 5, skills: 5 }),
  "interface-number": legacy({ "i-number": run() }, { interface: 5 }),
  "interface-null": legacy({ "i-null": run() }, { interface: null }),
  "interface-name": legacy({ "i-name": run() }, { interface: { displayName: 5 } }),
  "interface-list": legacy({ "i-list": run() }, { interface: { screenshots: [5] } }),
  "mcp-broken": legacy("{oops"),
  "mcp-list": legacy("[]"),
  "mcp-bom": legacy('\ufeff{"mcp-bom":{"command":"x"}}'),
  "mcp-trailing": legacy('{"mcp-trailing":{"command":"x"}} x'),
  "mcp-comma": legacy('{"mcp-comma":{"command":"x"},}'),
  "mcp-twice": legacy('{"mcp-twice":{"command":"x"},"mcp-twice":{"command":"y"}}'),
  "mcp-twice-inside": legacy('{"twice-inside":{"command":"x","command":"y"}}'),
  "mcp-surrogate": legacy('{"surrogate":{"command":"\\ud800"}}'),
  "mcp-deep": legacy(nested(125)),
  "mcp-too-deep": legacy(nested(126)),
  "mcp-folder": { ".codex-plugin/plugin.json": {}, ".mcp.json/x": "" },
  "mcp-link-inside": {
    ".codex-plugin/plugin.json": {},
    "real.json": { "link-inside": run() },
    ".mcp.json": { to: "real.json" },
  },

  "agent-stdio": agent(
    {
      "agent-args": stdio({
        args: [
          "${PLUGIN_ROOT}/s.js",
          "${PLUGIN_DATA}",
          "$PLUGIN_ROOT",
          "${HOME}",
          "${PLUGIN_ROOT}${PLUGIN_DATA}",
        ],
        env: { X: "${PLUGIN_DATA}/d" },
      }),
      "agent-cwd-here": stdio({ cwd: "./" }),
      "agent-cwd-sub": stdio({ cwd: "./sub" }),
      "agent-cwd-root": stdio({ cwd: "${PLUGIN_ROOT}/" }),
      "agent-cwd-data": stdio({ cwd: "${PLUGIN_DATA}/x" }),
      "agent-cwd-bare": stdio({ cwd: "sub" }),
      "agent-cwd-absolute": stdio({ cwd: "/abs" }),
      "agent-cwd-out": stdio({ cwd: "./../up" }),
      "agent-cwd-data-out": stdio({ cwd: "${PLUGIN_DATA}/../x" }),
      "agent-cwd-null": stdio({ cwd: null }),
      "agent-cwd-back": stdio({ cwd: "./a/../b" }),
      "agent-cwd-backslash": stdio({ cwd: "./a\\b" }),
      "agent-cwd-two": stdio({ cwd: "${PLUGIN_ROOT}/a/${PLUGIN_DATA}" }),
      "agent-cwd-empty": stdio({ cwd: "" }),
      "agent-cwd-link": stdio({ cwd: "./link" }),
      "agent-cwd-dangling": stdio({ cwd: "./dangling" }),
      "agent-program": stdio({ command: "./bin/x" }),
      "agent-program-link": stdio({ command: "./inner/x" }),
      "agent-program-out": stdio({ command: "./../../x" }),
      "agent-program-up": stdio({ command: "../x" }),
      "agent-program-absolute": stdio({ command: "/bin/x" }),
      "agent-program-bare": stdio({ command: "bin/x" }),
      "agent-program-empty": stdio({ command: "" }),
      "agent-program-backslash": stdio({ command: "a\\b" }),
      "agent-program-variable": stdio({ command: "${PLUGIN_ROOT}/x" }),
      "agent-program-word": stdio({ command: "${PLUGIN_ROOT}" }),
      "agent-key": stdio({ startup_timeout_sec: 5 }),
      "agent-meta": stdio({ _meta: {} }),
      "agent-args-null": stdio({ args: null }),
      "agent-args-number": stdio({ args: [5] }),
      "agent-env-number": stdio({ env: { A: 5 } }),
      "agent-env-reserved": stdio({ env: { PLUGIN_ROOT: "x" } }),
      "agent-env-small": stdio({ env: { plugin_root: "x" } }),
      "agent-type-none": { command: "x" },
      "agent-type-sse": { type: "sse", url: "https://x.example/sse" },
      "agent-type-http": { type: "http", url: URL },
      "agent-null": null,
      "agent-text": "x",
    },
    {},
    { link: { to: "/tmp" }, dangling: { to: "nowhere" }, inner: { to: "e" }, "e/x": "" },
  ),
  "agent-http": agent({
    "web-loopback": web(URL),
    "web-localhost": web("http://localhost:1/"),
    "web-six": web("http://[::1]:1/"),
    "web-upper": web("HTTP://LOCALHOST:1/"),
    "web-short": web("http://127.1:1/"),
    "web-blank": web(" http://127.0.0.1:1/ "),
    "web-mapped": web("http://[::ffff:127.0.0.1]:1/"),
    "web-plain": web("http://x.example/"),
    "web-dot": web("http://localhost.:1/"),
    "web-ftp": web("ftp://x"),
    "web-user": web("http://u:p@127.0.0.1:1/"),
    "web-fragment": web("http://127.0.0.1:1/#f"),
    "web-empty": web(""),
    "web-word": web("word"),
    "web-variable": web("http://127.0.0.1:1/${PLUGIN_ROOT}"),
    "web-headers": web("https://127.0.0.1:1/", { headers: { "X-A": "b", Authorization: "t", Host: "h" } }),
    "web-headers-gone": web(URL, { headers: { Authorization: "x" } }),
    "web-headers-null": web(URL, { headers: null }),
    "web-headers-twice": web(URL, { headers: { A: "1", a: "2" } }),
    "web-headers-name": web(URL, { headers: { "a b": "1" } }),
    "web-headers-line": web(URL, { headers: { A: "x\ny" } }),
    "web-http-headers": web(URL, { http_headers: { a: "b" } }),
  }),
  "agent-mcp-schema": { ...agent({}), "mcp.json": { mcpServers: { "s-none": stdio() } } },
  "agent-mcp-newer": {
    ...agent({}),
    "mcp.json": {
      $schema: "https://agent-plugins.org/schemas/2.0.0/mcp.schema.json",
      mcpServers: { "s-newer": stdio() },
    },
  },
  "agent-mcp-bare": { ...agent({}), "mcp.json": { $schema: AGENT_MCP, "s-bare": stdio() } },
  "agent-mcp-key": {
    ...agent({}),
    "mcp.json": { $schema: AGENT_MCP, mcpServers: { "s-key": stdio() }, foo: 1 },
  },
  "agent-mcp-twice": {
    ...agent({}),
    "mcp.json": `{"$schema":"${AGENT_MCP}","$schema":"${AGENT_MCP}","mcpServers":{"s-twice":{"type":"stdio","command":"x"}}}`,
  },
  "agent-mcp-list": agent([]),
  "agent-mcp-gone": { ...agent({}), "mcp.json": undefined, ".mcp.json": { "s-gone": run() } },
  "agent-newer": {
    ...legacy({ "a-newer": run() }),
    "plugin.json": { $schema: "https://agent-plugins.org/schemas/2.0.0/plugin.schema.json", name: "x" },
  },
  "agent-unrelated": { ...legacy({ "a-unrelated": run() }), "plugin.json": { name: "x" } },
  "agent-unreadable": { ...legacy({ "a-unreadable": run() }), "plugin.json": "{nope" },
  "agent-folder": { ...legacy({ "a-folder": run() }), "plugin.json/x": "" },
  "agent-link": { ...legacy({ "a-link": run() }), "plugin.json": { to: "m.json" }, "m.json": {} },
  "agent-name-upper": agent({ "an-upper": stdio() }, { name: "B" }),
  "agent-name-hyphens": agent({ "an-hyphens": stdio() }, { name: "b--c" }),
  "agent-name-null": agent({ "an-null": stdio() }, { name: null }),
  "agent-version-null": agent({ "av-null": stdio() }, { version: null }),
  "agent-unknown-key": agent({ "au-key": stdio() }, { foo: 1, mcpServers: { "au-inline": run() } }),
  "agent-author": agent({ "aa-known": stdio() }, { author: { name: "x" } }),
  "agent-author-key": agent({ "aa-key": stdio() }, { author: { foo: 1 } }),
  "agent-author-text": agent({ "aa-text": stdio() }, { author: "x" }),
  "agent-author-null": agent({ "aa-null": stdio() }, { author: { name: null } }),
  "agent-homepage": agent({ "ah-number": stdio() }, { homepage: 5 }),
  "agent-keywords": agent({ "ak-number": stdio() }, { keywords: 5 }),
  "agent-extensions": agent({ "ae-number": stdio() }, { extensions: 5 }),
  "agent-extension": agent(
    { "ae-known": stdio() },
    { extensions: { "com.openai": { mcpServers: { "ae-inline": run() } } } },
  ),
  "agent-extension-wrong": agent({ "ae-wrong": stdio() }, { extensions: { "com.openai": { name: 5 } } }),
  "agent-overlay": agent(
    { "ao-known": stdio() },
    {},
    { ".codex-plugin/plugin.json": { mcpServers: { "ao-inline": run() } } },
  ),
  "agent-overlay-broken": agent({ "ao-broken": stdio() }, {}, { ".codex-plugin/plugin.json": "nope" }),
  "agent-overlay-unread": agent(
    { "ao-unread": stdio() },
    { extensions: { "com.openai": {} } },
    { ".codex-plugin/plugin.json": "nope" },
  ),
  "agent-overlay-claude": agent({ "ao-claude": stdio() }, {}, { ".claude-plugin/plugin.json": "nope" }),
};

/** Where ours is not Codex's, with the reason: the servers that Codex has and we have not. */
export const STRICTER: Readonly<
  Record<string, { readonly files: PluginFiles; readonly servers: readonly string[] }>
> = {
  "a manifest that is an array, which Codex reads by position": {
    files: legacy({ "strict-array": run() }, "[]"),
    servers: ["strict-array"],
  },
  "a file of servers that leads out of the plugin": {
    files: { ".codex-plugin/plugin.json": {}, ".mcp.json": { to: "../../../../../outside.json" } },
    servers: ["strict-outside"],
  },
  "a folder that leads out of the plugin": {
    files: {
      ".codex-plugin/plugin.json": { mcpServers: "./d/outside-too.json" },
      d: { to: "../../../../.." },
    },
    servers: ["strict-outside-too"],
  },
};

/** What those two lead to, in the home. */
export const OUTSIDE: PluginFiles = {
  "outside.json": { "strict-outside": run() },
  "outside-too.json": { "strict-outside-too": run() },
};

/** Text is written as it is, an object as JSON; nothing for `undefined`. */
export function writeFiles(folder: string, files: PluginFiles): void {
  for (const [path, content] of Object.entries(files)) {
    if (content === undefined) continue;
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    if (typeof content === "object" && content !== null && "to" in content)
      symlinkSync(String(content.to), file);
    else writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  }
}

/** Installs it as Codex would. */
export function install(home: string, id: string, files: PluginFiles, version = "1.0.0"): void {
  const at = id.lastIndexOf("@");
  writeFiles(join(home, "plugins/cache", id.slice(at + 1), id.slice(0, at), version), files);
}
