/** What a user should know about an edit: whether it has an effect, and what else is wrong in the file. */
import { shellWord } from "../../base/shell-word.ts";
import { checkConfig } from "../../config/effective/check-root.ts";
import { assess } from "../../config/effective/assess.ts";
import { configuredServers } from "../../config/effective/configured.ts";
import { effectiveServers } from "../../config/effective/effective.ts";
import { formatOrigin } from "../../config/layers/origins.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import { nodeAt } from "../../toml/node.ts";
import { count } from "../output.ts";
import { type EditContext, type EditRequest, pluginWith } from "./edit-context.ts";
import { placeOf, withStartProblems } from "./start-problems.ts";
import { folderOf, parseFile, type Target, tryLayers } from "./target.ts";

/** What the user should know about an edit that was made (A2). */
export function notesOn(
  { args, target }: EditContext,
  { names, key = [], toRun = false }: EditRequest,
  after: string,
): string[] {
  if (target.alone) {
    const { errors } = checkConfig(parseFile({ name: target.file, text: after }), { own: target.own });
    // The transport may be in another file.
    return otherErrors(
      target,
      names,
      errors.filter(({ message }) => message !== "invalid transport"),
    );
  }
  const layers = tryLayers(args);
  if (layers instanceof ConfigError) {
    return ["the configuration as a whole has errors: switchyard mcp check shows them"];
  }
  const inactive = layers.layers.find(({ source }) => source.name === target.file)?.inactive;
  if (inactive !== undefined) return [`it has no effect yet: ${inactive.reason}. ${inactive.hint}`];
  const own = layers.layers.find(({ source }) => source.name === target.file)?.root;
  const assessment = assess(layers);
  const { servers: written } = effectiveServers(assessment);
  const servers = toRun ? withStartProblems(written, placeOf(layers, folderOf(args))) : written;
  const others = otherErrors(target, names, configuredServers(assessment).errors);
  const ownNotes = names.flatMap((name) => {
    const server = servers.find((each) => each.name === name);
    const written = own === undefined ? undefined : nodeAt(own, ["mcp_servers", name, ...key]);
    const foreign = [...(server?.origins ?? [])].find(
      ([path, { file }]) => isBelow(path, key.join(".")) && file !== target.file,
    )?.[1];
    const notes: string[] = [];
    if (foreign !== undefined && written !== undefined) {
      const at = formatOrigin(foreign);
      notes.push(
        key.length > 0 && written.kind !== "table"
          ? `it has no effect: ${at} takes precedence`
          : `${JSON.stringify(name)} is also in ${at}; the two are merged, key by key`,
      );
    }
    const plugin = key.length === 0 && written !== undefined ? pluginWith(layers, name) : undefined;
    if (plugin !== undefined)
      notes.push(
        `${JSON.stringify(name)} takes the place of the server of this name that plugin ${plugin.id} brings`,
      );
    // A user who has just switched it off knows.
    const byHand = server?.config?.disabled_reason?.type === "by_hand";
    if ((server?.status === "disabled" && !byHand) || server?.status === "unstartable") {
      notes.push(`${JSON.stringify(name)} will not run: ${server.reason ?? "no reason is known"}`);
    }
    return notes;
  });
  return [...ownNotes, ...others];
}

/** Even a good edit has no effect while the file has other errors: Codex rejects a file as a whole. */
function otherErrors(
  { file, own }: Target,
  names: readonly string[],
  errors: readonly ConfigProblem[],
): string[] {
  const others = errors.filter((error) => error.place?.source.name === file && !isOfServers(error, names));
  if (others.length === 0) return [];
  const effect = own ? "" : ", so Codex rejects all of it";
  return [
    `${file} has ${count(others.length, "other error")}${effect}: switchyard mcp check ${shellWord(file)}`,
  ];
}

export function isOfServers({ path = [] }: ConfigProblem, names: readonly string[]): boolean {
  return path[0] === "mcp_servers" && path[1] !== undefined && names.includes(path[1]);
}

function isBelow(path: string, key: string): boolean {
  return key === "" || path === key || path.startsWith(`${key}.`);
}
