/**
 * From the words of a command line to the one command they name, and its exit code.
 *
 * Results go to stdout, everything about them to stderr. A failure is one line there, `switchyard: …`.
 *
 * Invariants
 *   P1. Only the module of the command in argv is loaded, with what it needs. Scripts and prompts call `mcp`: it
 *       starts about as fast as Node does.
 *   P2. Whatever happens, the exit code says it: 0 done, 1 failed, 2 the command line is wrong, 128 + N ended by signal N.
 */
import type { CommandGroup } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { OutputError, print, printVersion, tell } from "./output.ts";

/** @returns the exit code */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    return await enter(COMMANDS, "", argv);
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    if (error.message !== "") tell(`switchyard: ${error.message}`);
    return 1;
  }
}

/** @param path the words before: `mcp`, or nothing */
async function enter(
  group: CommandGroup,
  path: string,
  [typed, ...rest]: readonly string[],
): Promise<number> {
  const { aliases = {} } = group;
  const word = typed !== undefined && Object.hasOwn(aliases, typed) ? aliases[typed] : typed;
  switch (word) {
    case undefined:
      tell((await groupHelp(group, path)).trimEnd());
      return 2;
    case "help":
      return await enter(group, path, [...rest, "--help"]);
    case "-h":
    case "--help":
      print(await groupHelp(group, path));
      return 0;
    case "-V":
    case "--version":
      return await printVersion();
  }
  const name = `${path} ${word}`.trim();
  const entry = Object.hasOwn(group.commands, word) ? group.commands[word] : undefined;
  if (entry === undefined) {
    tell(`switchyard: ${await unknown(group, path, word)}`);
    return 2;
  }
  if ("commands" in entry) return await enter(entry, name, rest);
  const { runCommand } = await import("./run-command.ts");
  return await runCommand({ ...(await entry.load()), name, about: entry.about }, rest);
}

async function groupHelp({ about, commands, aliases = {} }: CommandGroup, path: string): Promise<string> {
  const { groupHelpText } = await import("./args/help.ts");
  const rows = Object.entries(commands).map(([name, entry]) => {
    const others = Object.keys(aliases).filter((alias) => aliases[alias] === name);
    const also = others.length === 0 ? "" : ` (also: ${others.join(", ")})`;
    return [name, `${entry.about}${also}`] as const;
  });
  return groupHelpText(path, about, rows);
}

async function unknown(group: CommandGroup, path: string, word: string): Promise<string> {
  const { nearest } = await import("../base/suggest.ts");
  if (word.startsWith("-")) {
    // Not the whole word: it may have a value in it (F1).
    const usage = `switchyard ${path} COMMAND [options]`.replace("  ", " ");
    return `Unknown option ${word.split("=", 1)[0]}. Options follow the command: ${usage}`;
  }
  const meantIn = (names: ReadonlyMap<string, readonly string[]>): readonly string[] =>
    names.get(word) ?? names.get(nearest(word, [...names.keys()]) ?? "") ?? [];
  const here = meantIn(namesIn(group, path));
  const meant = here.length > 0 ? here : meantIn(namesBelow(COMMANDS, ""));
  const what = `There is no command "${`${path} ${word}`.trim()}"`;
  if (meant.length === 0) return `${what}. There are: ${Object.keys(group.commands).join(", ")}`;
  return `${what}. Did you mean ${meant.map((each) => `"${each}"`).join(" or ")}?`;
}

type Names = Map<string, readonly string[]>;

/** What the commands of a group are called, here and by other tools, to what is typed for them. */
function namesIn({ commands, synonyms = {}, aliases = {} }: CommandGroup, path: string): Names {
  const full = (name: string): readonly string[] => [`${path} ${name}`.trim()];
  const others = Object.entries({ ...synonyms, ...aliases });
  const names = Object.keys(commands).map((name) => [name, name] as const);
  return new Map([...others, ...names].map(([name, meant]) => [name, full(meant)]));
}

/** The same of a group and of all groups in it. */
function namesBelow(group: CommandGroup, path: string): Names {
  const all = namesIn(group, path);
  for (const [name, entry] of Object.entries(group.commands)) {
    if (!("commands" in entry)) continue;
    for (const [other, meant] of namesBelow(entry, `${path} ${name}`.trim())) {
      all.set(other, [...(all.get(other) ?? []), ...meant]);
    }
  }
  return all;
}
