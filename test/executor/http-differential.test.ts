/**
 * `http/request` of `HttpMethods` against that of the real `codex exec-server`: the same requests to the same
 * server must arrive there alike, and be answered alike.
 *
 * `src/executor/server/http/methods.test.ts` has where we differ on purpose.
 */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { once } from "node:events";
import { after, before, suite, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { systemClock } from "../../src/base/clock.ts";
import { HttpMethods } from "../../src/executor/server/http/methods.ts";
import { type Answer, comparable, OwnSide, type Side, startRealSide } from "./support/exec-server-peer.ts";
import { isCodex } from "../support/codex-version.ts";
import { type RawHttpServer, startRawHttpServer } from "./support/raw-http-server.ts";

/** 0.169 asks for no encoding, and hands on what comes. */
const decodesNothing = isCodex("0.169");

type Params = Readonly<Record<string, unknown>>;

const env = { TOKEN: "secret", EMPTY: "", BAD: "a\nb", NOT_ASCII: "é" };
const hello = Buffer.from("hello").toString("base64");

const headers = (
  ...pairs: readonly (readonly [name: string, value: string, variable?: string | null])[]
): Params => ({
  headers: pairs.map(([name, value, valueEnvVar]) => ({
    name,
    value,
    ...(valueEnvVar === undefined ? {} : { valueEnvVar }),
  })),
});
/** Long enough for the head of a response on a busy machine. */
const TIMEOUT_MS = 1_500;

const redirect = (status: number, to: string): string =>
  `$O/redirect?status=${status}&to=${encodeURIComponent(to).replaceAll("%24", "$")}`;

suite("HttpMethods answers as codex exec-server does", () => {
  let real: Side;
  let own: Side;
  let server: RawHttpServer;
  before(async () => {
    server = await startRawHttpServer();
    real = await startRealSide({ PATH: process.env["PATH"] ?? "", ...env });
    own = new OwnSide(new HttpMethods({ clock: systemClock, env }));
  });
  after(async () => {
    await own[Symbol.asyncDispose]();
    await real[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  let lastId = 0;
  /** `$O` is the origin of the server, `$P` another one of it, `$H` its host and port. */
  function same(name: string, requests: readonly Params[], skip: string | false = false): void {
    test(name, { skip }, async () => {
      for (const request of requests) {
        const params = JSON.parse(
          JSON.stringify({ method: "GET", requestId: `r${++lastId}`, ...request })
            .replaceAll("$O", server.origin)
            .replaceAll("$H", server.origin.slice("http://".length))
            .replaceAll("$P", server.otherOrigin),
        ) as Params;
        const [expected, actual] = await Promise.all([real, own].map((side) => answerOf(side, params)));
        assert.deepEqual(actual, expected, JSON.stringify(request).slice(0, 300));
      }
    });
  }

  same("methods and bodies", [
    ...["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PURGE"].flatMap((method) => [
      { method, url: "$O/echo" },
      { method, url: "$O/echo", bodyBase64: hello },
      { method, url: "$O/echo", bodyBase64: "" },
      { method, url: "$O/echo", bodyBase64: null },
    ]),
    ...["", "A B", "É", "A\n", "A:"].map((method) => ({ method, url: "$O/echo" })),
  ]);

  same("headers that are sent", [
    {
      url: "$O/echo",
      ...headers(["X-A", "1"], ["x-a", "2"], ["Accept", "q/w"], ["User-Agent", "me"], ["Host", "own"]),
    },
    { url: "$O/echo", ...headers(["X-A", " 1 "], ["Y", ""], ["Z", "\t"], ["U", "é\u{1f600}\u0085"]) },
    {
      url: "$O/echo",
      ...headers(["accept-encoding", "gzip"], ["connection", "close"], ["expect", "100-continue"]),
    },
    ...["a\nb", "a\rb", "a\0b", "\u007f", "a\u0001"].map((value) => ({
      url: "$O/echo",
      ...headers(["X-V", value]),
    })),
    ...["", "a b", "é", "a:b", "A_b.c!", ":path", "x".repeat(65_536)].map((name) => ({
      url: "$O/echo",
      ...headers([name, "v"]),
    })),
    { method: "POST", url: "$O/echo", bodyBase64: hello, ...headers(["content-length", "5"]) },
  ]);

  same("values of the executor's environment", [
    { url: "$O/echo", ...headers(["X-E", "Bearer ", "TOKEN"], ["X-N", "n", null], ["X-L", "", "NOT_ASCII"]) },
    { url: "$O/echo", ...headers(["X-E", "Bearer ", "NOPE"]) },
    { url: "$O/echo", ...headers(["X-E", "Bearer ", "EMPTY"]) },
    { url: "$O/echo", ...headers(["X-E", "Bearer ", ""]) },
    { url: "$O/echo", ...headers(["X-E", "Bearer ", "A=B"]) },
    { url: "$O/echo", ...headers(["X-E", "Bearer ", "BAD"]) },
    { url: "$O/echo", ...headers(["bad name", "Bearer ", "NOPE"]) },
  ]);

  same("URLs", [
    ...["$O/echo?a=b#frag", "$O/echo?a b", "$O/echo", "http://u:p%40@$H/echo", "http://u@$H/echo"].map(
      (url) => ({ url }),
    ),
    ...[
      "",
      "//h/x",
      "http://",
      "http://127.0.0.1:99999/",
      "http://[::1",
      "http://exa mple/",
      "http://1.2.3.999/",
    ].map((url) => ({ url })),
    ...["file:///x", "ws://x", "mailto:x", "ftp://x/"].map((url) => ({ url })),
    ...["HTTP://127.0.0.1:1/", "http://127.0.0.1:1/a b?c d#e", "http://u:secret@127.0.0.1:1/"].map((url) => ({
      url,
    })),
    { url: "nope", method: "A B" },
    { url: "nope", ...headers(["a b", "c"]) },
  ]);

  same("responses", [
    ...["headers", "204", "304", "length", "hints", "trailers", "close", "upgrade", "elsewhere"].map(
      (path) => ({
        url: `$O/${path}`,
      }),
    ),
    { method: "HEAD", url: "$O/length" },
    { url: "$O/large?n=1000000" },
  ]);

  const encoded = (body: string, ...as: readonly string[]): Params => ({
    url: `$O/encoded?body=${body}&${as.map((name) => `as=${encodeURIComponent(name)}`).join("&")}`,
  });
  const compressed: readonly Params[] = [
    ...["gzip", "zstd", "br", "deflate", "gzipLarge", "zstdLarge"].flatMap((body) => {
      const as = /^[a-z]+/.exec(body)?.[0] ?? "";
      return [encoded(body, as), { method: "HEAD", ...encoded(body, as) }, encoded(body)];
    }),
    ...["gzip", "zstd"].flatMap((as) => [
      { ...encoded(as, as), ...headers(["accept-encoding", "identity"]) },
      { ...encoded(as, as), ...headers(["Range", "bytes=0-"]) },
      { ...encoded(as, as), method: "POST", bodyBase64: hello },
      encoded(as, as.toUpperCase()),
      encoded(as, `x-${as}`),
      encoded(as, `${as}, ${as}`),
      encoded(as, as, "identity"),
      encoded(as, "identity", as),
      encoded(as, as, as),
      encoded(as, ` ${as} `),
      encoded(as, "identity"),
      encoded("empty", as),
      encoded("plain", as),
      encoded(`${as}Cut`, as),
    ]),
    encoded("gzipWrong", "gzip"),
    encoded("zstdMore", "zstd"),
    { url: "$O/echo", ...headers(["Accept-Encoding", ""]) },
    { url: "$O/echo", ...headers(["range", "bytes=0-1"]) },
    { url: redirect(302, "/echo") },
    { url: redirect(302, "/echo"), ...headers(["accept-encoding", "br"]) },
  ];
  same("bodies that are compressed", compressed, decodesNothing && "0.169 decodes nothing");

  same("responses that break", [
    ...["cut", "cut-chunk", "bad-chunk", "garbage", "reset", "nothing"].map((path) => ({
      url: `$O/${path}`,
    })),
    { url: "$O/stall", timeoutMs: TIMEOUT_MS },
    { url: "$O/never", timeoutMs: TIMEOUT_MS },
    { url: "https://127.0.0.1:1/" },
    { url: "$O/echo", timeoutMs: 60_000 },
    { url: "$O/echo", timeoutMs: 2 ** 53 },
    { url: "$O/echo", timeoutMs: null },
  ]);

  // On a busy machine the real one says of the same either this or that.
  test("a handshake that does not end", async () => {
    const url = `https://${server.origin.slice("http://".length)}/`;
    const params = { method: "GET", requestId: "handshake", url, timeoutMs: TIMEOUT_MS };
    const [expected, actual] = await Promise.all([real, own].map((side) => answerOf(side, params)));
    const sending = `http/request failed: error sending request for url (${url})`;
    const failed = (message: string): object => ({ error: { code: -32603, message } });
    assert.deepEqual(actual, failed(sending));
    const wordings = [sending, "http/request failed: timed out"];
    assert.ok(
      wordings.some((message) => isDeepStrictEqual(expected, failed(message))),
      JSON.stringify(expected),
    );
  });

  const post = {
    bodyBase64: hello,
    ...headers(["content-type", "t/t"], ["content-language", "l"], ["x-k", "1"]),
  };
  same("redirects", [
    ...[300, 301, 302, 303, 304, 305, 307, 308].flatMap((status) => [
      { url: redirect(status, "/echo") },
      { method: "POST", url: redirect(status, "/echo"), ...post },
      { method: "PUT", url: redirect(status, "/echo"), ...post },
      { method: "HEAD", url: redirect(status, "/length") },
      { method: "DELETE", url: redirect(status, "/echo"), redirectPolicy: "stop" },
      { url: redirect(status, "/echo"), redirectPolicy: "follow" },
    ]),
    { url: "$O/down?n=10" },
    { url: "$O/down?n=11" },
    { url: redirect(302, "") },
    ...[
      "ftp://x/",
      "http://",
      "javascript:x",
      "file:///etc/passwd",
      "//127.0.0.1:1/",
      "/echo#f",
      "?status=200&to=",
    ].map((to) => ({ url: redirect(302, to) })),
    { url: `${redirect(302, "/echo")}#frag` },
    { url: redirect(302, "/echo"), ...headers(["referer", "mine"]) },
  ]);

  const credentials = [
    ["Authorization", "A"],
    ["Cookie", "c=1"],
    ["Cookie2", "d"],
    ["Proxy-Authorization", "P"],
    ["WWW-Authenticate", "w"],
    ["X-Api-Key", "k"],
  ] as const;
  same("credentials in redirects", [
    { url: redirect(302, "/echo"), ...headers(...credentials, ["host", "own"]) },
    { url: redirect(302, "$P/echo"), ...headers(...credentials) },
    { url: redirect(302, `$P/redirect?status=302&to=${"$O"}/echo`), ...headers(...credentials) },
    { url: redirect(302, "/echo"), ...headers(["X-E", "Bearer ", "TOKEN"]) },
  ]);

  test("bodies that are streamed", async () => {
    for (const [at, [path, more]] of (
      [
        ["/echo", {}],
        ["/204", {}],
        ["/large?n=700000", {}],
        ...(decodesNothing
          ? []
          : ([
              ["/encoded?body=gzipLarge&as=gzip", {}],
              ["/encoded?body=zstdLarge&as=zstd", {}],
              ["/encoded?body=gzipCut&as=gzip", {}],
              ["/encoded?body=zstdCut&as=zstd", {}],
              ["/encoded?body=gzip&as=gzip", { method: "HEAD" }],
            ] as const)),
        ["/length", { method: "HEAD" }],
        ["/cut", {}],
        ["/bad-chunk", {}],
        ["/upgrade", {}],
        ["/stall", { timeoutMs: TIMEOUT_MS }],
        ["/never", { timeoutMs: TIMEOUT_MS }],
        ["/close", {}],
        [redirect(302, "/echo").slice(2), {}],
      ] as const
    ).entries()) {
      const params = {
        method: "GET",
        url: `${server.origin}${path}`,
        requestId: `s${at}`,
        streamResponse: true,
        ...more,
      };
      const [expected, actual] = await Promise.all([real, own].map((side) => streamOf(side, params)));
      assert.deepEqual(actual, expected, path);
    }
  });

  test("ids of streamed requests", async () => {
    const ask = (more: Params): Promise<unknown[]> =>
      Promise.all(
        [real, own].map((side) =>
          answerOf(side, { method: "GET", url: `${server.origin}/stall`, requestId: "id", ...more }),
        ),
      );
    for (const more of [
      { streamResponse: true },
      { streamResponse: true },
      { streamResponse: true, url: "nope" },
      { streamResponse: true, url: `${server.origin}/echo` },
      { url: `${server.origin}/echo` },
      { streamResponse: true, requestId: "", url: `${server.origin}/echo` },
      { streamResponse: true, requestId: "failed", url: "http://127.0.0.1:1/" },
      { streamResponse: true, requestId: "failed", url: `${server.origin}/echo` },
    ]) {
      const [expected, actual] = await ask(more);
      assert.deepEqual(actual, expected, JSON.stringify(more));
    }
  });

  test("a proxy that the environment names", async () => {
    const seen: string[] = [];
    const proxy = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (data) => {
        seen.push(sortedHead(data.toString()));
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nPX");
      });
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const address = proxy.address();
    assert.ok(address !== null && typeof address === "object");
    const named = { http_proxy: `http://127.0.0.1:${address.port}`, no_proxy: "127.0.0.1" };
    await using far = await startRealSide(named);
    await using near = new OwnSide(new HttpMethods({ clock: systemClock, env: named }));
    for (const side of [far, near]) {
      const url = "http://nowhere.invalid/x?y";
      const answer = await side.ask("http/request", { method: "GET", requestId: "1", url });
      assert.equal((answer as { result?: any }).result?.bodyBase64, "UFg=", JSON.stringify(answer));
      await answerOf(side, { method: "GET", requestId: "2", url: `${server.origin}/echo` });
    }
    proxy.close();
    assert.equal(seen[0]?.split("\n")[0], "GET http://nowhere.invalid/x?y HTTP/1.1");
    assert.equal(seen[1]?.split("\n")[0], seen[0]?.split("\n")[0]);
    assert.equal(seen.length, 2);
  });
});

/** Headers in any order, if those of one name keep theirs: the original puts them into a table. */
async function answerOf(side: Side, params: Params): Promise<unknown> {
  return normalize(await side.ask("http/request", params));
}

/** Two timers of the original watch for the same time-out, and each has its own words. */
const TIMED_OUT = /: (?:route-aware request timed out|error sending request for url \(.*\/never\))$/;

function inOneForm(answer: Answer): Answer {
  if (!("error" in answer)) return answer;
  const { code, message } = answer.error;
  return { error: { code, message: message.replace(TIMED_OUT, ": timed out") } };
}

function normalize(answer: Answer): unknown {
  if ("error" in answer) return inOneForm(comparable(answer));
  const result = answer.result as {
    status: number;
    headers: { name: string; value: string }[];
    bodyBase64: string;
  };
  const body = Buffer.from(result.bodyBase64, "base64").toString("latin1");
  const isEcho = /^[^\r]* HTTP\/1\.1\r\n/.test(body);
  return {
    status: result.status,
    headers: result.headers
      // The length of an echo has the header in it.
      .filter(({ name }) => !(decodesNothing && name === "content-length"))
      .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
    body: isEcho ? sortedHead(body) : body,
  };
}

function sortedHead(request: string): string {
  const [head = "", body] = request.split("\r\n\r\n");
  const [first, ...all] = head.split("\r\n");
  const lines = all.filter((line) => !(decodesNothing && line === "accept-encoding: zstd,gzip"));
  const name = (line: string): string => line.slice(0, line.indexOf(":"));
  const sorted = lines.toSorted((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0));
  return [first, ...sorted, "", body].join("\n");
}

/** The answer, and the whole body with how it ended. */
async function streamOf(side: Side, params: Params & { readonly requestId: string }): Promise<unknown> {
  const answer = await side.ask("http/request", params);
  if ("error" in answer) return normalize(answer);
  const deltas = (): readonly Params[] =>
    side.notifications.map((each) => each.params).filter((each) => each["requestId"] === params.requestId);
  while (deltas().at(-1)?.["done"] !== true) await new Promise(setImmediate);
  const all = deltas();
  assert.deepEqual(
    all.map((delta) => delta["seq"]),
    all.map((_, at) => at + 1),
  );
  const last = all.at(-1);
  assert.equal(last?.["deltaBase64"], "");
  const body = Buffer.concat(all.map((delta) => Buffer.from(String(delta["deltaBase64"]), "base64")));
  const result = answer.result as Params;
  return [normalize({ result: { ...result, bodyBase64: body.toString("base64") } }), last?.["error"]];
}
