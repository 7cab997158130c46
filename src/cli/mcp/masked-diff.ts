/** The diff of an edit, without secrets. */
import type { EditResult } from "../../config/edit/config-editor.ts";
import { print, shortPath, shortPaths, tell } from "../output.ts";
import { maskLines } from "../../config/show/mask-source.ts";

/** A unified diff, beginning with the names of the two files. */
export function diffOf(result: EditResult, showSecrets: boolean): string {
  const diff = showSecrets ? result.diff() : maskedDiff(result);
  return diff.replace(/^Index: .*\n=+\n/, "");
}

/** What `--dry-run` prints. The home is `~` in the names of the files. */
export function printDryRun(result: EditResult, showSecrets: boolean): void {
  print(diffOf(result, showSecrets).replace(/^--- .*\n\+\+\+ .*$/m, shortPaths));
  const nothing = `Nothing would change in ${shortPath(result.file)}`;
  tell(result.changed ? "Nothing was written (--dry-run)" : nothing);
}

/**
 * The real diff with every line replaced by the same line of a masked text: a diff of masked texts would not show
 * that a secret changed.
 */
function maskedDiff(result: EditResult): string {
  const { file, before, after } = result;
  const masked = [before, after].map((text) => maskLines({ name: file, text }).split("\n"));
  let [oldLine, newLine] = [0, 0];
  const line = (side: 0 | 1, at: number): string => masked[side]?.[at] ?? "";
  return result
    .diff()
    .split("\n")
    .map((text, index) => {
      const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(text);
      if (hunk !== null) {
        // An empty side is given by the line before it.
        oldLine = Math.max(0, Number(hunk[1]) - (hunk[2] === "0" ? 0 : 1));
        newLine = Math.max(0, Number(hunk[3]) - (hunk[4] === "0" ? 0 : 1));
        return text;
      }
      if (index < 4 && /^(?:===|---|\+\+\+)/.test(text)) return text;
      if (text.startsWith("-")) return `-${line(0, oldLine++)}`;
      if (text.startsWith("+")) return `+${line(1, newLine++)}`;
      if (text.startsWith(" ")) {
        oldLine++;
        return ` ${line(1, newLine++)}`;
      }
      return text;
    })
    .join("\n");
}
