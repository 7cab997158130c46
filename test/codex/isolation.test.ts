/** What must not reach a hosted thread, and what must not leave it. */
import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Codex, type Thread } from "../../src/index.ts";
import { prepareCodexHome } from "../../src/codex/app-server/home.ts";
import { descendants, promptOf, RecordingMcpServer, stdioServer } from "../../src/testing/index.ts";
import { collect, itemsOfType, startBench, textOf } from "../support/codex-bench.ts";

const timeout = 60_000;
const whoami = promptOf({ call: { server: "svc", tool: "whoami" } }, { say: "done" });

test("nothing of a configuration file is inherited: not a server, not a single header of a server of the same name", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start({ identityHeaders: ["x-theirs", "x-ours"] });
  const mark = join(bench.cwd, "started");
  const theirs = [
    `[mcp_servers.svc]\nurl = "${http.origin}/theirs"\nhttp_headers = { "X-Theirs" = "leak", Authorization = "Bearer theirs" }`,
    `[mcp_servers.other]\ncommand = "touch"\nargs = ["${mark}"]`,
    `[mcp_servers.third]\ncommand = "touch"\nargs = ["${mark}"]`,
  ].join("\n\n");
  mkdirSync(bench.home, { recursive: true });
  writeFileSync(join(bench.home, "config.toml"), theirs);
  const mcpServers = {
    svc: { url: `${http.origin}/ours`, headers: { "X-Ours": "mine" } },
    // The file says it is a command: merged, Codex would refuse the thread.
    third: { url: `${http.origin}/third` },
  };
  // A model that Codex does not know is offered the tools themselves: so it sees the name that Codex has for our server.
  const thread = bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers, model: "mock-model" });
  const offered = promptOf({ say: "look" });
  await thread.run(offered);
  const names = bench.model.requests.at(-1)?.request?.tools.map((tool) => tool.namespace ?? tool.name) ?? [];
  const svc = names.find((name) => name.startsWith("mcp__svc"))?.slice("mcp__".length) as string;
  const events = await collect(
    thread.runStreamed(promptOf({ call: { server: svc, tool: "whoami" } }, { say: "done" })),
  );
  const call = itemsOfType(events, "mcp_tool_call")[0];
  assert.equal(call?.server, "svc", "events use the host's name");
  assert.deepEqual(JSON.parse(textOf(call)), { authorization: null, "x-theirs": null, "x-ours": "mine" });
  for (const { path, headers } of http.requests) {
    assert.notEqual(path, "/theirs");
    assert.equal(headers["x-theirs"], undefined);
    assert.equal(headers.authorization, undefined);
  }
  assert.equal(existsSync(mark), false, "a server of the file was started");
  // The file changes while Codex runs; the next thread does not inherit the new server either.
  writeFileSync(
    join(bench.home, "config.toml"),
    `${theirs}\n\n[mcp_servers.late]\ncommand = "touch"\nargs = ["${mark}"]\n`,
  );
  await bench.codex.startThread({ workingDirectory: bench.cwd, mcpServers }).run("hello");
  assert.equal(existsSync(mark), false, "a server that the file got later was started");
});

test("two threads never see each other's headers, and a thread without servers has none", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using one = await RecordingMcpServer.start();
  await using two = await RecordingMcpServer.start();
  const run = (server: RecordingMcpServer, name: string): Promise<unknown> =>
    bench.codex
      .startThread({
        workingDirectory: bench.cwd,
        mcpServers: {
          svc: { url: server.url, headers: { Authorization: `Bearer ${name}`, "X-Only": name } },
        },
      })
      .run(whoami);
  await Promise.all([
    run(one, "first"),
    run(two, "second"),
    bench.codex.startThread({ workingDirectory: bench.cwd }).run("bare"),
  ]);
  const seen = (server: RecordingMcpServer): unknown => [
    ...new Set(server.requests.map(({ headers }) => `${headers.authorization} ${headers["x-only"]}`)),
  ];
  assert.deepEqual(seen(one), ["Bearer first first"]);
  assert.deepEqual(seen(two), ["Bearer second second"]);
  const bare = bench.model.requests.find(({ request }) => request?.prompt === "bare");
  assert.deepEqual(
    bare?.request?.tools.filter((tool) => tool.namespace?.startsWith("mcp__")),
    [],
  );
});

test("commands see a minimal environment and the thread's env, and more only on request", {
  timeout,
}, async () => {
  await using bench = await startBench();
  process.env.SECRET_OF_THE_HOST = "host-secret-value";
  try {
    // Codex's own environment too, which processes of the agent can read.
    const show = promptOf({ run: "env; tr '\\0' '\\n' < /proc/$PPID/environ" }, { say: "done" });
    const output = async (options: object): Promise<string> => {
      const thread = bench.codex.startThread({
        workingDirectory: bench.cwd,
        sandboxMode: "danger-full-access",
        ...options,
      });
      const events = await collect(thread.runStreamed(show));
      return itemsOfType(events, "command_execution")[0]?.aggregated_output ?? "";
    };
    // A home of its own: the login shell of a command would wait for whatever this machine's profile does.
    const plain = await output({ env: { GIVEN_TO_THE_AGENT: "yes", HOME: bench.cwd } });
    assert.match(plain, /^GIVEN_TO_THE_AGENT=yes$/m);
    assert.match(plain, /^PATH=/m);
    assert.doesNotMatch(plain, /host-secret-value/);
    assert.doesNotMatch(plain, /sk-test-key-of-the-bench/);
  } finally {
    delete process.env.SECRET_OF_THE_HOST;
  }
});

test("references to the environment are filled in for one server; a missing variable is named before anything starts", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const codex = bench.another({
    env: { PATH: process.env.PATH ?? "", HOME: bench.cwd, TOKEN_A: "value-of-a", PLAIN: "p" },
  });
  const mcpServers = {
    svc: { url: http.url, bearer_token_env_var: "TOKEN_A", env_http_headers: { "X-Identity": "PLAIN" } },
    child: { ...stdioServer({ whoamiEnv: ["PLAIN", "TOKEN_A"] }), env_vars: ["PLAIN", "NOT_SET"] },
  };
  const turn = codex.startThread({ workingDirectory: bench.cwd, mcpServers });
  const { items } = await turn.run(
    promptOf(
      [{ call: { server: "svc", tool: "whoami" } }],
      { call: { server: "child", tool: "whoami" } },
      { say: "done" },
    ),
  );
  const [svc, child] = items.flatMap((item) =>
    item.type === "mcp_tool_call" ? [JSON.parse(textOf(item))] : [],
  );
  assert.deepEqual(svc, { authorization: "Bearer value-of-a", "x-identity": "p" });
  assert.deepEqual(child.env, { PLAIN: "p", TOKEN_A: null });
  const missing = codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url: http.url, bearer_token_env_var: "TOKEN_B" } },
  });
  await assert.rejects(missing.run("hello"), {
    code: "invalid_options",
    message: /^mcpServers\.svc\.bearer_token_env_var: .*TOKEN_B/,
  });
});

test("no secret is in argv, in an environment, in a file, in the log or in an error (A5)", {
  timeout,
}, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const secrets = ["secret-of-a-header", "secret-of-an-env", "sk-test-key-of-the-bench"];
  const thread = bench.codex.startThread({
    workingDirectory: bench.cwd,
    mcpServers: {
      svc: { url: http.url, headers: { Authorization: "Bearer secret-of-a-header" } },
      child: stdioServer({}, { TOKEN: "secret-of-an-env" }),
      broken: {
        url: "http://127.0.0.1:9/mcp",
        headers: { "X-Key": "secret-of-a-header" },
        startup_timeout_sec: 2,
      },
    },
  });
  const echo = promptOf(
    { call: { server: "svc", tool: "echo", arguments: { text: "hello" } } },
    { say: "done" },
  );
  const events = await collect(thread.runStreamed(echo));
  const found = (text: string): string[] => secrets.filter((secret) => text.includes(secret));
  assert.deepEqual(found(JSON.stringify(events)), []);
  for (const pid of descendants(process.pid)) {
    assert.deepEqual(found(readFileSync(`/proc/${pid}/cmdline`, "utf8")), [], `argv of ${pid}`);
  }
  assert.deepEqual(
    found(readFileSync(`/proc/${bench.codex.pid}/environ`, "utf8")),
    [],
    "environment of Codex",
  );
  await bench.codex.close();
  assert.deepEqual(found(bench.log.join("\n")), [], "log");
  for (const file of readdirSync(bench.home, { recursive: true, encoding: "utf8" })) {
    const path = join(bench.home, file);
    if (!statSync(path).isFile()) continue;
    assert.deepEqual(found(readFileSync(path, "latin1")), [], file);
  }
});

test("the wire log has every message to and from Codex, without secrets", { timeout }, async () => {
  await using bench = await startBench();
  await using http = await RecordingMcpServer.start();
  const env = { PATH: process.env.PATH ?? "", SWITCHYARD_DEBUG: "wire" };
  const thread = bench.another({ env }).startThread({
    workingDirectory: bench.cwd,
    mcpServers: { svc: { url: http.url, headers: { Authorization: "Bearer secret-of-a-header" } } },
  });
  await thread.run(promptOf({ say: "done" }));
  const wire = bench.log.filter((line) => /^debug codex (?:->|<-) \{/.test(line));
  for (const message of [
    '-> .*thread/start.*Authorization":"(Bearer )?[*]{3}"',
    "<- .*thread/started",
    "-> .*turn/start",
    "<- .*turn/completed",
  ]) {
    assert.ok(
      wire.some((line) => new RegExp(message).test(line)),
      message,
    );
  }
  assert.doesNotMatch(bench.log.join("\n"), /secret-of-a-header|sk-test-key-of-the-bench/);
});

test("the user's login is carried over as a link, and Codex sees it", { timeout }, async () => {
  await using bench = await startBench();
  const users = join(bench.cwd, "user-codex");
  mkdirSync(users);
  writeFileSync(
    join(users, "auth.json"),
    JSON.stringify({ auth_mode: "apikey", OPENAI_API_KEY: "sk-of-the-user" }),
  );
  const env = { PATH: process.env.PATH ?? "", HOME: bench.cwd, CODEX_HOME: users };
  const options = { env, home: { path: join(bench.cwd, "ours") }, baseUrl: bench.model.baseUrl };
  await using codex = new Codex(options);
  await codex.startThread({ workingDirectory: bench.cwd }).run("hello");
  assert.equal(bench.model.requests.at(-1)?.request?.bearerToken, "sk-of-the-user");
  assert.ok(lstatSync(join(bench.cwd, "ours", "auth.json")).isSymbolicLink());
  assert.equal(statSync(join(bench.cwd, "ours")).mode & 0o777, 0o700);
  prepareCodexHome(join(bench.cwd, "ours"), env, true);
  assert.ok(lstatSync(join(bench.cwd, "ours", "auth.json")).isSymbolicLink());
});

test("a server's relative cwd begins at the working directory of its thread", { timeout }, async () => {
  await using bench = await startBench();
  const whoami = promptOf({ call: { server: "svc", tool: "whoami" } });
  let id: string | null = null;
  for (const folder of ["one", "two"]) {
    const workingDirectory = join(bench.cwd, folder);
    mkdirSync(join(workingDirectory, "sub"), { recursive: true });
    for (const [cwd, meant] of [
      ["sub", join(workingDirectory, "sub")],
      ["..", bench.cwd],
      [".", workingDirectory],
      [bench.home, bench.home],
    ] as const) {
      const options = { workingDirectory, mcpServers: { svc: { ...stdioServer(), cwd } } };
      const thread: Thread =
        id === null ? bench.codex.startThread(options) : bench.codex.resumeThread(id, options);
      const [call] = itemsOfType(await collect(thread.runStreamed(whoami)), "mcp_tool_call");
      assert.equal(JSON.parse(textOf(call)).cwd, meant, `${cwd} in ${folder}`);
      id = thread.id;
    }
  }
});
