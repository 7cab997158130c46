/** `switchyard environments`, and a turn whose server runs on one: real processes, as their users meet them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { promptOf, ScriptedModel, stdioServer } from "../../src/testing/index.ts";
import { startExecutorProcess } from "../executor/support/executor-process.ts";
import { MAIN } from "../support/command.ts";
import { OURS, TestHome } from "./support/test-home.ts";

const TOKEN = "a-token-of-the-box-0123456789";
const timeout = 60_000;

test("environments list shows the environments and where they are defined, without connecting", {
  timeout,
}, async () => {
  using home = new TestHome();
  home.write(
    ".codex/environments.toml",
    '[[environments]]\nid = "box"\nurl = "wss://box.example.com"\nauth_bearer_token = "secret-token-1"\n',
  );
  home.write(
    OURS,
    '[environments.mine]\nprogram = "ssh"\nargs = ["host", "switchyard", "executor", "--listen", "stdio"]\n' +
      '[environments.broken]\nurl = "http://x"\n',
  );
  const { code, stdout, stderr } = await home.run(["environments", "list"]);
  assert.equal(code, 1, "one of them is invalid");
  for (const word of [
    "local (default)",
    "wss://box.example.com",
    "ssh host switchyard executor",
    "environments.toml:3",
  ]) {
    assert.ok(stdout.includes(word), `${word} is not in\n${stdout}`);
  }
  assert.match(stdout, /broken.*invalid/);
  assert.doesNotMatch(stdout + stderr, /secret-token/);
  const json = await home.run(["environments", "list", "--json"]);
  const listed = JSON.parse(json.stdout) as readonly { readonly id: string; readonly status: string }[];
  assert.deepEqual(
    listed.map(({ id, status }) => `${id} ${status}`),
    ["local usable", "box usable", "mine usable", "broken invalid"],
  );
});

test("environments check reports what works, with version and platform, and why the rest does not", {
  timeout,
}, async () => {
  using home = new TestHome();
  await using executor = await startExecutorProcess([], { SWITCHYARD_EXECUTOR_TOKEN: TOKEN });
  const program = JSON.stringify(process.execPath);
  const args = JSON.stringify([MAIN, "executor", "--listen", "stdio", "--no-audit"]);
  home.write(
    OURS,
    `[environments.box]\nurl = "${executor.url}"\nauth_bearer_token_env_var = "BOX_TOKEN"\n` +
      `[environments.child]\nprogram = ${program}\nargs = ${args}\n` +
      '[environments.gone]\nurl = "ws://127.0.0.1:1"\n',
  );
  const good = await home.run(["environments", "check", "box", "child", "local"], "", { BOX_TOKEN: TOKEN });
  assert.equal(good.code, 0, good.stdout + good.stderr);
  assert.equal(good.stdout.match(/works +\d+\.\d+\.\d+ +linux +\d+\.\d ms/g)?.length, 3, good.stdout);

  const wrong = await home.run(["environments", "check", "--json"], "", { BOX_TOKEN: `${TOKEN}x` });
  assert.equal(wrong.code, 1);
  const found = JSON.parse(wrong.stdout) as readonly {
    readonly id: string;
    readonly works: boolean;
    readonly error?: string;
  }[];
  const of = (id: string): string => found.find((each) => each.id === id)?.error ?? "it works";
  assert.match(of("box"), /401.*invalid websocket bearer token.*check its bearer token/);
  assert.match(of("gone"), /ECONNREFUSED/);
  assert.equal(of("local"), "it works");
  assert.ok(!(wrong.stdout + wrong.stderr).includes(TOKEN));

  const unset = await home.run(["environments", "check", "box"]);
  assert.equal(unset.code, 1);
  assert.match(unset.stdout, /BOX_TOKEN, which is not set/);
  const unknown = await home.run(["environments", "check", "bx"]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /no environment "bx"; there are: local, box, child, gone/);
});

test("environments shows how it is used", { timeout }, async () => {
  using home = new TestHome();
  assert.equal((await home.run(["environments"])).code, 2);
  const help = await home.run(["environments", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /list +list the environments/);
  const wrong = await home.run(["environments", "bogus"]);
  assert.match(wrong.stderr, /There is no command "environments bogus"\. There are: list, check\n/);
  assert.equal((await home.run(["environments", "check", "--timeout", "soon"])).code, 2);
});

test("switchyard run --configured places a server on the environment it names", { timeout }, async () => {
  using home = new TestHome();
  await using executor = await startExecutorProcess([], { SWITCHYARD_EXECUTOR_TOKEN: TOKEN });
  await using model = await ScriptedModel.start();
  const { command, args } = stdioServer();
  const server = (id: string): string =>
    `[mcp_servers.svc]\ncommand = ${JSON.stringify(command)}\nargs = ${JSON.stringify(args)}\n` +
    `cwd = "/tmp"\nenvironment_id = "${id}"\n`;
  const environment = `[environments.box]\nurl = "${executor.url}"\nauth_bearer_token_env_var = "BOX_TOKEN"\n`;
  home.write(OURS, environment + server("box"));
  const prompt = promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "done" });
  const words = ["run", prompt, "--configured", "--base-url", model.baseUrl, "--json"];
  const env = { OPENAI_API_KEY: "sk-test", BOX_TOKEN: TOKEN };
  const { code, stdout, stderr } = await home.run(words, "", env);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, new RegExp(`\\\\"ppid\\\\":${executor.child.pid}`));
  assert.ok(!(stdout + stderr).includes(TOKEN));

  home.write(OURS, environment + server("bx"));
  const missing = await home.run(words, "", env);
  assert.equal(missing.code, 0);
  assert.match(
    missing.stderr,
    /"svc" cannot start: .*there is no environment "bx".*"local", "box".*goes on without it/,
  );

  home.write(OURS, `${environment}${server("bx")}required = true\n`);
  const required = await home.run(words, "", env);
  assert.equal(required.code, 2);
  assert.match(required.stderr, /"svc" cannot start: .*there is no environment "bx".*"local", "box"/);
});
