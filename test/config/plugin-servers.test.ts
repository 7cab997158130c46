/** What plugins bring, by our own rules: bounds, reasons, selected plugins. What Codex makes of them is in plugins.test.ts. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import fc from "fast-check";
import {
  configuredMcpServers,
  type EffectiveMcpServers,
  effectiveMcpServers,
  loadConfigLayers,
  type LoadLayersOptions,
} from "../../src/config/index.ts";
import { formatProblem } from "../../src/config/show/show-problem.ts";
import { runs } from "../support/sample.ts";
import {
  agent,
  install,
  legacy,
  PLUGIN_FOLDERS,
  type PluginFiles,
  writeFiles,
} from "./support/plugin-folders.ts";

let home: string;
beforeEach(() => void (home = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-plugins-")))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

function load(options: LoadLayersOptions = {}): ReturnType<typeof loadConfigLayers> {
  const folders = {
    codexHome: home,
    switchyardHome: join(home, "own"),
    systemDir: join(home, "etc"),
    cwd: home,
  };
  return loadConfigLayers({ ...folders, env: {}, ...options });
}

function effective(options?: LoadLayersOptions): EffectiveMcpServers {
  return effectiveMcpServers(load(options));
}

/** `name: command of plugin`, of those that will run. */
function running({ servers }: EffectiveMcpServers): string[] {
  return servers.flatMap(({ name, status, config, plugin }) =>
    status === "enabled" && config?.transport.type === "stdio"
      ? [`${name}: ${config.transport.command}${plugin === undefined ? "" : ` of ${plugin.id}`}`]
      : [],
  );
}

const on = (...ids: readonly string[]): string => ids.map((id) => `[plugins."${id}"]\n`).join("");
const run = (command: string): object => ({ command });

suite("the servers of plugins", () => {
  test("come with their plugin, and each key with the file that has it", () => {
    writeFiles(home, {
      "config.toml": `${on("p@m")}[plugins."p@m".mcp_servers.s]\nenabled_tools = ["get"]\n[mcp_servers.c]\ncommand = "c"\n`,
    });
    install(
      home,
      "p@m",
      legacy('{\n  "s": {\n    "command": "x" } }', { interface: { displayName: "The P" } }),
    );
    const { servers, provenance } = effective();
    assert.deepEqual([...provenance], [["s", { id: "p@m", displayName: "The P" }]]);
    assert.deepEqual([...configuredMcpServers(load()).provenance], [...provenance]);
    const [c, s] = servers;
    assert.equal(c?.plugin, undefined);
    const file = join(home, "plugins/cache/m/p/1.0.0/.mcp.json");
    assert.deepEqual(s?.definedIn, { layer: "plugin", plugin: "p@m", file, line: 3, column: 5 });
    assert.deepEqual(s?.origins.get("enabled_tools"), {
      ...{ layer: "user", file: join(home, "config.toml"), line: 3, column: 1 },
    });
  });

  test("that do not count, and those that are none, are reported, and nothing fails (P1, Y3)", () => {
    writeFiles(home, {
      "config.toml": `${on("p@m", "q@m", "gone@m", "no id")}[mcp_servers.taken]\ncommand = "c"\nenabled = false\n`,
    });
    install(home, "p@m", legacy({ taken: run("p"), s: run("p"), broken: { command: 5 } }));
    install(home, "q@m", legacy({ s: run("q"), broken: { url: 5 } }));
    const found = effective();
    assert.deepEqual(running(found), ["s: p of p@m"]);
    const broken = found.servers.find(({ name }) => name === "broken");
    assert.equal(broken?.status, "invalid");
    assert.match(broken?.reason ?? "", /expected a string, so it is left out of plugin p@m/);
    const { ok, warnings } = configuredMcpServers(load());
    assert.equal(ok, true);
    const text = warnings.map((each) => formatProblem(each)).join("\n");
    for (const said of [
      /`taken` of plugin p@m .*: the configuration defines a server of this name/,
      /`s` of plugin q@m .*: plugin `p@m` brings a server of this name, and comes first/,
      /`broken` of plugin `p@m` is left out: /,
      /`broken` of plugin `q@m` is left out: /,
      /plugin `gone@m`: it is not installed[^]*To install it: codex plugin add gone@m/,
      /plugin `no id`: its name is not PLUGIN@MARKETPLACE/,
    ])
      assert.match(text, said);
  });

  test("have a table of their own; a part of a server in the place of one names it", () => {
    writeFiles(home, { "config.toml": `${on("p@m")}[mcp_servers.s]\nenabled = false\n` });
    install(home, "p@m", legacy({ s: run("p") }));
    const [error] = configuredMcpServers(load()).errors;
    assert.equal(error?.hint, 'To change the server of plugin p@m: [plugins."p@m".mcp_servers.s]');
  });

  test("count to a bound, and so do plugins and the size of a file (F2, P3)", () => {
    const ids = Array.from({ length: 257 }, (_, at) => `a${String(at).padStart(3, "0")}@m`);
    writeFiles(home, { "config.toml": on(...ids) });
    install(home, "a000@m", legacy(Object.fromEntries(ids.map((_, at) => [`s${at}`, run("x")]))));
    install(home, "a001@m", legacy({ big: { command: "x", args: ["x".repeat(2 ** 20)] } }));
    install(home, "a256@m", legacy({ last: run("x") }));
    const { servers, warnings } = effective();
    assert.equal(servers.length, 256);
    const text = warnings.map(({ message }) => message).join("\n");
    assert.match(text, /plugin `a000@m`: only the first 256 of its 257 servers count/);
    assert.match(text, /plugin `a001@m`: .* cannot be read: it has more than 1 MiB/);
    assert.match(text, /only the first 256 of 257 plugins count/);
  });

  test("are read without a change on disk; the data folder of a plugin is named (P2)", () => {
    writeFiles(home, { "config.toml": on("p@m") });
    install(home, "p@m", agent({ s: { type: "stdio", command: "node" } }));
    const before = readdirSync(home, { recursive: true });
    const [plugin] = effective().provenance.values();
    assert.match(plugin?.dataFolder ?? "", /\/plugins\/data\/agent-plugins\/[0-9a-f]{64}$/);
    assert.deepEqual(readdirSync(home, { recursive: true }), before);
  });

  test("break nothing else, whatever is in a file of their plugin (P1)", () => {
    const cases = Object.values(PLUGIN_FOLDERS).flatMap((files) =>
      Object.entries(files).flatMap(([path, content]) =>
        path.endsWith(".json") && typeof content === "object" && content !== null && !("to" in content)
          ? [{ files, path, text: JSON.stringify(content) }]
          : [],
      ),
    );
    writeFiles(home, { "config.toml": `${on("p@m", "q@m")}[mcp_servers.c]\ncommand = "c"\n` });
    install(home, "q@m", legacy({ "of-q": run("q") }));
    const damage = fc.record({
      case: fc.constantFrom(...cases),
      at: fc.nat(),
      length: fc.nat(4),
      put: fc.constantFrom(
        "",
        "null",
        "5",
        "{}",
        "[]",
        '"x"',
        '"',
        ",",
        "{",
        "\0",
        "\ud800",
        "../",
        "é",
        "\\",
      ),
    });
    fc.assert(
      fc.property(damage, ({ case: { files, path, text }, at, length, put }) => {
        const from = at % (text.length + 1);
        const damaged: PluginFiles = {
          ...files,
          [path]: text.slice(0, from) + put + text.slice(from + length),
        };
        rmSync(join(home, "plugins/cache/m/p"), { recursive: true, force: true });
        install(home, "p@m", damaged);
        const found = effective();
        const others = running(found).filter((each) => !each.endsWith("of p@m"));
        assert.deepEqual(others, ["c: c", "of-q: q of q@m"]);
        assert.equal(configuredMcpServers(load()).ok, true);
        for (const each of found.warnings) formatProblem(each);
      }),
      { numRuns: runs(60) },
    );
  });
});

suite("a plugin that is selected for a thread", () => {
  const select = (...ids: readonly string[]): LoadLayersOptions => ({
    selectedPlugins: ids.map((id) => ({ id, root: join(home, "selected", id) })),
  });
  beforeEach(() => {
    install(home, "p@m", legacy({ s: run("installed"), mine: run("installed") }));
    for (const [id, command] of [
      ["one", "first"],
      ["two", "second"],
    ] as const)
      writeFiles(join(home, "selected", id), legacy({ s: run(command), mine: run(command) }));
  });

  test("comes before installed ones and behind the configuration, in the order of the selection (Y1, Y2)", () => {
    writeFiles(home, { "config.toml": `${on("p@m")}[mcp_servers.mine]\ncommand = "mine"\n` });
    assert.deepEqual(running(effective()), ["mine: mine", "s: installed of p@m"]);
    assert.deepEqual(running(effective(select("two", "one"))), ["mine: mine", "s: second of two"]);
  });

  test("takes the place of an installed one of its id, and can be switched off", () => {
    writeFiles(home, { "config.toml": on("p@m") });
    const selectedPlugins = [{ id: "p@m", root: join(home, "selected/one") }];
    assert.deepEqual(running(effective({ selectedPlugins })), ["mine: first of p@m", "s: first of p@m"]);
    writeFiles(home, { "config.toml": "[plugins.one]\nenabled = false\n" });
    assert.deepEqual(running(effective(select("one"))), []);
  });

  test("runs here, in its folder, whatever it says", () => {
    writeFiles(
      join(home, "selected/odd"),
      legacy({ a: { command: "x", environment_id: "far" }, b: { command: "x", cwd: "../up" } }),
    );
    const { servers } = effective(select("odd"));
    const [a, b] = servers;
    assert.equal(a?.config?.environment_id, "local");
    assert.deepEqual(
      a.config.transport.type === "stdio" && a.config.transport.cwd,
      join(home, "selected/odd"),
    );
    assert.equal(b?.status, "invalid");
    assert.match(b.reason ?? "", /must remain within plugin root/);
  });

  test("of the Agent Plugins format is refused by name: it has no folder for its data", () => {
    writeFiles(join(home, "selected/agent"), agent({ s: { type: "stdio", command: "x" } }));
    const { servers, warnings } = effective(select("agent", "nowhere"));
    assert.deepEqual(servers, []);
    const [format, gone] = warnings.map(({ message }) => message);
    assert.match(
      format ?? "",
      /plugin `agent`: a plugin of the Agent Plugins format brings servers only where it is installed/,
    );
    assert.match(gone ?? "", /plugin `nowhere`: .*nowhere is not a folder/);
  });
});
