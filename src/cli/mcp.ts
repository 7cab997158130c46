/** `switchyard mcp`: from a word to the one module that knows what to do with it. */
import { type Args, helpOfGroup, helpText, parseArgs, UsageError } from "./flags.ts";
import type { McpCommand } from "./mcp/command.ts";
import { print } from "./output.ts";

/** Each is loaded when it is called: the editor and the importers are not needed to list servers. */
const COMMANDS: Readonly<Record<string, () => Promise<McpCommand>>> = {
  list: async () => (await import("./mcp/list.ts")).list,
  get: async () => (await import("./mcp/get.ts")).get,
  add: async () => (await import("./mcp/add.ts")).add,
  remove: async () => (await import("./mcp/edit.ts")).remove,
  set: async () => (await import("./mcp/edit.ts")).set,
  unset: async () => (await import("./mcp/edit.ts")).unset,
  enable: async () => (await import("./mcp/edit.ts")).enable,
  disable: async () => (await import("./mcp/edit.ts")).disable,
  rename: async () => (await import("./mcp/edit.ts")).rename,
  import: async () => (await import("./mcp/import.ts")).importCommand,
  check: async () => (await import("./mcp/check.ts")).check,
  schema: async () => (await import("./mcp/schema.ts")).schema,
};

/** What other tools call them. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  ls: "list",
  show: "get",
  info: "get",
  rm: "remove",
  delete: "remove",
  uninstall: "remove",
  install: "add",
  create: "add",
  mv: "rename",
  validate: "check",
};

export async function mcp([name, ...rest]: readonly string[]): Promise<number> {
  if (name === "help" && rest[0] !== undefined) return await mcp([rest[0], "--help"]);
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const text = await help();
    if (name !== undefined) print(text);
    else process.stderr.write(text);
    return name === undefined ? 2 : 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    const { nearest } = await import("../base/suggest.ts");
    const meant = Object.hasOwn(OTHER_WORDS, name) ? OTHER_WORDS[name] : nearest(name, Object.keys(COMMANDS));
    const hint = meant === undefined ? "switchyard mcp --help lists the commands" : `did you mean ${meant}?`;
    process.stderr.write(`switchyard: there is no command "mcp ${name}" (${hint})\n`);
    return 2;
  }
  return await runCommand(await load(), rest);
}

async function help(): Promise<string> {
  const about = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => [name, (await load()).spec.about] as const),
  );
  return helpOfGroup(
    "switchyard mcp COMMAND",
    "Reads and edits the MCP servers of Switchyard and Codex.",
    about,
  );
}

/** From argv to an exit code. A failure is said on stderr, and with `--json` on stdout too. */
export async function runCommand({ spec, run }: McpCommand, argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.once("SIGINT", onSignal);
  let args: Args | undefined;
  try {
    args = parseArgs(spec, argv);
    if (args.has("help")) {
      print(helpText(spec));
      return 0;
    }
    return await run(args, interrupt.signal);
  } catch (error) {
    const { reportFailure } = await import("./failure.ts");
    if (interrupt.signal.aborted && error === interrupt.signal.reason) {
      process.stderr.write("interrupted\n");
      return 130;
    }
    const hint =
      error instanceof UsageError ? `(switchyard ${spec.name} --help lists the options)` : undefined;
    const json = args === undefined ? argv.includes("--json") : args.has("json");
    return reportFailure(error, { json, hint, showSecrets: args?.has("show-secrets") ?? false });
  } finally {
    process.off("SIGINT", onSignal);
  }
}
