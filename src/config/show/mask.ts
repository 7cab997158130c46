/**
 * Secrets, out of everything that is shown of a configuration.
 *
 * What a key says is a secret is masked whole (`env`, `http_headers`, …); elsewhere, what looks like one: a word in
 * `args` after `--token`, `API_KEY=…`, `Bearer …`, the keys of well-known services, passwords and queries in URLs.
 *
 * Invariants
 *   M1. A masked source has the length and the lines of the real one, so that places in it stay true.
 *   M2. In a file that is no TOML nobody knows what is a secret, so every string and every bare value is masked.
 *   M3. A message holds no value that its excerpt masks: Codex's words quote what they found.
 *   M4. The time is linear: every pattern begins where a word does, and looks back a few characters at most.
 */
import { CODEX_ENVIRONMENT, ENVIRONMENT } from "../schema/environment-keys.ts";
import { fieldNamed, SERVER } from "../schema/server-keys.ts";
import { type ConfigProblem, keysOf } from "../problem.ts";
import type { Source, TomlNode } from "../../toml/node.ts";
import { parseToml, parseTomlValue } from "../../toml/parse.ts";
import type { McpServerConfig, McpServerOAuthConfig, McpServerTransportConfig } from "../server/types.ts";

const MASK = "*****";

/** A name behind which a secret is likely: `--github-token`, `OPENAI_API_KEY`. `--max-tokens` is none. */
const SECRET_NAME =
  /(?:^|[-_.])(?:\w*token|secret|bearer|jwt|session|sig(?:nature)?|passw(?:or)?d|pwd|passphrase|pat|credentials?|authorization|cookie|apikey|(?:api|access|private|secret|encryption|signing)[-_]?key|auth[-_]?key)$/i;
/** What well-known services hand out, and what stands in an Authorization header. */
const SECRET_VALUES: readonly RegExp[] = [
  /(?<=\b(?:bearer|basic)\s{1,8})[^\s"',;]+/gi,
  /(?<![\w-])(?:sk|rk|pk)[-_][\w-]{6,}/g,
  /(?<![\w-])(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|hf_|npm_|pypi-|AKIA|AIza|ya29\.)[\w-]{6,}/g,
  /(?<![\w-])eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*/g,
];
const URLS = /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi;
/** What a variable can be called. Anything else in its place is likely its value. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Of a longer name the end decides. */
const NAME_MAX = 80;
/** Every value below these, of a server and of other tables of Codex's. */
const SECRET_KEYS = ["env", "http_headers", "http_headers_helper", "headers", "bearer_token", "query_params"];

function isSecretName(name: string): boolean {
  const end = name.slice(-NAME_MAX);
  return SECRET_NAME.test(end.replace(/([a-z0-9])([A-Z])/g, "$1-$2").replace(/^-+/, ""));
}

/** Wider, for a name of which only a note is made: `X-Auth`, `MY_KEY`. */
export function mayNameSecret(name: string): boolean {
  return isSecretName(name) || /auth|token|secret|passw|credential|cookie|key\b|_key/i.test(name);
}

/** As long as the text, and with its line breaks. */
export function asterisks(text: string): string {
  return text.replace(/[^\r\n]/g, "*");
}

/** A text with what looks like a secret masked. */
export function maskText(text: string): string {
  const withoutValues = SECRET_VALUES.reduce((masked, pattern) => masked.replace(pattern, MASK), text);
  return withoutValues
    .replace(URLS, maskUrl)
    .replace(/(?<![\w-])(--?[\w-]+)(\s{1,8})([^\s"'`-][^\s"'`]*)/g, (all, option: string, gap: string) =>
      isSecretName(option) ? `${option}${gap}${MASK}` : all,
    )
    .replace(
      /(?<![\w.-])([\w.-]+)("?\s{0,8}[=:]\s{0,8}["']?)([^\s"'&|;]+)/g,
      (all, name: string, equals: string) => (isSecretName(name) ? `${name}${equals}${MASK}` : all),
    );
}

/** Userinfo, and every value of the query and of a fragment that is written like one. */
export function maskUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/|\/\/)?[^/?#\s]*@/i, (_all, scheme = "") => `${scheme}${MASK}@`)
    .replace(/\?[^#]*/, (query) => `?${maskPairs(query.slice(1))}`)
    .replace(
      /^([^#]*)#(.*=.*)$/s,
      (_all, before: string, fragment: string) => `${before}#${maskPairs(fragment)}`,
    );
}

function maskPairs(text: string): string {
  return text
    .split("&")
    .map((pair) => (pair === "" ? "" : pair.includes("=") ? pair.replace(/=.*$/s, `=${MASK}`) : MASK))
    .join("&");
}

/** The words of a command line: what follows a flag with a telling name, and what looks like a secret. */
export function maskArgs(args: readonly string[]): string[] {
  return args.map((word, at) => {
    const before = args[at - 1] ?? "";
    const inline = /^(--?[\w.-]+)=(.+)$/s.exec(word);
    if (inline?.[1] !== undefined) return `${inline[1]}=${maskOption(inline[1], inline[2] ?? "")}`;
    if (before.startsWith("-") && !before.includes("=")) return maskOption(before, word);
    return maskText(word);
  });
}

function maskOption(option: string, value: string): string {
  if (isSecretName(option) && !value.startsWith("-")) return MASK;
  // Variables and headers that are handed on, as docker and mcp-remote take them.
  if (/^(?:-e|--env)$/.test(option)) return value.replace(/=.*$/s, `=${MASK}`);
  if (option === "--auth" && !value.startsWith("-")) return MASK;
  if (/^(?:-u|--user)$/.test(option)) return value.replace(/:.*$/s, `:${MASK}`);
  if (/^(?:-H|--headers?)$/.test(option)) return value.replace(/([:=]\s*).*$/s, `$1${MASK}`);
  return maskText(value);
}

/** A server with every secret masked. */
export function maskServer(config: McpServerConfig): McpServerConfig {
  const { transport, oauth } = config;
  return {
    ...config,
    transport: maskTransport(transport),
    ...(oauth === undefined ? {} : { oauth: maskOauth(oauth) }),
    ...(config.oauth_resource === undefined ? {} : { oauth_resource: maskUrl(config.oauth_resource) }),
  };
}

function maskOauth(oauth: McpServerOAuthConfig): McpServerOAuthConfig {
  return {
    ...oauth,
    ...(oauth.client_secret === undefined ? {} : { client_secret: MASK }),
    ...(oauth.callback_url === undefined ? {} : { callback_url: maskUrl(oauth.callback_url) }),
  };
}

function maskVariable(name: string): string {
  return name === "" || VARIABLE.test(name) ? name : MASK;
}

function maskTransport(transport: McpServerTransportConfig): McpServerTransportConfig {
  if (transport.type === "stdio") {
    const { env, env_vars } = transport;
    const words = maskArgs([transport.command, ...transport.args]);
    return {
      ...transport,
      command: words[0] ?? "",
      args: words.slice(1),
      env_vars: env_vars.map((entry) =>
        typeof entry === "string" ? maskVariable(entry) : { ...entry, name: maskVariable(entry.name) },
      ),
      ...(env === undefined ? {} : { env: maskValues(env) }),
    };
  }
  const { http_headers, env_http_headers, http_headers_helper, bearer_token_env_var } = transport;
  return {
    ...transport,
    url: maskText(maskUrl(transport.url)),
    ...(bearer_token_env_var === undefined
      ? {}
      : { bearer_token_env_var: maskVariable(bearer_token_env_var) }),
    ...(http_headers === undefined ? {} : { http_headers: maskValues(http_headers) }),
    ...(env_http_headers === undefined
      ? {}
      : { env_http_headers: new Map([...env_http_headers].map(([key, name]) => [key, maskVariable(name)])) }),
    ...(http_headers_helper === undefined ? {} : { http_headers_helper: MASK }),
  };
}

function maskValues(map: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...map.keys()].map((key) => [key, MASK]));
}

/** The problem with a message and an excerpt that show no secret. */
export function maskProblem(problem: ConfigProblem): ConfigProblem {
  const { place } = problem;
  const message = maskMessage(problem);
  if (place === undefined) return { ...problem, message };
  return { ...problem, message, place: { ...place, source: maskedSource(place.source) } };
}

/** M3. */
function maskMessage(problem: ConfigProblem): string {
  const { message, quoted } = problem;
  if (quoted === undefined || !isAboutSecret(problem)) return maskText(message);
  const quote = /^["`]/.exec(quoted)?.[0] ?? "";
  return message.replace(quoted, () => quote + MASK + quote);
}

function isAboutSecret(problem: ConfigProblem): boolean {
  const { path, place } = problem;
  // What is nowhere may be anything.
  if (path === undefined && place === undefined) return true;
  // What `env_vars` holds besides names was meant for `env`.
  if (isSecretPath(keysOf(problem)) || keysOf(problem).at(-1) === "env_vars") return true;
  if (place === undefined) return false;
  const { source, start, end } = place;
  return maskedSource(source).text.slice(start, end) !== source.text.slice(start, end);
}

const MASKED = new WeakMap<Source, Source>();

function maskedSource(source: Source): Source {
  const known = MASKED.get(source);
  if (known !== undefined) return known;
  const masked = { name: source.name, text: maskToml(source, asterisks) };
  MASKED.set(source, masked);
  return masked;
}

/** The text with every secret masked, line for line. */
export function maskLines(source: Source): string {
  return maskToml(source, (text) => text.replace(/[^\r\n]+/g, MASK));
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function maskToml(source: Source, mask: (text: string) => string): string {
  const { text, kind } = source;
  if (kind === "masked") return text;
  let out = "";
  let at = 0;
  for (const { start, end } of rangesOf(source).toSorted((a, b) => a.start - b.start)) {
    if (start < at) continue;
    out += maskTokens(text.slice(at, start), mask) + mask(text.slice(start, end));
    at = end;
  }
  return out + maskTokens(text.slice(at), mask);
}

function rangesOf(source: Source): Range[] {
  const { text, name, kind } = source;
  if (kind !== "override") {
    const parsed = parseToml(source);
    return parsed.ok ? secretRanges(parsed.document.root, [], text) : everyValue(text);
  }
  const path = name.slice(3).split(".");
  const value = parseTomlValue(source);
  if (value !== undefined) return secretRanges(value, path, text);
  // A bare word is a string to Codex. A table or a string that is broken is one, too, with all that is in it.
  const whole: Range = { start: 0, end: text.length };
  if (isSecret({ kind: "string", value: text, place: { source, ...whole } }, path)) return [whole];
  return everyValue(text);
}

/** Between values: what gives itself away anywhere, and what stands in quotes in a comment, a value once. */
function maskTokens(text: string, mask: (text: string) => string): string {
  const masked = SECRET_VALUES.reduce((left, pattern) => left.replace(pattern, mask), text);
  return masked.replace(/#[^\r\n]*/g, (comment) =>
    comment.replace(
      /(["'])([^"']+)\1/g,
      (_all, quote: string, inside: string) => quote + mask(inside) + quote,
    ),
  );
}

function secretRanges(root: TomlNode, rootPath: readonly string[], text: string): Range[] {
  const ranges: Range[] = [];
  /** @param asWord whether it is one of a list of words that gives itself away among the others */
  const visit = (node: TomlNode, path: readonly string[], asWord?: boolean): void => {
    if (node.kind === "table") {
      for (const [key, { value }] of node.entries) visit(value, [...path, key]);
    } else if (node.kind === "array") {
      const words = node.items.map((item) => ("value" in item ? String(item.value) : ""));
      const masked = maskArgs(words);
      for (const [index, item] of node.items.entries()) visit(item, path, masked[index] !== words[index]);
    } else if (node.place !== undefined && isSecret(node, path, asWord)) {
      ranges.push(contents(text, node.place.start, node.place.end));
    }
  };
  visit(root, rootPath);
  return ranges;
}

type Scalar = Exclude<TomlNode, { readonly kind: "array" | "table" }>;

function isSecret({ kind, value }: Scalar, path: readonly string[], asWord = false): boolean {
  if (isSecretPath(path)) return !(path.at(-1) === "source" && (value === "local" || value === "remote"));
  if (asWord) return true;
  // What nobody knows may be anything, here too.
  if (path[0] === "environments" && path.length > 1 && !path.slice(1, 3).some(isEnvironmentKey)) return true;
  // The name of a variable, where a value of any kind was pasted.
  if (path[0] === "environments" && path.includes("auth_bearer_token_env_var"))
    return path.at(-1) !== "auth_bearer_token_env_var" || maskVariable(String(value)) !== value;
  if (kind !== "string") return false;
  // Names of variables, where a value was pasted.
  const isName =
    path.includes("env_http_headers") || path.includes("env_vars") || path.at(-1) === "bearer_token_env_var";
  if (isName && path[0] === "mcp_servers") return maskVariable(value) !== value;
  return (/url$/i.test(path.at(-1) ?? "") ? maskUrl(value) : maskText(value)) !== value;
}

/** Below `[mcp_servers.NAME]` and elsewhere alike: other tables of Codex hold headers and variables too. */
function isSecretPath(path: readonly string[]): boolean {
  const inner = path[0] === "mcp_servers" ? path.slice(2) : path;
  if (inner.includes("env_http_headers")) return false;
  // What nobody knows may be anything.
  if (path[0] === "mcp_servers" && inner[0] !== undefined && fieldNamed(SERVER, inner[0]) === undefined)
    return true;
  // `env_vars` holds names. What else is in it was meant for `env`.
  if (inner.at(-2) === "env_vars" && inner.at(-1) !== "name") return true;
  if (inner[0] === "shell_environment_policy" && inner[1] === "set") return true;
  return inner.some((step) => SECRET_KEYS.includes(step)) || isSecretName(inner.at(-1) ?? "");
}

/** Of an environment in Codex's file, where it has no name, or in ours. */
function isEnvironmentKey(name: string): boolean {
  return [ENVIRONMENT, CODEX_ENVIRONMENT].some((struct) => fieldNamed(struct, name) !== undefined);
}

/** Between the quotes. */
function contents(text: string, start: number, end: number): Range {
  const quote = /^(?:"""|'''|"|')/.exec(text.slice(start, start + 3))?.[0] ?? "";
  const isClosed = end - start >= 2 * quote.length && text.slice(start, end).endsWith(quote);
  return { start: start + quote.length, end: isClosed ? end - quote.length : end };
}

/** Whatever stands in quotes or behind an equals sign, line by line (M2). */
function everyValue(text: string): Range[] {
  // Strings of several lines first, also one that is never closed.
  const values =
    /"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:[^"\\\r\n]|\\.)*"?|'[^'\r\n]*'?|(?<==[ \t]{0,16})[^\s"'[\]{},#=][^\r\n,}\]#]*/g;
  return [...text.matchAll(values)].map(({ index, 0: { length } }) => contents(text, index, index + length));
}
