/**
 * Checks an environment as a whole.
 *
 * Invariants
 *   C1. The checks run in Codex's order (measured with 0.169), so the first error is Codex's. Unlike Codex, all run.
 *   C2. A key counts when it is there, whatever its value: `args = []` is rejected beside `url`.
 *   C3. No message holds a token.
 */
import { isBlank } from "../server/check-server.ts";
import { type ConfigProblem, problem, type ProblemText, formatPlace } from "../problem.ts";
import type { StructReading } from "../schema/read-value.ts";
import { withValue } from "../schema/serde-text.ts";
import type { Place } from "../../toml/node.ts";
import { LOCAL_ENVIRONMENT_ID } from "../server/types.ts";
import { ONLY_WITH_PROGRAM } from "../schema/environment-keys.ts";
import { isLoopback, websocketUrlProblem } from "./websocket-url.ts";

const ID_BYTES_MAX = 64;
/** What no header can carry. */
const NOT_IN_HEADERS = /[^\t\x20-\x7e\u0080-\u{10ffff}]/u;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Codex's sentence for an id that is not valid, or `undefined`. */
export function environmentIdProblem(id: string): string | undefined {
  if (isBlank(id)) return "environment id cannot be empty";
  const refused = (why: string): string => `environment id \`${id}\` ${why}`;
  if (trimmed(id) !== id) return refused("must not contain surrounding whitespace");
  if (id === LOCAL_ENVIRONMENT_ID || id.toLowerCase() === "none") return refused("is reserved");
  if (Buffer.byteLength(id) > ID_BYTES_MAX)
    return refused(`cannot be longer than ${ID_BYTES_MAX} characters`);
  if (/^[A-Za-z0-9_-]+$/.test(id)) return undefined;
  return refused("must contain only ASCII letters, numbers, '-' or '_'");
}

/**
 * @param path of the environment, as Codex names it
 * @param place of the environment itself
 */
export function checkEnvironment(
  { entries, values }: StructReading,
  id: string,
  path: readonly string[],
  place: Place | undefined,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const keyPlace = (key: string): Place | undefined => entries.get(key)?.keyPlace;
  const refuse: Refuse = (text, at, hint) => {
    problems.push(problem(text, path, at ?? place, hint));
  };
  const [hasUrl, hasProgram] = [entries.has("url"), entries.has("program")];
  const ofProgram = ONLY_WITH_PROGRAM.find((key) => entries.has(key));
  if (!hasProgram && ofProgram !== undefined) {
    refuse(
      `environment \`${id}\` args, env, and cwd require program`,
      keyPlace(ofProgram),
      "They belong to the program that reaches the executor; a server has a cwd of its own",
    );
  }
  for (const key of ["auth_bearer_token", "auth_bearer_token_env_var", "connect_timeout_sec"]) {
    if (hasUrl || !entries.has(key)) continue;
    refuse(`environment \`${id}\` ${key} requires url`, keyPlace(key));
  }
  if (hasUrl === hasProgram) {
    refuse(
      `environment \`${id}\` must set exactly one of url or program`,
      keyPlace("program"),
      bothHint(keyPlace("url"), keyPlace("program")),
    );
    return problems;
  }
  const [url, program] = [values.get("url"), values.get("program")];
  if (typeof url === "string") checkUrl(trimmed(url), { entries, values }, refuse);
  if (typeof program === "string" && isBlank(program)) {
    refuse(`environment \`${id}\` program cannot be empty`, entries.get("program")?.value.place);
  }
  return problems;
}

type Refuse = (text: string | ProblemText, at: Place | undefined, hint?: string) => void;

function checkUrl(url: string, { entries, values }: StructReading, refuse: Refuse): void {
  const at = entries.get("url")?.value.place;
  const wrong = websocketUrlProblem(url);
  if (wrong !== undefined) return refuse(wrong, at, "Write it in full, such as ws://127.0.0.1:7777");
  const hasToken = entries.has("auth_bearer_token") || entries.has("auth_bearer_token_env_var");
  const parsed = URL.parse(url);
  if (parsed === null) {
    // Without a token Codex finds out only when it connects, again and again.
    const message = hasToken
      ? "invalid exec-server WebSocket URL"
      : withValue("nothing can connect to environment url", `\`${url}\``, "");
    refuse(message, at, "Write it in full, such as ws://127.0.0.1:7777");
  } else if (hasToken && parsed.protocol !== "wss:" && !isLoopback(parsed)) {
    refuse(
      "exec-server WebSocket headers require wss:// or a loopback destination",
      at,
      "Anyone on the way could read the token: use wss://, or a tunnel that begins on this machine",
    );
  }
  const [token, variable] = [values.get("auth_bearer_token"), values.get("auth_bearer_token_env_var")];
  if (typeof token === "string" && NOT_IN_HEADERS.test(token)) {
    const place = entries.get("auth_bearer_token")?.keyPlace;
    refuse("invalid value for exec-server WebSocket header `authorization`", place);
  }
  if (typeof variable === "string" && !VARIABLE.test(variable)) {
    refuse(
      "auth_bearer_token_env_var is not the name of a variable",
      entries.get("auth_bearer_token_env_var")?.keyPlace,
      "It takes the name of the variable, not the token",
    );
  }
}

function bothHint(url: Place | undefined, program: Place | undefined): string {
  if (url === undefined || program === undefined) return "Set url (where an executor listens) or program";
  return `url is in ${formatPlace(url)}, program in ${formatPlace(program)}: remove one of them`;
}

/** As Rust's `trim`. */
export function trimmed(text: string): string {
  return text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
}
