/** Puts a result into README.md, between the markers of its benchmark. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function writeToReadme(
  benchmark:
    | "config"
    | "executor"
    | "gateway"
    | "loop"
    | "mcp"
    | "parallel"
    | "shared"
    | "threads"
    | "soak"
    | "tools",
  result: string,
): void {
  const path = join(import.meta.dirname, "README.md");
  const text = readFileSync(path, "utf8");
  const begin = `<!-- ${benchmark}: begin -->`;
  const end = `<!-- ${benchmark}: end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md has no "${begin}" followed by "${end}"`);
  writeFileSync(path, `${text.slice(0, from)}${begin}\n\n${result.trim()}\n\n${text.slice(to)}`);
}
