/** `switchyard mcp get NAME`: all of one server, every key with the line it is written in. */
import { isOfEnvironment } from "./environment-problems.ts";
import { basename } from "node:path";
import { assess } from "../../config/effective/assess.ts";
import { configuredServers } from "../../config/effective/configured.ts";
import { type EffectiveMcpServer, effectiveServers } from "../../config/effective/effective.ts";
import { SERVER } from "../../config/schema/server-keys.ts";
import { type ConfigLayer, type ConfigLayers, mergeLayers } from "../../config/layers/layers.ts";
import { toWritten } from "../../config/server/normal-form.ts";
import { type Origin, formatOrigin } from "../../config/layers/origins.ts";
import { ConfigError } from "../../config/problem.ts";
import { formatDotted, formatKeys, formatValue } from "../../toml/format.ts";
import { fromPlain, nodeAt, type TomlNode } from "../../toml/node.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import type { Args } from "../args/parse.ts";
import { JSON_FLAG, SECRETS_FLAG } from "../args/spec.ts";
import type { Command } from "../command.ts";
import { printable, printJson, say, shortPaths } from "../output.ts";
import { padText, textWidth } from "../text-width.ts";
import { printFindings, shownName } from "./findings.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import { maskLines } from "../../config/show/mask-source.ts";
import { missingServer } from "../../base/suggest.ts";
import { serverView } from "./server-view.ts";
import { placeOf, withStartProblems } from "./start-problems.ts";
import { folderOf, OWN_FILE, READ_FLAGS, readLayers } from "./target.ts";

export const get: Command = {
  operands: [{ name: "NAME", completes: "server" }],
  flags: [...READ_FLAGS, JSON_FLAG, SECRETS_FLAG],
  run: showServer,
};

function showServer(args: Args): number {
  const [name = ""] = args.operands;
  const layers = readLayers(args);
  const assessment = assess(layers);
  const { servers: written } = effectiveServers(assessment);
  const servers = args.has("file") ? written : withStartProblems(written, placeOf(layers, folderOf(args)));
  const server = servers.find((each) => each.name === name);
  if (server === undefined) {
    throw new ConfigError(
      "invalid_edit",
      missingServer(
        name,
        servers.map((each) => each.name),
      ),
    );
  }
  const showSecrets = args.has("show-secrets");
  if (args.has("json")) {
    printJson(serverView(server, showSecrets));
  } else {
    sayServer(server, layers, args);
    if (server.errors.length + server.warnings.length > 0) say("");
  }
  printFindings("warning", server.warnings, showSecrets);
  printFindings("error", server.errors, showSecrets);
  // Codex rejects a file as a whole: then it runs no server at all.
  const found = configuredServers(assessment).errors.filter((error) => !isOfEnvironment(error));
  const others = found.length - server.errors.length;
  if (server.status !== "invalid" && others > 0) {
    say("\nThe configuration has errors elsewhere: switchyard mcp list shows them");
  }
  return server.status === "invalid" ? 1 : 0;
}

/** A value longer than this does not widen its column. */
const LONG = 50;

function sayServer(server: EffectiveMcpServer, { layers }: ConfigLayers, args: Args): void {
  const { name, status, config, reason, origins, plugin } = server;
  const why = status === "enabled" || reason === undefined ? "" : ` (${reason})`;
  const from = plugin === undefined ? "" : `, from plugin ${printable(plugin.displayName)} (${plugin.id})`;
  say(shortPaths(`${shownName(name)}: ${status}${why}${from}`));
  const showSecrets = args.has("show-secrets");
  const file = args.one("file");
  const own = !args.has("codex") && (file === undefined || basename(file) === OWN_FILE);
  const rows =
    config === undefined
      ? writtenRows(server, layers, showSecrets)
      : rowsOf(showSecrets ? config : maskServer(config), origins, own);
  const widths = [0, 1].map((column) => {
    const all = rows.map((row) => textWidth(row[column] ?? ""));
    return Math.max(0, ...all.filter((width) => column === 0 || width <= LONG));
  });
  for (const [key, value, origin] of rows) {
    const cells = [padText(key, widths[0] ?? 0), padText(value, widths[1] ?? 0)];
    say(`  ${cells.join("  ")}  # ${shortPaths(origin)}`);
  }
}

type Row = readonly [key: string, value: string, origin: string];

/** For an invalid server: what the files say, word for word. */
function writtenRows(
  { name, origins }: EffectiveMcpServer,
  layers: readonly ConfigLayer[],
  showSecrets: boolean,
): Row[] {
  const active = layers.filter(({ inactive }) => inactive === undefined);
  const path = ["mcp_servers", name];
  const node = nodeAt(mergeLayers(active), path);
  if (node === undefined) return [];
  // Masking works on a text, so it is formatted first; a formatted value has no line breaks.
  const text = formatDotted(path, node).join("\n");
  const lines = (showSecrets ? text : maskLines({ name: "", text })).split("\n");
  return flat([], node).map(([key], at): Row => {
    const value = lines[at]?.slice(`${formatKeys([...path, ...key])} = `.length) ?? "";
    const origin = origins.get(key.join("."));
    return [formatKeys(key), value, origin === undefined ? "" : formatOrigin(origin)];
  });
}

/** `url` comes first, as `command` does: it says most. */
const SHOWN = SERVER.fields.toSorted((a, b) => Number(b.name === "url") - Number(a.name === "url"));

/**
 * What is written, and then the defaults that apply.
 *
 * @param own whether there can be keys of ours
 */
function rowsOf(config: McpServerConfig, origins: ReadonlyMap<string, Origin>, own: boolean): Row[] {
  const raw = fromPlain(toWritten(config));
  const written = SHOWN.flatMap(({ name }) => {
    const value = nodeAt(raw, [name]);
    return value === undefined ? [] : flat([name], value);
  });
  const rows = written.map(([path, value]): Row => {
    const origin = originOf(path, origins);
    return [formatKeys(path), formatValue(value), origin === undefined ? "default" : formatOrigin(origin)];
  });
  const known = new Set(written.map(([[key]]) => key));
  const defaults = SERVER.fields.flatMap((field): Row[] => {
    const applies =
      (field.transport === "both" || field.transport === config.transport.type) &&
      (own || field.own !== true);
    if (!applies || field.default === undefined || known.has(field.name)) return [];
    const origin = origins.get(field.name);
    const value = formatValue(fromPlain(field.default));
    return [[field.name, value, origin === undefined ? "default" : formatOrigin(origin)]];
  });
  return [...rows, ...defaults];
}

function flat(path: readonly string[], value: TomlNode): [readonly string[], TomlNode][] {
  if (value.kind !== "table" || value.entries.size === 0) return [[path, value]];
  return [...value.entries].flatMap(([key, entry]) => flat([...path, key], entry.value));
}

function originOf(path: readonly string[], origins: ReadonlyMap<string, Origin>): Origin | undefined {
  const key = path.join(".");
  // Milliseconds are read as seconds.
  return origins.get(key) ?? (key === "startup_timeout_sec" ? origins.get("startup_timeout_ms") : undefined);
}
