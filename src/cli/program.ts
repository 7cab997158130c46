/** The commands of `switchyard`, and what their failures are worth. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { CodexError } from "../codex/index.ts";
import { registerRun } from "./run.ts";
import { registerRunner } from "./runner.ts";
import { packageVersion } from "../base/package-version.ts";

/** Runs the command line. The exit code is left in `process.exitCode`. */
export async function runProgram(): Promise<void> {
  const program = new Command("switchyard")
    .description("Gives every coding-agent thread its own MCP servers")
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError("(switchyard --help lists the commands)")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "switchyard: ")) });

  registerRun(program);
  registerRunner(program);
  program
    .command("demo")
    .description("show many threads at once, each with its own MCP servers; needs no key and no internet")
    .action(async () => {
      // Loaded here and nowhere else: it brings MCP's whole server SDK.
      const { demo } = await import("./demo.ts");
      process.exitCode = await demo();
    });

  try {
    await program.parseAsync();
  } catch (error) {
    const usage =
      error instanceof InvalidArgumentError ||
      (error instanceof CodexError && error.code === "invalid_options");
    if (error instanceof CommanderError && !usage) {
      // Help and version are no failure, whatever commander calls them.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else {
      process.stderr.write(`switchyard: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = usage ? 2 : 1;
    }
  }
}
