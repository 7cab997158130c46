import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { existingCodexHome, switchyardHome, userCodexHome } from "./homes.ts";
import { type ConfigLayers, loadConfigLayers, type LoadLayersOptions, mergeLayers } from "./layers.ts";
import { ConfigError } from "../problem.ts";
import { nodeAt } from "../../toml/node.ts";

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-layers-")));
  mkdirSync(join(dir, "p"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, text: string | Buffer): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

function trust(path: string, level = "trusted"): string {
  return `[projects."${join(dir, path)}"]\ntrust_level = "${level}"\n`;
}

function load(options: LoadLayersOptions = {}): ConfigLayers {
  return loadConfigLayers({
    codexHome: join(dir, "codex"),
    switchyardHome: join(dir, "switchyard"),
    systemDir: join(dir, "etc"),
    cwd: join(dir, "p"),
    env: {},
    ...options,
  });
}

/** Each layer as `name file`, with `-` before one that does not count. */
function told({ layers }: ConfigLayers): string[] {
  return layers.map(({ name, source, inactive }) => {
    const file = source.name.startsWith(dir) ? source.name.slice(dir.length + 1) : source.name;
    return `${inactive === undefined ? "" : "-"}${name} ${file}`;
  });
}

function configError(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error;
  }
  throw new Error("no error");
}

suite("loadConfigLayers", () => {
  test("finds every layer, low to high", () => {
    write("etc/config.toml", "");
    write("etc/managed_config.toml", "");
    write("codex/config.toml", trust("p"));
    write("codex/work.config.toml", "");
    write("switchyard/switchyard.toml", "");
    write("p/.git/HEAD", "");
    for (const folder of ["p", "p/a"]) {
      write(`${folder}/.codex/config.toml`, "");
      write(`${folder}/switchyard.toml`, "");
    }
    assert.deepEqual(told(load({ profile: "work", cwd: join(dir, "p/a") })), [
      "system etc/config.toml",
      "user codex/config.toml",
      "profile codex/work.config.toml",
      "switchyard switchyard/switchyard.toml",
      "project p/.codex/config.toml",
      "project_switchyard p/switchyard.toml",
      "project p/a/.codex/config.toml",
      "project_switchyard p/a/switchyard.toml",
      "overrides -c",
      "managed etc/managed_config.toml",
    ]);
  });

  test("a missing file has no effect, and neither has a link that leads nowhere", () => {
    mkdirSync(join(dir, "codex"));
    symlinkSync("/nowhere", join(dir, "codex/config.toml"));
    assert.deepEqual(told(load({ profile: "none" })), ["overrides -c"]);
  });

  test("<Codex home>/managed_config.toml is not a layer", () => {
    write("codex/managed_config.toml", "a = 1");
    assert.deepEqual(told(load()), ["overrides -c"]);
  });

  test("the user's own files never belong to a project, whatever folder they are in", () => {
    write("codex/config.toml", "");
    write("switchyard/switchyard.toml", "");
    symlinkSync(join(dir, "codex"), join(dir, "switchyard/.codex"));
    assert.deepEqual(told(load({ cwd: join(dir, "switchyard") })), [
      "user codex/config.toml",
      "switchyard switchyard/switchyard.toml",
      "overrides -c",
    ]);
  });

  test("a profile is a plain name and never a path", () => {
    write("secret.config.toml", "");
    for (const profile of ["../secret", "", "a.b", "a b"]) {
      const { problems } = configError(() => load({ profile }));
      assert.match(
        problems[0]?.message ?? "",
        /^invalid --profile value `.*`; pass a plain name such as `work`$/,
      );
    }
  });
});

suite("a project's file", () => {
  const FILES = [".codex/config.toml", "switchyard.toml"];
  const active = ({ layers }: ConfigLayers): number =>
    layers.filter(({ name, inactive }) => name.startsWith("project") && inactive === undefined).length;

  test("does not count until the user trusts the project, and says what to do (L1)", () => {
    for (const file of FILES) write(`p/${file}`, "a = 1\n");
    const { layers } = load();
    assert.deepEqual(told({ layers } as ConfigLayers), [
      "-project p/.codex/config.toml",
      "-project_switchyard p/switchyard.toml",
      "overrides -c",
    ]);
    assert.deepEqual(layers[0]?.inactive, {
      reason: `${join(dir, "p/.codex/config.toml")} does not count: its project is not trusted`,
      hint: `To use it: switchyard trust ${join(dir, "p")}`,
    });
  });

  const sayers: readonly (readonly [file: string, options: LoadLayersOptions])[] = [
    ["etc/config.toml", {}],
    ["codex/config.toml", {}],
    ["codex/work.config.toml", { profile: "work" }],
    ["switchyard/switchyard.toml", {}],
    ["etc/managed_config.toml", {}],
  ];
  for (const [file, options] of sayers) {
    test(`counts when ${file} trusts the project`, () => {
      for (const each of FILES) write(`p/${each}`, "");
      write(file, trust("p"));
      assert.equal(active(load(options)), 2);
    });
  }

  test("counts when an override or the configuration of a thread trusts the project", () => {
    write("p/switchyard.toml", "");
    const project = join(dir, "p");
    assert.equal(active(load({ overrides: [`projects={"${project}"={trust_level="trusted"}}`] })), 1);
    assert.equal(active(load({ threadConfig: { projects: { [project]: { trust_level: "trusted" } } } })), 1);
  });

  test("cannot grant trust: not to itself, not to the other file, not to a folder below (L1)", () => {
    write("p/.git/HEAD", "");
    for (const file of FILES) write(`p/${file}`, trust("p") + trust("p/a"));
    write("p/a/switchyard.toml", trust("p") + trust("p/a"));
    assert.equal(active(load({ cwd: join(dir, "p/a") })), 0);
    write("codex/config.toml", trust("p") + trust("p/a", "untrusted"));
    assert.equal(active(load({ cwd: join(dir, "p/a") })), 2);
  });

  test("cannot move the project root", () => {
    write("p/.git/HEAD", "");
    write("p/a/switchyard.toml", 'project_root_markers = ["switchyard.toml"]\n');
    write("codex/config.toml", trust("p"));
    assert.equal(load({ cwd: join(dir, "p/a") }).project.root, join(dir, "p"));
  });

  test("can make nothing fail while it is not trusted (L1)", () => {
    write("p/.codex/config.toml", "[broken\n");
    write("p/switchyard.toml", Buffer.from([0x61, 0xff]));
    const reasons = load().layers.map(({ inactive }) => inactive?.reason);
    assert.match(
      reasons[0] ?? "",
      /not trusted; besides: .*config\.toml:1:8: unclosed table, expected `\]`$/,
    );
    assert.match(
      reasons[1] ?? "",
      /not trusted; besides: Failed to read config file .*: invalid utf-8 sequence \(byte 2, in line 1\)/,
    );
  });

  test("names the line that makes it untrusted", () => {
    write("p/switchyard.toml", "");
    write("codex/config.toml", `# comment\n${trust("p", "untrusted")}`);
    assert.match(load().layers[1]?.inactive?.reason ?? "", /untrusted \(.*codex\/config\.toml:3:15\)$/);
  });
});

suite("a file that is there and cannot be read (L2)", () => {
  for (const file of [
    "etc/config.toml",
    "codex/config.toml",
    "codex/work.config.toml",
    "switchyard/switchyard.toml",
    "p/.codex/config.toml",
    "etc/managed_config.toml",
    "etc/requirements.toml",
  ]) {
    test(`fails the loading by name: ${file}`, () => {
      const options: LoadLayersOptions = {
        profile: "work",
        threadConfig: { projects: { [join(dir, "p")]: { trust_level: "trusted" } } },
      };
      const path = join(dir, file);
      mkdirSync(path, { recursive: true });
      const folder = configError(() => load(options));
      assert.equal(folder.code, "unreadable");
      assert.equal(folder.message, `Failed to read config file ${path}: path \`${path}\` is not a file`);
      rmSync(path, { recursive: true });
      write(file, Buffer.from('a = "\xff"', "latin1"));
      assert.match(
        configError(() => load(options)).message,
        /: invalid utf-8 sequence \(byte 6, in line 1\)\. Save it as UTF-8$/,
      );
      write(file, "a = [\n");
      const { code, problems } = configError(() => load(options));
      assert.equal(code, "invalid_config");
      assert.equal(problems[0]?.place?.source.name, path);
    });
  }

  test("more than 16 MiB is refused", () => {
    write("codex/config.toml", "");
    truncateSync(join(dir, "codex/config.toml"), 16 * 1024 * 1024 + 1);
    assert.match(
      configError(load).message,
      /config\.toml: it has more than 16 MiB\. Is it the right file\?$/,
    );
  });

  test("errors of the settings that decide about projects come before those of their files", () => {
    write("p/.codex/config.toml", "x = \n");
    write("codex/config.toml", `model = 1\n${trust("p")}[projects.x]\ntrust_level = 1\n`);
    const paths = (): unknown[] => configError(load).problems.map(({ path }) => path?.join("."));
    assert.deepEqual(paths(), ["projects.x.trust_level", undefined]);
    write("codex/config.toml", `project_root_markers = [1]\n${trust("p")}[projects.x]\ntrust_level = 1\n`);
    assert.deepEqual(paths(), ["project_root_markers", "projects.x.trust_level", undefined]);
  });

  test("a pipe is refused and not waited for", () => {
    mkdirSync(join(dir, "codex"));
    execFileSync("mkfifo", [join(dir, "codex/config.toml")]);
    assert.equal(configError(load).code, "unreadable");
  });

  test("all errors of all layers are reported at once, those of the requirements first", () => {
    write("etc/requirements.toml", "[mcp_servers.a]\n");
    write("codex/config.toml", "a = [\n");
    write("switchyard/switchyard.toml", "b = [\n");
    const { problems, message } = configError(() => load({ overrides: ["novalue"] }));
    assert.deepEqual(
      problems.map(({ place }) => place?.source.name.slice(dir.length + 1)),
      [undefined, "etc/requirements.toml", "codex/config.toml", "switchyard/switchyard.toml"],
    );
    assert.equal(message, "Invalid configuration: Invalid override (missing '='): *****, and 3 more");
  });
});

test("mergeLayers leaves our own keys out where they do not count", () => {
  write("codex/config.toml", '[mcp_servers.a]\ncommand = "x"\nscope = "host"\n');
  const scope = ["mcp_servers", "a", "scope"];
  const { layers } = load();
  assert.equal(nodeAt(mergeLayers(layers), scope), undefined);
  assert.ok(nodeAt(layers[0]?.root ?? assert.fail(), scope), "the layer itself keeps it");
  write("switchyard/switchyard.toml", '[mcp_servers.a]\nscope = "project"\n');
  assert.ok(nodeAt(mergeLayers(load().layers), scope));
});

test("mergeLayers takes from switchyard.toml only what it may say, and from a project's file not what Codex skips", () => {
  write("switchyard/switchyard.toml", `model = "x"\n${trust("p")}[environments.e]\n`);
  write("p/.codex/config.toml", 'model = "y"\nprofile = "z"\nnotify = 1\n');
  assert.deepEqual([...mergeLayers(load().layers).entries.keys()], ["projects", "environments", "model"]);
});

test("the homes come from the environment, or lie in the user's home", () => {
  assert.equal(userCodexHome({ CODEX_HOME: "/c" }), "/c");
  assert.equal(userCodexHome({ CODEX_HOME: "", HOME: "/h" }), "/h/.codex");
  assert.equal(switchyardHome({ SWITCHYARD_HOME: "/s" }), "/s");
  assert.equal(switchyardHome({}), join(userInfo().homedir, ".switchyard"));
  assert.equal(switchyardHome({ HOME: "rel" }), join(userInfo().homedir, ".switchyard"));
});

test("a CODEX_HOME that is set has to be there, as in Codex; the default need not", () => {
  const home = join(dir, "nope");
  const load = (): ConfigLayers => loadConfigLayers({ env: { CODEX_HOME: home }, cwd: dir });
  const error = configError(load);
  assert.equal(error.code, "unreadable");
  assert.equal(
    error.message,
    `CODEX_HOME points to "${home}", but that path does not exist. Create the folder, or unset CODEX_HOME`,
  );
  write("nope", "");
  assert.match(configError(load).message, /but that path is not a directory\./);
  assert.equal(existingCodexHome({ CODEX_HOME: dir }), dir);
  assert.equal(existingCodexHome({ HOME: home }), join(home, ".codex"));
});
