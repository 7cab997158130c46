/**
 * Who may connect: our answers, and those of `codex exec-server`, to the same bytes.
 *
 * Each request is written to a socket as it stands, so that the HTTP parsers of both sides are in it too.
 */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import {
  type Authenticator,
  bearerAuthenticator,
  jwtAuthenticator,
} from "../../src/executor/server/access/auth.ts";
import {
  type HttpAnswer,
  listenExecServer,
  sendRequest,
  UPGRADE_HEADERS,
} from "./support/real-exec-server.ts";

const top = mkdtempSync(join(tmpdir(), "switchyard-auth-"));
after(() => rmSync(top, { recursive: true, force: true }));

function fileOf(name: string, text: string | Uint8Array): string {
  const path = join(top, name);
  writeFileSync(path, text);
  return path;
}

/** The answer to an upgrade with these header lines. */
function upgrade(port: number, headers: readonly string[]): Promise<HttpAnswer> {
  return sendRequest(port, ["GET / HTTP/1.1", "Host: 127.0.0.1", ...UPGRADE_HEADERS, ...headers]);
}

/** Our authenticator behind Node's HTTP server. */
async function serve(authenticator: Authenticator): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer();
  server.on("upgrade", (request, socket) => {
    void authenticator.check(request.headers.authorization).then((verdict) => {
      const [status, body] = verdict.ok
        ? ["101 Switching Protocols", ""]
        : ["401 Unauthorized", verdict.reason];
      const length = verdict.ok ? "" : `Content-Length: ${body.length}\r\n`;
      socket.end(`HTTP/1.1 ${status}\r\n${length}\r\n${body}`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

interface Sides {
  readonly flags: readonly string[];
  readonly authenticator: Authenticator;
}

/** Both answer alike to each of the requests. */
async function compare(
  { flags, authenticator }: Sides,
  requests: readonly (readonly [what: string, ...headers: string[]])[],
): Promise<ReadonlyMap<string, HttpAnswer>> {
  await using real = await listenExecServer(flags);
  await using ours = await serve(authenticator);
  const answers = new Map<string, HttpAnswer>();
  for (const [what, ...headers] of requests) {
    const expected = await upgrade(real.port, headers);
    assert.deepEqual(await upgrade(ours.port, headers), expected, what);
    answers.set(what, expected);
  }
  return answers;
}

suite("bearerAuthenticator agrees with codex exec-server", () => {
  const token = "t0ken-of a-sort.~+/=";
  const right = `Authorization: Bearer ${token}`;
  const requests: readonly (readonly [what: string, ...headers: string[]])[] = [
    ["no header"],
    ["the token", right],
    ["the scheme in another case", `authorization: bEARER ${token}`],
    ["blanks around the token", `Authorization:   Bearer   ${token} \t `],
    ["a tab instead of the blank", `Authorization: Bearer\t${token}`],
    ["a tab after the blank", `Authorization: Bearer \t${token}`],
    ["another token", "Authorization: Bearer other"],
    ["a token that begins with it", `${right}x`],
    ["the beginning of the token", right.slice(0, -1)],
    ["another case", `Authorization: Bearer ${token.toUpperCase()}`],
    ["no token", "Authorization: Bearer "],
    ["no blank", "Authorization: Bearer"],
    ["nothing", "Authorization:"],
    ["another scheme", `Authorization: Basic ${token}`],
    ["the token without a scheme", `Authorization: ${token.replaceAll(" ", "")}`],
    ["the token in another header", `X-Authorization: Bearer ${token}`],
    ["two tokens in one header", `${right}, Bearer ${token}`],
    ["the right token before a wrong one", right, "Authorization: Bearer other"],
    ["the right token after a wrong one", "Authorization: Bearer other", right],
    ["a byte that is no ASCII", `${right}\xe9`],
    ["a no-break space after it", `${right}\xa0`],
  ];
  const sources: readonly (readonly [name: string, sides: Sides])[] = [
    [
      "a token from a file",
      {
        flags: ["--ws-token-file", fileOf("token", ` \r\n${token}\t\n`)],
        authenticator: bearerAuthenticator({ token: ` \r\n${token}\t\n` }),
      },
    ],
    [
      "a digest",
      {
        flags: ["--ws-token-sha256", ` ${createHash("sha256").update(token).digest("hex").toUpperCase()} `],
        authenticator: bearerAuthenticator({
          sha256: ` ${createHash("sha256").update(token).digest("hex").toUpperCase()} `,
        }),
      },
    ],
  ];
  for (const [name, { flags, authenticator }] of sources) {
    test(`about every header, with ${name}`, async () => {
      const answers = await compare(
        { flags: ["--ws-auth", "capability-token", ...flags], authenticator },
        requests,
      );
      assert.deepEqual(
        [...answers].filter(([, { status }]) => status === 101).map(([what]) => what),
        [
          "the token",
          "the scheme in another case",
          "blanks around the token",
          "a tab after the blank",
          "the right token before a wrong one",
        ],
      );
    });
  }

  const unusable: readonly (readonly [what: string, ...flags: string[]])[] = [
    ["an empty token", "--ws-token-file", fileOf("empty", " \n")],
    ["a digest that is too short", "--ws-token-sha256", "ab".repeat(31)],
    ["a digest that is no hex", "--ws-token-sha256", "zz".repeat(32)],
  ];
  for (const [what, ...flags] of unusable) {
    test(`that ${what} will not do`, async () => {
      await assert.rejects(
        listenExecServer(["--ws-auth", "capability-token", ...flags]),
        /empty|64-character/,
      );
      const options = flags[0] === "--ws-token-file" ? { token: " \n" } : { sha256: flags[1] ?? "" };
      assert.throws(() => bearerAuthenticator(options), { code: "invalid_request" });
    });
  }
});

suite("jwtAuthenticator agrees with codex exec-server", () => {
  const secret = "a secret of thirty-two bytes, ok";
  const secretFile = fileOf("secret", `\n ${secret} \n`);
  const nowS = Math.floor(Date.now() / 1000);
  const base64 = (value: unknown): string =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  interface Signing {
    readonly header?: Readonly<Record<string, unknown>>;
    readonly key?: string;
    readonly hash?: string;
  }
  /** @param claims an object, or the payload as it stands */
  const sign = (claims: unknown, { header = {}, key = secret, hash = "sha256" }: Signing = {}): string => {
    const signed = `${base64({ alg: "HS256", typ: "JWT", ...header })}.${base64(claims)}`;
    return `${signed}.${createHmac(hash, key).update(signed).digest("base64url")}`;
  };
  const good = { exp: nowS + 1000, iss: "issuer", aud: "audience" };
  // With a character in its signature that plain base64 writes otherwise.
  const signed = Array.from({ length: 50 }, (_, jti) => sign({ ...good, jti })).find((token) =>
    /[-_][^.]*$/.test(token),
  );
  assert.ok(signed !== undefined);
  const [header = "", payload = "", signature = ""] = signed.split(".");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const lastBitFlipped = alphabet[alphabet.indexOf(signed.at(-1) ?? "") ^ 1];

  const tokens: readonly (readonly [what: string, token: string])[] = [
    ["a good token", signed],
    ["one of its audiences", sign({ ...good, aud: ["other", "audience"] })],
    ["no audiences", sign({ ...good, aud: [] })],
    ["audiences that are no text", sign({ ...good, aud: ["audience", 1] })],
    ["an audience that is no text", sign({ ...good, aud: 1 })],
    ["an audience that is null", sign({ ...good, aud: null })],
    ["no audience", sign({ ...good, aud: undefined })],
    ["another audience", sign({ ...good, aud: "other" })],
    ["another issuer", sign({ ...good, iss: "other" })],
    ["no issuer", sign({ ...good, iss: undefined })],
    ["an issuer that is null", sign({ ...good, iss: null })],
    ["an issuer that is no text", sign({ ...good, iss: 1 })],
    ["a list of issuers", sign({ ...good, iss: ["issuer"] })],
    ["an end within the skew", sign({ ...good, exp: nowS - 15 })],
    ["an end before the skew", sign({ ...good, exp: nowS - 40 })],
    ["an end before 1970", sign({ ...good, exp: -1 })],
    ["no end", sign({ ...good, exp: undefined })],
    ["an end that is null", sign({ ...good, exp: null })],
    ["an end that is a text", sign({ ...good, exp: String(good.exp) })],
    ["an end with a fraction", sign({ ...good, exp: good.exp + 0.5 })],
    ["an end beyond 64 bits", sign(`{"exp":18446744073709551615,"iss":"issuer","aud":"audience"}`)],
    ["the last end there is", sign(`{"exp":9223372036854775807,"iss":"issuer","aud":"audience"}`)],
    ["a beginning within the skew", sign({ ...good, nbf: nowS + 15 })],
    ["a beginning after the skew", sign({ ...good, nbf: nowS + 400 })],
    ["a beginning in the past", sign({ ...good, nbf: nowS - 1000 })],
    ["a beginning that is null", sign({ ...good, nbf: null })],
    ["a beginning that is a text", sign({ ...good, nbf: "1" })],
    ["a beginning with a fraction", sign({ ...good, nbf: 1.5 })],
    ["everything wrong", sign({ exp: nowS - 400, nbf: nowS + 400, iss: "other", aud: "other" })],
    ["all but the end wrong", sign({ exp: nowS + 400, nbf: nowS + 400, iss: "other", aud: "other" })],
    ["issuer and audience wrong", sign({ exp: nowS + 400, iss: "other", aud: "other" })],
    ["claims nobody asks for", sign({ ...good, sub: 1, iat: "x", jti: null })],
    ["a payload that is no JSON", sign("nothing")],
    ["a payload that is null", sign("null")],
    ["a payload that is a list", sign(`[${good.exp},null,"issuer","audience"]`)],
    ["a payload with a byte order mark", sign(`\ufeff${JSON.stringify(good)}`)],
    ["claims of a prototype", sign(`{"__proto__":${JSON.stringify(good)}}`)],
    ["another key", sign(good, { key: secret.toUpperCase() })],
    ["the key with its white space", sign(good, { key: `\n ${secret} \n` })],
    ["HS512", sign(good, { header: { alg: "HS512" }, hash: "sha512" })],
    ["HS512 by name only", sign(good, { header: { alg: "HS512" } })],
    ["none, with a signature", sign(good, { header: { alg: "none" } })],
    ["none, without one", `${base64({ alg: "none" })}.${payload}.`],
    ["none, in two parts", `${base64({ alg: "none" })}.${payload}`],
    ["RS256", sign(good, { header: { alg: "RS256" } })],
    ["no algorithm", sign(good, { header: { alg: undefined } })],
    ["no type", sign(good, { header: { typ: undefined } })],
    ["another type", sign(good, { header: { typ: "at+jwt" } })],
    ["a key id", sign(good, { header: { kid: "a" } })],
    ["a key of its own", sign(good, { header: { jwk: { kty: "oct", k: base64("mine") } } })],
    ["no signature", `${header}.${payload}.`],
    ["a signature that was cut", signed.slice(0, -2)],
    ["the signature of another token", `${header}.${base64({ ...good, sub: "root" })}.${signature}`],
    ["a signature with a bit more", `${signed.slice(0, -1)}${lastBitFlipped}`],
    ["a signature in the other alphabet", signed.replaceAll("-", "+").replaceAll("_", "/")],
    ["a signature with padding", `${signed}=`],
    ["a fourth part", `${signed}.x`],
    ["a blank in it", `${header}. ${payload}.${signature}`],
    ["three parts of nothing", ".."],
    ["a word", "word"],
  ];
  const requests = tokens.map(([what, token]) => [what, `Authorization: Bearer ${token}`] as const);

  test("about every token, with issuer and audience", async () => {
    const answers = await compare(
      {
        flags: [
          ...["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", secretFile],
          ...["--ws-issuer", " issuer ", "--ws-audience", "audience"],
        ],
        authenticator: jwtAuthenticator({
          secret: `\n ${secret} \n`,
          now: () => new Date(),
          issuer: " issuer ",
          audience: "audience",
        }),
      },
      [["no header"], ["another scheme", `Authorization: Basic ${signed}`], ...requests],
    );
    const bodies = new Set([...answers.values()].map(({ body }) => body));
    assert.deepEqual(
      bodies,
      new Set([
        "",
        "missing websocket bearer token",
        "invalid authorization header",
        "invalid websocket jwt",
        "expired websocket jwt",
        "websocket jwt is not valid yet",
        "websocket jwt issuer mismatch",
        "websocket jwt audience mismatch",
      ]),
    );
  });

  test("about every token, without required claims and without skew", async () => {
    const answers = await compare(
      {
        flags: [
          ...["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", secretFile],
          ...["--ws-issuer", " ", "--ws-max-clock-skew-seconds", "0"],
        ],
        authenticator: jwtAuthenticator({
          secret,
          now: () => new Date(),
          issuer: " ",
          maxClockSkewSeconds: 0,
        }),
      },
      requests,
    );
    assert.equal(answers.get("an end within the skew")?.body, "expired websocket jwt");
    assert.equal(answers.get("another issuer")?.status, 101);
  });

  test("that a secret of 31 bytes will not do", async () => {
    const short = secret.slice(0, -1);
    const flags = ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", fileOf("short", short)];
    await assert.rejects(listenExecServer(flags), /at least 32 bytes/);
    assert.throws(() => jwtAuthenticator({ secret: short, now: () => new Date() }), {
      code: "invalid_request",
    });
  });
});
