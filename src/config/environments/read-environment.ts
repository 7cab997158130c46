/** A configured environment from what is written, and what of it may be shown. */
import { dirname, isAbsolute, resolve, sep } from "node:path";
import { MASK, maskArgs, maskText, maskUrl } from "../show/mask-text.ts";
import type { StructReading } from "../schema/read-value.ts";
import { trimmed } from "./check-environment.ts";
import type { BearerTokenReference, EnvironmentConfig } from "./types.ts";

/** Only for a reading without errors: its values have the types of `ENVIRONMENT`. */
export function toEnvironmentConfig(id: string, { values, entries }: StructReading): EnvironmentConfig {
  const url = values.get("url");
  const initializeTimeout = milliseconds("initializeTimeoutMs", values.get("initialize_timeout_sec"));
  if (url !== undefined) {
    const bearerToken = tokenReference(values);
    return {
      id,
      kind: "url",
      // A fragment is not sent to a server, and a WebSocket rejects a URL that has one.
      url: trimmed(url as string).replace(/#[^]*/, ""),
      ...(bearerToken === undefined ? {} : { bearerToken }),
      ...milliseconds("connectTimeoutMs", values.get("connect_timeout_sec")),
      ...initializeTimeout,
    };
  }
  const cwd = values.get("cwd") as string | undefined;
  const file = entries.get("cwd")?.value.place?.source.name ?? "";
  return {
    id,
    kind: "program",
    program: trimmed(values.get("program") as string),
    args: (values.get("args") ?? []) as readonly string[],
    env: (values.get("env") ?? new Map()) as ReadonlyMap<string, string>,
    // Joined and not resolved, as in Codex: `link/..` is the folder above the target of the link.
    ...(cwd === undefined ? {} : { cwd: isAbsolute(cwd) ? cwd : `${dirname(resolve(file))}${sep}${cwd}` }),
    ...initializeTimeout,
  };
}

function tokenReference(values: StructReading["values"]): BearerTokenReference | undefined {
  const [name, token] = [values.get("auth_bearer_token_env_var"), values.get("auth_bearer_token")];
  if (typeof name === "string") return { from: "variable", name };
  return typeof token === "string" ? { from: "file", reveal: () => token } : undefined;
}

function milliseconds<Key extends string>(key: Key, seconds: unknown): { readonly [K in Key]?: number } {
  // Rounded up, so that a short time-out does not become 0.
  return typeof seconds === "number" ? ({ [key]: Math.ceil(seconds * 1000) } as { [K in Key]: number }) : {};
}

/** The environment with every secret masked. No value of it holds its token. */
export function maskEnvironment(config: EnvironmentConfig): EnvironmentConfig {
  if (config.kind === "local") return config;
  if (config.kind === "url") return { ...config, url: maskText(maskUrl(config.url)) };
  const [program = "", ...args] = maskArgs([config.program, ...config.args]);
  return { ...config, program, args, env: new Map([...config.env.keys()].map((name) => [name, MASK])) };
}
