/**
 * The TypeScript of README and docs compiles as a user's would: every ```ts block is a module of its own, checked with
 * the package's types. What a page assumes to be there (a token, a thread of the block before) is declared below.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { suite, test } from "node:test";

const root = join(import.meta.dirname, "..", "..");

/** Name to its type: declared for a block that uses the name and does not declare it. */
const ASSUMED: Readonly<Record<string, string>> = {
  allowed: "(server: string, tool: string) => Promise<boolean>",
  codex: 'import("mcp-switchyard").Codex',
  cwd: "string",
  executor: 'import("mcp-switchyard/executor").Executor',
  file: "string",
  token: "string",
  userToken: "string",
  callTool: 'typeof import("mcp-switchyard/testing").callTool',
  say: 'typeof import("mcp-switchyard/testing").say',
  ScriptedModel: 'typeof import("mcp-switchyard/testing").ScriptedModel',
};

interface Snippet {
  /** `docs/library.md:12`: the line behind the fence. */
  readonly at: string;
  readonly code: string;
}

function snippetsOf(path: string): Snippet[] {
  const text = readFileSync(join(root, path), "utf8");
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match) => ({
    at: `${path}:${text.slice(0, match.index).split("\n").length + 1}`,
    code: match[1] ?? "",
  }));
}

function declares(code: string, name: string): boolean {
  return new RegExp(
    String.raw`\b(?:const|let|using|function|class) ${name}\b|import [^;]*\b${name}\b[^;]*from`,
  ).test(code);
}

/** On one line, so that the line numbers of errors are those of the page. */
function assumptions(code: string): string {
  return Object.entries(ASSUMED)
    .filter(([name]) => new RegExp(String.raw`(?<![.\w"])${name}\b(?!:)`).test(code) && !declares(code, name))
    .map(([name, type]) => `declare const ${name}: ${type}; `)
    .join("");
}

/** The compiler's complaints, each with the page and line it is about. */
function complaints(snippets: readonly Snippet[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "switchyard-snippets-"));
  try {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const names = snippets.map(({ at }) => `${at.replaceAll(/[/:.]/g, "-")}.ts`);
    for (const [index, { code }] of snippets.entries()) {
      writeFileSync(join(folder, names[index] ?? ""), `export {}; ${assumptions(code)}\n${code}`);
    }
    const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")) as {
      readonly compilerOptions: Readonly<Record<string, unknown>>;
    };
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          ...compilerOptions,
          rootDir: "/",
          noUnusedLocals: false,
          noUnusedParameters: false,
          declaration: false,
          isolatedDeclarations: false,
          paths: {
            "mcp-switchyard": [join(root, "src/index.ts")],
            "mcp-switchyard/*": [join(root, "src/*/index.ts")],
          },
        },
        files: names,
      }),
    );
    const { stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder, "--pretty", "false"], {
      encoding: "utf8",
      cwd: folder,
    });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const found = /^(?:.*[\\/])?([^\\/(]+)\((\d+),\d+\): (.*)$/.exec(line);
        const snippet = snippets[names.indexOf(basename(found?.[1] ?? ""))];
        const [page, first] = snippet?.at.split(":") ?? [];
        return found === null || page === undefined
          ? line
          : `${page}:${Number(first) + Number(found[2]) - 2}: ${found[3]}`;
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

suite("TypeScript in README and docs", () => {
  const pages = ["README.md", ...globSync("docs/*.md", { cwd: root })];
  const snippets = pages.flatMap(snippetsOf);

  test("compiles with the package's types; a wrong option beside it is named with page and line", () => {
    assert.ok(snippets.length >= 10, `only ${snippets.length} snippets were found`);
    const wrong = {
      at: "docs/no-page.md:7",
      code: 'import { Codex } from "mcp-switchyard";\nnew Codex({ hoem: "user" });\n',
    };
    const [complaint = "", ...more] = complaints([...snippets, wrong]).toSorted((one) =>
      one.startsWith("docs/no-page.md") ? -1 : 1,
    );
    assert.match(complaint, /^docs\/no-page\.md:8: error TS\d+: .*'hoem'/);
    assert.deepEqual(more, []);
  });
});
