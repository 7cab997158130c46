/** What other products, or the user, put into a value before it is used: `${NAME}`, `${input:id}`, `<token>`. */

export type Reference =
  /** A variable of the environment. What follows `:-` stands in for it where it is not set (Claude Code). */
  | { readonly kind: "variable"; readonly name: string; readonly hasDefault: boolean }
  /** VS Code asks for it. */
  | { readonly kind: "input"; readonly id: string }
  /** The author of the file left it to the user: `<token>`, `{{token}}`, `YOUR_TOKEN`. */
  | { readonly kind: "blank" }
  | { readonly kind: "other" };

/** Folders and the like, of VS Code, its kin, and plugins. They look like variables of the environment. */
const PREDEFINED =
  /^(?:workspaceFolder|workspaceFolderBasename|workspaceRoot|userHome|pathSeparator|\/|cwd|execPath|extensionPath|defaultBuildTask|selectedText|lineNumber|file\w*|relativeFile\w*|CLAUDE_PLUGIN_ROOT|CLAUDE_PROJECT_DIR)$/;

const BRACED = /\$\{([^}]*)\}/;
const BLANK = /<[A-Za-z][\w .:/-]*>|\{\{\s*[A-Za-z_][\w-]*\s*\}\}|(?<![\w-])your[-_]\w[\w-]*/i;

/**
 * @param own how the product writes a reference besides `${NAME}`; its first group is what stands for `NAME`
 * @returns the reference that is the whole value, `"part"` when the value contains one, else `undefined`
 */
export function findReference(value: string, own?: RegExp): Reference | "part" | undefined {
  const match = BRACED.exec(value) ?? own?.exec(value) ?? null;
  if (match === null) return BLANK.test(value) ? { kind: "blank" } : undefined;
  return match[0].length === value.length ? readReference(match[1] ?? "") : "part";
}

/** Whether all that is to be replaced in an argument are variables of the program, which may replace them itself. */
export function isLeftToProgram(value: string, variables: ReadonlySet<string>, own?: RegExp): boolean {
  const rest = [BRACED, ...(own === undefined ? [] : [own])].reduce((text, pattern) => {
    return text.replace(new RegExp(pattern, "g"), (all, name: string) => (variables.has(name) ? "" : all));
  }, value);
  return rest !== value && findReference(rest, own) === undefined;
}

function readReference(body: string): Reference {
  const input = /^input:(.+)$/.exec(body);
  if (input?.[1] !== undefined) return { kind: "input", id: input[1] };
  const variable = /^(?:env:)?([A-Za-z_]\w*)(:-.*)?$/s.exec(body);
  if (variable?.[1] === undefined) return { kind: "other" };
  if (!body.startsWith("env:") && PREDEFINED.test(variable[1])) return { kind: "other" };
  return { kind: "variable", name: variable[1], hasDefault: variable[2] !== undefined };
}

/** Why a value with a reference in it cannot be taken as it is. */
export function whyNotTaken(reference: Reference | "part"): string {
  if (reference === "part") return "its value is put together from others, which is not supported here";
  switch (reference.kind) {
    case "input":
      return "its value is not asked for here";
    case "variable":
      return `it is the value of the variable ${reference.name}, which is not looked up here`;
    case "blank":
      return "it is a placeholder";
    case "other":
      return "only the product knows its value";
  }
}

/** The name for a variable that holds what was asked for: `github-token` → `GITHUB_TOKEN`. */
export function variableForInput(id: string): string {
  const name = id.toUpperCase().replace(/[^A-Z0-9]+/g, "_");
  return /^[A-Z_]/.test(name) ? name : `_${name}`;
}
