#!/usr/bin/env node
/**
 * `switchyard`: argv to one call into a layer to an exit code.
 *
 * 0: done. 1: the operation failed. 2: the command line makes no sense. 130 and the like: ended by a signal.
 */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(`switchyard: needs Node 22.12 or newer; this is Node ${process.versions.node}\n`);
  process.exit(2);
}
// Only now: an older Node would stumble over what is loaded here, without saying why.
const { runProgram } = await import("./program.ts");
await runProgram();
