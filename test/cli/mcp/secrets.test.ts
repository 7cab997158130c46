/** No output of `switchyard mcp` shows a secret, unless it is asked for. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { OURS, SECRET, TestHome, together } from "../support/test-home.ts";

const timeout = 60_000;
/** Every place where a secret may be written. */
const SECRETS = `[mcp_servers.box]
command = "docker"
args = ["run", "-e", "T=${SECRET}", "--api-key=${SECRET}", "--token", "${SECRET}", "image"]
env = { KEY = "${SECRET}" }

[mcp_servers.web]
url = "https://u:${SECRET}@example.com/mcp?key=${SECRET}"
http_headers_helper = "echo ${SECRET}"

[mcp_servers.web.http_headers]
Authorization = "Bearer ${SECRET}"

[mcp_servers.web.oauth]
client_id = "id"
client_secret = "${SECRET}"
`;

test("no output shows a secret, unless it is asked for", { timeout }, async () => {
  const commands: readonly (readonly string[])[] = [
    ["list"],
    ["list", "--json"],
    ["get", "box"],
    ["get", "web"],
    ["get", "box", "--json"],
    ["get", "web", "--json"],
    ["check", "--json"],
    ["set", "box", "env.KEY", "other", "--dry-run"],
    ["set", "box", "cwd", "x", "--dry-run", "--json"],
    ["remove", "web", "--dry-run"],
    ["set", "web", "env.KEY", "x"],
  ];
  using home = new TestHome({ [OURS]: SECRETS });
  await together(commands, async (args) => {
    const { stdout, stderr } = await home.runInOneProcess(["mcp", ...args]);
    assert.ok(!`${stdout}${stderr}`.includes(SECRET), `${args.join(" ")}: ${stdout}${stderr}`);
  });
  for (const args of [["list"], ["get", "web", "--json"], ["check", "--json"]]) {
    assert.match((await home.runInOneProcess(["mcp", ...args, "--show-secrets"])).stdout, new RegExp(SECRET));
  }
  const file = (await home.json(["mcp", "check", join(home.home, OURS), "--json"])) as {
    servers: object;
  };
  assert.match(JSON.stringify(file.servers), new RegExp(SECRET), "the normal form of a file is Codex's");
  const broken = [
    `[mcp_servers.a]\nenv = { K = "${SECRET}", L = 1 }\n`,
    `[mcp_servers.a]\nhttp_headers = { K = "${SECRET}" }\ncommand = "x"\n`,
    `[mcp_servers.a]\ncommand = "x"\nbearer_token = "${SECRET}"\n`,
    `[mcp_servers.a]\nurl = "x"\noauth = { client_secret = "${SECRET}" }\n`,
    `[mcp_servers.a]\nenv.K = "${SECRET}\n`,
    `[mcp_servers.a]\nenv.K = ${SECRET}\n`,
  ];
  await together(broken, async (text) => {
    using other = new TestHome({ "project/config.toml": text });
    for (const args of [[], ["--json"]]) {
      const { code, stdout, stderr } = await other.runInOneProcess(["mcp", "check", "config.toml", ...args]);
      assert.equal(code, 1);
      assert.ok(!`${stdout}${stderr}`.includes(SECRET), `${text}: ${stdout}${stderr}`);
    }
  });
});

test("a message shows no secret; check FILE --json has it word for word", { timeout }, async () => {
  using home = new TestHome({ [OURS]: `[mcp_servers.a]\nurl = "x"\nhttp_headers = "Bearer ${SECRET}"\n` });
  const file = join(home.home, OURS);
  const commands = [
    ["list"],
    ["list", "--json"],
    ["get", "a"],
    ["get", "a", "--json"],
    ["check"],
    ["check", "--json"],
    ["check", file],
    ["set", "a", "enabled", "false"],
    ["set", "a", "env", SECRET],
    ["set", "a", "http_headers.X", "1", "--json"],
    ["list", "-c", SECRET],
    ["list", "-c", `=${SECRET}`, "--json"],
    ["list", "-c", `mcp_servers.a.env={A='${SECRET}',B=1}`],
  ];
  await together(commands, async (args) => {
    const { stdout, stderr } = await home.runInOneProcess(["mcp", ...args]);
    assert.ok(!`${stdout}${stderr}`.includes(SECRET), `${args.join(" ")}: ${stdout}${stderr}`);
  });
  const shown = await home.runInOneProcess(["mcp", "check", "--show-secrets"]);
  assert.match(shown.stderr, new RegExp(`string "Bearer ${SECRET}", expected a map`));
  const { errors } = (await home.json(["mcp", "check", file, "--json"])) as {
    errors: { message: string; excerpt: string }[];
  };
  assert.deepEqual(
    errors.map(({ message, excerpt }) => [message, excerpt]),
    [[`invalid type: string "Bearer ${SECRET}", expected a map`, `http_headers = "${"*".repeat(19)}"`]],
  );
});

test("a secret in the place of a variable's name is refused, and not shown", { timeout }, async () => {
  using home = new TestHome({ [OURS]: '[mcp_servers.a]\nurl = "https://a.example"\n' });
  const secret = "sk-live-0123456789";
  const commands = [
    ["add", "b", "--url", "https://b.example", "--bearer-token-env-var", secret],
    ["add", "b", "--url", "https://b.example", "--header-env", `Authorization=${secret}`, "--json"],
    ["add", "--env-var", secret, "b", "--", "x"],
    ["set", "a", "bearer_token_env_var", secret],
    ["set", "a", "env_http_headers", `{ A = "${secret}" }`, "--dry-run"],
  ];
  await together(commands, async (args) => {
    const { code, stdout, stderr } = await home.runInOneProcess(["mcp", ...args]);
    assert.equal(code, 1, `${args.join(" ")}: ${stdout}${stderr}`);
    assert.match(stderr, /takes the name of an environment variable, and this looks like its value/);
    assert.ok(!`${stdout}${stderr}`.includes(secret), `${stdout}${stderr}`);
  });
  home.write(OURS, `[mcp_servers.a]\nurl = "https://a.example"\nbearer_token_env_var = "${secret}"\n`);
  for (const args of [["check"], ["check", "--json"], ["list"], ["list", "--json"], ["get", "a"]]) {
    const { code, stdout, stderr } = await home.runInOneProcess(["mcp", ...args]);
    assert.equal(code, 0);
    assert.match(`${stdout}${stderr}`, /this looks like a value/);
    assert.ok(!`${stdout}${stderr}`.includes(secret), `${stdout}${stderr}`);
  }
  // What is there already is no reason to refuse another edit.
  assert.equal((await home.runInOneProcess(["mcp", "set", "a", "enabled", "false"])).code, 0);
});
