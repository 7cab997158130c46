/**
 * What looks like a secret in any text: a word after `--token`, `API_KEY=…`, `Bearer …`, the keys of well-known
 * services, passwords and queries in URLs.
 *
 * The time is linear: every pattern begins where a word does, and looks back a few characters at most.
 */

export const MASK = "*****";

/** A name behind which a secret is likely: `--github-token`, `OPENAI_API_KEY`. Not `--max-tokens`. */
const SECRET_NAME =
  /(?:^|[-_.])(?:\w*token|secret|bearer|jwt|session|sig(?:nature)?|passw(?:or)?d|pwd|passphrase|pat|credentials?|authorization|cookie|apikey|(?:api|access|private|secret|encryption|signing)[-_]?key|auth[-_]?key)$/i;
/** What well-known services hand out, and what stands in an Authorization header. */
export const SECRET_VALUES: readonly RegExp[] = [
  /(?<=\b(?:bearer|basic)\s{1,8})[^\s"',;]+/gi,
  /(?<![\w-])(?:sk|rk|pk)[-_][\w-]{6,}/g,
  /(?<![\w-])(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|hf_|npm_|pypi-|AKIA|AIza|ya29\.)[\w-]{6,}/g,
  /(?<![\w-])eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*/g,
];
const URLS = /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi;
/** What a variable can be called. Anything else in its place is likely its value. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Of a longer name, only the end is looked at. */
const NAME_MAX = 80;
export function isSecretName(name: string): boolean {
  const end = name.slice(-NAME_MAX);
  return SECRET_NAME.test(end.replace(/([a-z0-9])([A-Z])/g, "$1-$2").replace(/^-+/, ""));
}

/** Wider, for a name that is only noted: `X-Auth`, `MY_KEY`. */
export function mayNameSecret(name: string): boolean {
  return isSecretName(name) || /auth|token|secret|passw|credential|cookie|key\b|_key/i.test(name);
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

/** Masks the words of a command line: those after a flag that names a secret, and those that look like one. */
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

/** The name of a variable; anything else in its place is likely its value. */
export function maskVariable(name: string): string {
  return name === "" || VARIABLE.test(name) ? name : MASK;
}
