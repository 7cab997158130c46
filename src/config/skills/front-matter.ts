/** The YAML between two lines `---` at the beginning of a `SKILL.md`. */
import type { Place } from "../../toml/node.ts";
import { BYTES_MAX, type Head } from "./read-head.ts";
import { type Yaml, YamlFile, YamlProblem, type YamlText } from "./yaml-file.ts";

export interface FrontMatter {
  readonly yaml: YamlFile;
  /** Its first line. */
  readonly place: Place;
}

/** @throws {YamlProblem} */
export function readFrontMatter(yaml: Yaml, { source, cut }: Head): FrontMatter {
  const lines = [...source.text.matchAll(/[^\n]*(?:\n|$)/g)];
  const [first = ""] = lines[0] ?? [];
  const place = { source, start: 0, end: first.trimEnd().length };
  const close = lines.findIndex(([line], index) => index > 0 && isMark(line));
  if (!isMark(first) || close < 2) {
    const message =
      isMark(first) && close === -1 && cut
        ? `its front matter has more than ${BYTES_MAX / 1024} KiB`
        : "missing YAML frontmatter delimited by ---";
    throw new YamlProblem({ message, place });
  }
  const piece: YamlText = { source, start: first.length, end: lines[close]?.index ?? first.length };
  try {
    return { yaml: new YamlFile(yaml, piece), place };
  } catch (error) {
    const again = repaired(yaml, source.text.slice(piece.start, piece.end));
    try {
      const text = { source: { ...source, text: again }, start: 0, end: again.length };
      return { yaml: new YamlFile(yaml, text), place };
    } catch {
      throw error;
    }
  }
}

function isMark(line: string): boolean {
  return line.replace(/\p{White_Space}/gu, "") === "---";
}

/**
 * Codex gives a front matter that is not valid a second chance: a value without quotes that is no YAML of its own, such as
 * `description: Use this: always`, is taken for text.
 */
function repaired(yaml: Yaml, text: string): string {
  return text.replace(
    /^([ ]*[\w-]+:[ ]+)([^\s'"|>&*!%#][^\r\n]*?)((?:[ ]+#[^\r\n]*)?[ ]*\r?)$/gm,
    (whole, key: string, value: string, rest: string) => {
      const isText = /:(?: |$)|^[@`]/.test(value) || yaml.parseDocument(value).errors.length > 0;
      return isText ? `${key}'${value.replaceAll("'", "''")}'${rest}` : whole;
    },
  );
}
