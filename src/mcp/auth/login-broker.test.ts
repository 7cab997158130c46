import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { wallTime } from "../../base/clock.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { check } from "../../servers/check.ts";
import {
  AuthorizationServer,
  type AuthorizationServerOptions,
  type OAuthEndpoint,
} from "../../testing/authorization-server/authorization-server.ts";
import type { HttpFetch } from "../http/http-fetch.ts";
import type { LoginToken } from "../http/login-token.ts";
import { NodeFetch } from "../http/node-fetch.ts";
import { folderLoginStores } from "./folder-login-store.ts";
import { LoginBroker, type LoginBrokerOptions } from "./login-broker.ts";
import type { LoginStore, StoredLogin } from "./stored-login.ts";

const URL_ = "http://127.0.0.1:4712/mcp";
const CLIENT = "client-1";
const { signal } = new AbortController();

interface Bench {
  readonly server: AuthorizationServer;
  readonly store: LoginStore;
  readonly log: string[];
  broker(options?: Partial<LoginBrokerOptions>): LoginBroker;
  /** Puts a login into the store that ends in so many milliseconds. */
  login(endsInMs: number | undefined, more?: Partial<StoredLogin>): Promise<StoredLogin>;
  stored(): Promise<StoredLogin | undefined>;
  /** What an endpoint answers with waits until it is resolved. */
  hold(endpoint: OAuthEndpoint): PromiseWithResolvers<void>;
}

async function start(t: TestContext, options: AuthorizationServerOptions = {}): Promise<Bench> {
  const folder = fs.mkdtempSync(join(tmpdir(), "broker-"));
  const server = await AuthorizationServer.start(options);
  const stores = folderLoginStores(folder);
  const store = stores("alice");
  const brokers: LoginBroker[] = [];
  const log: string[] = [];
  t.after(async () => {
    // First, so that no broker waits for an answer.
    await server[Symbol.asyncDispose]();
    for (const broker of brokers) await broker[Symbol.asyncDispose]();
    fs.rmSync(folder, { recursive: true });
  });
  return {
    server,
    store,
    log,
    broker: (more = {}) => {
      const broker = new LoginBroker({ stores, log: (_, message) => void log.push(message), ...more });
      brokers.push(broker);
      return broker;
    },
    login: async (endsInMs, more = {}) => {
      const tokens = server.issue({ clientId: CLIENT, scopes: ["read"], resource: URL_ });
      const login: StoredLogin = {
        server: "svc",
        url: URL_,
        issuer: server.issuer,
        clientId: CLIENT,
        accessToken: tokens.access_token,
        refreshToken: tokens.refresh_token,
        expiresAt: endsInMs === undefined ? undefined : wallTime() + endsInMs,
        scopes: ["read"],
        ...more,
      };
      await store.write(login, signal);
      return login;
    },
    stored: () => store.read({ server: "svc", url: URL_ }, signal),
    hold: (endpoint) => {
      const gate = Promise.withResolvers<void>();
      server.behaviour.until = (request) => (request.endpoint === endpoint ? gate.promise : undefined);
      return gate;
    },
  };
}

const CONFIG = configOf({ url: URL_ });

function configOf(written: object): McpServerConfig {
  const checked = check({ svc: written }, []);
  const config = checked.ok ? checked.value.configs.get("svc") : undefined;
  assert.ok(config);
  return config;
}

function ask(
  broker: LoginBroker,
  why: "open" | "due" | "unauthorized" = "open",
  last?: string,
  config: McpServerConfig = CONFIG,
): Promise<LoginToken | undefined> {
  return broker.token({ server: "svc", config, principal: "alice", why, last, signal });
}

const HOUR = 3_600_000;

suite("the broker of logins", () => {
  test("hands out a token that counts, without asking anybody", async (t) => {
    const bench = await start(t);
    const login = await bench.login(HOUR);
    const token = await ask(bench.broker({ random: () => 0 }));
    assert.deepEqual(token, {
      token: login.accessToken,
      dueAt: (login.expiresAt ?? 0) - 30_000,
      endsAt: login.expiresAt,
    });
    const forever = await bench.login(undefined);
    const known = await ask(bench.broker());
    assert.deepEqual([known?.token, known?.dueAt], [forever.accessToken, undefined]);
    assert.deepEqual(bench.server.requests, []);
  });

  test("gives a principal the tokens of its own store, and of no other (B1)", async (t) => {
    const bench = await start(t);
    await bench.login(HOUR);
    const broker = bench.broker();
    const about = { server: "svc", config: CONFIG, why: "open", signal } as const;
    assert.equal(await broker.token({ ...about, principal: "bob" }), undefined);
    assert.equal(await broker.token({ ...about, principal: undefined }), undefined);
    assert.equal(
      await broker.token({ ...about, config: configOf({ command: "x" }), principal: "alice" }),
      undefined,
    );
    assert.ok(await broker.token({ ...about, principal: "alice" }));
  });

  test("refreshes what is due, as Codex does, and keeps it", async (t) => {
    const bench = await start(t, { lifetimeS: 1000 });
    const login = await bench.login(20_000);
    const token = await ask(bench.broker());
    const [request] = bench.server.asked("token");
    assert.deepEqual(request?.params, {
      grant_type: "refresh_token",
      refresh_token: login.refreshToken,
      scope: "read",
      client_id: CLIENT,
      resource: URL_,
    });
    assert.equal(request?.headers["authorization"], undefined);
    const stored = await bench.stored();
    assert.ok(token?.token !== login.accessToken && bench.server.check(token?.token ?? ""));
    assert.equal(stored?.accessToken, token?.token);
    assert.ok(stored?.refreshToken !== login.refreshToken && stored?.refreshToken?.startsWith("refresh-"));
    assert.equal(stored?.issuer, bench.server.issuer);
    const ends = (stored?.expiresAt ?? 0) - wallTime();
    assert.ok(ends > 900_000 && ends <= 1_000_000);
  });

  test("names the resource of the login, or the configured one, and authenticates its client", async (t) => {
    const secret = { id: CLIENT, secret: "a+b", authMethod: "client_secret_post" } as const;
    const bench = await start(t, { clients: [secret] });
    const broker = bench.broker();
    await bench.login(0, { clientSecret: "a+b", clientAuthMethod: "client_secret_post" });
    await ask(broker, "open", undefined, configOf({ url: URL_, oauth_resource: "http://resource/" }));
    await bench.login(0, {
      clientSecret: "a+b",
      clientAuthMethod: "client_secret_post",
      resource: "http://root/",
    });
    assert.ok(await ask(broker));
    const seen = bench.server
      .asked("token")
      .map(({ params }) => [params["resource"], params["client_secret"]]);
    assert.deepEqual(seen, [
      ["http://resource/", "a+b"],
      ["http://root/", "a+b"],
    ]);
  });

  test("has the secret of a configured client from the configuration", async (t) => {
    const bench = await start(t, { clients: [{ id: CLIENT, secret: "a+b" }] });
    const oauth = { client_id: CLIENT, client_secret: "a+b" };
    await bench.login(0);
    assert.ok(await ask(bench.broker(), "open", undefined, configOf({ url: URL_, oauth })));
    // That of another client is not shown to anybody.
    await bench.login(0);
    const other = configOf({ url: URL_, oauth: { ...oauth, client_id: "other" } });
    await assert.rejects(ask(bench.broker(), "unauthorized", undefined, other), { code: "needs_login" });
  });

  test("asks an authorization server from where the MCP server is", async (t) => {
    const bench = await start(t);
    await bench.login(0);
    const asked: string[] = [];
    using here = new NodeFetch();
    const there: HttpFetch = (request) => {
      asked.push(request.url.pathname);
      return here.fetch(request);
    };
    const nowhere: HttpFetch = () => Promise.reject(new Error("not from here"));
    const broker = bench.broker({ fetch: nowhere });
    const about = { server: "svc", config: CONFIG, principal: "alice", why: "open", signal } as const;
    await assert.rejects(broker.token(about), /not from here/);
    assert.ok(await broker.token({ ...about, fetch: there }));
    assert.equal(asked.at(-1), "/token");
  });

  test("refreshes once for all who ask at the same time (R1)", async (t) => {
    const bench = await start(t);
    const login = await bench.login(0);
    const broker = bench.broker();
    const asked = Array.from({ length: 20 }, (_, at) =>
      ask(broker, at % 2 === 0 ? "open" : "unauthorized", login.accessToken),
    );
    const tokens = new Set((await Promise.all(asked)).map((token) => token?.token));
    assert.equal(tokens.size, 1);
    assert.equal(bench.server.asked("token").length, 1);
  });

  test("takes the tokens that another process has got, instead of refreshing (R2)", async (t) => {
    const bench = await start(t);
    const login = await bench.login(0);
    const brokers = Array.from({ length: 10 }, () => bench.broker());
    const tokens = await Promise.all(brokers.map((broker) => ask(broker, "unauthorized", login.accessToken)));
    assert.equal(new Set(tokens.map((token) => token?.token)).size, 1);
    assert.equal(bench.server.asked("token").length, 1);
    // Later ones know the refused token only.
    assert.equal((await ask(bench.broker(), "unauthorized", login.accessToken))?.token, tokens[0]?.token);
    assert.equal(bench.server.asked("token").length, 1);
    assert.equal(bench.server.reuses, 0);
  });

  test("takes a token of another process although it is short, and does not refresh in turns with it", async (t) => {
    const bench = await start(t, { lifetimeS: 50 });
    await bench.login(0);
    const random = (): number => 1;
    const [one, other] = [bench.broker({ random }), bench.broker({ random })];
    const first = await ask(one);
    // Less than a minute is left, and nothing is known of it.
    const second = await ask(other);
    assert.ok(second !== undefined && second.token !== first?.token);
    assert.ok((second.dueAt ?? 0) > wallTime() + 5_000);
    assert.equal((await ask(one, "due", first?.token))?.token, second.token);
    assert.equal((await ask(one))?.token, second.token);
    assert.equal(bench.server.asked("token").length, 2);
  });

  test("says after a 401 that there is no login, and before it nothing", async (t) => {
    const bench = await start(t);
    const broker = bench.broker();
    assert.equal(await ask(broker), undefined);
    await assert.rejects(ask(broker, "unauthorized"), {
      code: "needs_login",
      message: "there is no login for it. Log in: switchyard mcp login svc",
    });
    const other = bench.broker({ advice: (server) => `Open /connect/${server}` });
    await assert.rejects(ask(other, "unauthorized"), /no login for it\. Open \/connect\/svc/);
  });

  test("does not try a login again that has ended, until the store has another one (R4, N1)", async (t) => {
    const bench = await start(t);
    const login = await bench.login(0);
    bench.server.revokeAll();
    const broker = bench.broker();
    assert.equal(await ask(broker), undefined);
    for (const refused of [undefined, login.accessToken]) {
      await assert.rejects(ask(broker, "unauthorized", refused), {
        code: "needs_login",
        message:
          /^its login has ended: the authorization server answered invalid_grant: The login was revoked\. Log in/,
      });
    }
    assert.equal(bench.server.asked("token").length, 1);
    assert.deepEqual((await bench.stored())?.refreshToken, login.refreshToken);
    const next = await bench.login(HOUR);
    assert.equal((await ask(broker, "unauthorized", login.accessToken))?.token, next.accessToken);
  });

  test("uses a token to its end when it cannot be renewed any more", async (t) => {
    const bench = await start(t);
    const login = await bench.login(20_000, { refreshToken: undefined });
    const token = await ask(bench.broker());
    assert.deepEqual([token?.token, token?.dueAt], [login.accessToken, undefined]);
    const refused = ask(bench.broker(), "unauthorized", login.accessToken);
    await assert.rejects(refused, /gave no refresh token with it/);
    assert.deepEqual(bench.server.requests, []);
  });

  test("a refusal that may pass is no end of the login (N1)", async (t) => {
    const bench = await start(t);
    const login = await bench.login(20_000);
    const broker = bench.broker();
    const answers = [
      { status: 503, body: "<html>" },
      { status: 429, body: { error: "slow_down" } },
      { status: 200, body: '{"access_token":' },
      { status: 200, body: { token_type: "Bearer" } },
    ];
    for (const answer of answers) {
      bench.server.behaviour.meddle = (truth, { endpoint }) => (endpoint === "token" ? answer : truth);
      const token = await ask(broker);
      assert.equal(token?.token, login.accessToken);
      assert.ok((token?.dueAt ?? 0) > wallTime());
      await assert.rejects(ask(broker, "unauthorized", login.accessToken), { name: "LoginError" });
    }
    bench.server.behaviour.meddle = (truth) => truth;
    // What was rejected had been carried out: the refresh token is used up, and the server says so.
    await assert.rejects(ask(broker, "unauthorized", login.accessToken), { code: "needs_login" });
  });

  test("asks no server that is not the one of the login", async (t) => {
    const bench = await start(t);
    const login = await bench.login(0);
    bench.server.behaviour.meddle = (truth, { endpoint }) =>
      endpoint === "metadata"
        ? { ...truth, body: { ...(truth.body as object), issuer: "http://127.0.0.1:1" } }
        : truth;
    await assert.rejects(ask(bench.broker(), "unauthorized", login.accessToken), { code: "bad_metadata" });
    // Nor one that everybody on the way could read.
    bench.server.behaviour.meddle = (truth, { endpoint }) =>
      endpoint === "metadata"
        ? { ...truth, body: { ...(truth.body as object), token_endpoint: "http://login.test/token" } }
        : truth;
    await assert.rejects(ask(bench.broker(), "unauthorized", login.accessToken), {
      code: "bad_metadata",
      message: /login\.test\/token", is not https/,
    });
    assert.equal(bench.server.asked("token").length, 0);
  });

  test("finds the authorization server of a login without an issuer", async (t) => {
    const bench = await start(t);
    // The server that is protected is its own authorization server here, as in the first revision of the text.
    const url = `${bench.server.origin}/mcp`;
    await bench.store.write({ ...(await bench.login(0)), url, issuer: undefined }, signal);
    assert.ok(await ask(bench.broker(), "open", undefined, configOf({ url })));
  });

  test("an answer that comes late is an error of those who wait for it (B2)", async (t) => {
    const bench = await start(t);
    const login = await bench.login(0);
    bench.server.behaviour.delayMs = () => Infinity;
    const other = { ...login, server: "other" };
    await bench.store.write(other, signal);
    const broker = bench.broker();
    const stop = new AbortController();
    const reason = new Error("enough");
    const about = { config: CONFIG, principal: "alice", why: "open" } as const;
    const waiting = broker.token({ ...about, server: "svc", signal: stop.signal });
    const given = assert.rejects(waiting, (error) => error === reason);
    await bench.server.waitFor(({ requests }) => requests.length === 1, t);
    stop.abort(reason);
    await given;
    await bench.store.write({ ...other, expiresAt: wallTime() + HOUR }, signal);
    assert.ok(await broker.token({ ...about, server: "other", signal }));
  });

  test("carries a refresh through that nobody waits for any more (R5, B3)", async (t) => {
    const bench = await start(t);
    const login = await bench.login(0);
    const gate = bench.hold("token");
    const broker = bench.broker();
    const stop = new AbortController();
    const about = { server: "svc", config: CONFIG, principal: "alice", why: "open" } as const;
    const waiting = assert.rejects(broker.token({ ...about, signal: stop.signal }));
    await bench.server.waitFor((server) => server.asked("token").length === 1, t);
    stop.abort();
    await waiting;
    const disposed = broker[Symbol.asyncDispose]();
    gate.resolve();
    await disposed;
    const stored = await bench.stored();
    assert.ok(stored?.accessToken !== login.accessToken && bench.server.check(stored?.accessToken ?? ""));
    await assert.rejects(ask(broker), { code: "ended" });
  });

  test("a login or logout of others meanwhile wins over the new tokens (R3)", async (t) => {
    const bench = await start(t);
    const first = await bench.login(0);
    let second: StoredLogin | undefined;
    let gate = bench.hold("token");
    const refreshing = ask(bench.broker(), "unauthorized", first.accessToken);
    await bench.server.waitFor((server) => server.asked("token").length === 1, t);
    second = await bench.login(HOUR);
    gate.resolve();
    assert.equal((await refreshing)?.token, second.accessToken);
    assert.equal((await bench.stored())?.accessToken, second.accessToken);

    second = await bench.login(0);
    gate = bench.hold("token");
    const again = ask(bench.broker(), "unauthorized", second.accessToken);
    const ended = assert.rejects(again, { code: "needs_login", message: /removed meanwhile/ });
    await bench.server.waitFor((server) => server.asked("token").length === 2, t);
    await bench.store.remove(second, signal);
    gate.resolve();
    await ended;
    assert.equal(await bench.stored(), undefined);
  });

  test("takes the tokens of a faster one that does not take the lock, and does not end the login (R3)", async (t) => {
    const bench = await start(t, { revokeOnReuse: false });
    const login = await bench.login(0);
    const gate = bench.hold("metadata");
    const asking = ask(bench.broker(), "unauthorized", login.accessToken);
    await bench.server.waitFor(({ requests }) => requests.length === 1, t);
    const form = { grant_type: "refresh_token", refresh_token: login.refreshToken ?? "", client_id: CLIENT };
    const answer = await fetch(`${bench.server.issuer}/token`, {
      method: "POST",
      body: new URLSearchParams(form),
    });
    const tokens = (await answer.json()) as { access_token: string; refresh_token: string };
    const theirs = { accessToken: tokens.access_token, refreshToken: tokens.refresh_token };
    await bench.store.write({ ...login, ...theirs, expiresAt: wallTime() + HOUR }, signal);
    gate.resolve();
    assert.equal((await asking)?.token, tokens.access_token);
  });

  test("uses new tokens that cannot be written, and writes them with the next refresh (R6)", async (t) => {
    const bench = await start(t);
    const login = await bench.login(0);
    let isFull = true;
    const store: LoginStore = {
      read: (key, by) => bench.store.read(key, by),
      remove: (key, by) => bench.store.remove(key, by),
      exclusively: (key, work, by) => bench.store.exclusively(key, work, by),
      write: (given, by) =>
        isFull ? Promise.reject(new Error("the disk is full")) : bench.store.write(given, by),
    };
    const broker = bench.broker({ stores: () => store });
    const token = await ask(broker);
    assert.ok(bench.server.check(token?.token ?? ""));
    assert.equal((await bench.stored())?.accessToken, login.accessToken);
    assert.match(bench.log[0] ?? "", /"svc" are used, but could not be kept: the disk is full/);
    assert.equal((await ask(broker))?.token, token?.token);
    isFull = false;
    const next = await ask(broker, "unauthorized", token?.token);
    assert.equal((await bench.stored())?.accessToken, next?.token);
    assert.equal(bench.server.reuses, 0);
  });

  test("no error shows a token, whatever the authorization server says (N2)", async (t) => {
    const bench = await start(t);
    const login = await bench.login(0, { clientSecret: "the-client-secret" });
    const secrets = new RegExp(`SECRET|${login.accessToken}|${login.refreshToken}|the-client-secret`);
    const tokens = `${login.accessToken} ${login.refreshToken} the-client-secret`;
    const answers = [
      { status: 400, body: { error: "invalid_request", error_description: tokens } },
      { status: 500, body: `{"access_token":"SECRET","x":"${tokens}"` },
      { status: 200, body: `{"access_token":"SECRET","x":"${tokens}"` },
      { status: 200, body: { access_token: ["SECRET"], x: tokens } },
      { status: 400, body: { error: "invalid_grant", error_description: tokens } },
    ];
    for (const answer of answers) {
      bench.server.behaviour.meddle = (truth, { endpoint }) => (endpoint === "token" ? answer : truth);
      await assert.rejects(ask(bench.broker(), "unauthorized", login.accessToken), (error: Error) => {
        const all = [error, error.cause, (error.cause as Error | undefined)?.cause];
        const text = all
          .map((each) => (each instanceof Error ? `${each.stack}${JSON.stringify(each)}` : ""))
          .join("");
        assert.doesNotMatch(text, secrets);
        return true;
      });
    }
    assert.doesNotMatch(bench.log.join(""), secrets);
  });
});
