/**
 * One edit of one file: checked against all layers, written, reported.
 *
 * Invariants
 *   A1. Nothing is written that would make a server invalid, alone or merged with what other files say about it.
 *   A2. The output names the file that was written, and says if the edit has no effect.
 */
import type { ConfigEditor, EditResult } from "../../config/edit/config-editor.ts";
import type { ConfigEdit } from "../../config/edit/edits.ts";
import { configuredMcpServers } from "../../config/effective/configured.ts";
import { valuesForNames } from "../../config/effective/misread.ts";
import type { ConfigLayer } from "../../config/layers/layers.ts";
import { ConfigError, type ConfigProblem } from "../../config/problem.ts";
import type { WrittenMcpServer } from "../../config/server/types.ts";
import { maskProblem } from "../../config/show/mask-problem.ts";
import { dottedPath } from "../../config/show/show-problem.ts";
import { printJson, say, shortPath, shortPaths, tell } from "../output.ts";
import { type EditContext, type EditRequest, layerName, originsIn, positionOf } from "./edit-context.ts";
import { isOfServers, notesOn } from "./edit-notes.ts";
import { diffOf, printDryRun } from "./masked-diff.ts";
import { parseFile, type Target } from "./target.ts";

/** @returns the exit code */
export async function applyAndReport(
  context: EditContext,
  request: EditRequest,
  signal: AbortSignal,
): Promise<number> {
  const { args, target } = context;
  const { editor, result: tried } = await tryEdits(context, request, signal);
  let result = tried;
  const dryRun = args.has("dry-run");
  if (!dryRun && result.changed) result = await editor.apply({ signal });
  const notes = [
    ...(request.notes ?? []),
    ...(dryRun || !result.changed ? [] : notesOn(context, request, result.after)),
  ];
  const showSecrets = args.has("show-secrets");
  if (args.has("json")) {
    printJson({
      ok: true,
      file: target.file,
      changed: result.changed,
      dry_run: dryRun,
      diff: diffOf(result, showSecrets),
      notes,
    });
    return 0;
  }
  if (dryRun) printDryRun(result, showSecrets);
  else say(`${result.changed ? request.done : "Nothing to change in"} ${shortPath(target.file)}`);
  for (const note of notes) tell(shortPaths(`note: ${note}`));
  return 0;
}

/** What the edits would do. @throws {ConfigError} when they cannot be made, or would break a server (A1) */
export async function tryEdits(
  context: EditContext,
  { edits, names }: Pick<EditRequest, "edits" | "names">,
  signal: AbortSignal,
): Promise<{ readonly editor: ConfigEditor; readonly result: EditResult }> {
  const { target } = context;
  const { ConfigEditor } = await import("../../config/edit/config-editor.ts");
  const editor = new ConfigEditor(target.file, {
    own: target.own,
    partial: names.some((name) => originsIn(context.beneath, name).length > 0),
  });
  for (const edit of edits) editor.edit(edit);
  try {
    const result = await editor.apply({ dryRun: true, signal });
    checkNames(context, result);
    checkMerged(context, result.after, edits);
    return { editor, result };
  } catch (error) {
    throw afterEditError(error, target);
  }
}

/** @throws {ConfigError} `invalid_edit` when the file cannot have this server */
export async function checkedEdit(
  context: EditContext,
  name: string,
  server: WrittenMcpServer,
  signal: AbortSignal,
): Promise<ConfigEdit & { readonly name: string }> {
  const edit = { kind: context.names.has(name) ? "replace" : "add", name, server } as const;
  try {
    await tryEdits(context, { edits: [edit], names: [name] }, signal);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { code, message, problems } = error;
    throw new ConfigError(code, `MCP server ${JSON.stringify(name)}: ${message}`, { cause: error, problems });
  }
  return edit;
}

/** A secret in the place of a name is not written. One that is there already is no reason to refuse another edit. */
function checkNames({ target: { file } }: EditContext, { before, after }: EditResult): void {
  const identity = ({ path, place }: ConfigProblem): string =>
    JSON.stringify([path, place?.source.text.slice(place.start, place.end)]);
  const [old, now] = [before, after].map((text) => valuesForNames(parseFile({ name: file, text })));
  const known = new Set(old?.map(identity));
  const problems = now?.filter((each) => !known.has(identity(each))) ?? [];
  const [first] = problems;
  if (first === undefined) return;
  const message = `${dottedPath(first.path ?? [])} takes the name of an environment variable, and this looks like its value`;
  throw new ConfigError("invalid_edit", message, { problems });
}

/** Removed servers too: another file may add to them. */
function touched(edits: readonly ConfigEdit[]): string[] {
  return edits.flatMap((edit) => {
    if (!("name" in edit)) return [];
    return edit.kind === "rename" ? [edit.name, edit.to] : [edit.name];
  });
}

/** A problem in a text that was never written says so. */
function afterEditError(error: unknown, { file }: Target): unknown {
  if (!(error instanceof ConfigError) || error.code !== "invalid_edit") return error;
  const problems = error.problems.map((problem): ConfigProblem => {
    if (problem.place?.source.name !== file) return problem;
    const hint = problem.hint === undefined ? "" : `${problem.hint}\n  `;
    return { ...problem, hint: `${hint}This is the line as it would be; nothing was written` };
  });
  return new ConfigError(error.code, error.message, { cause: error.cause, problems });
}

/** A1, for what several files say together. */
function checkMerged(context: EditContext, after: string, edits: readonly ConfigEdit[]): void {
  const { layers, target } = context;
  if (layers === undefined || layers instanceof ConfigError) return;
  const names = touched(edits);
  const there = layers.layers.find(({ source }) => source.name === target.file);
  if (there?.inactive !== undefined) return;
  const source = { name: target.file, text: after };
  const layer: ConfigLayer = { name: layerName(target), own: target.own, source, root: parseFile(source) };
  const changed = layers.layers.toSpliced(positionOf(target, layers), there === undefined ? 0 : 1, layer);
  const identity = ({ message, path }: ConfigProblem): string => JSON.stringify([path, message]);
  const before = new Set(configuredMcpServers(layers).errors.map(identity));
  const errors = configuredMcpServers({ ...layers, layers: changed }).errors.filter(
    (error) => isOfServers(error, names) && !before.has(identity(error)),
  );
  const [first] = errors;
  if (first === undefined) return;
  const where = `${target.file}, together with the other files`;
  const message = `The edit would break ${dottedPath(first.path ?? [])} in ${where}: ${maskProblem(first).message}`;
  throw new ConfigError("invalid_edit", message, { problems: errors });
}
