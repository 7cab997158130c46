/** The servers of conversations: ours in this process, and the real one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { SignJWT } from "jose";
import {
  type Authenticator,
  bearerAuthenticator,
  ExecutorServer,
  jwtAuthenticator,
  listen,
  openAuthenticator,
  parseListenAddress,
} from "../../../src/executor/index.ts";
import { findCodex } from "../../../src/codex/app-server/binary.ts";
import type { Clock } from "../../../src/base/clock.ts";
import type { OpenOptions } from "./tape.ts";
import type { World } from "./world.ts";

export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly server: ExecutorServer;
  /** What a connection must bring to be let in. */
  readonly pass: () => Promise<OpenOptions>;
}

const TOKEN = "a-token-of-the-replay";
const SECRET = "a-secret-of-the-replay-that-is-long-enough";
const ISSUER = "replay-issuer";
const AUDIENCE = "replay-audience";

type Access = "open" | "token" | "sha256" | "jwt";

/** What a situation's name says of who may connect. */
export function accessOf(situation: string): Access {
  if (!/\bauth\b/.test(situation)) return "open";
  if (/sha256/.test(situation)) return "sha256";
  return /signed|jwt/i.test(situation) ? "jwt" : "token";
}

/** Our server: who may connect, and on whose time. */
export async function serve(world: World, clock: Clock, access: Access = "open"): Promise<Server> {
  const server = new ExecutorServer({ clock, env: world.env, graces: { stdinMs: 60, termMs: 150 } });
  const address = parseListenAddress("ws://127.0.0.1:0");
  assert.ok(address.kind === "websocket");
  const listener = await listen({ server, address, authenticator: authenticatorOf(access) });
  return {
    url: listener.url,
    server,
    pass: async () => {
      if (access === "open") return {};
      return bearer(access === "jwt" ? await signed({}) : TOKEN);
    },
    [Symbol.asyncDispose]: async () => {
      // A listener ends when its connections have; the server ends those.
      await Promise.all([listener[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
    },
  };
}

/** The real `codex exec-server`, in the environment of a world. */
export async function serveOriginal(world: World): Promise<AsyncDisposable & { readonly url: string }> {
  const { path } = findCodex(undefined, process.env);
  const child = spawn(path, ["exec-server", "--listen", "ws://127.0.0.1:0"], {
    env: world.env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return {
    url: line.toString().trim(),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, "exit");
    },
  };
}

/** What makes a server refuse a connection in this way. */
export async function provocationOf(status: unknown, body: string): Promise<OpenOptions> {
  if (status === 403) return { headers: { origin: "http://localhost" } };
  if (status === 404) return { path: "/other" };
  switch (body) {
    case "missing websocket bearer token":
      return {};
    case "invalid authorization header":
      return { headers: { authorization: "Basic eDp5" } };
    case "invalid websocket jwt":
      return bearer("no.such.token");
    case "expired websocket jwt":
      return bearer(await signed({ exp: -3_600 }));
    case "websocket jwt is not valid yet":
      return bearer(await signed({ nbf: 3_600 }));
    case "websocket jwt issuer mismatch":
      return bearer(await signed({ iss: "another" }));
    case "websocket jwt audience mismatch":
      return bearer(await signed({ aud: "another" }));
    default:
      return bearer("another-token");
  }
}

function authenticatorOf(access: Access): Authenticator {
  switch (access) {
    case "open":
      return openAuthenticator;
    case "token":
      return bearerAuthenticator({ token: TOKEN });
    case "sha256":
      return bearerAuthenticator({ sha256: createHash("sha256").update(TOKEN).digest("hex") });
    case "jwt":
      return jwtAuthenticator({ secret: SECRET, issuer: ISSUER, audience: AUDIENCE, now: () => new Date() });
  }
}

function bearer(token: string): OpenOptions {
  return { headers: { authorization: `Bearer ${token}` } };
}

interface Claims {
  /** Seconds from now. */
  readonly exp?: number;
  readonly nbf?: number;
  readonly iss?: string;
  readonly aud?: string;
}

function signed({ exp = 3_600, nbf = 0, iss = ISSUER, aud = AUDIENCE }: Claims): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(now + exp)
    .setNotBefore(now + nbf)
    .setIssuer(iss)
    .setAudience(aud)
    .sign(new TextEncoder().encode(SECRET));
}
