/** `switchyard doctor`: each broken setup gets its verdict and its fix, in one run; and what is around the servers. */
import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { FindingCode } from "../../../src/cli/doctor/finding.ts";
import type { Report } from "../../../src/cli/doctor/report.ts";
import { reportText } from "../../../src/cli/doctor/report-text.ts";
import { hostMark } from "../../../src/process/process-tree.ts";
import { processesOfOwner } from "../../../src/testing/leaks.ts";
import { finished, OURS, SECRET, TestHome } from "../support/test-home.ts";
import { BrokenSetups, OF_THE_SERVER, SMALL, TLS } from "./broken-setups.ts";

const timeout = 60_000;

suite("switchyard doctor", { concurrency: 2 }, () => {
  test("gives each broken setup its verdict and its fix, all at once, without a secret (D1, D2, X1)", {
    timeout,
  }, async () => {
    using home = new TestHome({ "project/.codex/config.toml": '[mcp_servers.theirs]\ncommand = "sh"\n' });
    await using setups = await BrokenSetups.start(home);
    const child = home.start(["doctor", "--json"], {
      PATH: `${join(home.home, "bin")}:${process.env["PATH"]}`,
      NODE_EXTRA_CA_CERTS: join(TLS, "ca.pem"),
      DOCTOR_TEST_BAD: SECRET,
      OPENAI_API_KEY: SECRET,
    });
    const { code, stdout, stderr } = await finished(child);
    assert.deepEqual(processesOfOwner(child.pid ?? 0), []);
    assert.deepEqual([code, stderr], [1, ""]);
    const report = JSON.parse(stdout) as Report;
    for (const { name, codes, fix, cause, stderr: words } of setups.all) {
      const found = report.findings.filter(({ server }) => server === name);
      const shown = `${name}: ${JSON.stringify(found, undefined, 2)}`;
      assert.deepEqual(
        found.map((each) => each.code),
        codes,
        shown,
      );
      const [first] = found;
      if (fix === null) assert.equal(first?.fix, null, shown);
      if (fix instanceof RegExp) assert.match(first?.fix ?? "", fix, shown);
      if (cause !== undefined) assert.match(first?.cause ?? "", cause, shown);
      if (words !== undefined) assert.match(first?.stderr.join("\n") ?? "", words, shown);
      if (first !== undefined) assert.match(first.origin ?? "", /switchyard\.toml:\d+$/, shown);
    }
    const of = (name: string): Partial<Report["servers"][number]> =>
      report.servers.find((server) => server.name === name) ?? {};
    const good = of("good");
    assert.deepEqual(
      [good.state, good.era, good.tools, good.server_info?.version],
      ["ready", "legacy", 0, "1.2"],
    );
    assert.ok((good.took_ms?.initialize ?? 0) > 0);
    assert.match(good.program?.path ?? "", /^\/\S+\/sh$/);
    assert.deepEqual([of("packaged").program?.package, of("packaged").program?.version], ["small", "4.5.6"]);
    assert.ok((of("bad_schema").tokens ?? 0) > 10);
    const clock = of("late_clock").clock_ahead_seconds ?? 0;
    assert.ok(clock < -3_590 && clock > -3_700, String(clock));
    assert.equal(report.codex.held, true);
    const project = report.findings.find((each) => each.code === "project_untrusted");
    assert.match(project?.problem ?? "", /is not trusted, so that its servers do not count: theirs$/);
    assert.equal(project?.fix, "switchyard trust");
    const text = await reportText(report, false, undefined);
    assert.match(text, /^\d+ errors, \d+ warnings: \d+ of \d+ enabled servers work\n\nerror: /);
    const exits =
      /\n\nerror: MCP server "exits" ended .*last words: cannot open .*\n {2}where +\S+:\d+\n {2}program .*\/sh\n {2}cause .* may say why\n\n/;
    assert.match(text, exits);
    assert.match(
      text,
      /\nServers that work \(\d+ tools, \d+ tokens in each request\):\nName +Program +Version +/,
    );
    assert.match(text, /\nnote: other_names: 1 tool has another name for the model: get-it is get_it\n/);
    for (const output of [stdout, text])
      for (const secret of [SECRET, OF_THE_SERVER]) assert.ok(!output.includes(secret));
  });

  test("a fix that is pasted mends what it is for; then all is well, and the exit code is 0", {
    timeout,
  }, async () => {
    using home = new TestHome({ [OURS]: "", "small.sh": SMALL });
    home.write(OURS, toMend(home.home));
    home.write("plain.sh", `#!/bin/sh\n${SMALL}`);
    chmodSync(join(home.home, "plain.sh"), 0o644);
    home.write("windows.sh", `#!/bin/sh\r\n${SMALL}`);
    chmodSync(join(home.home, "windows.sh"), 0o755);
    chmodSync(join(home.home, ".switchyard"), 0o722);
    const before = (await home.json(["doctor", "--json"])) as Report;
    const mended = before.findings.filter(({ code }) => code !== "login_missing");
    const wanted: readonly FindingCode[] = [
      ...(["folder_unusable", "program_missing", "program_not_executable"] as const),
      ...(["environment_unusable", "interpreter_missing", "home_open"] as const),
    ];
    assert.deepEqual(
      mended.map(({ code }) => code),
      wanted,
    );
    const fixes = mended.map(({ fix }) => fix).join(" &&\n");
    const pasted = await home.shell(`NODE="$0" MAIN="$1"; switchyard() { "$NODE" "$MAIN" "$@"; }; ${fixes}`);
    assert.equal(pasted.code, 0, pasted.stderr);
    const after = await home.run(["doctor"], "", { OPENAI_API_KEY: "of-the-test" });
    assert.match(
      after.stdout,
      /^All is well: 5 of 5 enabled servers work\n\nServers that work \(0 tools, 0 tokens in each request\):\n/,
    );
    assert.deepEqual([after.code, after.stderr], [0, ""]);
  });

  test("looks at logins, homes, locks and leftovers, also where no configuration can be read (D3)", {
    timeout,
  }, async () => {
    using home = new TestHome({
      [OURS]: "[mcp_servers.a]\ncommand = \n",
      ".codex/auth.json": `{"tokens":{"access_token":"${SECRET}"}}`,
      ".codex/.credentials.json": `{"a|1":{"server_name":"docs","access_token":"${SECRET}"}}`,
      ".switchyard/.switchyard.toml.switchyard-lock": "not a holder",
      [`.switchyard/run/${hostMark().replace(/\d+$/, "1").replaceAll(":", ".")}_x.json`]: "{}",
    });
    chmodSync(join(home.home, ".codex", "auth.json"), 0o644);
    chmodSync(join(home.home, ".codex", ".credentials.json"), 0o600);
    const { code, stdout } = await home.run(["doctor", "--json"]);
    assert.equal(code, 1);
    const { findings, logins, locks, left_behind, servers } = JSON.parse(stdout) as Report;
    const fixes = new Map(findings.map((each) => [each.code, each.fix ?? ""]));
    assert.match(fixes.get("config_unreadable") ?? "", /^"\$\{EDITOR:-vi\}" \+2 \S+switchyard\.toml$/);
    assert.match(fixes.get("login_readable") ?? "", /^chmod 600 \S+auth\.json$/);
    assert.match(fixes.get("lock_stuck") ?? "", /^rm \S+switchyard-lock$/);
    assert.equal(fixes.get("left_behind"), "switchyard reap");
    assert.deepEqual(logins, { codex: true, openai_api_key: false, mcp: ["docs"] });
    assert.deepEqual([locks.length, left_behind.files, servers], [1, 1, []]);
    assert.ok(!stdout.includes(SECRET));
    const env = { CODEX_HOME: join(home.home, "nowhere"), SWITCHYARD_CODEX_PATH: "/no/such/codex" };
    const lost = JSON.parse((await home.run(["doctor", "--json"], "", env)).stdout) as Report;
    const codes = lost.findings.map((each) => each.code);
    // That no file can be read is said once.
    assert.deepEqual(codes.slice(0, 2), ["codex_unusable", "home_unusable"]);
    assert.ok(!codes.includes("config_unreadable"), codes.join(", "));
    assert.equal(lost.findings[0]?.fix, "unset SWITCHYARD_CODEX_PATH");
  });

  test("a server that is named has to work; with --lenient warnings do not count", { timeout }, async () => {
    using home = new TestHome({
      [OURS]:
        '[mcp_servers.off]\ncommand = "sh"\nenabled = false\n[mcp_servers.on]\ncommand = "sh"\nargs = ["../small.sh"]\nenv_vars = ["NOT_SET_HERE"]\n',
      "small.sh": SMALL,
    });
    const off = await home.run(["doctor", "off"]);
    assert.equal(off.code, 1);
    assert.match(
      off.stdout,
      /^1 error: .*\n\nerror: off: enabled = false in .*\n.*\n {2}fix +switchyard mcp enable off\n/,
    );
    // There is no login here, and no key, which does not matter to this server.
    const on = await home.run(["doctor", "on"]);
    assert.match(
      on.stdout,
      /^1 warning: 1 of 1 enabled server works\n\nwarning: on: it starts without NOT_SET_HERE /,
    );
    assert.match(on.stdout, /\n\nThe server that works:\nName [^]*\non [^\n]*\n$/);
    assert.equal(on.code, 1);
    assert.equal((await home.run(["doctor", "on", "--lenient"])).code, 0);
    const typo = await home.run(["doctor", "of"]);
    assert.deepEqual([typo.code, typo.stdout], [2, ""]);
    assert.match(typo.stderr, /no MCP server "of"; did you mean "off"/);
  });
});

/** Each server has one thing wrong that a command mends. */
function toMend(home: string): string {
  return `[mcp_servers.folder]
command = "sh"
args = ["${home}/small.sh"]
cwd = "${home}/new/er"
[mcp_servers.misspelt]
command = "bassh"
args = ["../small.sh"]
[mcp_servers.permission]
command = "${home}/plain.sh"
[mcp_servers.windows]
command = "${home}/windows.sh"
[mcp_servers.place]
command = "sh"
args = ["${home}/small.sh"]
cwd = "/tmp"
environment_id = "boxx"
`;
}
