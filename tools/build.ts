/**
 * Builds dist/ from src/, from nothing: what a deleted source file left there must not be published.
 *
 * The examples are compiled beside their sources: Node strips no types in node_modules, and Node 22 has no `await using`.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const command = join(dist, "cli", "main.js");

function fail(what: string): never {
  console.error(`Cannot build dist/: ${what}`);
  process.exit(1);
}

function compile(project: string): void {
  const { error, status, signal } = spawnSync(join(root, "node_modules", ".bin", "tsc"), ["-p", project], {
    cwd: root,
    stdio: "inherit",
  });
  if (error !== undefined) fail(`${error.message}. Run npm ci first.`);
  if (status !== 0) fail(`tsc -p ${project} ended with ${signal ?? `exit code ${status}`}`);
}

rmSync(dist, { recursive: true, force: true });
compile("tsconfig.build.json");
await bundle(dist);
if (!existsSync(command)) fail("src/cli/main.ts, the switchyard command, is missing");
if (!readFileSync(command, "utf8").startsWith("#!/usr/bin/env node\n")) {
  fail("src/cli/main.ts must begin with #!/usr/bin/env node, or the switchyard command will not start");
}
chmodSync(command, 0o755);

for (const file of globSync("examples/**/*.js", { cwd: root })) rmSync(join(root, file));
compile("tsconfig.examples.json");
for (const file of globSync("examples/*.js", { cwd: root }).map((each) => join(root, each))) {
  // How to start it is in its first lines.
  writeFileSync(file, readFileSync(file, "utf8").replace(/(\* {3}node examples\/[\w-]+)\.ts/, "$1.js"));
}
