/** `switchyard mcp remove|set|unset|enable|disable|rename`: one change of one server. */
import { shellWord } from "../../base/shell-word.ts";
import { OAUTH, SERVER, TOOL } from "../../config/schema/server-keys.ts";
import { ConfigError } from "../../config/problem.ts";
import { originText } from "../../config/layers/origins.ts";
import { formatKeys } from "../../toml/format.ts";
import { nodeAt } from "../../toml/node.ts";
import { nearest } from "../../base/suggest.ts";
import { type Args, type CommandSpec, type Flag, UsageError } from "../flags.ts";
import {
  carryOut,
  type Deed,
  definedBeneath,
  EDIT_FLAGS,
  elsewhere,
  leftovers,
  notInFile,
  openScene,
  type Scene,
} from "./apply.ts";
import type { McpCommand } from "./command.ts";
import { keyPath, kindText, typeOf, valueOfKey } from "./value.ts";

type Plan = (scene: Scene, operands: readonly string[], args: Args) => Deed;

function command(
  spec: Pick<CommandSpec, "name" | "operands" | "about" | "notes">,
  plan: Plan,
  flags: readonly Flag[] = [],
): McpCommand {
  const { length } = spec.operands.split(" ");
  return {
    spec: { ...spec, count: [length, length], flags: [...flags, ...EDIT_FLAGS] },
    run: async (args, signal) => {
      const scene = openScene(args);
      return await carryOut(scene, plan(scene, args.operands, args), signal);
    },
  };
}

export const remove: McpCommand = command(
  { name: "mcp remove", operands: "NAME", about: "take a server out of a file" },
  (scene, [name = ""]) => {
    if (!scene.names.has(name)) throw notInFile(scene, name);
    return {
      edits: [{ kind: "remove", name }],
      done: `Removed MCP server ${quoted(name)} from`,
      names: [],
      notes: leftovers(scene, name),
    };
  },
);

export const rename: McpCommand = command(
  { name: "mcp rename", operands: "NAME TO", about: "give a server another name" },
  (scene, [name = "", to = ""]) => {
    if (!scene.names.has(name)) throw notInFile(scene, name);
    const taken = elsewhere(scene, to).at(-1);
    if (taken !== undefined) {
      throw new ConfigError("invalid_edit", `MCP server ${quoted(to)} is already in ${originText(taken)}`);
    }
    const done = `Renamed MCP server ${quoted(name)} to ${quoted(to)} in`;
    return { edits: [{ kind: "rename", name, to }], done, names: [to], notes: leftovers(scene, name) };
  },
);

export const enable: McpCommand = command(
  { name: "mcp enable", operands: "NAME", about: "switch a server on" },
  (scene, [name = ""]) => switchServer(scene, name, true),
);

export const disable: McpCommand = command(
  { name: "mcp disable", operands: "NAME", about: "switch a server off and keep it" },
  (scene, [name = ""]) => switchServer(scene, name, false),
);

function switchServer(scene: Scene, name: string, on: boolean): Deed {
  const notes = whereDefined(scene, name);
  const done = `${on ? "Enabled" : "Disabled"} MCP server ${quoted(name)} in`;
  const key = ["enabled"];
  const isOffBelow = scene.others.some(({ root }) => {
    const node = nodeAt(root, ["mcp_servers", name, "enabled"]);
    return node?.kind === "boolean" && !node.value;
  });
  if (on && !isOffBelow) {
    // On is what a server is when nothing is written.
    const edits = scene.names.has(name) ? [{ kind: "enable" as const, name }] : [];
    return { edits, done, names: [name], key };
  }
  return { edits: [{ kind: "set", name, key, value: on }], done, names: [name], key, notes };
}

export const set: McpCommand = command(
  {
    name: "mcp set",
    operands: "NAME KEY VALUE",
    about: "set one key of a server",
    notes:
      'KEY is written as in TOML: cwd, env.NAME, tools."a.b".approval_mode. VALUE too, and text needs no quotes:\n' +
      "  switchyard mcp set docs tool_timeout_sec 90\n" +
      "  switchyard mcp set docs enabled_tools '[\"search\"]'\n" +
      "What begins with a dash goes behind --.\n\nKeys:\n" +
      SERVER.fields
        .filter(({ transport }) => transport !== "none")
        .map(({ name, value }) => `  ${name.padEnd(30)}${kindText(value)}`)
        .join("\n") +
      `\n  ${"oauth.KEY".padEnd(30)}${OAUTH.fields.map(({ name }) => name).join(", ")}` +
      `\n  ${"tools.TOOL.KEY".padEnd(30)}${TOOL.fields.map(({ name }) => name).join(", ")}`,
  },
  (scene, [name = "", key = "", text = ""], args) => {
    const path = keyPath(key);
    const value = valueOfKey(path, text, { own: scene.target.own, string: args.has("string") });
    const notes = whereDefined(scene, name);
    if (path[0] === "name")
      notes.push("Codex reads name and throws it away; switchyard mcp rename gives another name");
    const done = `Set ${formatKeys(path)} of MCP server ${quoted(name)} in`;
    return { edits: [{ kind: "set", name, key: path, value }], done, names: [name], key: path, notes };
  },
  [{ name: "string", about: "VALUE is text, whatever it looks like" }],
);

export const unset: McpCommand = command(
  { name: "mcp unset", operands: "NAME KEY", about: "take one key of a server away" },
  (scene, [name = "", key = ""]) => {
    const path = keyPath(key);
    if (!scene.names.has(name)) throw notInFile(scene, name);
    const done = `Took ${formatKeys(path)} away from MCP server ${quoted(name)} in`;
    const still = scene.others.some(({ root }) => nodeAt(root, ["mcp_servers", name, ...path]) !== undefined);
    const notes = still
      ? [`${formatKeys(path)} is still set in another file: switchyard mcp get ${shellWord(name)}`]
      : [];
    if (!still) checkKnown(scene, name, path);
    return { edits: [{ kind: "unset", name, key: path }], done, names: [name], notes };
  },
);

/** A server may be defined in a lower file, and changed on top of it. @throws {ConfigError} when that cannot be */
function whereDefined(scene: Scene, name: string): string[] {
  if (scene.names.has(name)) return [];
  const at = definedBeneath(scene, name);
  return [`${quoted(name)} is defined in ${originText(at)}; this counts on top of it`];
}

/** What is not there need not be taken away, unless it is no key at all. @throws {ConfigError} */
function checkKnown({ server, target }: Scene, name: string, path: readonly string[]): void {
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
