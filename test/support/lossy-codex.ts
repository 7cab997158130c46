/** The real Codex behind a pipe that loses one reply: what a burst of requests does to it, on cue. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCodex } from "../../src/index.ts";

/**
 * Writes an executable into `directory` that is Codex in every way, but drops the first reply to `method`.
 *
 * @returns its path, to be used as `codexPathOverride`
 */
export function lossyCodex(directory: string, method: string): string {
  const path = join(directory, `codex-loses-${method.replace("/", "-")}`);
  const program = `#!${process.execPath}
const { spawn, spawnSync } = require("node:child_process");
const codex = ${JSON.stringify(findCodex(undefined, process.env).path)};
const args = process.argv.slice(2);
if (args[0] === "--version") process.exit(spawnSync(codex, args, { stdio: "inherit" }).status);
const child = spawn(codex, args, { stdio: ["pipe", "pipe", "inherit"] });
let lost;
const lines = (from, take) => {
  let rest = "";
  from.setEncoding("utf8").on("data", (chunk) => {
    const parts = (rest + chunk).split("\\n");
    rest = parts.pop();
    parts.forEach(take);
  });
};
lines(process.stdin, (line) => {
  const message = JSON.parse(line);
  if (lost === undefined && message.method === ${JSON.stringify(method)}) lost = message.id;
  child.stdin.write(line + "\\n");
});
process.stdin.on("end", () => child.stdin.end());
lines(child.stdout, (line) => {
  const message = JSON.parse(line);
  if (lost !== undefined && message.id === lost && message.method === undefined) return void (lost = null);
  process.stdout.write(line + "\\n");
});
child.on("exit", (code) => process.exit(code ?? 1));
`;
  writeFileSync(path, program);
  chmodSync(path, 0o755);
  return path;
}
