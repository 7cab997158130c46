import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { type ConfigFileSystem, nodeFileSystem } from "../file/file-system.ts";
import { ConfigError, type ConfigErrorCode } from "../problem.ts";
import type { WrittenMcpServer } from "../server/types.ts";
import { ConfigEditor } from "./config-editor.ts";

const root = mkdtempSync(join(tmpdir(), "switchyard-editor-"));
after(() => rmSync(root, { recursive: true, force: true }));

const TEXT =
  '# mine\r\n[mcp_servers.a] # first\r\ncommand = "x"\r\nenabled_tools = []\r\n\r\n[tui]\r\ntheme = "t"\r\n';
let files = 0;

function fileOf(text: string | undefined, mode = 0o600): string {
  const folder = join(root, String(files++));
  mkdirSync(folder);
  const file = join(folder, "config.toml");
  if (text !== undefined) {
    writeFileSync(file, text);
    chmodSync(file, mode);
  }
  return file;
}

const says =
  (code: ConfigErrorCode, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };

suite("ConfigEditor", () => {
  test("applies all edits together, and touches no line of another", async () => {
    const file = fileOf(TEXT, 0o640);
    const result = await new ConfigEditor(file)
      .add("b", { url: "https://example.com/mcp", enabled_tools: [] })
      .disable("a")
      .set("b", ["http_headers", "X-A"], "1")
      .apply();
    assert.equal(
      readFileSync(file, "utf8"),
      '# mine\r\n[mcp_servers.a] # first\r\ncommand = "x"\r\nenabled_tools = []\r\nenabled = false\r\n\r\n' +
        '[mcp_servers.b]\r\nurl = "https://example.com/mcp"\r\nenabled_tools = []\r\n\r\n' +
        '[mcp_servers.b.http_headers]\r\nX-A = "1"\r\n\r\n[tui]\r\ntheme = "t"\r\n',
    );
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.equal(result.before, TEXT);
    assert.equal(result.changed, true);
    assert.deepEqual(readdirSync(join(file, "..")), ["config.toml"]);
  });

  test("applies no edit when one of them cannot be made (E1)", async () => {
    const file = fileOf(TEXT);
    const editor = new ConfigEditor(file).add("b", { command: "y" }).remove("nope");
    await assert.rejects(editor.apply(), says("invalid_edit", /no MCP server "nope".*there are "a", "b"/));
    assert.equal(readFileSync(file, "utf8"), TEXT);
  });

  test("keeps its edits until they are written: after a dry run, and after a failure", async () => {
    const file = fileOf(TEXT);
    const editor = new ConfigEditor(file).disable("a");
    assert.equal((await editor.apply({ dryRun: true })).changed, true);
    await assert.rejects(editor.apply({ signal: AbortSignal.abort() }));
    assert.equal((await editor.apply()).changed, true);
    assert.match(readFileSync(file, "utf8"), /enabled = false/);
  });

  test("begins anew after apply: an edit is made once", async () => {
    const file = fileOf(TEXT);
    const editor = new ConfigEditor(file).add("b", { command: "y" });
    await editor.apply();
    assert.equal((await editor.apply()).changed, false);
  });

  test("shows with dryRun what it would do, and does not even take the lock", async () => {
    const file = fileOf(TEXT);
    const fs = new Proxy(nodeFileSystem, {
      get: (target, call: keyof ConfigFileSystem) =>
        ["open", "lstat", "readlink", "realpath", "stat"].includes(call)
          ? target[call]
          : assert.fail(`${call} was called`),
    });
    const result = await new ConfigEditor(file, { fs }).remove("a").apply({ dryRun: true });
    assert.equal(readFileSync(file, "utf8"), TEXT);
    assert.equal(result.after, '[tui]\r\ntheme = "t"\r\n');
    assert.match(result.diff(), /^-command = "x"\r$/m);
    assert.match(result.diff(), /^ \[tui\]\r$/m);
  });

  test("writes nothing, and has no diff, when nothing changes", async () => {
    const file = fileOf(TEXT);
    const before = statSync(file).ino;
    const result = await new ConfigEditor(file).enable("a").set("a", "command", "x").apply();
    assert.deepEqual([result.changed, result.diff()], [false, ""]);
    assert.equal(statSync(file).ino, before);
  });

  test("makes a missing file, for its owner only, folder included", async () => {
    const file = join(fileOf(undefined), "..", "new", "switchyard.toml");
    await new ConfigEditor(file, { own: true }).add("a", { command: "x", scope: "host" }).apply();
    assert.equal(readFileSync(file, "utf8"), '[mcp_servers.a]\ncommand = "x"\nscope = "host"\n');
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test("replaces the file at the end of a chain of links, and keeps the links", async () => {
    const file = fileOf(TEXT);
    const [first, second] = [join(file, "../first"), join(file, "../second")];
    symlinkSync("config.toml", second);
    symlinkSync("second", first);
    await new ConfigEditor(first).remove("a").apply();
    assert.ok(lstatSync(first).isSymbolicLink() && lstatSync(second).isSymbolicLink());
    assert.equal(readFileSync(file, "utf8"), '[tui]\r\ntheme = "t"\r\n');
  });

  test("makes its edits again on what somebody else wrote meanwhile (E2)", async () => {
    const file = fileOf(TEXT);
    let foreign = 2;
    const fs: ConfigFileSystem = {
      ...nodeFileSystem,
      // Right before the version is looked at for the last time.
      open: async (path, flags, mode) => {
        if (String(path).endsWith(".tmp") && foreign-- > 0) {
          writeFileSync(file, readFileSync(file, "utf8").replace("# mine", "# theirs\r\n# mine"));
        }
        return await nodeFileSystem.open(path, flags, mode);
      },
    };
    await new ConfigEditor(file, { fs }).disable("a").apply();
    const text = readFileSync(file, "utf8");
    assert.equal(text.match(/# theirs/g)?.length, 2);
    assert.match(text, /enabled = false/);
  });

  test("gives up with a conflict when somebody writes without end (E2)", async () => {
    const file = fileOf(TEXT);
    let written = 0;
    const fs: ConfigFileSystem = {
      ...nodeFileSystem,
      open: async (path, flags, mode) => {
        if (String(path).endsWith(".tmp")) writeFileSync(file, `${TEXT}# ${written++}\r\n`);
        return await nodeFileSystem.open(path, flags, mode);
      },
    };
    await assert.rejects(
      new ConfigEditor(file, { fs }).disable("a").apply(),
      says("conflict", /was changed by another program/),
    );
    assert.equal(readFileSync(file, "utf8"), `${TEXT}# ${written - 1}\r\n`);
    assert.deepEqual(readdirSync(join(file, "..")), ["config.toml"]);
  });

  test("breaks no server (E3), and says which one it would break", async () => {
    const file = fileOf(TEXT);
    const cases: readonly (readonly [ConfigEditor, RegExp])[] = [
      [
        new ConfigEditor(file).set("a", "url", "https://example.com"),
        /url is not supported for stdio \(in mcp_servers\.a\)/,
      ],
      [new ConfigEditor(file).set("a", "args", 5), /expected a sequence \(in mcp_servers\.a\.args\)/],
      [new ConfigEditor(file).unset("a", "command"), /invalid transport/],
      [new ConfigEditor(file).set("new", "enabled", false), /invalid transport/],
    ];
    for (const [editor, message] of cases) {
      await assert.rejects(editor.apply(), says("invalid_edit", message));
    }
    assert.equal(readFileSync(file, "utf8"), TEXT);
  });

  test("lets a layer say only a part of a server, where that is asked for", async () => {
    const file = fileOf(TEXT);
    await new ConfigEditor(file, { partial: true }).set("elsewhere", "enabled", false).apply();
    assert.match(readFileSync(file, "utf8"), /\[mcp_servers\.elsewhere\]\r\nenabled = false\r\n/);
    const wrong = new ConfigEditor(file, { partial: true }).set("elsewhere", "enabled", "no");
    await assert.rejects(wrong.apply(), says("invalid_edit", /expected a boolean/));
  });

  test("mends a broken server, and edits beside one (E3)", async () => {
    const broken = '[mcp_servers.b]\ncommand = "x"\nurl = "y"\n';
    const file = fileOf(broken);
    await new ConfigEditor(file).add("a", { command: "z" }).disable("b").apply();
    await new ConfigEditor(file).unset("b", "url").apply();
    assert.equal(
      readFileSync(file, "utf8"),
      '[mcp_servers.b]\ncommand = "x"\nenabled = false\n\n[mcp_servers.a]\ncommand = "z"\n',
    );
  });

  test("takes no new name, URL or command that could not start; old ones may stay", async () => {
    const file = fileOf('[mcp_servers."a b"]\ncommand = "x"\n');
    const cases: readonly (readonly [ConfigEditor, RegExp])[] = [
      [new ConfigEditor(file).add("ü", { command: "x" }), /invalid server name 'ü' \(use letters/],
      [new ConfigEditor(file).rename("a b", "c d"), /invalid server name/],
      [
        new ConfigEditor(file).replaceMcpServers({ "a b": { command: "y" }, "": { command: "x" } }),
        /invalid server name/,
      ],
      [new ConfigEditor(file).add("u", { url: "example.com" }), /invalid URL/],
      [new ConfigEditor(file).add("u", { url: "ftp://example.com" }), /unsupported URL scheme 'ftp'/],
      [new ConfigEditor(file).add("u", { command: "" }), /invalid command/],
    ];
    for (const [editor, message] of cases) {
      await assert.rejects(editor.apply(), says("invalid_edit", message));
    }
    await new ConfigEditor(file).set("a b", "command", "y").apply();
    assert.equal(readFileSync(file, "utf8"), '[mcp_servers."a b"]\ncommand = "y"\n');
  });

  test("leaves servers that already have the wanted meaning alone, with their spelling and unknown keys", async () => {
    const text =
      '[mcp_servers.a]\ncommand = "x"\nargs = []\nenabled = true # on\nstartup_timeout_ms = 1500\nmine = 1\n' +
      'tool_timeout_sec = 60.0\n\n[mcp_servers.b]\ncommand = "y"\ntool_timeout_sec = 60.0 # long\n';
    const file = fileOf(text);
    const a = { command: "x", startup_timeout_sec: 1.5, tool_timeout_sec: 60 };
    const servers = new Map<string, WrittenMcpServer>([
      ["a", a],
      ["b", { command: "z", tool_timeout_sec: 60 }],
      ["9", { command: "n" }],
    ]);
    await new ConfigEditor(file).replaceMcpServers(servers).apply();
    assert.equal(
      readFileSync(file, "utf8"),
      `${text.replace('"y"', '"z"')}\n[mcp_servers.9]\ncommand = "n"\n`,
    );
  });

  test("takes an odd URL or an empty command that is there already, and no new one", async () => {
    const text = '[mcp_servers.a]\nurl = "not a url"\n[mcp_servers.b]\ncommand = ""\n';
    const file = fileOf(text);
    const servers = { a: { url: "not a url", required: true }, b: { command: "" } };
    await new ConfigEditor(file).replaceMcpServers(servers).apply();
    assert.equal(readFileSync(file, "utf8"), text.replace('url"\n', 'url"\nrequired = true\n'));
    const wrong = new ConfigEditor(file).set("a", "url", "also none");
    await assert.rejects(wrong.apply(), says("invalid_edit", /invalid URL/));
    await assert.rejects(
      new ConfigEditor(fileOf(TEXT)).set("a", "command", "").apply(),
      says("invalid_edit", /empty/),
    );
  });

  test("warns about the keys of an edited server that Codex would ignore", async () => {
    const server = { command: "x", scope: "host", disabled: true } as WrittenMcpServer;
    const { warnings } = await new ConfigEditor(fileOf("")).add("a", server).apply();
    assert.deepEqual(
      warnings.map(({ path }) => path?.join(".")),
      ["mcp_servers.a.scope", "mcp_servers.a.disabled"],
    );
    const own = await new ConfigEditor(fileOf(""), { own: true })
      .add("a", { command: "x", scope: "host" })
      .apply();
    assert.deepEqual(own.warnings, []);
  });

  test("refuses values that TOML cannot say", async () => {
    const file = fileOf(TEXT);
    for (const [value, what] of [
      [new Date(0), /a Date/],
      [new Set(["x"]), /a Set/],
      [null, /null/],
      [{ deep: [undefined] }, /deep\.0 is undefined/],
    ] as const) {
      await assert.rejects(new ConfigEditor(file).set("a", "env", value).apply(), says("invalid_edit", what));
    }
  });

  test("makes no folder when there is nothing to write into it", async () => {
    const folder = join(fileOf(undefined), "..", "none");
    await assert.rejects(
      new ConfigEditor(join(folder, "x.toml")).remove("a").apply(),
      says("invalid_edit", /no MCP/),
    );
    assert.equal(
      (await new ConfigEditor(join(folder, "x.toml")).replaceMcpServers({}).apply()).changed,
      false,
    );
    assert.ok(!existsSync(folder));
  });

  test("rejects a file that is not valid TOML, with the place, and leaves it alone", async () => {
    const file = fileOf("[mcp_servers.a\n");
    await assert.rejects(new ConfigEditor(file).remove("a").apply(), (error: unknown) => {
      assert.ok(says("invalid_config", /unclosed table/)(error));
      assert.equal((error as ConfigError).problems[0]?.place?.start, 14);
      return true;
    });
    assert.equal(readFileSync(file, "utf8"), "[mcp_servers.a\n");
  });

  test("ends with its signal's reason while it waits for the file", async () => {
    const file = fileOf(TEXT);
    const reason = new Error("enough");
    const aborted = new ConfigEditor(file).remove("a").apply({ signal: AbortSignal.abort(reason) });
    await assert.rejects(aborted, reason);
    assert.equal(readFileSync(file, "utf8"), TEXT);
    assert.ok(!existsSync(join(file, "../.config.toml.switchyard-lock")));
  });

  test("trusts a folder, and forgets it", async () => {
    const file = fileOf("");
    await new ConfigEditor(file, { own: true }).trust("/srv/a", "trusted").apply();
    assert.equal(readFileSync(file, "utf8"), '[projects."/srv/a"]\ntrust_level = "trusted"\n');
    await new ConfigEditor(file, { own: true }).trust("/srv/a", undefined).apply();
    assert.equal(readFileSync(file, "utf8"), "");
  });
});
