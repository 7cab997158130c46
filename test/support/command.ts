/**
 * The `switchyard` command that tests start: the built one, as its users do.
 *
 * SWITCHYARD_MAIN names it; the gate sets it after its build. Without it, `dist/` counts when it is newer than every
 * source file, so that a single test can be run by hand without a build; then the command runs from source.
 */
import { globSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const built = join(root, "dist/cli/main.js");

/** The file to hand to Node. */
export const MAIN: string =
  process.env["SWITCHYARD_MAIN"] ?? (isUpToDate() ? built : join(root, "src/cli/main.ts"));

function isUpToDate(): boolean {
  const builtMs = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return globSync("src/**/*.ts", { cwd: root, exclude: ["**/*.test.ts"] }).every(
    (file) => statSync(join(root, file)).mtimeMs < builtMs,
  );
}

/** What a Node process needs in an environment that a test makes itself. With the cache it starts in half the time. */
export const NODE_VARIABLES: { readonly PATH: string; readonly NODE_COMPILE_CACHE: string } = {
  PATH: process.env["PATH"] ?? "",
  NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? ownCache(),
};

function ownCache(): string {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-compiled-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
