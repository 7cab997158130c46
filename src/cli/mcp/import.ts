/** `switchyard mcp import`: the servers of other products' files, in one edit. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import { ConfigError } from "../../config/problem.ts";
import { parseToml } from "../../toml/parse.ts";
import type { Args } from "../args/parse.ts";
import type { Command } from "../command.ts";
import { isStdin, readInput } from "../input.ts";
import { count, printJson, say, shortPath, userHome } from "../output.ts";
import type { Stop } from "../signals.ts";
import { EDIT_FLAGS, openEditContext } from "./edit-context.ts";
import { type ImportText, importTexts } from "./import-texts.ts";

export const importCommand: Command = {
  operands: [{ name: "FILE", optional: true, many: true }],
  flags: [
    { name: "format", value: "FORMAT", about: "the product that wrote the file, where it is not clear" },
    { name: "name", value: "NAME", many: true, about: "import only this server" },
    { name: "replace", about: "replace servers of the same name" },
    { name: "skip-existing", about: "leave servers of the same name as they are" },
    ...EDIT_FLAGS,
  ],
  notes: "Without FILE, it lists the files that it finds; - is stdin.",
  run: importFiles,
};

/** Where products keep their servers: below the project's folder and the user's home. */
const WELL_KNOWN = {
  project: [
    ".mcp.json",
    ".vscode/mcp.json",
    ".cursor/mcp.json",
    ".gemini/settings.json",
    ".roo/mcp.json",
    "opencode.json",
    "opencode.jsonc",
  ],
  home: [
    ".claude.json",
    ".cursor/mcp.json",
    ".gemini/settings.json",
    ".codeium/windsurf/mcp_config.json",
    ".config/Claude/claude_desktop_config.json",
    "Library/Application Support/Claude/claude_desktop_config.json",
    "AppData/Roaming/Claude/claude_desktop_config.json",
    ".config/Code/User/mcp.json",
    "Library/Application Support/Code/User/mcp.json",
    "AppData/Roaming/Code/User/mcp.json",
    ".config/zed/settings.json",
    ".config/opencode/opencode.json",
    ".copilot/mcp-config.json",
  ],
} as const;

async function importFiles(args: Args, { signal }: Stop): Promise<number> {
  args.atMostOne("replace", "skip-existing");
  if (args.operands.length === 0) return sayWellKnown(args);
  const context = openEditContext(args);
  const texts: ImportText[] = [];
  for (const operand of args.operands) {
    const file = isStdin(operand) ? operand : resolve(operand);
    const text = await readInput(file, signal);
    rejectToml(file, text);
    const again = (name: string): string =>
      `switchyard mcp import ${shellWord(file)} --name ${shellWord(name)} --replace`;
    texts.push({ file, text, again });
  }
  const done = (names: readonly string[]): string =>
    `Imported ${count(names.length, "server")} (${names.map((name) => JSON.stringify(name)).join(", ")}) to`;
  return await importTexts(context, texts, done, signal);
}

/** Files of Codex and of Switchyard need no import. */
function rejectToml(file: string, text: string): void {
  if (/^\s*[{[]\s*["}]/.test(text) || !parseToml({ name: file, text }).ok || text.trim() === "") return;
  const what = `${file} is TOML; only JSON files can be imported. To check it`;
  throw new ConfigError("invalid_edit", `${what}: switchyard mcp check ${shellWord(file)}`);
}

function sayWellKnown(args: Args): number {
  const home = userHome();
  const project = resolve(args.one("cd") ?? ".");
  const files = [
    ...WELL_KNOWN.project.map((path) => join(project, path)),
    ...WELL_KNOWN.home.map((path) => join(home, path)),
  ];
  const found = [...new Set(files)].filter((file) => existsSync(file));
  if (args.has("json")) {
    printJson({ ok: true, files: found });
  } else if (found.length === 0) {
    say("No file of another product was found. To name one: switchyard mcp import FILE");
  } else {
    say("These files may have servers. To see what an import would do; without --dry-run, it is done:");
    for (const file of found) say(`  switchyard mcp import ${shortPath(shellWord(file))} --dry-run`);
  }
  return 0;
}
