/** `switchyard trust`: whether the configuration files of a project count. */
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ConfigLayer } from "../config/layers/layers.ts";
import { existingCodexHome, switchyardHome } from "../config/layers/homes.ts";
import { isProjectFile, loadConfigLayers } from "../config/layers/layers.ts";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { projectKey } from "../config/layers/project-trust.ts";
import { formatProblem } from "../config/show/show-problem.ts";
import type { Args } from "./args/parse.ts";
import { JSON_FLAG, SECRETS_FLAG } from "./args/spec.ts";
import type { Command } from "./command.ts";
import { OWN_FILE } from "./mcp/target.ts";
import { printJson, say, shortPath, shortPaths, tell } from "./output.ts";
import type { Stop } from "./signals.ts";

export const trust: Command = {
  operands: [
    { name: "DIR", optional: true, about: "the project's folder; the working directory by default" },
  ],
  flags: [
    { name: "untrust", about: "record that the files do not count" },
    { name: "forget", about: "remove what is recorded about the folder" },
    { name: "codex", about: "write to Codex's own config.toml, so that it holds for Codex too" },
    { name: "dry-run", about: "write nothing; show what would change" },
    JSON_FLAG,
    SECRETS_FLAG,
  ],
  run: setTrust,
};

async function setTrust(args: Args, { signal }: Stop): Promise<number> {
  args.atMostOne("untrust", "forget");
  const cwd = resolve(args.operands[0] ?? ".");
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new ConfigError("invalid_edit", `There is no folder ${cwd}`);
  }
  const folder = projectKey(cwd);
  const level = args.has("forget") ? undefined : args.has("untrust") ? "untrusted" : "trusted";
  const file = args.has("codex")
    ? join(existingCodexHome(process.env), "config.toml")
    : join(switchyardHome(process.env), OWN_FILE);
  const { ConfigEditor } = await import("../config/edit/config-editor.ts");
  const dryRun = args.has("dry-run");
  const editor = new ConfigEditor(file, { own: !args.has("codex") });
  const result = await editor.trust(folder, level).apply({ dryRun, signal });
  const { layers, problems } = dryRun ? { layers: [], problems: [] } : projectLayers(cwd);
  const showSecrets = args.has("show-secrets");
  if (args.has("json")) {
    const files = layers.map((layer) => {
      return { file: layer.source.name, active: layer.inactive === undefined, servers: serversOf(layer) };
    });
    printJson({
      ok: true,
      folder,
      trust_level: level ?? null,
      file,
      changed: result.changed,
      dry_run: dryRun,
      files,
      notes: problems.map((problem) => formatProblem(problem, { showSecrets })),
    });
    return 0;
  }
  if (dryRun) {
    const { printDryRun } = await import("./mcp/masked-diff.ts");
    printDryRun(result, showSecrets);
    return 0;
  }
  const what = level ?? "no longer mentioned";
  say(`${shortPath(folder)} is ${what}${result.changed ? "" : " already"} in ${shortPath(file)}`);
  if (layers.length === 0 && problems.length === 0) say("It has no configuration files of its own yet.");
  for (const layer of layers) sayLayer(layer);
  for (const problem of problems) tell(shortPaths(`note: ${formatProblem(problem, { showSecrets })}`));
  return 0;
}

/** The files that count now. One that cannot be read does not undo the trust. */
function projectLayers(cwd: string): {
  readonly layers: readonly ConfigLayer[];
  readonly problems: readonly ConfigProblem[];
} {
  try {
    return { layers: loadConfigLayers({ cwd }).layers.filter(isProjectFile), problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { problems, message } = error;
    return { layers: [], problems: problems.length > 0 ? problems : [{ message }] };
  }
}

function sayLayer(layer: ConfigLayer): void {
  const names = serversOf(layer).map((name) => JSON.stringify(name));
  const asks = names.length === 0 ? "it asks for no server" : `it asks for ${names.join(", ")}`;
  if (layer.inactive === undefined) say(`  counts now: ${shortPath(layer.source.name)}; ${asks}`);
  else say(shortPaths(`  does not count: ${layer.source.name}; ${asks}`));
}

function serversOf({ root }: ConfigLayer): string[] {
  const servers = root.entries.get("mcp_servers")?.value;
  return servers?.kind === "table" ? [...servers.entries.keys()] : [];
}
