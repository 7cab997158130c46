/** Builds dist/ from src/, from nothing: what a deleted source file left there must not be published. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const command = join(dist, "cli", "main.js");

function fail(what: string): never {
  console.error(`Cannot build dist/: ${what}`);
  process.exit(1);
}

rmSync(dist, { recursive: true, force: true });
const tsc = spawnSync(join(root, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
if (tsc.error !== undefined) fail(`${tsc.error.message}. Run npm ci first.`);
if (tsc.status !== 0)
  fail(`tsc -p tsconfig.build.json ended with ${tsc.signal ?? `exit code ${tsc.status}`}`);
if (!existsSync(command)) fail("src/cli/main.ts, the switchyard command, is missing");
if (!readFileSync(command, "utf8").startsWith("#!/usr/bin/env node\n")) {
  fail("src/cli/main.ts must begin with #!/usr/bin/env node, or the switchyard command will not start");
}
chmodSync(command, 0o755);
