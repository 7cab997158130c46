import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { ToolSearch } from "./tool-search.ts";

function search(query: string, limit = 8): readonly string[] {
  const tools = [
    { name: "send", texts: ["mcp__mail", "send_mail", "Sends an email to somebody", "to subject body"] },
    { name: "read", texts: ["mcp__mail", "readMail", "Reads one email", "id"] },
    { name: "list", texts: ["mcp__files", "list_files", "Lists the files of a folder", "path"] },
  ];
  return new ToolSearch(tools).find(query, limit).map(({ name }) => name);
}

suite("ToolSearch", () => {
  const cases: readonly (readonly [query: string, wanted: readonly string[]])[] = [
    ["send_mail", ["send", "read"]],
    ["mail", ["read", "send"]],
    ["email to somebody", ["send", "read"]],
    ["FILES", ["list"]],
    ["subject", ["send"]],
    ["path of a folder", ["list"]],
    ["files by mail", ["list", "read", "send"]],
    ["nothing like it", []],
    ["", []],
    ["???", []],
  ];
  for (const [query, wanted] of cases) {
    test(`finds for ${JSON.stringify(query)}: ${wanted.join(", ") || "nothing"}`, () => {
      assert.deepEqual(search(query).toSorted(), [...wanted].toSorted());
    });
  }

  test("puts the tool whose name it is first, and keeps to the limit", () => {
    assert.deepEqual(search("send_mail", 1), ["send"]);
  });

  test("finds every tool by its own name, whatever the others are", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{3,8}(_[a-z]{3,8})?$/), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(names, (list) => {
        const index = new ToolSearch(list.map((name) => ({ name, texts: [name] })));
        for (const name of list) {
          assert.ok(index.find(name, list.length).some((tool) => tool.name === name));
        }
      }),
    );
  });
});
