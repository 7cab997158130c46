/**
 * What the installed Codex thinks of its configuration: it loads it, for the smallest of its commands, and reports the
 * first error.
 *
 * `codex features list` starts no server, does not use the network and takes 20 ms (measured with 0.169).
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findCodex } from "../../codex/app-server/binary.ts";
import { type ConfigProblem, ConfigError, problem } from "../../config/problem.ts";

const TIMEOUT_MS = 30_000;
const HINT = "Codex itself reports this; it stops at the first error";

export interface CodexQuestion {
  readonly codexHome: string;
  /** Its project counts, where Codex trusts it. */
  readonly cwd: string;
  /** `key=value`, as after `-c`. */
  readonly overrides: readonly string[];
}

/**
 * Codex's first error, or `undefined`.
 *
 * @throws {CodexError} when there is no Codex
 * @throws {ConfigError} `unreadable` when Codex does not answer
 */
export async function askCodex(
  { codexHome, cwd, overrides }: CodexQuestion,
  signal: AbortSignal,
): Promise<ConfigProblem | undefined> {
  const { path } = findCodex(undefined, process.env);
  const args = [...overrides.flatMap((override) => ["-c", override]), "features", "list"];
  const env = { ...process.env, CODEX_HOME: codexHome, RUST_BACKTRACE: "0" };
  try {
    await promisify(execFile)(path, args, { cwd, env, signal, timeout: TIMEOUT_MS, killSignal: "SIGKILL" });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const { stderr = "", killed } = error as { readonly stderr?: string; readonly killed?: boolean };
    const found = killed === true ? undefined : problemIn(stderr);
    if (found !== undefined) return found;
    const why = killed === true ? `it took longer than ${TIMEOUT_MS / 1000} s` : "it gave no reason";
    throw new ConfigError("unreadable", `Codex (${path}) does not report what is wrong: ${why}`, {
      cause: error,
    });
  }
}

/** The same for one file, which is linked as the `config.toml` of a temporary home. */
export async function askCodexAbout(file: string, signal: AbortSignal): Promise<ConfigProblem | undefined> {
  const codexHome = await mkdtemp(join(tmpdir(), "switchyard-ask-codex-"));
  try {
    // A link, not a copy, which would hold the secrets too.
    await symlink(file, join(codexHome, "config.toml"));
    const found = await askCodex({ codexHome, cwd: codexHome, overrides: [] }, signal);
    if (found === undefined) return undefined;
    return { ...found, message: found.message.replaceAll(join(codexHome, "config.toml"), file) };
  } finally {
    await rm(codexHome, { recursive: true, force: true });
  }
}

/**
 * The last of Codex's chain of causes, which ends with the path of the key. In a numbered chain, the first cause has the
 * line, and the last may be an excerpt of the file, with its secrets.
 */
function problemIn(stderr: string): ConfigProblem | undefined {
  const report = /(?:^|\n)Error: ([^]*?)(?:\n\nStack backtrace:[^]*)?$/.exec(stderr)?.[1]?.trim();
  if (report === undefined) return undefined;
  const causes = report.split(/\n\nCaused by:\n/)[1]?.replace(/^ {4}/gm, "") ?? report;
  const [, first = causes, last = first] = /^0: ([^]*?)\n1: ([^]*)$/.exec(causes) ?? [];
  const text = last.startsWith("TOML parse error") ? first : last.replace(/^ {3}/gm, "");
  const [, message = text, path] = /^([^]*?)\nin `([^]*)`\s*$/.exec(text) ?? [];
  const quoted = /(["`])[^]*\1(?=[,;] expected )/.exec(message)?.[0];
  const words = { message: message.trim(), ...(quoted === undefined ? {} : { quoted }) };
  return problem(words, path?.split("."), undefined, HINT);
}
