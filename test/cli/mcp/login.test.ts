/** `switchyard mcp login` and `mcp logout`, with an authorization server that approves at once, and a browser that follows it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AuthorizationServer,
  type AuthorizationServerOptions,
  ProtectedResource,
  type ProtectedResourceOptions,
  RecordingMcpServer,
} from "../../../src/testing/index.ts";
import type { Report } from "../../../src/cli/doctor/report.ts";
import { CODEXS, type Finished, finished, OURS, TestHome } from "../support/test-home.ts";

const timeout = 60_000;
const root = join(import.meta.dirname, "..", "..", "..");
const document = readFileSync(join(root, "docs", "login.md"), "utf8");
const STORE = ".codex/.credentials.json";
/** Follows the authorization server to the last page, and keeps it. */
const BROWSER = `import { writeFileSync } from "node:fs";
const page = await fetch(process.argv[2]);
writeFileSync(process.env.HOME + "/page", page.status + " " + (await page.text()));
`;

/** A server `tickets` that wants a login. */
class Office implements AsyncDisposable {
  readonly home: TestHome = new TestHome({
    "browser.mjs": BROWSER,
    [CODEXS]: 'mcp_oauth_credentials_store = "file"\n',
  });
  readonly mcp: RecordingMcpServer;
  readonly server: AuthorizationServer;
  readonly resource: ProtectedResource;

  private constructor(mcp: RecordingMcpServer, server: AuthorizationServer, resource: ProtectedResource) {
    this.mcp = mcp;
    this.server = server;
    this.resource = resource;
    this.home.write(OURS, `[mcp_servers.tickets]\nurl = "${resource.url}"\n`);
  }

  static async open(options: AuthorizationServerOptions = {}): Promise<Office> {
    const mcp = await RecordingMcpServer.start({ stateless: true });
    const server = await AuthorizationServer.start(options);
    const scopes = ["read", "write"];
    const target = mcp.url;
    // A tool wants more than the list of tools.
    const needs: ProtectedResourceOptions["needs"] = ({ headers }) =>
      headers["mcp-name"] === "whoami" ? ["write"] : [];
    return new Office(
      mcp,
      server,
      await ProtectedResource.start({ authorizationServer: server, target, scopes, needs }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.home[Symbol.dispose]();
    await this.resource[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.mcp[Symbol.asyncDispose]();
  }
}

/** docs/login.md shows what the command printed. */
function assertShown(command: string, { stdout, stderr }: Finished, { server, resource }: Office): void {
  const printed = `${stderr}${stdout}`
    .replaceAll(/\bhttp:\S+\/authorize\?\S+/g, "https://login.example.com/authorize?…")
    .replaceAll(new URL(server.issuer).host, "login.example.com")
    .replaceAll(resource.origin, "https://tickets.example.com");
  const transcript = `$ switchyard ${command}\n${printed}`;
  assert.ok(document.includes(transcript), transcript);
}

/** The URLs in what a command prints, by their number. */
function urlsIn(stream: NodeJS.ReadableStream): (index: number) => Promise<string> {
  let said = "";
  stream.on("data", (chunk) => (said += String(chunk)));
  return async (index) => {
    for (;;) {
      const url = [...said.matchAll(/(https?:\S+)\n/g)][index]?.[1];
      if (url !== undefined) return url;
      await once(stream, "data");
    }
  };
}

async function landing(url: string): Promise<string> {
  const answer = await fetch(url, { redirect: "manual" });
  return answer.headers.get("location") ?? assert.fail(await answer.text());
}

suite("switchyard mcp login", { concurrency: 2 }, () => {
  test("opens a browser, keeps the login, and logout forgets it", { timeout }, async (t) => {
    await using office = await Office.open();
    const { home } = office;
    const BROWSER = `${process.execPath} ${join(home.home, "browser.mjs")}`;
    const done = await home.run(["mcp", "login", "tickets"], "", { BROWSER });
    assert.equal(done.code, 0, done.stderr);
    assert.equal(done.stdout, "Logged in to tickets (read, write)\n");
    assert.match(
      done.stderr,
      /^Log in to tickets at 127\.0\.0\.1:\d+ in the browser\. If it shows nothing, open:\n {2}http/,
    );
    // The browser may still be reading when the command has ended.
    while (!home.has("page") || home.read("page") === "") await sleep(20, undefined, { signal: t.signal });
    assert.equal(home.read("page"), "200 You are logged in to tickets. You may close this window.\n");
    assert.match(home.read(STORE), /"tickets\|[0-9a-f]{16}":.*"access_token":"access-/);
    assert.equal(statSync(join(home.home, STORE)).mode & 0o777, 0o600);
    assert.doesNotMatch(JSON.stringify(done), /access-|refresh-|code-[0-9a-f]/);
    const called = await home.run(["mcp", "call", "tickets", "echo", "--arg", "text=hello"]);
    assert.deepEqual(called, { code: 0, stdout: "hello\n", stderr: "" });
    assertShown("mcp login tickets", done, office);
    assertShown("mcp call tickets echo --arg text=hello", called, office);
    const seen = (await home.json(["doctor", "tickets", "--json"])) as Report;
    assert.deepEqual([seen.ok, seen.logins.mcp, seen.servers[0]?.auth_status], [true, ["tickets"], "o_auth"]);

    const kept = readdirSync(join(home.home, ".switchyard/cache/catalogs"));
    const out = await home.run(["mcp", "logout", "tickets"]);
    assert.deepEqual(out, { code: 0, stdout: "Logged out of tickets\n", stderr: "" });
    assertShown("mcp logout tickets", out, office);
    assert.ok(!home.has(STORE));
    // What `mcp tools` would show may have been this account's (Q2).
    assert.equal(readdirSync(join(home.home, ".switchyard/cache/catalogs")).length, kept.length - 1);
    const again = await home.json(["mcp", "logout", "tickets", "--json"]);
    assert.deepEqual(again, { name: "tickets", url: office.resource.url, removed: false });
  });

  test("--no-browser takes the last address from stdin, and only that of this login", {
    timeout,
  }, async () => {
    await using office = await Office.open();
    const child = office.home.start([
      "mcp",
      "login",
      "tickets",
      "--no-browser",
      "--scopes",
      "read",
      "--json",
    ]);
    const ended = finished(child);
    const url = await urlsIn(child.stderr)(0);
    assert.equal(new URL(url).searchParams.get("scope"), "read");
    child.stdin.write("http://127.0.0.1/callback?code=x&state=y\n\n");
    child.stdin.write(`${await landing(url)}\n`);
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /That is not where this login ends/);
    const { expires_at, ...rest } = JSON.parse(stdout) as { expires_at: string };
    assert.ok(Date.parse(expires_at) > Date.now());
    const { url: serverUrl } = office.resource;
    assert.deepEqual(rest, {
      name: "tickets",
      url: serverUrl,
      issuer: office.server.issuer,
      scopes: ["read"],
      can_be_refreshed: true,
    });
    const called = await office.home.run(["mcp", "call", "tickets", "whoami"]);
    assert.equal(called.code, 1);
    assertShown("mcp call tickets whoami", called, office);
  });

  test("--device-url-only prints the URL alone; scopes that are a guess are left out when rejected", {
    timeout,
  }, async () => {
    await using office = await Office.open();
    office.server.behaviour.meddle = (truth, { endpoint, params }) => {
      const back = truth.headers?.["location"];
      if (endpoint !== "authorize" || back === undefined || params["scope"] === undefined) return truth;
      const to = new URL(back);
      to.searchParams.delete("code");
      to.searchParams.set("error", "invalid_scope");
      return { ...truth, headers: { ...truth.headers, location: to.href } };
    };
    const child = office.home.start(["mcp", "login", "tickets", "--device-url-only"]);
    child.stdin.end();
    const ended = finished(child);
    const printed = urlsIn(child.stdout);
    const rejected = await fetch(await printed(0));
    assert.equal(rejected.status, 400);
    assert.match(await rejected.text(), /rejected the scopes "read write": invalid_scope/);
    const second = await printed(1);
    assert.equal(new URL(second).searchParams.get("scope"), null);
    assert.match(await (await fetch(second)).text(), /^You are logged in/);
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^http\S+\nhttp\S+\n$/);
    assert.match(stderr, /trying again without any[^]*\nLogged in to tickets\n$/);
  });

  test("a login that is denied, and one that is given up, leave nothing", { timeout }, async () => {
    await using office = await Office.open({ behaviour: { deny: true } });
    const { home } = office;
    const child = home.start(["mcp", "login", "tickets", "--no-browser", "--json"]);
    const ended = finished(child);
    await fetch(await urlsIn(child.stderr)(0));
    const denied = await ended;
    assert.equal(denied.code, 1);
    assert.equal((JSON.parse(denied.stdout) as { error: { code: string } }).error.code, "denied");
    assert.match(denied.stderr, /"tickets": the login was denied: access_denied/);

    const waiting = home.start(["mcp", "login", "tickets", "--no-browser"]);
    const over = finished(waiting);
    const url = await urlsIn(waiting.stderr)(0);
    waiting.kill("SIGINT");
    assert.equal((await over).code, 130);
    await assert.rejects(fetch(await landing(url)));
    assert.ok(!home.has(STORE));
  });

  test("a server that registers no clients is logged in to as the text says", { timeout }, async () => {
    await using office = await Office.open({ registration: false, clients: [{ id: "desk" }] });
    const { home } = office;
    const refused = await home.run(["mcp", "login", "tickets"]);
    assert.equal(refused.code, 1);
    const [, uri = "", commands = ""] =
      /does not register clients[^]*\nIts redirect URI is (\S+)\. Then: (.*)\n$/.exec(refused.stderr) ?? [];
    const [client = "", port = ""] = commands.split(" && ");
    assert.match(port, /^switchyard mcp set tickets oauth\.callback_port \d+$/);
    await home.run(client.replace(/ ID$/, " desk").split(" ").slice(1));
    const child = home.start(["mcp", "login", "tickets", "--no-browser"]);
    const ended = finished(child);
    const url = await urlsIn(child.stderr)(0);
    // The port is as free as it was, and may be another one's by now.
    const asked = new URL(url).searchParams.get("redirect_uri") ?? "";
    assert.equal(new URL(asked).pathname, new URL(uri).pathname);
    assert.match(uri, /:\d+\/callback\/[\w-]{12}$/);
    await fetch(url);
    assert.equal((await ended).code, 0, refused.stderr);
  });

  const CONFIG =
    '[mcp_servers.local]\ncommand = "sh"\n' +
    '[mcp_servers.token]\nurl = "http://127.0.0.1:9/mcp"\nbearer_token_env_var = "T"\nenabled = false\n' +
    '[mcp_servers.far]\nurl = "http://127.0.0.1:9/mcp"\noauth = { callback_url = "http://example.com/cb" }\n';
  const cases: readonly (readonly [what: string, args: readonly string[], code: number, stderr: RegExp])[] = [
    ["a program", ["login", "local"], 1, /"local" is a stdio server: it has no login/],
    ["a server with a token", ["login", "token"], 1, /from the variable T \(bearer_token_env_var\)/],
    ["an end that is not safe", ["login", "far"], 1, /oauth\.callback_url has to be an https URL/],
    ["scopes that are none", ["login", "far", "--scopes", 'a"b'], 2, /--scopes takes names/],
  ];
  for (const [what, args, code, stderr] of cases) {
    test(`says what is wrong with ${what}`, { timeout }, async () => {
      using home = new TestHome({ [OURS]: CONFIG });
      const done = await home.run(["mcp", ...args], "", { T: "x" });
      assert.equal(done.code, code, done.stderr);
      assert.match(done.stderr, stderr);
      assert.ok(!home.has(STORE));
    });
  }
});
