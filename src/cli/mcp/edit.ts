/** `switchyard mcp remove|set|unset|enable|disable|rename`: one change of one server. */
import { shellWord } from "../../base/shell-word.ts";
import { OAUTH, SERVER, TOOL } from "../../config/schema/server-keys.ts";
import { findReference } from "../../config/import/references.ts";
import { ConfigError } from "../../config/problem.ts";
import { formatOrigin } from "../../config/layers/origins.ts";
import { formatKeys } from "../../toml/format.ts";
import { nodeAt, type TomlNode } from "../../toml/node.ts";
import { nearest } from "../../base/suggest.ts";
import { type Args, UsageError } from "../args/parse.ts";
import type { CommandSpec, Operand } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { applyAndReport } from "./apply-edit.ts";
import {
  definedBeneath,
  EDIT_FLAGS,
  type EditContext,
  type EditRequest,
  elsewhere,
  leftovers,
  notInFile,
  openEditContext,
} from "./edit-context.ts";
import { keyPath, kindText, typeOf, valueOfKey } from "./value.ts";

type Plan = (context: EditContext, operands: readonly string[], args: Args) => EditRequest;

const OPERANDS: Readonly<Record<string, Operand>> = {
  NAME: { name: "NAME", completes: "server" },
  KEY: { name: "KEY", completes: "key" },
  VALUE: { name: "VALUE", completes: "value" },
};

/** @param operands all of them required */
function command(
  operands: string,
  plan: Plan,
  more: Pick<CommandSpec, "flags" | "notes" | "table"> = {},
): Command {
  return {
    ...more,
    operands: operands.split(" ").map((name): Operand => OPERANDS[name] ?? { name }),
    flags: [...(more.flags ?? []), ...EDIT_FLAGS],
    run: async (args, { signal }) => {
      const context = openEditContext(args);
      return await applyAndReport(context, plan(context, args.operands, args), signal);
    },
  };
}

export const remove: Command = command("NAME", (context, [name = ""]) => {
  if (!context.names.has(name)) throw notInFile(context, name);
  return {
    edits: [{ kind: "remove", name }],
    done: `Removed MCP server ${quoted(name)} from`,
    names: [],
    notes: leftovers(context, name),
  };
});

export const rename: Command = command("NAME TO", (context, [name = "", to = ""]) => {
  if (!context.names.has(name)) throw notInFile(context, name);
  const taken = elsewhere(context, to).at(-1);
  if (taken !== undefined) {
    throw new ConfigError("invalid_edit", `MCP server ${quoted(to)} is already in ${formatOrigin(taken)}`);
  }
  const done = `Renamed MCP server ${quoted(name)} to ${quoted(to)} in`;
  return { edits: [{ kind: "rename", name, to }], done, names: [to], notes: leftovers(context, name) };
});

export const enable: Command = command("NAME", (context, [name = ""]) => switchServer(context, name, true));

export const disable: Command = command("NAME", (context, [name = ""]) => switchServer(context, name, false));

function switchServer(context: EditContext, name: string, on: boolean): EditRequest {
  const notes = whereDefined(context, name);
  const done = `${on ? "Enabled" : "Disabled"} MCP server ${quoted(name)} in`;
  const key = ["enabled"];
  const isOffBelow = context.others.some(({ root }) => {
    const node = nodeAt(root, ["mcp_servers", name, "enabled"]);
    return node?.kind === "boolean" && !node.value;
  });
  if (on && !isOffBelow) {
    // A server is on when nothing says otherwise.
    const edits = context.names.has(name) ? [{ kind: "enable" as const, name }] : [];
    const node = context.server(name);
    const open = node === undefined ? [] : placeholders([], node);
    return { edits, done, names: [name], key, toRun: true, notes: open };
  }
  return { edits: [{ kind: "set", name, key, value: on }], done, names: [name], key, toRun: on, notes };
}

/** What an import carried over as it was written, and nobody has filled in. */
function placeholders(path: readonly string[], node: TomlNode): string[] {
  if (node.kind === "string") {
    if (findReference(node.value) === undefined) return [];
    return [`${formatKeys(path)} may still have a placeholder in it, which nothing replaces here`];
  }
  if (node.kind === "array")
    return node.items.flatMap((item, at) => placeholders([...path, String(at)], item));
  if (node.kind !== "table") return [];
  return [...node.entries].flatMap(([key, { value }]) => placeholders([...path, key], value));
}

export const set: Command = command(
  "NAME KEY VALUE",
  (context, [name = "", key = "", text = ""], args) => {
    const written = keyPath(key);
    const options = { own: context.target.own, string: args.has("string") };
    const list = listWith(context.server(name), written, text);
    const path = list === undefined ? written : written.slice(0, -1);
    const value = list ?? valueOfKey(path, text, options);
    const notes = whereDefined(context, name);
    if (path[0] === "name") notes.push("Codex ignores this key; to rename the server: switchyard mcp rename");
    const done = `Set ${formatKeys(written)} of MCP server ${quoted(name)} in`;
    return { edits: [{ kind: "set", name, key: path, value }], done, names: [name], key: path, notes };
  },
  {
    flags: [{ name: "string", about: "VALUE is text, even if it looks like a number or a list" }],
    notes:
      'KEY is written as in TOML: cwd, env.NAME, tools."a.b".approval_mode; args.2 is the third text of a list. So is VALUE, but text needs no quotes:\n' +
      "  switchyard mcp set docs tool_timeout_sec 90\n" +
      "  switchyard mcp set docs enabled_tools '[\"search\"]'\n" +
      "A VALUE that begins with a dash must come after --.",
    table: {
      title: "Keys:",
      rows: [
        ...SERVER.fields
          .filter(({ transport }) => transport !== "none")
          .map(({ name, value }) => [name, kindText(value)] as const),
        ["oauth.KEY", OAUTH.fields.map(({ name }) => name).join(", ")],
        ["tools.TOOL.KEY", TOOL.fields.map(({ name }) => name).join(", ")],
      ],
    },
  },
);

export const unset: Command = command("NAME KEY", (context, [name = "", key = ""]) => {
  const path = keyPath(key);
  if (!context.names.has(name)) throw notInFile(context, name);
  const done = `Removed ${formatKeys(path)} from MCP server ${quoted(name)} in`;
  const still = context.others.some(({ root }) => nodeAt(root, ["mcp_servers", name, ...path]) !== undefined);
  const notes = still
    ? [`${formatKeys(path)} is still set in another file: switchyard mcp get ${shellWord(name)}`]
    : [];
  if (!still) checkKnown(context, name, path);
  return { edits: [{ kind: "unset", name, key: path }], done, names: [name], notes };
});

/** For `args.2`: the list of texts that is there, with another text at this place, counted from 0 as in notes of an import. */
function listWith(server: TomlNode | undefined, path: readonly string[], text: string): unknown {
  const at = path.at(-1) ?? "";
  const list = server === undefined ? undefined : nodeAt(server, path.slice(0, -1));
  if (list?.kind !== "array" || !/^\d{1,4}$/.test(at) || Number(at) >= list.items.length) return undefined;
  const items = list.items.map((item) => (item.kind === "string" ? item.value : undefined));
  return items.includes(undefined) ? undefined : items.with(Number(at), text);
}

/** A server may be defined in a lower file, and changed on top of it. @throws {ConfigError} when that cannot be */
function whereDefined(context: EditContext, name: string): string[] {
  if (context.names.has(name)) return [];
  const at = definedBeneath(context, name);
  return [`${quoted(name)} is defined in ${formatOrigin(at)}; this file adds to it`];
}

/** To remove a key that is not set is fine; a name that is not a key is an error. @throws {ConfigError} */
function checkKnown({ server, target }: EditContext, name: string, path: readonly string[]): void {
  const node = server(name);
  if (node !== undefined && nodeAt(node, path) !== undefined) return;
  try {
    typeOf(path, target.own);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const written = node?.kind === "table" ? [...node.entries.keys()] : [];
    const meant = nearest(path[0] ?? "", written);
    const hint = meant === undefined ? error.message : `did you mean ${meant}?`;
    const what = `MCP server ${quoted(name)} has no ${formatKeys(path)} in ${target.file}; ${hint}`;
    throw new ConfigError("invalid_edit", what);
  }
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
