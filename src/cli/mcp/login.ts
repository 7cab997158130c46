/** `switchyard mcp login`: a person logs in to a server in the browser, and the login is kept where Codex keeps its own. */
import { createInterface } from "node:readline/promises";
import { shellWord } from "../../base/shell-word.ts";
import { oauthSettings } from "../../config/layers/oauth-settings.ts";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import {
  LoginError,
  McpError,
  McpManager,
  type PendingLogin,
  type StoredLogin,
  userLoginStore,
} from "../../mcp/index.ts";
import { type Args, UsageError } from "../args/parse.ts";
import { JSON_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { print, printJson, say, tell, writeAside } from "../output.ts";
import type { Stop } from "../signals.ts";
import { type CallbackPlace, callbackPlace } from "./callback-place.ts";
import { configuredServersOf, environmentsOf, notStartedText, serverNamed } from "./configured.ts";
import { shownName } from "./findings.ts";
import { forgetTools } from "./kept-tools.ts";
import { openBrowser } from "./open-browser.ts";
import { flagsFor, READ_FLAGS } from "./target.ts";

export const login: Command = {
  operands: [{ name: "NAME", completes: "server" }],
  flags: [
    {
      name: "scopes",
      value: "A,B",
      about: "what to ask for; empty asks for none. Without it: what the configuration or the server says",
    },
    { name: "no-browser", about: "show the URL, and open no browser" },
    {
      name: "device-url-only",
      about: "print the URL and nothing else on stdout, for a browser on another device",
    },
    ...READ_FLAGS,
    JSON_FLAG,
  ],
  notes:
    "The login ends at an address of this machine. A browser on another one cannot reach it: paste the address that it ends at here.\n" +
    "The login is kept where Codex keeps its own, and counts for both.\n\n" +
    "Examples:\n" +
    "  switchyard mcp login tickets\n" +
    "  switchyard mcp login tickets --scopes read,write --no-browser",
  run: logIn,
};

/** For a person who has to find a password. An authorization server gives up earlier. */
const LIMIT_MIN = 15;

async function logIn(args: Args, stop: Stop): Promise<number> {
  const [name = ""] = args.operands;
  args.atMostOne("device-url-only", "json");
  const configured = configuredServersOf(args);
  const server = serverNamed(configured, name);
  const config = configOf(server);
  const { layers, cwd } = configured;
  const scopes = scopesOf(args.one("scopes"));
  const store = userLoginStore({ layers });
  using limit = timeLimit(name);
  const signal = AbortSignal.any([stop.signal, limit.signal]);
  const environments = environmentsOf(new Map([[name, config]]), layers);
  await using manager = new McpManager({ publish: false, environments });
  await using place = await callbackPlace(name, config, oauthSettings(layers.layers));
  const begin = (asked: readonly string[] | undefined): Promise<PendingLogin> => {
    const { redirectUrl } = place;
    return manager.beginLogin(name, config, {
      store,
      redirectUrl,
      signal,
      ...(asked === undefined ? {} : { scopes: asked }),
    });
  };
  const complete = async (pending: PendingLogin): Promise<StoredLogin> => {
    await invite(pending, args);
    return await completed(pending, place.listener, readsStdin(args), signal);
  };
  const first = await begin(scopes).catch((error: unknown) => {
    throw error instanceof LoginError && error.code === "cannot_register"
      ? new LoginError(error.code, name, `${error.message}${howToRegister(server, place, args)}`)
      : error;
  });
  const kept = await complete(first).catch(async (error: unknown) => {
    // As Codex: a server may name scopes that its authorization server does not know.
    const isGuess = first.scopesFrom === "resource";
    if (!isGuess || !(error instanceof LoginError) || error.code !== "scopes_rejected") throw error;
    tell(`${error.message}\nnote: trying again without any`);
    return await complete(await begin([]));
  });
  await forgetTools(server, cwd);
  report(kept, args);
  return 0;
}

function timeLimit(server: string): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const late = `Nobody logged in to ${shownName(server)} within ${LIMIT_MIN} minutes`;
  const timer = setTimeout(() => controller.abort(new McpError("ended", late)), LIMIT_MIN * 60_000);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** What the authorization server has to be told of a client, and the file afterwards. */
function howToRegister({ name, definedIn }: EffectiveMcpServer, place: CallbackPlace, args: Args): string {
  const { redirectUrlOfClient, listener } = place;
  const flags = definedIn?.file === undefined ? "" : flagsFor(definedIn.file, args);
  const set = (key: string, value: string | number): string =>
    `switchyard mcp set${flags} ${shellWord(name)} oauth.${key} ${value}`;
  const isHere = redirectUrlOfClient.startsWith(new URL("/", listener.redirectUrl).href);
  const port = isHere ? ` && ${set("callback_port", listener.port)}` : "";
  return `\nIts redirect URI is ${redirectUrlOfClient}. Then: ${set("client_id", "ID")}${port}`;
}

/** @throws {McpError} `server_unavailable` */
function configOf(server: EffectiveMcpServer): McpServerConfig {
  const { status, config } = server;
  // One that is switched off, or lacks a variable, may be logged in to before it is started.
  const isOpen = status === "enabled" || status === "disabled" || status === "unstartable";
  if (config !== undefined && isOpen) return config;
  throw new McpError("server_unavailable", notStartedText(server));
}

function scopesOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const scopes = text.split(/[\s,]+/).filter((scope) => scope !== "");
  // RFC 6749, section 3.3.
  if (scopes.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))) return scopes;
  throw new UsageError("--scopes takes names without quotes and backslashes, with commas between them");
}

function readsStdin(args: Args): boolean {
  return args.has("no-browser") || args.has("device-url-only") || process.stdin.isTTY;
}

/** Brings the URL to the person. */
async function invite({ server, url, issuer }: PendingLogin, args: Args): Promise<void> {
  const who = `${shownName(server)} at ${new URL(issuer).host}`;
  if (args.has("device-url-only")) {
    print(`${url}\n`);
    tell(`Log in to ${who} there.`);
  } else if (!args.has("no-browser") && (await openBrowser(url, process.env))) {
    tell(`Log in to ${who} in the browser. If it shows nothing, open:\n  ${url}`);
  } else tell(`To log in to ${who}, open in a browser:\n  ${url}`);
  if (readsStdin(args)) writeAside("If the browser cannot show the last page, paste its address here: ");
}

/** Whichever comes first: the browser, or an address that is pasted. */
async function completed(
  pending: PendingLogin,
  listener: { complete: (login: PendingLogin, options: { signal: AbortSignal }) => Promise<StoredLogin> },
  withStdin: boolean,
  signal: AbortSignal,
): Promise<StoredLogin> {
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  try {
    const byBrowser = listener.complete(pending, { signal: until });
    if (!withStdin) return await byBrowser;
    const byPaste = pasted(pending, until).then((kept) => kept ?? byBrowser);
    const kept = await Promise.race([byBrowser, byPaste]);
    writeAside("\n");
    return kept;
  } finally {
    over.abort();
  }
}

/** @returns `undefined` when there are no more lines */
async function pasted(pending: PendingLogin, signal: AbortSignal): Promise<StoredLogin | undefined> {
  // Not a terminal for readline: Ctrl-C has to stay a signal.
  const lines = createInterface({ input: process.stdin, terminal: false, signal });
  for await (const line of lines) {
    if (line.trim() === "") continue;
    if (pending.owns(line)) return await pending.complete(line, { signal });
    writeAside("That is not where this login ends; its address has code= and state= in it. Another try: ");
  }
  return undefined;
}

function report(kept: StoredLogin, args: Args): void {
  const { server, url, issuer = null, scopes, expiresAt, refreshToken } = kept;
  const expires = expiresAt === undefined ? undefined : new Date(expiresAt);
  if (args.has("json")) {
    printJson({
      name: server,
      url,
      issuer,
      scopes,
      expires_at: expires?.toISOString() ?? null,
      can_be_refreshed: refreshToken !== undefined,
    });
    return;
  }
  const what = scopes.length === 0 ? "" : ` (${scopes.join(", ")})`;
  const text = `Logged in to ${shownName(server)}${what}`;
  if (args.has("device-url-only")) tell(text);
  else say(text);
  if (refreshToken === undefined && expires !== undefined)
    tell(`note: the login cannot be refreshed; it ends at ${expires.toISOString()}`);
}
