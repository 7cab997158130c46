/**
 * The public surface of the package is what `api/` says. A difference is a decision: run `npm run api`, read its diff,
 * and commit it with the change.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { readReport, reportApi } from "../../tools/api-report.ts";

const root = join(import.meta.dirname, "..", "..");

suite("the public surface", () => {
  const [made, kept] = [reportApi(), readReport()];

  test("has a report for each entry point, and no other", () => {
    assert.deepEqual([...kept.keys()].toSorted(), [...made.keys()].toSorted());
  });

  for (const [name, text] of made) {
    test(`is what api/${name} says`, () => assert.equal(text, kept.get(name), "run: npm run api"));
  }

  test("is written out name by name: no entry point exports everything of another file", () => {
    const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
    };
    for (const target of Object.values(exports)) {
      if (typeof target === "string") continue;
      const source = target.types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts");
      assert.doesNotMatch(readFileSync(join(root, source), "utf8"), /export (type )?\*/, source);
    }
  });
});
