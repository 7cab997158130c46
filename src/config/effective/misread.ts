/**
 * What Codex accepts and nobody meant: warnings about single values of servers.
 *
 * Invariants
 *   W1. A value where the name of a variable belongs is reported without the value.
 *   W2. A Windows path in double quotes is reported where Codex reads its `\t` or `\n` as an escape.
 */
import { type ConfigProblem, problem } from "../problem.ts";
import { isVariableValue } from "../show/mask-text.ts";
import { nodeAt, type TomlNode, type TomlTable } from "../../toml/node.ts";

export function misreadValues(root: TomlTable): ConfigProblem[] {
  return [...valuesForNames(root), ...pathsWithEscapes(root)];
}

/** Values in the place of names (W1). An edit that would write one is rejected. */
export function valuesForNames(root: TomlTable): ConfigProblem[] {
  return serversOf(root).flatMap(([name, server]) => {
    const path = ["mcp_servers", name];
    const bearer = nodeAt(server, ["bearer_token_env_var"]);
    return [
      ...(bearer === undefined ? [] : checkName(bearer, [...path, "bearer_token_env_var"])),
      ...textsOf(nodeAt(server, ["env_http_headers"])).flatMap((node) =>
        checkName(node, [...path, "env_http_headers"]),
      ),
      ...textsOf(nodeAt(server, ["env_vars"]), "name").flatMap((node) =>
        checkName(node, [...path, "env_vars"]),
      ),
    ];
  });
}

function checkName(node: TomlNode, path: readonly string[]): ConfigProblem[] {
  if (node.kind !== "string" || node.value === "" || !isVariableValue(node.value)) return [];
  const message = "this looks like a value, and the name of an environment variable belongs here";
  const hint = "Put the value in an environment variable, and write the name of the variable here";
  return [problem(message, path, node.place, hint)];
}

/** W2. */
function pathsWithEscapes(root: TomlTable): ConfigProblem[] {
  return serversOf(root).flatMap(([name, server]) =>
    ["command", "args", "cwd", "env"].flatMap((key) =>
      textsOf(nodeAt(server, [key])).flatMap((node): ConfigProblem[] => {
        if (node.kind !== "string" || node.place === undefined) return [];
        const written = node.place.source.text.slice(node.place.start, node.place.end);
        const isPath = key === "command" || key === "cwd";
        const found = (isPath ? ONLY_PATH : WINDOWS_PATH).exec(written)?.[0];
        const escape = found === undefined ? undefined : /(?<!\\)(?:\\\\)*(\\[btnfre])/.exec(found)?.[1];
        if (escape === undefined) return [];
        const message = `in double quotes, ${escape} is ${ESCAPES[escape]}, and not a piece of a path`;
        const hint = "Put the path in single quotes, or write each \\ twice";
        return [problem(message, ["mcp_servers", name, key], node.place, hint)];
      }),
    ),
  );
}

/** In double quotes `C:\…`, `..\…` or `%TEMP%\…`, also behind a `=` or `;`, up to a blank or the end. */
const WINDOWS_PATH = /^"(?!"")(?:[^"]*[=;])?(?:[A-Za-z]:|\.{1,2}|%\w+%)\\[^\s"]*/;
/** Also `name\…`: a program or a folder has no line break in its name, as other text may have. */
const ONLY_PATH = /^"(?!"")(?:[A-Za-z]:|%\w+%|[\w. -]+|\\\\)\\[^"]*/;
const ESCAPES: Readonly<Record<string, string>> = {
  "\\b": "a backspace",
  "\\t": "a tab",
  "\\n": "a line break",
  "\\f": "a form feed",
  "\\r": "a carriage return",
  "\\e": "an escape character",
};

function serversOf(root: TomlTable): readonly (readonly [name: string, server: TomlNode])[] {
  const servers = nodeAt(root, ["mcp_servers"]);
  return servers?.kind === "table"
    ? [...servers.entries].map(([name, { value }]) => [name, value] as const)
    : [];
}

/** The value, or those in it. @param key only this one of a table */
function textsOf(node: TomlNode | undefined, key?: string): readonly TomlNode[] {
  if (node?.kind === "array") return node.items.flatMap((item) => textsOf(item, key));
  if (node?.kind !== "table") return node === undefined ? [] : [node];
  return [...node.entries].flatMap(([name, { value }]) => (key === undefined || name === key ? [value] : []));
}
