/**
 * The public surface of the package, as text: for each entry point of package.json every exported name with its
 * declaration, sorted, without comments. `npm run api` writes it to `api/`; `test/architecture/api.test.ts` holds it, so that
 * a change of the surface shows as a diff and is a decision.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseSync, type Statement } from "oxc-parser";

const root = join(import.meta.dirname, "..");

/** File name in `api/` to its text. */
export type ApiReport = ReadonlyMap<string, string>;

/** Builds the declarations and reads them. Takes about two seconds. */
export function reportApi(): ApiReport {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-api-"));
  try {
    const tsc = join(root, "node_modules", ".bin", "tsc");
    execFileSync(tsc, ["-p", "tsconfig.build.json", "--emitDeclarationOnly", "--outDir", folder], {
      cwd: root,
    });
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
    };
    const report = new Map<string, string>();
    for (const [entry, target] of Object.entries(manifest.exports)) {
      if (typeof target === "string") continue;
      const name = entry === "." ? "main" : entry.slice(2);
      const text = new Surface().of(join(folder, target.types.replace(/^\.\/dist\//, "")));
      report.set(`${name}.d.ts`, `// mcp-switchyard${entry.slice(1)}\n\n${text}`);
    }
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The report as it is checked in. */
export function readReport(): ApiReport {
  const folder = join(root, "api");
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

interface Module {
  /** Exported name to its declaration, or to where it is exported from. */
  readonly exports: ReadonlyMap<string, string | { readonly file: string; readonly name: string }>;
  /** Modules all of whose names are exported. */
  readonly all: readonly string[];
}

class Surface {
  readonly #modules = new Map<string, Module>();

  of(entry: string): string {
    const names = [...this.#names(entry)].toSorted();
    return names.map((name) => `${this.#declaration(entry, name)}\n`).join("\n");
  }

  #names(file: string): Set<string> {
    const { exports, all } = this.#read(file);
    return new Set([...exports.keys(), ...all.flatMap((from) => [...this.#names(from)])]);
  }

  #declaration(file: string, name: string): string {
    const { exports, all } = this.#read(file);
    const found = exports.get(name);
    if (typeof found === "string") return found;
    if (found !== undefined) return this.#declaration(found.file, found.name);
    const from = all.find((each) => this.#names(each).has(name));
    if (from === undefined) throw new Error(`${file} exports no "${name}"`);
    return this.#declaration(from, name);
  }

  #read(file: string): Module {
    const known = this.#modules.get(file);
    if (known !== undefined) return known;
    const text = readFileSync(file, "utf8");
    const { program, comments, errors } = parseSync(file, text, { lang: "dts", sourceType: "module" });
    if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
    const declarationText = ({ start, end }: { readonly start: number; readonly end: number }): string => {
      let at = start;
      let bare = "";
      for (const comment of comments.filter((each) => each.start >= start && each.end <= end)) {
        bare += text.slice(at, comment.start);
        at = comment.end;
      }
      return (bare + text.slice(at, end)).replace(/\n(?:\s*\n)+/g, "\n").replace(/[ \t]+$/gm, "");
    };
    const exports = new Map<string, string | { readonly file: string; readonly name: string }>();
    const all: string[] = [];
    const local = new Map<string, string>();
    const sibling = (module: string): string => join(dirname(file), module.replace(/\.[jt]s$/, ".d.ts"));
    const add = (names: readonly string[], to: Map<string, unknown>, node: Statement): void => {
      for (const name of names) {
        const before = to.get(name);
        const own = declarationText(node);
        to.set(name, typeof before === "string" ? `${before}\n${own}` : own);
      }
    };
    for (const node of program.body) {
      if (node.type === "ExportAllDeclaration") all.push(sibling(node.source.value));
      else if (node.type !== "ExportNamedDeclaration") add(declaredNames(node), local, node);
      else if (node.declaration !== null) add(declaredNames(node.declaration), exports, node);
      else {
        for (const { local: from, exported } of node.specifiers) {
          const [inner, outer] = [nameOf(from), nameOf(exported)];
          if (node.source !== null) exports.set(outer, { file: sibling(node.source.value), name: inner });
          else exports.set(outer, local.get(inner) ?? `export { ${inner} as ${outer} };`);
        }
      }
    }
    const module = { exports, all };
    this.#modules.set(file, module);
    return module;
  }
}

function nameOf(node: { readonly type: string }): string {
  const { name, value } = node as { readonly name?: string; readonly value?: string };
  return name ?? value ?? "";
}

function declaredNames(node: { readonly type: string }): string[] {
  const { id, declarations } = node as {
    readonly id?: { readonly type: string } | null;
    readonly declarations?: readonly { readonly id: { readonly type: string } }[];
  };
  if (declarations !== undefined) return declarations.map((each) => nameOf(each.id));
  return id === undefined || id === null ? [] : [nameOf(id)];
}

if (import.meta.main) {
  const folder = join(root, "api");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, text] of reportApi()) writeFileSync(join(folder, name), text);
}
