/** A server that is a command: what starts it, and its environment. */
import type { JsonNode } from "./json-document.ts";
import { maskArgs, mayNameSecret } from "../show/mask-text.ts";
import { whyNotTaken } from "./references.ts";
import type { DraftMcpServer } from "../server/types.ts";
import { type ServerReader, setText } from "./server-reader.ts";

export function translateStdio(reader: ServerReader, draft: DraftMcpServer): void {
  const command = reader.entries.get("command");
  if (command?.type === "object") {
    // Zed, before 2025.
    for (const [key, value] of reader.document.entries(command, [...reader.path, "command"]) ?? []) {
      reader.entries.set(key === "path" ? "command" : key, value);
    }
  }
  // opencode's word.
  const environment = reader.entries.get("environment");
  if (environment !== undefined && !reader.entries.has("env")) {
    reader.entries.delete("environment");
    reader.entries.set("env", environment);
  }
  if (command?.type === "array") takeCommandLine(reader, draft);
  else setText(draft, "command", reader.takeText("command"));
  reader.takeList("args", (args) => (draft.args = [...(draft.args ?? []), ...args]));
  noteArgs(reader, draft.args ?? []);
  setText(draft, "cwd", reader.takeText("cwd"));
  reader.take("env", (node, path) => translateEnv(reader, draft, node, path));
}

/** The program and its arguments in one list, as opencode has them. */
function takeCommandLine(reader: ServerReader, draft: DraftMcpServer): void {
  reader.take("command", (node, path) => {
    const [command, ...args] = reader.document.texts(node, path) ?? [];
    if (command === undefined) {
      if (node.children?.length === 0) reader.document.problem(node, path, "command is empty");
      return;
    }
    draft.command = command;
    reader.noteReference("command", command);
    if (args.length > 0) draft.args = args;
  });
}

function noteArgs(reader: ServerReader, args: readonly string[]): void {
  const env = reader.entries.get("env")?.children ?? [];
  const variables = new Set(env.map(({ children }) => String(children?.[0]?.value)));
  const masked = maskArgs(args);
  for (const [index, value] of args.entries()) {
    const key = `args.${index}`;
    if (reader.isLeftToProgram(value, variables)) {
      reader.note(key, "the program gets the variables in it, and has to replace them itself");
    } else if (reader.findReference(value) !== undefined) reader.noteReference(key, value);
    else if (masked[index] !== value) {
      reader.note(
        key,
        "it looks like a secret, and is now in the configuration: put it in a variable, if the server reads one",
      );
    }
  }
}

function translateEnv(
  reader: ServerReader,
  draft: DraftMcpServer,
  node: JsonNode,
  path: readonly string[],
): void {
  const literal = new Map<string, string>();
  const passed: string[] = [];
  for (const [name, entry] of reader.document.entries(node, path) ?? []) {
    const key = `env.${name}`;
    if (entry.type === "null") {
      reader.note(
        key,
        "a variable cannot be unset: the server starts with few variables, and those of env_vars",
      );
      continue;
    }
    const isPlain = entry.type === "number" || entry.type === "boolean";
    const value = isPlain ? String(entry.value) : reader.document.text(entry, [...path, name]);
    if (value === undefined) continue;
    const reference = reader.findReference(value);
    const isBlank = typeof reference === "object" && reference.kind === "blank";
    if (reference === undefined || isBlank) {
      literal.set(name, value);
      if (isBlank) reader.noteReference(key, value);
      else if (mayNameSecret(name) && value !== "") {
        reader.note(
          key,
          `it looks like a secret, and is in the file: set ${name} before the start and name it in env_vars`,
        );
      }
      continue;
    }
    passed.push(name);
    const isSame = typeof reference === "object" && reference.kind === "variable" && reference.name === name;
    if (!isSame) {
      reader.note(key, `${whyNotTaken(reference)}: set ${name} itself before the start`);
    } else if (reference.hasDefault) {
      reader.note(key, `its default is not carried over: set ${name} before the start`);
    }
  }
  if (literal.size > 0) draft.env = Object.fromEntries(literal);
  if (passed.length > 0) draft.env_vars = passed;
}
