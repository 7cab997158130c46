/**
 * The commands of `switchyard`, by name.
 *
 * Invariants
 *   P1. Only the module of the command in argv is loaded, with what it needs. `mcp` is called by scripts and prompts:
 *       it shall start about as fast as Node does.
 */

/** These read their own argv. @returns the exit code */
const QUICK: Readonly<Record<string, () => Promise<(argv: readonly string[]) => Promise<number>>>> = {
  mcp: async () => (await import("./mcp.ts")).mcp,
  environments: async () => (await import("./environments.ts")).environments,
  trust: async () => (await import("./trust.ts")).trust,
};

/** What was to be printed went nowhere. It is told by its name: most commands need not load its module. */
function reportLost(error: unknown): number {
  if (!(error instanceof Error) || error.name !== "OutputError") throw error;
  if (error.message !== "") process.stderr.write(`switchyard: ${error.message}\n`);
  return 1;
}

/** Runs the command line. The exit code is left in `process.exitCode`. */
export async function runProgram(): Promise<void> {
  const words = process.argv.slice(2);
  const [name = "", ...rest] = words[0] === "help" ? [...words.slice(1), "--help"] : words;
  const load = Object.hasOwn(QUICK, name) ? QUICK[name] : undefined;
  if (load === undefined) await (await import("./full-program.ts")).runFullProgram();
  else process.exitCode = await (await load())(rest).catch(reportLost);
}
