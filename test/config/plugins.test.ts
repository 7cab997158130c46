/**
 * Plugins as the real Codex reads them: it and we are given the same home, and must list the same servers.
 *
 * One Codex answers for all folders at once; the ways of the configuration need a home each.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { promisify } from "node:util";
import { findCodex } from "../../src/codex/app-server/binary.ts";
import { configuredMcpServers } from "../../src/config/effective/configured.ts";
import { effectiveMcpServers } from "../../src/config/effective/effective.ts";
import { loadConfigLayers } from "../../src/config/layers/layers.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { listed, type ListedServer, shownByCodex } from "./support/listed-servers.ts";
import {
  install,
  legacy,
  OUTSIDE,
  PLUGIN_FOLDERS,
  type PluginFiles,
  STRICTER,
  writeFiles,
} from "./support/plugin-folders.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-plugins-")));
after(() => rmSync(root, { recursive: true, force: true }));
let homes = 0;

function newHome(files: PluginFiles): string {
  const home = join(root, `home${homes++}`);
  writeFiles(home, files);
  return home;
}

interface Asked {
  readonly overrides?: readonly string[];
  readonly cwd?: string;
}

/** By name; or the first line of what is wrong. */
type Answer = ReadonlyMap<string, ListedServer> | string;

async function codexList(home: string, { overrides = [], cwd = home }: Asked = {}): Promise<Answer> {
  const flags = overrides.flatMap((each) => ["-c", each]);
  const env = { PATH: process.env["PATH"], HOME: home, CODEX_HOME: home, RUST_BACKTRACE: "0" };
  const binary = findCodex(undefined, process.env).path;
  try {
    const { stdout } = await promisify(execFile)(binary, ["mcp", "list", "--json", ...flags], {
      env,
      cwd,
      maxBuffer: 2 ** 26,
    });
    return byName(shownByCodex(JSON.parse(stdout) as ListedServer[]));
  } catch (error) {
    const { stderr = "" } = error as { stderr?: string };
    const [, said = stderr] = /Caused by:\n\s*(.*)/.exec(stderr) ?? [];
    return said;
  }
}

function ourList(home: string, { overrides = [], cwd = home }: Asked = {}): Answer {
  const layers = loadConfigLayers({
    codexHome: home,
    switchyardHome: "/dev/null",
    systemDir: join(root, "etc"),
    cwd,
    overrides,
    env: {},
  });
  const [error] = configuredMcpServers(layers).errors;
  if (error !== undefined) return error.message;
  const { servers } = effectiveMcpServers(layers);
  return byName(
    servers.filter(({ config, status }) => config !== undefined && status !== "inactive").map(listed),
  );
}

function byName(servers: readonly ListedServer[]): ReadonlyMap<string, ListedServer> {
  return new Map(servers.map((server) => [server.name, server]));
}

suite("plugins are read as by the real Codex", () => {
  const ids = new Map(Object.keys(PLUGIN_FOLDERS).map((name) => [name, `${name}@market`]));
  const home = newHome({ "config.toml": [...ids.values()].map((id) => `[plugins."${id}"]\n`).join("") });
  for (const [name, files] of Object.entries(PLUGIN_FOLDERS)) install(home, `${name}@market`, files);
  const both = codexList(home);

  test(`all ${ids.size} folders, all their servers (B1, B2, G1–G3, N1–N3, T1, T2)`, async () => {
    const [codexs, ours] = [await both, ourList(home)];
    assert.ok(typeof codexs !== "string" && typeof ours !== "string");
    assert.deepEqual([...ours.keys()].sort(), [...codexs.keys()].sort());
    for (const [name, server] of codexs) assert.deepEqual(ours.get(name), server, name);
    assert.ok(codexs.size > 100);
  });

  test("what is left out has a reason, with the plugin or the file it is about (P1, T3)", () => {
    const layers = loadConfigLayers({ codexHome: home, switchyardHome: "/dev/null", cwd: home, env: {} });
    const { plugins, problems } = layers.plugins ?? { plugins: [], problems: [] };
    const read = new Map(plugins.map(({ id, servers }) => [id, servers]));
    // Codex says nothing of a file of servers that is not there.
    const silent = ["path-gone", "mcp-folder", "agent-mcp-gone"];
    for (const [name, id] of ids) {
      const about = problems.filter(({ path }) => path?.[1] === id);
      const servers = read.get(id);
      if (servers === undefined || servers.length === 0)
        assert.ok(about.length > 0 || silent.includes(name), name);
      for (const { config, errors } of servers ?? [])
        assert.equal(config === undefined, errors.length > 0, name);
    }
    for (const each of [
      ...problems,
      ...plugins.flatMap(({ servers }) => servers.flatMap(({ errors }) => errors)),
    ])
      assert.ok(each.place !== undefined, each.message);
  });
});

test("ours is stricter where a plugin is dangerous or odd, and nowhere else (F1)", async () => {
  const all = Object.values(STRICTER);
  const home = newHome({
    "config.toml": all.map((_, at) => `[plugins."strict${at}@market"]\n`).join(""),
    ...OUTSIDE,
  });
  for (const [at, { files }] of all.entries()) install(home, `strict${at}@market`, files);
  const [codexs, ours] = [await codexList(home), ourList(home)];
  assert.ok(typeof codexs !== "string" && typeof ours !== "string");
  assert.deepEqual([...codexs.keys()].sort(), all.flatMap(({ servers }) => servers).sort());
  assert.deepEqual([...ours.keys()], []);
});

const P: PluginFiles = legacy({ s1: { command: "one" }, s2: { command: "two", enabled: false } });
const Q: PluginFiles = legacy({ s1: { command: "of-q" }, s3: { command: "three" } });

interface Way extends Asked {
  readonly toml?: string;
  readonly files?: PluginFiles;
  /** What is asked in a project of its own, whose file this is. */
  readonly project?: string;
}

/** Each with `p@market` and `q@market` installed. */
const WAYS: Readonly<Record<string, Way>> = {
  "a table is enough": { toml: '[plugins."p@market"]\n' },
  "without a table a plugin does not count": {},
  "it can be switched off": { toml: '[plugins."p@market"]\nenabled = false\n' },
  "the defaults count where a plugin says nothing": {
    toml: '[plugins]\n_default = { enabled = false }\n[plugins."p@market"]\n[plugins."q@market"]\nenabled = true\n',
  },
  "the feature switches all off": { toml: '[features]\nplugins = false\n[plugins."p@market"]\n' },
  "the first by id wins a name (Y1)": { toml: '[plugins."q@market"]\n[plugins."p@market"]\n' },
  "one that is broken wins nothing": {
    toml: '[plugins."a@market"]\n[plugins."p@market"]\n',
    files: {
      "plugins/cache/market/a/1/.codex-plugin/plugin.json": {},
      "plugins/cache/market/a/1/.mcp.json": { s1: {} },
    },
  },
  "one that is switched off by its policy still wins": {
    toml: '[plugins."p@market"]\n[plugins."p@market".mcp_servers.s1]\nenabled = false\n[plugins."q@market"]\n',
  },
  "the configuration wins whole (Y1)": {
    toml: '[plugins."p@market"]\n[mcp_servers.s1]\nurl = "http://127.0.0.1:1/"\n',
  },
  "a disabled entry vetoes (Y2)": {
    toml: '[plugins."p@market"]\n[mcp_servers.s1]\ncommand = "x"\nenabled = false\n',
  },
  "a part of a server is an error": { toml: '[plugins."p@market"]\n[mcp_servers.s1]\nenabled = false\n' },
  "a policy without `enabled` switches on": {
    toml: '[plugins."p@market".mcp_servers.s2]\nenabled_tools = ["a"]\n',
  },
  "an unknown key is ignored": {
    toml: '[plugins."p@market"]\nfoo = 1\n[plugins."p@market".mcp_servers.s1]\nfoo = 1\n',
  },
  "a wrong table": { toml: "plugins = 1\n" },
  "a wrong plugin": { toml: '[plugins]\n"p@market" = 1\n' },
  "a wrong switch": { toml: '[plugins."p@market"]\nenabled = "x"\n' },
  "a wrong default": { toml: '[plugins]\n"p@market" = 1\n_default = 1\n' },
  "a wrong policy": { toml: '[plugins."p@market".mcp_servers.s1]\ndefault_tools_approval_mode = "wat"\n' },
  "an override counts": { overrides: ["plugins.p@market.enabled=true"] },
  "an override of a policy": {
    toml: '[plugins."p@market"]\n',
    overrides: ["plugins.p@market.mcp_servers.s1.enabled=false"],
  },
  "a trusted project counts": { project: '[plugins."p@market"]\n' },
  "a trusted project switches off": {
    toml: '[plugins."p@market"]\n[plugins."q@market"]\n',
    project: '[plugins."p@market"]\nenabled = false\n',
  },
  ids: {
    toml: [
      "no-market",
      "p@",
      "@market",
      "../p@market",
      "a@b@market",
      "p q@market",
      "p.q@market",
      ".p@market",
      "p..q@market",
      "P_-1@market",
      "ü@market",
      "..@market",
    ]
      .map((id) => `[plugins."${id}"]\n`)
      .join(""),
    files: Object.fromEntries(
      ["a@b", "p q", "p.q", ".p", "p..q", "P_-1", "ü"].flatMap((name, at) => [
        [`plugins/cache/market/${name}/1/.codex-plugin/plugin.json`, {}],
        [`plugins/cache/market/${name}/1/.mcp.json`, { [`id${at}`]: { command: "x" } }],
      ]),
    ),
  },
  ...Object.fromEntries(
    [
      ["1.2.0", "1.10.0", "1.9.0"],
      ["9.0.0", "local"],
      ["1.0.0", "1.0.0-beta.2", "1.0.0-beta.11"],
      ["1.0.0+1", "1.0.0+2", "1.0.0+10"],
      ["1.0.0-1", "1.0.0-a", "1.0.0-a.1"],
      ["0abc1234", "f0000000"],
      ["1.0", "1 1"],
    ].map((versions): [string, Way] => [
      `versions ${versions.join(", ")}`,
      {
        toml: '[plugins."v@market"]\n',
        files: Object.fromEntries(
          versions.flatMap((version) => [
            [`plugins/cache/market/v/${version}/.codex-plugin/plugin.json`, {}],
            [`plugins/cache/market/v/${version}/.mcp.json`, { v: { command: `v${version}` } }],
          ]),
        ),
      },
    ]),
  ),
  "a link is no version": {
    toml: '[plugins."v@market"]\n',
    files: {
      "real/.codex-plugin/plugin.json": {},
      "real/.mcp.json": { v: { command: "x" } },
      "plugins/cache/market/v/1.0.0": { to: "../../../../real" },
    },
  },
  "the folder of versions may be a link": {
    toml: '[plugins."v@market"]\n',
    files: {
      "real/1/.codex-plugin/plugin.json": {},
      "real/1/.mcp.json": { v: { command: "x" } },
      "plugins/cache/market/v": { to: "../../../real" },
    },
  },
};

suite("the configuration decides about plugins as in the real Codex", { concurrency: 2 }, () => {
  for (const [name, { toml = "", files = {}, project, overrides = [] }] of Object.entries(WAYS)) {
    test(name, async () => {
      const folder = join(root, `project${homes}`);
      const trust = project === undefined ? "" : `[projects."${folder}"]\ntrust_level = "trusted"\n`;
      const home = newHome({ ...files, "config.toml": `${toml}${trust}` });
      install(home, "p@market", P);
      install(home, "q@market", Q);
      if (project !== undefined) {
        mkdirSync(join(folder, ".git"), { recursive: true });
        writeFiles(folder, { ".codex/config.toml": project });
      }
      const asked = { overrides, cwd: project === undefined ? home : folder };
      const codexs = await codexList(home, asked);
      const ours = ourList(home, asked);
      assert.deepEqual(ours, codexs);
    });
  }
});

test("plugins make no file unreadable, and need none", () => {
  const home = newHome({});
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "config.toml"), '[plugins."p@market"]\n');
  assert.doesNotThrow(
    () => loadConfigLayers({ codexHome: home, switchyardHome: "/dev/null", cwd: home, env: {} }),
    ConfigError,
  );
});
