import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, suite, test } from "node:test";
import { silentLog } from "../../base/log.ts";
import type { CodexOptions } from "../options.ts";
import { Certificates, reachesOut } from "./certificates.ts";

const root = mkdtempSync(join(tmpdir(), "switchyard-certificates-"));
after(() => rmSync(root, { recursive: true, force: true }));

const PEM = "-----BEGIN CERTIFICATE-----";
const machine = { SSL_CERT_FILE: join(root, "machine.pem"), SSL_CERT_DIR: join(root, "machine") };
writeFileSync(machine.SSL_CERT_FILE, "of the machine");
mkdirSync(machine.SSL_CERT_DIR);
writeFileSync(join(machine.SSL_CERT_DIR, "a.0"), "of the machine");
writeFileSync(join(root, "mine.pem"), "of the host");

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly isUsersHome?: boolean;
  readonly files?: Readonly<Record<string, string>>;
}

let homes = 0;

function open(
  codex: CodexOptions,
  { env = machine, isUsersHome = false, files = {} }: Given = {},
): Certificates | undefined {
  const codexHome = join(root, `home-${homes++}`);
  mkdirSync(codexHome);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(codexHome, name), text);
  return Certificates.open({
    codex: { mcp: "managed", ...codex },
    codexHome,
    isUsersHome,
    env,
    log: silentLog,
  });
}

/** What Codex would read. */
function found({ variables }: Certificates): readonly [string, readonly string[]] {
  const file = readFileSync(variables["SSL_CERT_FILE"] ?? "", "utf8");
  return [file.startsWith(PEM) ? "one" : file, readdirSync(variables["SSL_CERT_DIR"] ?? "")];
}

suite("Certificates", { skip: process.platform !== "linux" && "on Linux only" }, () => {
  const apiKey = "sk-key";
  const all = ["of the machine", ["a.0"]] as const;

  test("are one, and all as long as somebody needs them, at the same paths (Z1)", () => {
    using certificates = open({ apiKey }) as Certificates;
    assert.deepEqual(found(certificates), ["one", []]);
    const [one, other] = [certificates.need(), certificates.need()];
    assert.deepEqual(found(certificates), all);
    one();
    one();
    assert.deepEqual(found(certificates), all);
    other();
    assert.deepEqual(found(certificates), ["one", []]);
  });

  test("are left as they are where Codex may reach out without a thread (Z2)", () => {
    const left: readonly [CodexOptions, Given?][] = [
      [{}, { files: { "auth.json": "{}" } }],
      [{ apiKey, modelRequests: "direct" }],
      [{ apiKey }, { isUsersHome: true }],
      [{ apiKey }, { env: { ...machine, CODEX_CA_CERTIFICATE: "/ca" } }],
      [{ apiKey }, { env: { ...machine, SSL_CERT_DIR: "/a:/b" } }],
      [{ apiKey, environments: [{ id: "far", url: "wss://far.example" }] }],
      [{ apiKey, config: { "features.plugins": true } }],
      [{ apiKey, config: { features: { shell_snapshot: true } } }],
      [{ apiKey }, { files: { "hooks.json": "{}" } }],
      [{ apiKey }, { files: { "environments.toml": "" } }],
      [{ apiKey }, { files: { "config.toml": "[otel]\nexporter = 'none'" } }],
      [{ apiKey, mcp: "direct" }, { files: { ".credentials.json": "{}" } }],
    ];
    for (const [codex, given] of left)
      assert.equal(open(codex, given), undefined, JSON.stringify([codex, given]));
    for (const [codex, given] of [
      [{}, {}],
      [{ apiKey, environments: [{ id: "near", url: "ws://127.0.0.1:1" }] }, {}],
      [{ apiKey }, { files: { "config.toml": 'model = "m"', ".credentials.json": "{}" } }],
    ] as const) {
      using certificates = open(codex, given);
      assert.ok(certificates !== undefined);
    }
    assert.ok(reachesOut(["model", "notify"], undefined));
    assert.ok(reachesOut([], { network_proxy: { enabled: true } }));
    assert.ok(!reachesOut(["model"], { plugins: false, multi_agent: true }));
  });

  test("of the host's file are all there are", () => {
    using certificates = open({ caFile: join(root, "mine.pem"), modelRequests: "direct" }) as Certificates;
    assert.deepEqual(found(certificates), ["of the host", []]);
  });

  test("are those of the machine for commands that see Codex's variables (Z3)", () => {
    using certificates = open({ apiKey }) as Certificates;
    assert.deepEqual(certificates.forCommands({ inherit: "core", set: { A: "1" } }), {
      inherit: "core",
      set: { A: "1" },
    });
    assert.deepEqual(
      certificates.forCommands({ inherit: "all", exclude: ["X"], set: { SSL_CERT_FILE: "mine" } }),
      {
        inherit: "all",
        exclude: ["X", "SSL_CERT_FILE", "SSL_CERT_DIR"],
        set: { SSL_CERT_FILE: "mine", SSL_CERT_DIR: machine.SSL_CERT_DIR },
      },
    );
  });

  test("are in a folder of the owner's, which is removed, and one that was left behind is removed by the next (Z4)", () => {
    const certificates = open({ apiKey }) as Certificates;
    const folder = dirname(dirname(certificates.variables["SSL_CERT_FILE"] ?? ""));
    assert.equal(statSync(folder).mode & 0o077, 0);
    const release = certificates.need();
    certificates[Symbol.dispose]();
    release();
    const home = dirname(folder);
    assert.deepEqual(readdirSync(home), []);
    const killed = `
      import { makeOwnFolder } from ${JSON.stringify(new URL("../../process/own-folder.ts", import.meta.url).href)};
      makeOwnFolder(${JSON.stringify(home)}, "certificates-");
      process.kill(process.pid, "SIGKILL");`;
    spawnSync(process.execPath, ["--input-type=module", "-e", killed]);
    assert.equal(readdirSync(home).length, 1);
    const codex: CodexOptions = { apiKey, mcp: "managed" };
    using next = Certificates.open({
      codex,
      codexHome: home,
      isUsersHome: false,
      env: machine,
      log: silentLog,
    });
    assert.ok(next !== undefined);
    assert.equal(readdirSync(home).length, 1);
  });
});
