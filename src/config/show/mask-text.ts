/**
 * What looks like a secret in any text: a word after `--token`, `API_KEY=…`, `Bearer …`, the keys of well-known
 * services, passwords and queries in URLs.
 *
 * The time is linear: every pattern begins where a word does, and looks back a few characters at most.
 */

import { slips } from "../../base/suggest.ts";

export const MASK = "*****";

/** What stands for a secret: `MASK`, or as many asterisks. */
type Mask = (secret: string) => string;
const toMask: Mask = () => MASK;

/** A name behind which a secret is likely: `--github-token`, `OPENAI_API_KEY`. Not `--max-tokens`. */
const SECRET_NAME =
  /(?:^|[-_.])(?:\w*token|secret|bearer|jwt|session|sig(?:nature)?|passw(?:or)?d|pwd|passphrase|pat|credentials?|authorization|cookie|apikey|(?:api|access|private|secret|encryption|signing)[-_]?key|auth[-_]?key)$/i;
/** What well-known services hand out, and what stands in an Authorization header. */
export const SECRET_VALUES: readonly RegExp[] = [
  // Not "the bearer token" and "basic authentication" of a sentence.
  /(?<=\bbearer\s{1,8})(?!(?:tokens?|auth\w*|headers?|schemes?|and|or|is|of)\b)[^\s"',;]+/gi,
  /(?<=\b[Bb]asic\s{1,8})(?=[^\s"',;]+[A-Z0-9=])[^\s"',;]{4,}/g,
  /(?<![\w-])(?:sk|rk|pk)[-_][\w-]{6,}/g,
  /(?<![\w-])(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|hf_|npm_|pypi-|AKIA|AIza|ya29\.)[\w-]{6,}/g,
  /(?<![\w-])eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^]*-----END [A-Z ]{0,40}PRIVATE KEY-----|[^]*)/g,
];
const URLS = /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s"'<>`]*[^\s"'<>`.,:;)\]}]/gi;
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

/**
 * What may be shown of a word whose name or sign is broken before a secret: `--api-key7…`, `TOKENx…`, `--ap-key=…`.
 * `undefined` for any other word, and for longer names: `--token-file`, `--tokenizer`.
 */
function beforeSecret(word: string): string | undefined {
  if (/\*{5}|:\/\//.test(word)) return undefined;
  const [, assigned, value = ""] = /^(.*=["']?)([^\s=]+)$/s.exec(word) ?? [];
  if (assigned !== undefined) return mayBeSecret(value) && nearsSecretName(assigned) ? assigned : undefined;
  const [, name, rest = ""] = BROKEN_OPTION.exec(word) ?? BROKEN_VARIABLE.exec(word) ?? [];
  if (name === undefined || rest.length < 10 || LONGER_NAME.test(rest)) return undefined;
  return name;
}

/** An option and a variable, with what follows the part of their name that stands before a secret. */
const BROKEN_OPTION =
  /^(["']?--?[\w-]{0,60}?(?:token|secret|bearer|passw(?:or)?d|passphrase|credentials?|(?:api|access|private|secret|auth)[-_]?key))(.+)$/is;
const BROKEN_VARIABLE =
  /^(["']?[A-Z_]{0,60}?(?:TOKEN|SECRET|BEARER|PASSW(?:OR)?D|PASSPHRASE|CREDENTIALS?|(?:API|ACCESS|PRIVATE|SECRET|AUTH)_?KEY))((?=.*[a-z]).+)$/s;
/** How a name goes on behind such a part, where no secret follows. */
const LONGER_NAME =
  /^(?:s|izer|izers|less|ed|ization|er)?(?:$|[^\w-](?![\w-]{10,}["']?$)|[-_](?:\w*[-_])?(?:file|path|dir|env|var|names?|urls?|uri|endpoint|methods?|type|ids?|ttl|timeout|store|size|limits?|count|budget|headers?|prefix|provider|command|cmd|helper|stdin|source|only|mode|expiry|auth|servers?|manager|mcp|scopes?|kind|format|cache|lifetime|prompt|required|optional|enabled|disabled|refresh|per|validation|login|duration|directory|region|service|variables?|exchange|rotation)(?![a-z]))/i;

/** A text with what looks like a secret masked. */
export function maskText(text: string, mask: Mask = toMask): string {
  const withoutValues = SECRET_VALUES.reduce((masked, pattern) => masked.replace(pattern, mask), text);
  return (
    withoutValues
      .replace(URLS, (url) => maskUrl(url, mask))
      .replace(/\S{12,200}/g, (word) => {
        const shown = beforeSecret(word);
        return shown === undefined ? word : shown + mask(word.slice(shown.length));
      })
      // A blank in the name, or in place of the sign.
      .replace(
        /(?<!\S)(\S{1,30})(\s)(\S{0,8}=["']?)([^\s/:.@=*]{10,})/g,
        (all, before: string, gap: string, name: string, value: string) =>
          nearsSecretName(before + name) ? `${before}${gap}${name}${mask(value)}` : all,
      )
      .replace(
        /(?<!\S)((?:[A-Z_]{0,60}_)?(?:TOKEN|SECRET|PASSWORD|API_?KEY)\s)(?!environment)(?=[\w-]*[-\d])([\w-]{10,})/g,
        (_all, name: string, value: string) => name + mask(value),
      )
      .replace(
        /(?<![\w-])(--?[\w-]+)(\s{1,8})([^\s"'`-][^\s"'`]*)/g,
        (all, option: string, gap: string, value) =>
          isSecretName(option) ? `${option}${gap}${mask(value as string)}` : all,
      )
      .replace(
        /(?<![\w-])(-e\s{0,8}|--env[ =]\s{0,8})([A-Za-z_]\w*=)([^\s"']+)/g,
        (_all, option: string, name: string, value: string) => `${option}${name}${mask(value)}`,
      )
      .replace(
        /(?<![\w.-])([\w.-]+)("?\s{0,8}[=:]\s{0,8}["']?)([^\s"'&|;]+)/g,
        (all, name: string, equals: string, value: string) =>
          isSecretName(name) ? `${name}${equals}${mask(value)}` : all,
      )
  );
}

/**
 * Userinfo, and every value of the query and of a fragment that is written like one. Of what is meant as a URL and is
 * none, nobody knows what is the password: it is shown up to its first separator.
 */
export function maskUrl(url: string, mask: Mask = toMask): string {
  if (/[:@?&=]/.test(url) && !url.startsWith("${") && !/\*{5}/.test(url) && URL.parse(url) === null)
    return url.replace(
      /^([a-z][a-z0-9+.-]*:\/\/|[^:@?&=]*[:@?&=]?)(.+)$/is,
      (_all, head: string, rest: string) => head + mask(rest),
    );
  return (
    url
      .replace(
        /^([a-z][a-z0-9+.-]*:[/\\]*|[/\\]+)?([^/\\?#]*)@/i,
        (_all, scheme: string | undefined, user: string) => `${scheme ?? ""}${mask(user)}@`,
      )
      .replace(/(?<=:)[^/:@]+(?=@)/g, mask)
      // A slip in the colon between user and password.
      .replace(/(?<=\/)[^/:@]{6,}(?=@[a-z][\w-]*[.:])/gi, mask)
      .replace(/^[^?#]*/, (path) => path.replace(/(?<=[^/=]=)[^/=]+/g, mask))
      .replace(/^([^#]*)#(.*)$/s, (_all, before: string, fragment: string) => {
        // The name of a section, or the rest of a value.
        const isName = !before.includes("?") && /^[a-z-]*$/i.test(fragment);
        return `${before}#${isName ? fragment : maskPairs(fragment, mask)}`;
      })
      .replace(/\?[^#]*/, (query) => `?${maskPairs(query.slice(1), mask)}`)
  );
}

function maskPairs(text: string, mask: Mask): string {
  return text
    .split("&")
    .map((pair) => {
      if (pair === "") return "";
      return /^[\w.[\]-]{1,40}=/.test(pair) ? pair.replace(/(?<==).*$/s, mask) : mask(pair);
    })
    .join("&");
}

/** Masks the words of a command line: those after a flag that names a secret, and those that look like one. */
export function maskArgs(args: readonly string[]): string[] {
  return args.map((word, at) => {
    const before = args[at - 1] ?? "";
    // A slip in the name of a variable or in the flag before it.
    const [, name, assigned = ""] = /^([^]{0,12}[A-Z_]=|.{0,3}?[^-=][^=]*=)(.+)$/s.exec(word) ?? [];
    if (name !== undefined && /[A-Z]/.test(name) && mayBeSecret(assigned) && /[^A-Za-z]/.test(assigned))
      return name + MASK;
    const [, flag, rest = ""] = /^(--?.*[^\w-])([\w-]{10,})$/.exec(word) ?? [];
    if (flag !== undefined && mayBeSecret(rest) && nearsSecretName(flag)) return flag + MASK;
    const inline = /^(--?[\w.-]+)=(.+)$/s.exec(word);
    if (inline?.[1] !== undefined && !ATTACHED.test(word))
      return `${inline[1]}=${maskOption(inline[1], inline[2] ?? "")}`;
    const [, option, value] = ATTACHED.exec(word) ?? [];
    if (option !== undefined) return option + maskOption(option, value ?? "");
    if (mayBeSecret(word) && nearsSecretName(before)) return MASK;
    // A slip in `-e`.
    if (/^(?=.*[-e]).{1,3}$/.test(before) && /^[A-Z_][A-Z0-9_]*=\S*$/.test(word))
      return maskOption("-e", word);
    if (before.startsWith("-") && !before.includes("=")) return maskOption(before, word);
    return maskWord(word);
  });
}

/** `-eNAME=VALUE`, `-HNAME: VALUE`, `-uUSER:PASSWORD`: a value without a blank before it. */
const ATTACHED =
  /^(-e(?=[A-Za-z_]\w*=)|-e(?=[A-Z][^=]{9,}$)|-H(?=[\w-]+[:=])|-u(?=[^:=]+:)|-D(?=[A-Za-z_]))(.+)$/s;

function maskOption(option: string, value: string): string {
  if (isSecretName(option) && !value.startsWith("-")) return MASK;
  if (mayBeSecret(value) && nearsSecretName(option)) return MASK;
  // Variables and headers that are handed on, as docker and mcp-remote take them.
  const isEnv = option === "-e" || option === "--env";
  const [, variable] = /^([A-Z][A-Z0-9_]*[^\w=(])[^=]{10,}$/.exec(isEnv ? value : "") ?? [];
  if (variable !== undefined) return variable + MASK;
  if (isEnv && /^[A-Z][^=\s/]*[a-z][^=\s/]*$/.test(value) && mayBeSecret(value)) return MASK;
  if (isEnv)
    return value.includes("=")
      ? value.replace(/=(?!(?:\d{1,3}|true|false)$).*$/s, `=${MASK}`)
      : maskWord(value);
  if (option === "--auth" && !value.startsWith("-")) return MASK;
  if (/^(?:-u|--user)$/.test(option)) return value.replace(/:.*$/s, `:${MASK}`);
  if (/^(?:-H|--headers?)$/.test(option)) return value.replace(/([:=]\s*).*$/s, `$1${MASK}`);
  return maskWord(value);
}

function maskWord(word: string): string {
  const masked = maskText(word);
  if (masked !== word) return masked;
  const [, name, value = ""] = /^([^=]*=)(.+)$/s.exec(word) ?? [];
  if (name !== undefined && looksRandom(value)) return `${name}${MASK}`;
  return word.replace(/\w{12,}/g, (piece) => (isKey(piece) ? MASK : piece));
}

/** A word that is no word: letters and digits, and not a version, a path or an address. */
function looksRandom(word: string): boolean {
  return /^(?=.*[A-Za-z])(?=.*\d)[^\s/:.@]{8,}$/.test(word);
}

/** Long enough, and not a path or an address. */
function mayBeSecret(word: string): boolean {
  return looksRandom(word) || /^[^\s/:.@]{10,}$/.test(word);
}

/** Letters of both cases and digits, mixed, in one long word. */
function isKey(word: string): boolean {
  return /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d.*\d)\w{12,}$/.test(word);
}

const SECRET_WORDS = ["token", "secret", "password", "apikey", "bearer", "credential"];

/** A slip or two away from a name behind which a secret is likely: `--tokn`, `paswrd`. */
function nearsSecretName(word: string): boolean {
  const name = word.replace(/[^A-Za-z0-9]/g, "").toLowerCase();
  return SECRET_WORDS.some((secret) =>
    [-2, -1, 0, 1, 2].some((more) => slips(name.slice(-(secret.length + more)), secret, 3) < 3),
  );
}

/** The name of a variable; anything else in its place is likely its value. */
export function maskVariable(name: string): string {
  return name === "" || !isVariableValue(name) ? name : MASK;
}

/** Whether this stands where the name of a variable belongs and is likely its value. */
export function isVariableValue(name: string): boolean {
  if (!VARIABLE.test(name) || maskText(name) !== name) return true;
  const words = name.split("_");
  // Names are made of words; keys are long, and letters with digits in them.
  return words.some((word) => {
    if (word.length >= 32) return true;
    const digits = word.replace(/\D/g, "").length;
    const isMixed = /[a-z]/.test(word) && /[A-Z]/.test(word) && digits > 0;
    return (word.length >= 12 && digits >= 2 && digits < word.length) || (word.length >= 10 && isMixed);
  });
}
