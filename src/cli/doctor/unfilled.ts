/** Values that wait for something: a placeholder, or what a shell or another product would replace. */
import { basename, join } from "node:path";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import { findReference, isLeftToProgram, variableForInput } from "../../config/import/references.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { formatKeys } from "../../toml/format.ts";
import { userHome } from "../output.ts";
import { type About, type Finding, finding } from "./finding.ts";
import type { Fixes } from "./fixes.ts";
import { type Patient, stdioOf } from "./patient.ts";

type Path = readonly [key: string, ...below: string[]];

/** No finding shows the value itself. */
export function unfilled({ server, fixes }: Patient, about: About): Finding[] {
  const { config } = server;
  if (config === undefined) return [];
  return valuesOf(config).flatMap(([path, value]): Finding[] => {
    const at = formatKeys(path);
    const found = (what: string, cause: string, fix: string | null): Finding[] => [
      finding("value_unfilled", `${at} ${what}`, { ...about, cause, fix }),
    ];
    // In a variable, ~ is the program's own.
    if (value.startsWith("~/") && path[0] === "args")
      return found(
        "begins with ~, which nothing replaces",
        "A shell would; the server gets it as it is written",
        fixes.edit("set", server, at, join(userHome(), value.slice(2))),
      );
    const reference = findReference(value);
    if (reference === undefined) return [];
    const fix = fromVariable(server, path, value, fixes) ?? fixes.edit("set", server, at, "…");
    if (typeof reference === "object" && reference.kind === "blank")
      return found("is a placeholder", "The server gets it as it is written", fix);
    const cause = "Other products replace that; here, as in Codex, the server gets it as it is written";
    return found("has ${…} in it, which nothing replaces", cause, fix);
  });
}

/** Shells replace what they are given by themselves. */
const SHELL = /^(?:ba|da|z|k|fi)?sh$/;

function valuesOf({ transport }: McpServerConfig): (readonly [Path, string])[] {
  if (transport.type !== "stdio")
    return [
      [["url"], transport.url],
      ...[...(transport.http_headers ?? [])].map(([name, value]) => [["http_headers", name], value] as const),
    ];
  const { command, args, env = new Map<string, string>(), cwd } = transport;
  const known = new Set([
    ...env.keys(),
    ...transport.env_vars.map((each) => (typeof each === "string" ? each : each.name)),
  ]);
  const ofProgram = SHELL.test(basename(command)) ? [] : args;
  return [
    ...ofProgram.flatMap((value, at) =>
      isLeftToProgram(value, known) ? [] : [[["args", String(at)], value] as const],
    ),
    ...[...env].map(([name, value]) => [["env", name], value] as const),
    ...(cwd === undefined ? [] : [[["cwd"], cwd] as const]),
  ];
}

/** Commands that take the value from a variable of the shell, so that it stands in no file; where a key can do that. */
function fromVariable(
  server: EffectiveMcpServer,
  [key, name]: Path,
  value: string,
  fixes: Fixes,
): string | undefined {
  if (name === undefined) return undefined;
  const isBearer = key === "http_headers" && /^authorization$/i.test(name) && /^Bearer /i.test(value);
  const [, inValue] = /^(?:Bearer )?\$\{(?:env:)?([A-Za-z_]\w*)\}$/i.exec(value) ?? [];
  // A placeholder names no variable.
  const variable = inValue ?? (key === "env" ? name : variableForInput(`${server.name}_token`));
  const set = (to: Path, what: string): string | null => fixes.edit("set", server, formatKeys(to), what);
  const passed = stdioOf(server)?.env_vars ?? [];
  const taken =
    key === "env" && variable === name && passed.every((each) => typeof each === "string")
      ? set(["env_vars"], JSON.stringify([...passed, variable]))
      : isBearer
        ? set(["bearer_token_env_var"], variable)
        : key === "http_headers" && inValue !== undefined
          ? set(["env_http_headers", name], variable)
          : null;
  const lines = [fixes.edit("unset", server, formatKeys([key, name])), taken];
  return lines.includes(null) ? undefined : [...lines, `export ${variable}=…`].join(" && ");
}
