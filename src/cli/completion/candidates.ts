/** What a word may be that is known from the configuration, or from what servers offered when they were seen last. */
import { isObject } from "../../base/json.ts";
import { assess } from "../../config/effective/assess.ts";
import { type EffectiveMcpServer, effectiveServers } from "../../config/effective/effective.ts";
import { loadEnvironments } from "../../config/environments/load-environments.ts";
import { fieldNamed, SERVER } from "../../config/schema/server-keys.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import type { KeptCatalog } from "../../mcp/cache/catalog-folder.ts";
import type { Args } from "../args/parse.ts";
import type { Completes } from "../args/spec.ts";
import { viewOf } from "../environments/view.ts";
import { commandLine } from "../mcp/findings.ts";
import { lastTools } from "../mcp/kept-tools.ts";
import { folderOf, readLayers } from "../mcp/target.ts";

/** A word, and a few words about it. One that ends in `=` goes on. */
export interface Candidate {
  readonly word: string;
  readonly about: string;
}

/**
 * @param args what is typed already
 * @param typed the word so far
 * @throws {ConfigError} {UsageError} when the files or the flags are wrong
 */
export function candidatesFor(completes: Completes, args: Args, typed: string): readonly Candidate[] {
  switch (completes) {
    case "server":
      return servers(args).map((server) => ({ word: server.name, about: aboutServer(server) }));
    case "tool":
      return toolsOf(args).map(({ name, title, description }) => ({
        word: name,
        about: (description ?? title ?? "").trim().split("\n", 1)[0] ?? "",
      }));
    case "argument":
      return argumentsOf(args, typed);
    case "environment":
      return environments(args);
    case "key":
      return SERVER.fields
        .filter(({ transport }) => transport !== "none")
        .map(({ name, about }) => ({ word: name, about }));
    case "value":
      return valuesOf(args);
  }
}

function servers(args: Args): readonly EffectiveMcpServer[] {
  return effectiveServers(assess(readLayers(args))).servers;
}

function aboutServer({ status, config }: EffectiveMcpServer): string {
  return status === "enabled" && config !== undefined ? commandLine(maskServer(config)) : status;
}

/** Of the server that is named. */
function toolsOf(args: Args): KeptCatalog["tools"] {
  const server = servers(args).find(({ name }) => name === args.operands[0]);
  return server === undefined ? [] : (lastTools(server, folderOf(args))?.tools ?? []);
}

/** `NAME=`, and after it the values, where the tool takes one of a few. */
function argumentsOf(args: Args, typed: string): readonly Candidate[] {
  const tool = toolsOf(args).find(({ name }) => name === args.operands[1]);
  const properties = Object.entries(tool?.inputSchema.properties ?? {});
  const name = typed.includes("=") ? typed.slice(0, typed.indexOf("=")) : undefined;
  if (name !== undefined) {
    const schema = properties.find(([each]) => each === name)?.[1];
    return valuesIn(schema).map((value) => ({ word: `${name}=${value}`, about: "" }));
  }
  const given = args.all("arg").map((pair) => pair.split("=", 1)[0]);
  return properties
    .filter(([each]) => !given.includes(each))
    .map(([each, schema]) => ({ word: `${each}=`, about: aboutProperty(schema) }));
}

function aboutProperty(schema: unknown): string {
  if (!isObject(schema)) return "";
  const { description, type } = schema;
  if (typeof description === "string") return description.trim().split("\n", 1)[0] ?? "";
  return typeof type === "string" ? type : "";
}

function valuesIn(schema: unknown): readonly string[] {
  if (!isObject(schema)) return [];
  if (schema["type"] === "boolean") return ["true", "false"];
  return Array.isArray(schema["enum"]) ? schema["enum"].map(String) : [];
}

function environments(args: Args): readonly Candidate[] {
  const loaded = loadEnvironments({ cwd: folderOf(args) });
  return [...loaded.environments.values()].map((environment) => {
    const { id, kind, target, status } = viewOf(environment);
    return { word: id, about: status === "usable" ? target || kind : status };
  });
}

/** Of the key that is named. */
function valuesOf(args: Args): readonly Candidate[] {
  const { name, value } = fieldNamed(SERVER, args.operands[1] ?? "") ?? {};
  if (name === "environment_id") return environments(args);
  const words = value?.type === "boolean" ? ["true", "false"] : value?.type === "enum" ? value.variants : [];
  return words.map((word) => ({ word, about: "" }));
}
