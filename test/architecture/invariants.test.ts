/**
 * The numbered invariants in the headers of src/ are tested: a test names the number, `(C1)`.
 *
 * The numbers begin anew in every file, so a test counts for the modules in its folder, for the modules it imports, and, in
 * test/<layer>, for the modules of that layer.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");

interface TestFile {
  readonly path: string;
  readonly cited: ReadonlySet<string>;
  /** Paths of the modules it imports. */
  readonly imports: readonly string[];
}

/** ` *   C1. ` in the comment a file opens with. */
function invariantsOf(text: string): string[] {
  const header = /^(?:#!.*\n)?\/\*\*[^]*?\*\//.exec(text)?.[0] ?? "";
  return [...header.matchAll(/^ \*\s+([A-Z]+\d+)\. /gm)].map(([, number = ""]) => number);
}

/** `(C1)`, `(C1, C3)`, `(C1–C3)`, `(C1: …)`. */
function citedIn(text: string): Set<string> {
  const cited = new Set<string>();
  for (const [, inside = ""] of text.matchAll(/\(([A-Z]+\d+[^()\n]*)\)/g)) {
    for (const [, letters = "", from, to] of inside.matchAll(/([A-Z]+)(\d+)(?:\s*[–-]\s*[A-Z]*(\d+))?/g)) {
      for (let number = Number(from); number <= Number(to ?? from); number++)
        cited.add(`${letters}${number}`);
    }
  }
  return cited;
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function readTest(path: string): TestFile {
  const text = read(path);
  const imports = [...text.matchAll(/(?:from|import\() ?"(\.[^"]+\.ts)"/g)];
  return {
    path,
    cited: citedIn(text),
    imports: imports.map(([, to = ""]) => join(dirname(path), to)),
  };
}

const tests = globSync(["src/**/*.test.ts", "test/**/*.ts"], { cwd: root }).map(readTest);
const modules = globSync("src/**/*.ts", { cwd: root, exclude: ["**/*.test.ts"] }).toSorted();

function uncitedIn(module: string): string[] {
  const layer = module.split("/")[1];
  const counting = tests.filter(
    ({ path, imports }) =>
      dirname(path) === dirname(module) || imports.includes(module) || path.startsWith(`test/${layer}/`),
  );
  return invariantsOf(read(module)).filter((number) => !counting.some(({ cited }) => cited.has(number)));
}

test("what is an invariant, and what cites one", () => {
  const header =
    "/**\n * Text with C9. in it.\n *\n *   C1. One.\n *   CD12. Two.\n */\n//   C3. No header.\n";
  assert.deepEqual(invariantsOf(header), ["C1", "CD12"]);
  assert.deepEqual([...citedIn('test("a (C1, D2)"); // (E1–E3) F1 (no G1)')], ["C1", "D2", "E1", "E2", "E3"]);
});

for (const layer of new Set(modules.map((module) => module.split("/")[1] ?? ""))) {
  test(`every numbered invariant of src/${layer} is cited by a test, as (C1)`, () => {
    const uncited = modules
      .filter((module) => module.split("/")[1] === layer)
      .flatMap((module) => uncitedIn(module).map((number) => `${module}: ${number}`));
    const message = `name the number in the test that proves it, or take it away:\n  ${uncited.join("\n  ")}\n`;
    assert.ok(uncited.length === 0, message);
  });
}
