#!/usr/bin/env node
/**
 * `switchyard`: argv to one call into a layer to an exit code.
 *
 * 0: done. 1: the operation failed. 2: the command line makes no sense. 130 and the like: ended by a signal.
 */
import module from "node:module";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(`switchyard: needs Node 22.12 or newer; this is Node ${process.versions.node}\n`);
  process.exit(2);
}
hasten();
// Only now: an older Node would stumble over what is loaded here, without saying why.
const { runProgram } = await import("./program.ts");
await runProgram();

/**
 * Makes the loading of our own modules cheaper, by a fifth of `switchyard mcp list` (measured): Node keeps what it
 * compiled, and does not search for the file behind an import that already names one. Only in the built package:
 * there every import names its file, and nobody edits it.
 */
function hasten(): void {
  const { url } = import.meta;
  if (!url.endsWith(".js")) return;
  const { HOME: home, XDG_CACHE_HOME: cache } = process.env;
  // Not in the folder for temporary files: what another user puts there must not be run.
  if (cache || home) module.enableCompileCache?.(`${cache || `${home}/.cache`}/switchyard`);
  const folder = new URL("../", url).href;
  module.registerHooks?.({
    resolve: (specifier, context, next) => {
      const isOurs = specifier.startsWith(".") && context.parentURL?.startsWith(folder) === true;
      if (!isOurs) return next(specifier, context);
      return { url: new URL(specifier, context.parentURL).href, format: "module", shortCircuit: true };
    },
  });
}
