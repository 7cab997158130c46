/** A snapshot says of a table of servers what the real Codex's app-server says of them (O4). */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { effectiveMcpServers, loadConfigLayers } from "../../src/config/index.ts";
import { collectMcpSnapshot, type ServerSnapshot } from "../../src/mcp/index.ts";
import { json, RawPeer } from "../../src/testing/http-server/raw-peer.ts";
import { processesOfOwner } from "../../src/testing/leaks.ts";
import { withPluginNote } from "../../src/tools/tool-info.ts";
import { install, legacy } from "../config/support/plugin-folders.ts";
import { CodexConfig } from "../support/codex-config.ts";
import { answer, type Description } from "./support/described-server.ts";

const PROGRAM = join(import.meta.dirname, "support", "described-server.ts");

const tool = (name: string, more: object = {}): object => ({
  name,
  inputSchema: { type: "object" },
  ...more,
});
const tools = (...names: readonly string[]): object => ({ tools: names.map((name) => tool(name)) });
const ICON = { src: "https://example.com/i.png", mimeType: "image/png", sizes: ["48x48"], theme: "dark" };
const NOTE = { audience: ["user"], priority: 0.5, lastModified: "2025-01-01T00:00:00Z" };

/** Everything that can be said of a server. */
const RICH: Description = {
  serverInfo: {
    ...{ name: "rich-impl", title: "Rich", version: "9.9", description: "about it" },
    ...{ websiteUrl: "https://example.com/rich", icons: [ICON] },
  },
  capabilities: {
    ...{ tools: { listChanged: true }, resources: { subscribe: true }, prompts: {}, logging: {} },
    ...{ completions: {}, experimental: { x: { y: 1 } }, extensions: { "com.example/y": {} } },
  },
  instructions: "be kind",
  answers: {
    "tools/list": [
      {
        _meta: { page: 1 },
        tools: [
          tool("b", {
            ...{ title: "B", description: "does b", icons: [ICON], _meta: { m: 1 } },
            annotations: { title: "T", readOnlyHint: true, openWorldHint: false },
            outputSchema: { type: "object", properties: { n: { type: "number" } } },
          }),
        ],
      },
      {
        _meta: { page: 2 },
        tools: [
          ...[tool("a"), tool("with a blank!"), tool("b", { description: "again" })],
          tool("of-an-app", { _meta: { ui: { visibility: ["app"] } } }),
        ],
      },
    ],
    "resources/list": [
      {
        resources: [
          {
            ...{ uri: "x://b", name: "b", title: "B", description: "is b", mimeType: "text/plain", size: 12 },
            ...{ annotations: NOTE, icons: [ICON], _meta: { r: 1 } },
          },
        ],
      },
      { resources: [{ uri: "x://a", name: "a" }] },
    ],
    "resources/templates/list": {
      resourceTemplates: [
        {
          ...{ uriTemplate: "x://{y}", name: "t", title: "TT", description: "is t", mimeType: "text/plain" },
          annotations: NOTE,
        },
      ],
    },
    "prompts/list": { prompts: [{ name: "p" }] },
  },
};
const FOREIGN: Description = {
  answers: {
    "tools/list": {
      tools: [tool("x", { annotations: { foreign: 2 }, execution: { taskSupport: "optional" }, foreign: 1 })],
    },
    "resources/list": { resources: [{ uri: "x://a", name: "a", foreign: 1 }] },
    "resources/templates/list": {
      resourceTemplates: [{ uriTemplate: "x://{y}", name: "t", icons: [ICON], _meta: { t: 1 } }],
    },
  },
  capabilities: { tools: {}, resources: {} },
};
const ONE_RESOURCE = { resources: [{ uri: "x://a", name: "a" }] };
const BOTH = { tools: {}, resources: {} };

/** Answered by this process. */
const OVER_HTTP: Readonly<Record<string, Description>> = {
  http: RICH,
  foreign: FOREIGN,
  filtered: { answers: { "tools/list": tools("a", "b", "c") } },
  "no-capabilities": {
    capabilities: {},
    answers: { "tools/list": tools("x"), "resources/list": ONE_RESOURCE },
  },
  "no-templates": {
    capabilities: BOTH,
    answers: { "tools/list": { tools: [] }, "resources/list": ONE_RESOURCE },
  },
  "resources-fail": {
    capabilities: BOTH,
    answers: {
      "tools/list": tools("x"),
      "resources/list": { error: { code: -32000, message: "not today" } },
      "resources/templates/list": { resourceTemplates: [{ uriTemplate: "x://{a}", name: "t" }] },
    },
  },
  undeclared: { answers: { "tools/list": tools("x"), "resources/list": ONE_RESOURCE } },
  twice: {
    capabilities: BOTH,
    answers: {
      "tools/list": tools("x"),
      "resources/list": {
        resources: [
          { uri: "x://a", name: "a" },
          { uri: "x://a", name: "again" },
        ],
      },
    },
  },
  "no-tools": { capabilities: { resources: {} }, answers: { "resources/list": ONE_RESOURCE } },
  "tools-fail": {
    capabilities: BOTH,
    answers: { "tools/list": { error: { code: -32000, message: "no tools today" } } },
  },
  "no-schema": { answers: { "tools/list": { tools: [tool("x"), { name: "y" }] } } },
  bearer: { answers: { "tools/list": tools("x") } },
  header: { answers: { "tools/list": tools("x") } },
  unset: { answers: { "tools/list": tools("x") } },
  off: { answers: { "tools/list": tools("x") } },
  "of-plugin": {
    answers: {
      "tools/list": {
        tools: ["", "does it", "does it.", "does it! ", "does it?\n", "does it:", " "].map(
          (description, at) => tool(`t${at}`, at === 0 ? {} : { description }),
        ),
      },
    },
  },
};
/** The one that is no server of the file. */
const OF_PLUGIN = "of-plugin";

const MORE_KEYS: Readonly<Record<string, string>> = {
  filtered: 'enabled_tools = ["a", "b", "not-there"]\ndisabled_tools = ["b"]\n',
  bearer: 'bearer_token_env_var = "HOME"\n',
  header: 'http_headers = { Authorization = "Bearer x" }\n',
  unset: 'bearer_token_env_var = "NO_SUCH_VARIABLE"\n',
  off: "enabled = false\n",
};

function configuration(url: (path: string) => string): string {
  const stdio = (description: Description): string =>
    `command = ${JSON.stringify(process.execPath)}\nargs = ${JSON.stringify([PROGRAM, JSON.stringify(description)])}\n`;
  const servers = {
    ...Object.fromEntries(
      Object.keys(OVER_HTTP)
        .filter((name) => name !== OF_PLUGIN)
        .map((name) => [name, `url = "${url(name)}"\n${MORE_KEYS[name] ?? ""}`]),
    ),
    stdio: stdio(RICH),
    dead: stdio({ exit: 3 }),
    "stdio-off": `${stdio({})}enabled = false\n`,
    "no-program": 'command = "no-such-program"\n',
    unreachable: 'url = "http://127.0.0.1:1/mcp"\n',
    login: `url = "${url("login")}"\n`,
  };
  const tables = Object.entries(servers).map(([name, text]) => `[mcp_servers.${name}]\n${text}`);
  return `[plugins."p@m"]\n${tables.join("")}`;
}

type Status = Readonly<Record<string, unknown>> & { readonly name: string };

const RUNTIME_STATUS: Readonly<Record<string, string>> = {
  ready: "connected",
  failed: "failed",
  disabled: "disabled",
  needs_login: "authenticationRequired",
};

/** A snapshot in the shape of `mcpServerStatus/list`. */
function codexShape(of: ServerSnapshot): Status {
  const { status, serverInfo: info } = of;
  const broken = status.state === "failed" || status.state === "needs_login";
  return {
    name: of.name,
    // Of this machine it names only where a plugin's server runs.
    environmentId: of.environment === "local" && of.plugin === undefined ? null : of.environment,
    runtimeStatus: RUNTIME_STATUS[status.state],
    pluginId: of.plugin?.id ?? null,
    httpOrigin: of.httpOrigin ?? null,
    serverInfo: info === undefined ? null : { ...NO_INFO, ...info },
    serverCapabilities: of.capabilities ?? null,
    toolListMeta: of.toolListMeta ?? null,
    tools: Object.fromEntries(of.tools.map((each) => [each.name, toldTool(each, of.plugin)])),
    toolsError: broken ? status.reason.message : null,
    resources: of.resources,
    resourceTemplates: of.resourceTemplates,
    authStatus: of.authStatus,
  };
}

/** A tool of a plugin, as models are told of it. */
function toldTool(tool: ServerSnapshot["tools"][number], plugin: ServerSnapshot["plugin"]): object {
  if (plugin === undefined) return tool;
  return { ...tool, description: withPluginNote(tool.description ?? "", [plugin.displayName]) };
}
const NO_INFO = { title: null, description: null, icons: null, websiteUrl: null };

interface Difference {
  /** What we do otherwise, and why. */
  readonly name: string;
  readonly servers: readonly string[];
  readonly fields: readonly string[];
  /** What may differ in them. @default anything */
  readonly fits?: (ours: unknown, codexs: unknown) => boolean;
}

const NOT_WORKING = ["dead", "no-program", "unreachable", "login", "unset", "no-tools", "tools-fail"];

const DIFFERENCES: readonly Difference[] = [
  {
    name: "a failure is a sentence about the server; Codex shows the insides of its client",
    servers: NOT_WORKING,
    fields: ["toolsError"],
    fits: (ours, codexs) => typeof ours === "string" && String(codexs).startsWith("MCP startup failed: "),
  },
  {
    name: "keys that Codex's types do not have are passed on: a host may know them",
    servers: ["foreign"],
    fields: ["tools", "resources", "resourceTemplates"],
    fits: (ours, codexs) => isPartOf(codexs, ours),
  },
  {
    name: "what a server does not declare is not asked for, unless it declares nothing at all: MCP's lifecycle",
    servers: ["undeclared"],
    fields: ["resources"],
    fits: (ours, codexs) => isDeepStrictEqual([ours, codexs], [[], ONE_RESOURCE.resources]),
  },
  {
    name: "a URI is listed once, as first declared: it identifies the resource",
    servers: ["twice"],
    fields: ["resources"],
    fits: (ours, codexs) => isDeepStrictEqual(ours, (codexs as readonly unknown[]).slice(0, 1)),
  },
  {
    name: "a tool without a schema does not take away its server",
    servers: ["no-schema"],
    fields: ["runtimeStatus", "serverInfo", "tools", "toolsError"],
    fits: (ours) => isDeepStrictEqual(ours, "connected") || typeof ours === "object",
  },
  {
    name: "what a server declared is gone with its session, also when only its tools could not be had",
    servers: ["no-tools", "tools-fail"],
    fields: ["serverCapabilities"],
    fits: (ours) => ours === null,
  },
];

/** Whether everything in the one is in the other. */
function isPartOf(part: unknown, whole: unknown): boolean {
  if (typeof part !== "object" || part === null) return part === whole;
  if (typeof whole !== "object" || whole === null) return false;
  return Object.entries(part).every(([key, value]) =>
    isPartOf(value, (whole as Record<string, unknown>)[key]),
  );
}

test("a snapshot is what Codex's mcpServerStatus/list says, field by field; each difference has a name (O4)", {
  timeout: 120_000,
}, async (t) => {
  await using peer = await RawPeer.start(({ method, path, body }, response) => {
    const description = OVER_HTTP[path.slice(1)];
    if (path === "/login") return void response.writeHead(401, { "www-authenticate": "Bearer" }).end();
    if (description === undefined) return void response.writeHead(404).end();
    if (method !== "POST") return void response.writeHead(405).end();
    const message = answer(description, body as object);
    if (message === undefined) return void response.writeHead(202).end();
    json(response, message);
  });
  const toml = configuration((path) => `http://127.0.0.1:${peer.port}/${path}`);
  await using codex = await CodexConfig.start();
  const served = { [OF_PLUGIN]: { url: `http://127.0.0.1:${peer.port}/${OF_PLUGIN}` } };
  install(codex.home, "p@m", legacy(served, { interface: { displayName: "The Plugin" } }));
  const started = await codex.ask("thread/start", toml, { cwd: join(codex.home, "work") });
  assert.equal(started.error, null);
  const { id: threadId } = (started.result as { readonly thread: { readonly id: string } }).thread;
  const listed = await codex.ask("mcpServerStatus/list", toml, { threadId });
  const theirs = (listed.result as { readonly data: readonly Status[] }).data;

  writeFileSync(join(codex.home, "config.toml"), toml);
  const layers = loadConfigLayers({
    ...{ cwd: join(codex.home, "work"), codexHome: codex.home, systemDir: codex.home },
    ...{ switchyardHome: join(codex.home, "none"), env: {} },
  });
  const before = processesOfOwner(process.pid);
  const { servers } = await collectMcpSnapshot(effectiveMcpServers(layers));
  assert.deepEqual(processesOfOwner(process.pid), before);
  const ours = servers.map(codexShape);

  assert.deepEqual(
    ours.map(({ name }) => name),
    theirs.map(({ name }) => name),
  );
  assert.ok(theirs.some(({ pluginId }) => pluginId === "p@m"));
  const used = new Set<Difference>();
  for (const [at, codexs] of theirs.entries()) {
    const own = JSON.parse(JSON.stringify(ours[at])) as Status;
    assert.deepEqual(Object.keys(own), Object.keys(codexs));
    for (const [field, value] of Object.entries(codexs)) {
      if (isDeepStrictEqual(own[field], value)) continue;
      const named = DIFFERENCES.find(
        ({ servers: of, fields, fits = () => true }) =>
          of.includes(own.name) && fields.includes(field) && fits(own[field], value),
      );
      if (named === undefined) assert.deepEqual(own[field], value, `${field} of ${own.name}`);
      else used.add(named);
    }
  }
  for (const { name } of used) t.diagnostic(name);
  assert.deepEqual(
    DIFFERENCES.filter((each) => !used.has(each)).map(({ name }) => name),
    [],
    "a difference that is none any more",
  );
});
