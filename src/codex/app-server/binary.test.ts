import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { checkCodexVersion, type CodexBinary, findCodex, HELD_CODEX } from "./binary.ts";
import { CodexError } from "../errors.ts";
import { ITEMS, NOTIFICATIONS, QUESTIONS, REQUESTS } from "./needs.ts";
import { silentLog } from "../../base/log.ts";

const posixOnly = { skip: process.platform === "win32" };

function folder(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "switchyard-binary-")));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A program in place of Codex. */
function program(path: string, body: string): string {
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function refusal(find: () => unknown): string {
  try {
    find();
  } catch (error) {
    assert.ok(error instanceof CodexError, String(error));
    assert.equal(error.code, "codex_not_found");
    return error.message;
  }
  assert.fail("something was found");
}

suite("findCodex", posixOnly, () => {
  test("takes the option before everything else", (t) => {
    const top = folder(t);
    const [first, second] = [program(join(top, "first"), ""), program(join(top, "second"), "")];
    assert.deepEqual(findCodex(first, { SWITCHYARD_CODEX_PATH: second, PATH: top }), {
      path: first,
      source: "the option codexPathOverride",
      pathDirs: [],
    });
  });

  test("prefers SWITCHYARD_CODEX_PATH to an installed Codex, unless it is empty", (t) => {
    const path = program(join(folder(t), "codex"), "");
    assert.deepEqual(findCodex(undefined, { SWITCHYARD_CODEX_PATH: path }), {
      path,
      source: "SWITCHYARD_CODEX_PATH",
      pathDirs: [],
    });
    const installed = isInstalled() ? findCodex(undefined, {}) : undefined;
    if (installed !== undefined)
      assert.deepEqual(findCodex(undefined, { SWITCHYARD_CODEX_PATH: "" }), installed);
  });

  test("takes the native file from node_modules before PATH, with its helpers", {
    skip: !isInstalled(),
  }, (t) => {
    const top = folder(t);
    program(join(top, "codex"), "");
    const found = findCodex(undefined, { PATH: top });
    assert.equal(found.source, "@openai/codex");
    assert.match(found.path, /vendor[\\/][^\\/]+[\\/]bin[\\/]codex$/);
    assert.equal(found.pathDirs.length, 1);
  });

  test("makes a given path absolute: a bare name would be looked up on PATH when it is started", (t) => {
    const path = program(join(folder(t), "codex"), "");
    const given = relative(process.cwd(), path);
    assert.equal(findCodex(given, {}).path, path);
    assert.equal(findCodex(undefined, { SWITCHYARD_CODEX_PATH: given }).path, path);
  });

  test("puts the helpers beside a given binary in front of PATH", (t) => {
    const top = folder(t);
    for (const dir of ["bin", "codex-path"]) mkdirSync(join(top, dir));
    const path = program(join(top, "bin/codex"), "");
    assert.deepEqual(findCodex(path, {}).pathDirs, [join(top, "codex-path")]);
  });

  test("rejects a given path without a file, with path, source and remedy", (t) => {
    const top = folder(t);
    for (const path of [
      join(top, "missing"),
      top,
      "",
      "a\0b",
      join(program(join(top, "file"), ""), "below"),
    ]) {
      assert.equal(
        refusal(() => findCodex(path, {})),
        `Cannot find Codex at "${path}" (from the option codexPathOverride). ` +
          "Install one with: npm install @openai/codex@0.171",
      );
    }
    assert.match(
      refusal(() => findCodex(undefined, { SWITCHYARD_CODEX_PATH: "/nowhere" })),
      /^Cannot find Codex at "\/nowhere" \(from SWITCHYARD_CODEX_PATH\)/,
    );
  });

  suite("without an installed Codex", () => {
    /** Runs the module as a copy, from where no node_modules can be seen. */
    async function findElsewhere(t: TestContext, env: Record<string, string>): Promise<CodexBinary | string> {
      const top = folder(t);
      cpSync(new URL("../../", import.meta.url), join(top, "src"), { recursive: true });
      writeFileSync(join(top, "package.json"), '{"type":"module"}');
      const code = `
        import { findCodex } from "./src/codex/app-server/binary.ts";
        try { console.log(JSON.stringify(findCodex(undefined, JSON.parse(process.argv[1])))); }
        catch (error) { console.log(JSON.stringify(error.code + ": " + error.message)); }
      `;
      const args = ["--input-type=module", "-e", code, JSON.stringify(env)];
      const options = { cwd: top, env: { ...process.env, NODE_PATH: "" } };
      const { stdout } = await promisify(execFile)(process.execPath, args, options);
      return JSON.parse(stdout) as CodexBinary | string;
    }

    test("takes the first executable codex on PATH", async (t) => {
      const top = folder(t);
      for (const dir of ["plain", "directory/codex", "good", "later"])
        mkdirSync(join(top, dir), { recursive: true });
      writeFileSync(join(top, "plain/codex"), "not to be run");
      const path = program(join(top, "good/codex"), "");
      program(join(top, "later/codex"), "");
      const dirs = ["", "missing", "plain/codex", "plain", "directory", "good", "later"];
      const PATH = dirs.map((dir) => (dir === "" ? "" : join(top, dir))).join(delimiter);
      assert.deepEqual(await findElsewhere(t, { PATH }), { path, source: "PATH", pathDirs: [] });
      assert.deepEqual(await findElsewhere(t, { Path: PATH }), { path, source: "PATH", pathDirs: [] });
    });

    test("never looks into the node_modules of the working directory", async (t) => {
      const top = folder(t);
      const planted = join(top, "node_modules/@openai/codex");
      mkdirSync(planted, { recursive: true });
      writeFileSync(join(planted, "package.json"), '{"name":"@openai/codex","version":"0.169.0"}');
      const native = join(top, `node_modules/@openai/codex-${process.platform}-${process.arch}`);
      const bin = join(native, "vendor/x86_64-unknown-linux-musl/bin");
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(native, "package.json"), '{"version":"0.169.0"}');
      program(join(bin, "codex"), "echo planted");
      const before = process.cwd();
      process.chdir(top);
      try {
        assert.notEqual(findCodex(undefined, {}).path, join(bin, "codex"));
      } finally {
        process.chdir(before);
      }
    });

    test("reports every place that was searched, and the remedy", async (t) => {
      for (const env of [{}, { PATH: "" }, { PATH: `${delimiter}/nowhere` }]) {
        assert.equal(
          await findElsewhere(t, env as Record<string, string>),
          "codex_not_found: Cannot find Codex: no option, SWITCHYARD_CODEX_PATH is not set, @openai/codex is not in " +
            'node_modules, and there is no "codex" on PATH. Install one with: npm install @openai/codex@0.171',
        );
      }
    });
  });
});

function isInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve("@openai/codex/package.json");
    return true;
  } catch {
    return false;
  }
}

suite("checkCodexVersion", posixOnly, () => {
  const binaryAt = (path: string): CodexBinary => ({ path, source: "a test", pathDirs: [] });
  const NEEDED = schemaWith();

  /** What a schema of Codex says, as far as we look at it, with everything we need. */
  function schemaWith(change: (definitions: Record<string, any>) => void = () => {}): object {
    const properties = (members: object): object =>
      Object.fromEntries(Object.keys(members).map((name) => [name, {}]));
    const union = (needs: object): object => ({
      oneOf: Object.entries(needs).map(([method, members]: [string, object]) => ({
        properties: { method: { enum: [method] }, params: { properties: properties(members) } },
      })),
    });
    const items = Object.entries(ITEMS).map(([type, members]) => ({
      properties: { ...properties(members), type: { enum: [type] } },
    }));
    const definitions = {
      ClientRequest: union(REQUESTS),
      ServerNotification: union(NOTIFICATIONS),
      ServerRequest: union(QUESTIONS),
      v2: { ThreadItem: { oneOf: items } },
    };
    change(definitions);
    return { definitions };
  }

  /** A Codex of this version. It counts how often it is asked for its schema, and has none if none is given. */
  function codex(t: TestContext, version: string, schema?: unknown): { path: string; asked: () => string } {
    const top = folder(t);
    writeFileSync(join(top, "schema.json"), schema === undefined ? "" : JSON.stringify(schema));
    writeFileSync(join(top, "asked"), "");
    const path = program(
      join(top, "codex"),
      `[ "$1" = --version ] && echo "codex-cli ${version}" && exit 0
echo "$*" | sed 's/--out .*/--out DIR/' >> '${top}/asked'
[ -s '${top}/schema.json' ] && exec cp '${top}/schema.json' "$5/codex_app_server_protocol.schemas.json"
exit 2`,
    );
    return { path, asked: () => readFileSync(join(top, "asked"), "utf8") };
  }

  /** What was logged, or the error. */
  async function check(path: string): Promise<string[] | CodexError> {
    const lines: string[] = [];
    try {
      await checkCodexVersion(binaryAt(path), (level, message) => void lines.push(`${level} ${message}`));
      return lines;
    } catch (error) {
      assert.ok(error instanceof CodexError, String(error));
      assert.ok(error.message.includes(`"${path}" (from a test)`), error.message);
      return error;
    }
  }

  async function refusalOf(path: string): Promise<CodexError> {
    const error = await check(path);
    assert.ok(error instanceof CodexError, String(error));
    assert.equal(error.code, "codex_unsupported");
    assert.match(error.message, /\. Install one with: npm install @openai\/codex@0\.171$/);
    return error;
  }

  for (const version of [
    ...HELD_CODEX.map((held) => `${held}.0`),
    "0.169.17",
    "0.171.3",
    "0.169.0-alpha.4",
  ]) {
    test(`accepts ${version}, a held version, and asks it nothing more`, async (t) => {
      const { path, asked } = codex(t, version);
      assert.deepEqual(await check(path), []);
      assert.equal(asked(), "");
    });
  }

  for (const version of ["0.168.99", "0.16.0", "0.0.0", "0.168.0-alpha.1", "0.99.171"]) {
    test(`rejects ${version}, which is too old`, async (t) => {
      const { message } = await refusalOf(codex(t, version, NEEDED).path);
      const release = version.replace(/-.*/, "");
      assert.ok(message.includes(`is Codex ${release}; Switchyard needs 0.169 or newer`), message);
    });
  }

  for (const version of [
    "0.170.0",
    "0.172.0",
    "0.173.0-alpha.1",
    "1.0.0",
    "1.169.0",
    "0.1690.0",
    "10.171.0",
  ]) {
    test(`accepts ${version}, which is not held, with one warning when its schema has what we use`, async (t) => {
      const { path, asked } = codex(t, version, NEEDED);
      const both = await Promise.all([check(path), check(path)]);
      assert.deepEqual(both.flat(), [
        `warn "${path}" (from a test) is Codex ${version.replace(/-.*/, "")}; Switchyard is tested with 0.169 and 0.171. ` +
          "It has every message that Switchyard uses; its behaviour was not checked",
      ]);
      assert.equal(asked(), "app-server generate-json-schema --experimental --out DIR\n");
    });
  }

  test("returns the version", async (t) => {
    for (const version of ["0.169.2", "0.171.0"])
      assert.equal(await checkCodexVersion(binaryAt(codex(t, version).path), silentLog), version);
  });

  test("keeps the warning for a log that hears it", async (t) => {
    const { path, asked } = codex(t, "0.172.0", NEEDED);
    await checkCodexVersion(binaryAt(path), silentLog);
    const heard = await check(path);
    assert.ok(Array.isArray(heard) && heard.length === 1, String(heard));
    assert.equal(asked().split("\n").length, 2);
  });

  const variantOf = (union: any, tag: string, name: string): any =>
    union.oneOf.find(({ properties }: any) => properties[tag].enum[0] === name);
  const dropVariant = (union: any, tag: string, name: string): void => {
    union.oneOf.splice(union.oneOf.indexOf(variantOf(union, tag, name)), 1);
  };
  const lacking: readonly (readonly [string, (definitions: Record<string, any>) => void])[] = [
    ["the request thread/fork", ({ ClientRequest }) => dropVariant(ClientRequest, "method", "thread/fork")],
    [
      "the notification mcpServer/startupStatus/updated",
      ({ ServerNotification }) =>
        dropVariant(ServerNotification, "method", "mcpServer/startupStatus/updated"),
    ],
    [
      "the question item/tool/requestUserInput",
      ({ ServerRequest }) => dropVariant(ServerRequest, "method", "item/tool/requestUserInput"),
    ],
    ["the item webSearch", ({ v2 }) => dropVariant(v2.ThreadItem, "type", "webSearch")],
    [
      "config of the request thread/resume",
      ({ ClientRequest }) =>
        delete variantOf(ClientRequest, "method", "thread/resume").properties.params.properties.config,
    ],
    [
      "server of the item mcpToolCall",
      ({ v2 }) => delete variantOf(v2.ThreadItem, "type", "mcpToolCall").properties.server,
    ],
  ];
  for (const [what, change] of lacking) {
    test(`rejects a newer Codex without ${what}, by this name (N1)`, async (t) => {
      const { path } = codex(t, "0.172.0", schemaWith(change));
      const { message } = await refusalOf(path);
      assert.ok(message.includes(`is Codex 0.172.0, which lacks what Switchyard uses: ${what}. `), message);
    });
  }

  test("names some of what is missing, and how many more there are", async (t) => {
    const schema = schemaWith(({ ServerNotification }) => void ServerNotification.oneOf.splice(1));
    const { message } = await refusalOf(codex(t, "0.172.0", schema).path);
    const count = Object.keys(NOTIFICATIONS).length - 1;
    assert.match(message, new RegExp(`: the notification warning, (?:[^,]+, ){4}and ${count - 5} more\\. `));
  });

  const unreadable: readonly (readonly [string, unknown])[] = [
    ["no schema", undefined],
    ["a schema that is no object", "text"],
    ["a schema without messages", { definitions: {} }],
    [
      "a schema with messages in another layout",
      schemaWith((definitions) => (definitions["ClientRequest"] = { enum: ["thread/start"] })),
    ],
  ];
  for (const [what, schema] of unreadable) {
    test(`accepts a newer Codex with ${what}, and warns that nothing was checked (N2)`, async (t) => {
      const heard = await check(codex(t, "0.172.0", schema).path);
      assert.ok(Array.isArray(heard) && heard.length === 1, String(heard));
      assert.match(heard[0] ?? "", /^warn .* could not be read, so nothing of it was checked$/);
    });
  }

  test("follows references, also one to itself, and judges no message whose members it cannot see (N2)", async (t) => {
    const schema = schemaWith((definitions) => {
      const { ClientRequest, v2 } = definitions;
      const start = variantOf(ClientRequest, "method", "thread/start");
      v2.Start = { allOf: [{ $ref: "#/definitions/v2/Start" }, start.properties.params] };
      start.properties.params = { $ref: "#/definitions/v2/Start" };
      variantOf(ClientRequest, "method", "config/read").properties.params = { $ref: "#/definitions/gone" };
      variantOf(ClientRequest, "method", "turn/start").properties.params = true;
    });
    const heard = await check(codex(t, "0.172.0", schema).path);
    assert.ok(Array.isArray(heard), String(heard));
    assert.match(heard[0] ?? "", /has every message/);
  });

  test("rejects a program without a version, with the beginning of its output", async (t) => {
    const path = program(join(folder(t), "codex"), `echo 'I am no Codex'; yes | head -c 5000`);
    const { message } = await refusalOf(path);
    assert.match(message, /is Codex of unknown version \("I am no Codex\ny\ny/);
    assert.ok(message.length < 500);
    const silent = await refusalOf(program(join(folder(t), "codex"), "true"));
    assert.match(silent.message, /of unknown version \(""\)/);
  });

  test("reports a program that cannot be run, with the cause", async (t) => {
    for (const body of ["exit 3", "kill -9 $$"]) {
      const error = await check(program(join(folder(t), "codex"), body));
      assert.ok(error instanceof CodexError);
      assert.equal(error.code, "codex_not_found");
      assert.match(error.message, /^Cannot run ".*Install one with: npm install @openai\/codex@0\.171$/);
      assert.ok(error.cause instanceof Error);
    }
    const path = join(folder(t), "codex");
    writeFileSync(path, "no program");
    await assert.rejects(checkCodexVersion(binaryAt(path), silentLog), { code: "codex_not_found" });
  });

  test("runs a binary once for many callers, and again after it was replaced", async (t) => {
    const top = folder(t);
    const path = program(join(top, "codex"), `echo run >> '${top}/runs'; echo codex-cli 0.169.0`);
    await Promise.all([1, 2, 3].map(() => check(path)));
    assert.equal(readFileSync(join(top, "runs"), "utf8"), "run\n");
    program(path, "exit 1");
    await assert.rejects(checkCodexVersion(binaryAt(path), silentLog), { code: "codex_not_found" });
  });

  test("runs a binary again after a failure: it may have been replaced", async (t) => {
    const path = program(join(folder(t), "codex"), "echo codex-cli 0.1.0");
    await Promise.all([refusalOf(path), refusalOf(path)]);
    program(path, "echo codex-cli 0.169.3");
    assert.deepEqual(await check(path), []);
  });
});
