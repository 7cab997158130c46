/** All commands and their help, as commander shows them, and what the failures of the long-running ones are worth. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { messageOf } from "../base/errors.ts";
import { packageVersion } from "../base/package-version.ts";

interface Entry {
  readonly about: string;
  /** Adds what it takes and does. Absent for what `program.ts` has already run. */
  readonly define?: (command: Command) => void | Promise<void>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  run: {
    about: "run one turn of a Codex thread with its own MCP servers",
    define: async (command) => (await import("./run.ts")).defineRun(command),
  },
  runner: {
    about: "run many Codex threads behind one pipe, NDJSON in and out",
    define: async (command) => (await import("./runner.ts")).defineRunner(command),
  },
  executor: {
    about: "let Codex, and other Switchyards, start processes on this machine",
    define: async (command) => (await import("./executor.ts")).defineExecutor(command),
  },
  environments: { about: "list where MCP servers can run, and check whether they do" },
  mcp: { about: "list, check and edit MCP servers, Switchyard's own and Codex's" },
  trust: { about: "let the configuration files of a project count" },
  demo: {
    about: "show many threads at once, each with its own MCP servers; needs no key and no internet",
    define: (command) => {
      command.action(async () => {
        // Loaded here and nowhere else: it brings MCP's whole server SDK.
        const { demo } = await import("./demo.ts");
        process.exitCode = await demo();
      });
    },
  },
};

/** Runs the command line. The exit code is left in `process.exitCode`. */
export async function runFullProgram(): Promise<void> {
  const program = new Command("switchyard")
    .description("Gives every coding-agent thread its own MCP servers")
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError("(switchyard --help lists the commands)")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "switchyard: ")) });
  const [first, second] = process.argv.slice(2);
  const wanted = first === "help" ? second : first;
  for (const [name, { about, define }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(about).summary(about);
    if (name === wanted) await define?.(command);
  }

  try {
    await program.parseAsync();
  } catch (error) {
    const usage = error instanceof InvalidArgumentError || isInvalidOptions(error);
    if (error instanceof CommanderError && !usage) {
      // Help and version are no failure, whatever commander calls them.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else {
      process.stderr.write(`switchyard: ${messageOf(error)}\n`);
      process.exitCode = usage ? 2 : 1;
    }
  }
}

/** A `CodexError`, told by its shape: its module is loaded only with the commands that throw it. */
function isInvalidOptions(error: unknown): boolean {
  return (
    error instanceof Error &&
    error.name === "CodexError" &&
    "code" in error &&
    error.code === "invalid_options"
  );
}
