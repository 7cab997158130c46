/**
 * The environment of the Codex process.
 *
 * Commands of the agent can read it, so by default only harmless and necessary variables are passed on: no key, no
 * token, nothing of the host's own, but what the model providers of the home need (`providers.ts`). References in server
 * configurations are resolved earlier (`servers/resolve.ts`).
 */
import { delimiter } from "node:path";
import { isCodexVariable } from "../../base/variables.ts";
import type { CodexOptions } from "../options.ts";
import { HTTP_LOG } from "./http-answers.ts";
import { TOOL_LOG } from "./tool-log.ts";

/** @param needed names of more variables */
export function processEnvironment(
  options: CodexOptions,
  env: Readonly<Record<string, string | undefined>>,
  pathDirs: readonly string[],
  needed: readonly string[] = [],
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (options.env !== undefined || isCodexVariable(name) || needed.includes(name)) result[name] = value;
  }
  // Windows calls it "Path". Of two spellings in one environment, one is lost.
  const pathName = result.PATH === undefined ? (Object.keys(result).find(isPath) ?? "PATH") : "PATH";
  const path = [...pathDirs, ...(result[pathName] ?? "").split(delimiter).filter((dir) => dir !== "")];
  result[pathName] = path.join(delimiter);
  // With a backtrace, errors of MCP servers would reach the model with a stack in them.
  result.RUST_BACKTRACE ??= "0";
  // Codex writes several warnings per turn about things that a host cannot change.
  result.RUST_LOG ??= ["error", HTTP_LOG, TOOL_LOG].join(",");
  // The gateway is on this machine; Codex would ask a proxy for it, and show that its bearer.
  if (Object.keys(result).some(isProxy)) {
    const exceptions = Object.keys(result).filter(isNoProxy);
    for (const name of exceptions.length === 0 ? ["NO_PROXY"] : exceptions) {
      result[name] = [...(result[name] ?? "").split(",").filter((each) => each !== ""), "127.0.0.1"].join(
        ",",
      );
    }
  }
  if (options.caFile !== undefined) {
    result.SSL_CERT_FILE = options.caFile;
    delete result.SSL_CERT_DIR;
  }
  return result;
}

const isProxy = (name: string): boolean => /^(https?|all)_proxy$/i.test(name);
const isNoProxy = (name: string): boolean => /^no_proxy$/i.test(name);

function isPath(name: string): boolean {
  return name.toUpperCase() === "PATH";
}
