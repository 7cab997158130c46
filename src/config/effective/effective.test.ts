import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { disabledReasonText, effectiveMcpServers, type EffectiveMcpServer } from "./effective.ts";
import { configuredMcpServers } from "./configured.ts";
import { loadGlobalMcpServers } from "./global-servers.ts";
import { type ConfigLayers, loadConfigLayers, type LoadLayersOptions } from "../layers/layers.ts";
import { ConfigError, type ConfigProblem } from "../problem.ts";
import { formatProblem, problemText } from "../show/show-problem.ts";
import { lineAndColumn } from "../../toml/node.ts";

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-effective-")));
  mkdirSync(join(dir, "p"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

function trusted(): string {
  return `[projects."${join(dir, "p")}"]\ntrust_level = "trusted"\n`;
}

function load(options: LoadLayersOptions = {}): ConfigLayers {
  return loadConfigLayers({
    codexHome: join(dir, "codex"),
    switchyardHome: join(dir, "switchyard"),
    systemDir: join(dir, "etc"),
    cwd: join(dir, "p"),
    ...options,
  });
}

function effective(options?: LoadLayersOptions): readonly EffectiveMcpServer[] {
  return effectiveMcpServers(load(options)).servers;
}

function only(servers: readonly EffectiveMcpServer[]): EffectiveMcpServer {
  assert.equal(servers.length, 1);
  return servers[0] as EffectiveMcpServer;
}

/** `file:line` of each key, without the test's folder. */
function lines({ origins }: EffectiveMcpServer): Record<string, string> {
  return Object.fromEntries(
    [...origins].map(([path, { file, line }]) => [path, `${file?.replace(`${dir}/`, "")}:${line}`]),
  );
}

suite("a part of a server that only our files have", () => {
  test("breaks nothing: it is inactive, and a warning says how to remove it", () => {
    write(
      "switchyard/switchyard.toml",
      '[mcp_servers.gone]\nenabled = false\n[mcp_servers.b]\ncommand = "x"\n',
    );
    const [b, gone] = effective();
    assert.equal(b?.status, "enabled");
    assert.equal(gone?.status, "inactive");
    assert.match(gone?.reason ?? "", /part of a server.*switchyard mcp remove gone/s);
    const { ok, warnings, servers } = configuredMcpServers(load());
    assert.deepEqual([ok, [...servers.keys()]], [true, ["b"]]);
    assert.match(warnings[0]?.message ?? "", /`gone` is only a part of a server/);
  });

  test("keeps the hint at a misspelt key, which may be why it is only a part", () => {
    for (const [key, meant] of [
      ["comand", "Did you mean command?"],
      ["cmd", "The key is command"],
      ["serverUrl", "The key is url"],
      ["Url", "Did you mean url?"],
      ["env_var", "Did you mean env_vars?"],
    ] as const) {
      write(
        "switchyard/switchyard.toml",
        `[mcp_servers.gone]\n${key} = "x"\n[mcp_servers.b]\ncommand = "x"\n`,
      );
      const found = configuredMcpServers(load());
      assert.deepEqual([found.ok, [...found.servers.keys()]], [true, ["b"]], key);
      assert.ok(
        found.warnings.some(({ hint }) => hint === meant),
        key,
      );
      assert.ok(
        configuredMcpServers(load(), { strict: true }).errors.some(({ hint }) => hint === meant),
        key,
      );
    }
  });

  test("is an error as ever where a file of Codex's or an override speaks of the server, too", () => {
    write("switchyard/switchyard.toml", "[mcp_servers.a]\nenabled = false\n");
    write("codex/config.toml", "[mcp_servers.a]\nrequired = true\n");
    assert.equal(only(effective()).status, "invalid");
    rmSync(join(dir, "codex/config.toml"));
    assert.equal(only(effective({ overrides: ["mcp_servers.a.required=true"] })).status, "invalid");
    assert.equal(only(effective()).status, "inactive");
  });
});

suite("origins", () => {
  test("name layer and line of every key, through every layer (S2)", () => {
    write("etc/config.toml", '[mcp_servers.a]\ncommand = "sys"\ntool_timeout_sec = 9\nargs = ["1"]\n');
    write("codex/config.toml", `[mcp_servers.a]\ncommand = "user"\nenv = { A = "u", B = "u" }\n${trusted()}`);
    write("p/.codex/config.toml", '[mcp_servers.a.env]\nB = "p"\n"C.D" = "p"\n');
    write("p/switchyard.toml", '[mcp_servers.a]\nscope = "project"\n');
    write("etc/managed_config.toml", "[mcp_servers.a]\nrequired = true\n");
    const server = only(
      effective({ overrides: ["mcp_servers.a.args=[]"], threadConfig: { "mcp_servers.a.cwd": "/w" } }),
    );
    assert.deepEqual(lines(server), {
      command: "codex/config.toml:2",
      tool_timeout_sec: "etc/config.toml:3",
      args: "-c mcp_servers.a.args:1",
      "env.A": "codex/config.toml:3",
      "env.B": "p/.codex/config.toml:2",
      "env.C.D": "p/.codex/config.toml:3",
      scope: "p/switchyard.toml:2",
      cwd: "undefined:undefined",
      required: "etc/managed_config.toml:2",
    });
    assert.deepEqual(server.origins.get("cwd"), { layer: "overrides" });
    assert.deepEqual(server.definedIn, {
      layer: "user",
      file: join(dir, "codex/config.toml"),
      line: 2,
      column: 1,
    });
    assert.equal(server.config?.scope, "project");
  });

  test("know a table that a higher layer has replaced by another value and a third by a table again", () => {
    write("etc/config.toml", '[mcp_servers.a]\ncommand = "x"\nenv = { A = "s" }\n');
    write("codex/config.toml", "[mcp_servers.a]\nenv = 1\n");
    write("switchyard/switchyard.toml", '[mcp_servers.a.env]\nB = "o"\n');
    const server = only(effective());
    assert.deepEqual(lines(server), {
      command: "etc/config.toml:2",
      "env.B": "switchyard/switchyard.toml:2",
    });
    assert.equal(server.status, "enabled");
  });
});

suite("effectiveMcpServers", () => {
  test("is sorted by name and gives each server a status with its reason", () => {
    write(
      "codex/config.toml",
      '[mcp_servers.run]\ncommand = "x"\n[mcp_servers.off]\ncommand = "x"\nenabled = false\n[mcp_servers.bad]\nargs = 1\n',
    );
    write("p/.codex/config.toml", '[mcp_servers.asked]\ncommand = "evil"\nargs = ["--now"]\n');
    const servers = effective();
    assert.deepEqual(
      servers.map(({ name, status, reason }) => [name, status, reason?.replaceAll(dir, "$DIR")]),
      [
        [
          "asked",
          "inactive",
          "$DIR/p/.codex/config.toml does not count: its project is not trusted. To use it: switchyard trust $DIR/p",
        ],
        ["bad", "invalid", "invalid type: integer `1`, expected a sequence"],
        ["off", "disabled", "enabled = false in $DIR/codex/config.toml:5"],
        ["run", "enabled", undefined],
      ],
    );
    assert.deepEqual(servers[0]?.config?.transport, {
      type: "stdio",
      command: "evil",
      args: ["--now"],
      env_vars: [],
    });
    assert.equal(servers[1]?.errors.length, 2);
    assert.deepEqual(servers[2]?.config?.disabled_reason, { type: "by_hand" });
  });

  test("an untrusted project changes nothing of a server that others define", () => {
    write("codex/config.toml", '[mcp_servers.a]\ncommand = "mine"\n');
    write("p/.codex/config.toml", '[mcp_servers.a]\ncommand = "evil"\nrequired = true\n');
    const server = only(effective());
    assert.equal(server.status, "enabled");
    assert.deepEqual(server.config?.transport.type === "stdio" && server.config.transport.command, "mine");
    assert.deepEqual(lines(server), { command: "codex/config.toml:2" });
    const [warning, ...others] = server.warnings;
    assert.deepEqual(others, []);
    assert.equal(
      formatProblem(warning as ConfigProblem).replaceAll(dir, "$DIR"),
      "$DIR/p/.codex/config.toml:1:14: what this file says about MCP server `a` does not count (in mcp_servers.a)\n" +
        "  |\n1 | [mcp_servers.a]\n  |              ^\n" +
        "  $DIR/p/.codex/config.toml does not count: its project is not trusted. To use it: switchyard trust $DIR/p",
    );
  });

  test("an untrusted project that asks for what exists anyway gives no warning (S3)", () => {
    write("codex/config.toml", '[mcp_servers.a]\ncommand = "mine"\nargs = ["x"]\n');
    write("p/.codex/config.toml", '[mcp_servers.a]\nargs = ["x"] # the same\nscope = "host"\n');
    assert.deepEqual(only(effective()).warnings, []);
  });

  test("what loads and cannot start is unstartable, with what to do, unless it is switched off (S1)", () => {
    const servers = {
      "'a b'": ['command = "x"', /^invalid server name 'a b' .*: rename it$/],
      u: ['url = "not a url"', /^url: invalid URL \(write it in full/],
      f: ['url = "ftp://x"', /^url: unsupported URL scheme 'ftp' \(use http or https\)$/],
      c: ['command = ""', /^command is empty: name the program to start$/],
      d: ['command = "x"\ncwd = ""', /^cwd is empty/],
      v: [
        'command = "x"\nenv_vars = ["B", { name = "A", source = "remote" }]',
        /^env_vars entry `A` uses source `remote`, which requires remote MCP stdio: leave source out, or set/,
      ],
      off: ['command = ""\nenabled = false', /^enabled = false in/],
      remote: ['command = "x"\nenvironment_id = "r"\nenv_vars = [{ name = "A", source = "remote" }]', /^$/],
    } as const;
    const text = Object.entries(servers).map(([name, [keys]]) => `[mcp_servers.${name}]\n${keys}\n`);
    write("codex/config.toml", text.join(""));
    const layers = load();
    assert.deepEqual(configuredMcpServers(layers).errors, [], "Codex loads them");
    const found = effectiveMcpServers(layers).servers;
    for (const [name, [, reason]] of Object.entries(servers)) {
      const server = found.find((each) => each.name === name.replaceAll("'", ""));
      assert.match(server?.reason ?? "", reason);
      const status = { off: "disabled", remote: "enabled" }[name] ?? "unstartable";
      assert.equal(server?.status, status);
      assert.equal(server.config?.enabled, name !== "off");
    }
  });

  test("errors that are of no server stand beside the servers", () => {
    const told = (): string[] => effectiveMcpServers(load()).errors.map(problemText);
    write("codex/config.toml", "mcp_servers = 1\n");
    assert.deepEqual(told(), [
      `${join(dir, "codex/config.toml")}:1:15: invalid type: integer \`1\`, expected a map (in mcp_servers)`,
    ]);
    write("codex/config.toml", `[mcp_servers.a]\ncommand = "x"\n${trusted()}`);
    write("p/.codex/config.toml", "mcp_servers = 1\n");
    assert.deepEqual(told(), [
      `${join(dir, "p/.codex/config.toml")}:1:15: invalid type: integer \`1\`, expected a map (in mcp_servers)`,
    ]);
    write("p/.codex/config.toml", "mcp_oauth_callback_url = 1\nprojects = 1\n[mcp_servers.a]\nargs = 1\n");
    assert.deepEqual(
      effectiveMcpServers(load()).errors.map(({ path }) => path?.join(".")),
      ["projects", "mcp_oauth_callback_url"],
    );
    write("switchyard/switchyard.toml", "modle = 1\n");
    assert.deepEqual(
      effectiveMcpServers(load()).warnings.map(({ path }) => path?.join(".")),
      ["modle"],
    );
  });

  test("an untrusted project's server that would be invalid is inactive, with its errors", () => {
    write("p/switchyard.toml", "[mcp_servers.a]\nargs = []\n");
    const { status, config, errors } = only(effective());
    assert.deepEqual([status, config, errors.length], ["inactive", undefined, 1]);
  });

  test("requirements switch off what they do not list or what is not what they list, by hand or not", () => {
    write(
      "etc/requirements.toml",
      '[mcp_servers.a.identity]\ncommand = "good"\n[mcp_servers.off.identity]\ncommand = "good"\n',
    );
    write(
      "codex/config.toml",
      ["a:good", "b:good", "off:good", "unlisted_off:good"]
        .map((pair) => pair.split(":"))
        .map(
          ([name, command]) =>
            `[mcp_servers.${name}]\ncommand = "${command}"\nenabled = ${!name?.endsWith("off")}\n`,
        )
        .join(""),
    );
    const file = join(dir, "etc/requirements.toml");
    const told = (): unknown[] =>
      effective().map(({ name, config }) => [
        name,
        config?.enabled,
        disabledReasonText(config?.disabled_reason),
      ]);
    assert.deepEqual(told(), [
      ["a", true, undefined],
      ["b", false, `requirements (${file})`],
      ["off", false, undefined],
      ["unlisted_off", false, `requirements (${file})`],
    ]);
    write("etc/requirements.toml", '[mcp_servers.a.identity]\ncommand = "other"\n');
    const [a] = effective();
    assert.equal(a?.reason, `${file} allows a server of this name, but not what this one is`);
  });
});

suite("configuredMcpServers", () => {
  test("validates after merging: a layer may complete or repair a lower one", () => {
    write("etc/config.toml", "[mcp_servers.a]\ncommand = 1\n");
    write("codex/config.toml", '[mcp_servers.b]\nargs = ["x"]\n');
    const written = configuredMcpServers(
      load({ overrides: ["mcp_servers.a.command=x", "mcp_servers.b.command=y"] }),
    );
    assert.deepEqual([written.ok, [...written.servers.keys()]], [true, ["a", "b"]]);
  });

  test("reports every error, the first as Codex does: by the order of the lowest layer", () => {
    write("etc/config.toml", '[mcp_servers.z]\ncommand = "x"\n[mcp_servers.y]\ncommand = 1\n');
    write("codex/config.toml", "mcp_oauth_callback_url = 1\n[mcp_servers.z]\ncommand = 2\n");
    const { errors, ok } = configuredMcpServers(load());
    assert.deepEqual(
      errors.map(({ path }) => path?.join(".")),
      ["mcp_servers.z.command", "mcp_servers.y.command", "mcp_oauth_callback_url"],
    );
    assert.equal(ok, false);
  });

  test("a wrong trust level is an error", () => {
    write("switchyard/switchyard.toml", '[projects.x]\ntrust_level = "maybe"\n');
    const messages = configuredMcpServers(load()).errors.map(({ message }) => message);
    assert.deepEqual(messages, ["unknown variant `maybe`, expected `trusted` or `untrusted`"]);
  });

  test("a hybrid of stdio and HTTP from two layers names both places", () => {
    write("codex/config.toml", `[mcp_servers.a]\ncommand = "x"\nargs = ["1"]\n${trusted()}`);
    write("p/.codex/config.toml", '\n[mcp_servers.a]\nurl = "http://127.0.0.1:1"\n');
    const { errors, warnings } = configuredMcpServers(load());
    assert.equal(errors[0]?.message, "url is not supported for stdio");
    const [warning] = warnings;
    assert.ok(warning?.place);
    assert.equal(
      warning.message.replaceAll(dir, "$DIR"),
      "MCP server `a` is half stdio, half streamable HTTP: two layers make it from " +
        "`command` ($DIR/codex/config.toml:2) and `url` ($DIR/p/.codex/config.toml:3)",
    );
    assert.deepEqual(lineAndColumn(warning.place), { line: 3, column: 1 });
  });

  test("a hybrid within one file has Codex's error and no warning", () => {
    write("codex/config.toml", '[mcp_servers.a]\ncommand = "x"\nurl = "y"\n');
    const { errors, warnings } = configuredMcpServers(load());
    assert.deepEqual([errors.length, warnings.length], [1, 0]);
  });

  test("scope counts in switchyard.toml only; elsewhere it is a warning, and an error in strict mode", () => {
    write("codex/config.toml", '[mcp_servers.a]\ncommand = "x"\nscope = "host"\n');
    const plain = configuredMcpServers(load());
    assert.equal(plain.servers.get("a")?.scope, "thread");
    assert.deepEqual(
      plain.warnings.map(({ message, place }) => [message, place && lineAndColumn(place).line]),
      [["unknown configuration field `mcp_servers.a.scope`", 3]],
    );
    assert.equal(configuredMcpServers(load(), { strict: true }).ok, false);
  });

  test("a key of Codex's root in switchyard.toml is a warning and does not count", () => {
    write("switchyard/switchyard.toml", "model = 1\n");
    const { ok, warnings } = configuredMcpServers(load());
    assert.deepEqual([ok, warnings.map(({ path }) => path?.join("."))], [true, ["model"]]);
  });

  test("an override has its error at its own place", () => {
    write("codex/config.toml", '[mcp_servers.a]\ncommand = "x"\n');
    const { errors } = configuredMcpServers(load({ overrides: ["mcp_servers.a.args=5"] }));
    const [error] = errors;
    assert.ok(error);
    assert.match(
      formatProblem(error),
      /^-c mcp_servers\.a\.args:1:1: invalid type: integer `5`, expected a sequence/,
    );
  });
});

suite("loadGlobalMcpServers", () => {
  test("reads one file only, sorted by name", async () => {
    write("codex/config.toml", '[mcp_servers.b]\ncommand = "x"\n[mcp_servers.a]\nurl = "y"\n');
    write("codex/p.config.toml", '[mcp_servers.c]\ncommand = "x"\n');
    assert.deepEqual([...(await loadGlobalMcpServers(join(dir, "codex"))).keys()], ["a", "b"]);
  });

  test("a missing file has no servers", async () => {
    assert.equal((await loadGlobalMcpServers(join(dir, "none"))).size, 0);
  });

  test("reports an inline token once", async () => {
    write("codex/config.toml", "[mcp_servers.a]\nbearer_token = 's'\n");
    const error = await loadGlobalMcpServers(join(dir, "codex")).catch((caught: unknown) => caught);
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(
      error.problems.map(({ message }) => message),
      ["mcp_servers.a uses unsupported `bearer_token`; set `bearer_token_env_var`.", "invalid transport"],
    );
  });

  test("looks for inline tokens first, then reports everything", async () => {
    write(
      "codex/config.toml",
      "[mcp_servers.z]\nargs = 1\n[mcp_servers.b]\nbearer_token = 1\n[mcp_servers.a]\nurl = 'x'\nbearer_token = 's'\n",
    );
    const error = await loadGlobalMcpServers(join(dir, "codex")).catch((caught: unknown) => caught);
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(
      error.problems.slice(0, 2).map(({ message }) => message),
      ["b", "a"].map(
        (name) => `mcp_servers.${name} uses unsupported \`bearer_token\`; set \`bearer_token_env_var\`.`,
      ),
    );
    assert.ok(error.problems.length > 2);
  });

  test("ignores whatever else is wrong in the file, as this loader of Codex's does", async () => {
    write("codex/config.toml", 'model = 1\n[mcp_servers.a]\ncommand = "x"\n');
    assert.equal((await loadGlobalMcpServers(join(dir, "codex"))).size, 1);
  });
});
