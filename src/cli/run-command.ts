/** One command: its flags read, its failure or its interruption reported. */
import { type Args, parseArgs, UsageError } from "./args/parse.ts";
import { JSON_FLAG, type NamedSpec } from "./args/spec.ts";
import type { Command } from "./command.ts";
import { OutputError, print, printVersion, tell } from "./output.ts";
import { Stop } from "./signals.ts";

/** @returns the exit code */
export async function runCommand(command: Command & NamedSpec, argv: readonly string[]): Promise<number> {
  const stop = new Stop();
  let args: Args | undefined;
  try {
    args = parseArgs(command, argv);
    if (args.has("version")) return await printVersion();
    if (args.has("help")) {
      const { helpText } = await import("./args/help.ts");
      print(helpText(command));
      return 0;
    }
    const code = await command.run(args, stop);
    // It may have failed with the last words.
    if (stop.signal.reason instanceof OutputError) throw stop.signal.reason;
    return code;
  } catch (error) {
    const cause: unknown = stop.caused(error) ? stop.signal.reason : error;
    if (cause instanceof OutputError) throw cause;
    if (stop.caused(error)) {
      tell("interrupted");
      return stop.exitCode;
    }
    const { reportFailure } = await import("./failure.ts");
    const isJson = command.flags?.includes(JSON_FLAG) === true;
    return reportFailure(error, {
      json: isJson && (args === undefined ? argv.includes("--json") : args.has("json")),
      showSecrets: args?.has("show-secrets") ?? false,
      hint: error instanceof UsageError ? `See: switchyard ${command.name} --help` : undefined,
    });
  } finally {
    stop[Symbol.dispose]();
  }
}
