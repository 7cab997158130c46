/** What a model wrote, and the tool that it means. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { ServerTool } from "../tool-info.ts";
import type { ToolCatalog, WrittenToolName } from "./tool-catalog.ts";
import { ToolNames } from "./tool-names.ts";

function catalogOf(
  servers: Readonly<Record<string, readonly string[]>>,
  hidden: readonly string[] = [],
): ToolCatalog {
  const tools = Object.entries(servers).flatMap(([server, names]) =>
    names.map(
      (name): ServerTool => ({
        server,
        tool: { name, inputSchema: { type: "object" } },
        supportsParallelToolCalls: false,
        annotations: undefined,
        forModel: !hidden.includes(name),
        provenance: { environment: "local", scope: "thread" },
      }),
    ),
  );
  return new ToolNames().name(tools);
}

/** `[namespace, name]`, or a name in one piece. */
type Written = string | readonly [string, string];

/** What it means: `server tool` with `!` where it is exact, `a | b` for several, the kind otherwise. */
function meaning(catalog: ToolCatalog, written: Written): string {
  const name: WrittenToolName =
    typeof written === "string" ? { name: written } : { namespace: written[0], name: written[1] };
  const found = catalog.find(name);
  switch (found.kind) {
    case "found":
      return `${found.exact ? "!" : ""}${found.tool.server} ${found.tool.tool.name}`;
    case "ambiguous":
      return found.tools
        .map(({ server, tool }) => `${server} ${tool.name}`)
        .toSorted()
        .join(" | ");
    case "gone":
      return "gone";
    case "unknown":
      return `? ${found.near?.visible.flat ?? ""}`;
  }
}

const check = (catalog: ToolCatalog, cases: readonly (readonly [Written, string])[]): void => {
  for (const [written, expected] of cases)
    assert.equal(meaning(catalog, written), expected, JSON.stringify(written));
};

suite("ToolCatalog", () => {
  test("finds a name as it was given, in one piece or in two (C1)", () => {
    check(catalogOf({ svc: ["get-item"], "my-server": ["x"], my_server: ["x"] }), [
      [["mcp__svc", "get_item"], "!svc get-item"],
      ["mcp__svc__get_item", "!svc get-item"],
      [["mcp__my_server_497a8b629ad2", "x"], "!my-server x"],
      ["mcp__my_server_b7840dcbfd2d__x", "!my_server x"],
    ]);
  });

  test("finds other spellings that can mean one tool only (C2)", () => {
    check(catalogOf({ svc: ["get-item", "Other"], gh: ["createIssue"] }), [
      ["mcp__svc__get-item", "svc get-item"],
      ["svc__get_item", "svc get-item"],
      ["svc.get_item", "svc get-item"],
      ["functions.mcp__svc__get_item", "svc get-item"],
      ["mcp__svcget_item", "svc get-item"],
      ["MCP__SVC__GET_ITEM", "svc get-item"],
      ["get_item", "svc get-item"],
      ["get-item", "svc get-item"],
      [["svc", "get-item"], "svc get-item"],
      [["mcp__svc", "mcp__svc__get_item"], "svc get-item"],
      [["mcp__svc", "other"], "svc Other"],
      [["mcp__svc__", "Other"], "svc Other"],
      [["mcp__gh", "createissue"], "gh createIssue"],
      [["", "mcp__gh__createIssue"], "!gh createIssue"],
    ]);
  });

  test("names all that a spelling could mean, and chooses none (C2)", () => {
    check(catalogOf({ s: ["t__u"], s__t: ["u"], a: ["list", "Get", "get"], b: ["list"] }), [
      ["mcp__s__t__u", "s t__u | s__t u"],
      [["mcp__s", "T__U"], "s t__u"],
      [["mcp__s__t", "u"], "!s__t u"],
      ["list", "a list | b list"],
      [["mcp__a", "GET"], "a Get | a get"],
      [["mcp__a", "get"], "!a get"],
    ]);
  });

  test("the strictest reading counts: a declared name before one that only looks like it (C2)", () => {
    check(catalogOf({ one: ["get.item", "get/item"], two: ["a_b", "A_B"] }), [
      [["mcp__one", "get.item"], "one get.item"],
      [["mcp__one", "get/item"], "one get/item"],
      [["mcp__one", "get-item"], "one get.item | one get/item"],
      ["two__a_b", "two a_b"],
      ["two__A_b", "two A_B | two a_b"],
    ]);
  });

  test("does not leave the namespace that was given, nor guess one from a tool (C2)", () => {
    check(catalogOf({ a: ["x"], b: ["only_here"] }), [
      [["mcp__a", "only_here"], "? "],
      [["mcp__c", "only_here"], "? mcp__b__only_here"],
      ["only_here", "b only_here"],
    ]);
  });

  test("suggests what was perhaps meant", () => {
    check(catalogOf({ svc: ["get_weather", "list_cities"] }), [
      [["mcp__svc", "get_wether"], "? mcp__svc__get_weather"],
      ["mcp__svc__list_city", "? mcp__svc__list_cities"],
      ["", "? "],
      ["__", "? "],
      [["", ""], "? "],
      ["something_else_altogether", "? "],
    ]);
  });

  test("neither offers a tool that is hidden from models nor finds it for one", () => {
    const catalog = catalogOf({ h: ["seen", "hidden"] }, ["hidden"]);
    assert.deepEqual(
      [...catalog.offered].map(([name, tools]) => [name, tools.map(({ tool }) => tool.name)]),
      [["mcp__h", ["seen"]]],
    );
    assert.equal(catalog.get({ server: "h", tool: "hidden" })?.forModel, false);
    check(catalog, [
      [["mcp__h", "hidden"], "? "],
      [["mcp__h", "HIDDEN"], "? "],
      ["mcp__h__hidden", "? "],
      ["hidden", "? "],
    ]);
  });

  test("offers servers by name, and the tools of each by name, in the order of bytes (C3)", () => {
    const catalog = catalogOf({ b: ["x"], a_b: ["x"], "a.b": ["z", "Z", "_"], Z: ["x"], ab: ["x"] });
    assert.deepEqual(
      [...catalog.offered].map(([, tools]) => tools.map(({ server, tool }) => `${server} ${tool.name}`)),
      [["Z x"], ["a.b Z", "a.b _", "a.b z"], ["a_b x"], ["ab x"], ["b x"]],
    );
  });
});
