/** The names that a model sees, against a second reading of Codex's rule and over random catalogs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { ServerTool, ToolInfo } from "../tool-info.ts";
import { qualifiedMcpToolNamePrefix } from "./spelling.ts";
import type { ToolCatalog } from "./tool-catalog.ts";
import { ToolNames } from "./tool-names.ts";

const exhaustive = process.env["SWITCHYARD_EXHAUSTIVE"] === "1";

type Qualified = readonly [server: string, tool: string];

function tools(list: readonly Qualified[]): ServerTool[] {
  return list.map(([server, name]) => ({
    server,
    tool: { name, inputSchema: { type: "object" as const } },
    supportsParallelToolCalls: false,
    annotations: undefined,
    forModel: true,
    provenance: { environment: "local", scope: "thread" as const },
  }));
}

const offer = (list: readonly Qualified[], names: ToolNames = new ToolNames()): ToolCatalog =>
  names.name(tools(list));

/** Namespaces and names, as they are sent. */
const shape = (catalog: ToolCatalog): (readonly [string, readonly string[]])[] =>
  [...catalog.offered].map(([namespace, list]) => [namespace, list.map(({ visible }) => visible.name)]);

const namesOf = (catalog: ToolCatalog): Record<string, object> =>
  Object.fromEntries(
    catalog.tools.map(({ qualified, visible }) => [JSON.stringify(Object.values(qualified)), visible]),
  );

/** Codex's rule, read once more: slowly, in one piece, and with no code of ours. */
function secondReading(list: readonly Qualified[]): (readonly [string, readonly string[]])[] {
  const clean = (text: string): string =>
    Array.from(text, (char) => (/^[a-zA-Z0-9_]$/.test(char) ? char : "_")).join("") || "_";
  const tail = (text: string): string =>
    `_${createHash("sha1").update(text, "utf8").digest("hex").substring(0, 12)}`;
  const rows: { server: string; of: string; id: string; space: string; name: string }[] = [];
  for (const [server, tool] of list) {
    const of = [server, server, ""].join("\0");
    const id = [of, tool, tool].join("\0");
    const cleaned = clean(server);
    const space = cleaned.slice(0, 5) === "mcp__" ? cleaned : `mcp__${cleaned}`;
    if (rows.every((row) => row.id !== id)) rows.push({ server, of, id, space, name: clean(tool) });
  }
  const spaced = rows.map((row) => {
    if (rows.every((other) => other.space !== row.space || other.of === row.of)) return row;
    const [, stem = row.space, end = ""] = /^(.*)(__)$/s.exec(row.space) ?? [];
    return { ...row, space: stem + tail(row.of) + end };
  });
  const named = spaced.map((row) => {
    const alike = spaced.filter(({ space, name }) => space === row.space && name === row.name);
    return alike.length === 1 ? row : { ...row, name: row.name + tail(row.id) };
  });
  named.sort((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
  const used: string[] = [];
  const sent = new Map<string, string[]>();
  for (const row of named) {
    let { space, name } = row;
    if (space.length + 2 + name.length > 128 || used.includes(space + name)) {
      for (let attempt = 0; ; attempt++) {
        const end = tail(attempt === 0 ? row.id : `${row.id}\0${attempt}`);
        const left = 126 - row.space.length;
        space = left < 13 ? row.space.slice(0, 113) : row.space;
        name = (left < 13 ? "" : row.name.slice(0, left - 13)) + end;
        if (!used.includes(space + name)) break;
      }
    }
    used.push(space + name);
    sent.set(space, [...(sent.get(space) ?? []), name]);
  }
  return [...sent].map(([space, group]) => [space, group.toSorted()]);
}

/** Texts that are alike, that clash when cleaned or joined, and that are around the limits. */
const piece = fc.constantFrom(
  "a",
  "b",
  "A",
  "-",
  ".",
  "_",
  "__",
  "/",
  "mcp__",
  "l".repeat(50),
  "m".repeat(57),
);
const odd = fc.constantFrom(" ", "é", "😀", "\u{e000}", "\0", "w".repeat(100));
const text = (length: number, ...more: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.array(fc.oneof(piece, ...more), { maxLength: length }).map((parts) => parts.join(""));
const serverName = text(3).map((name) => name || "s");
const list: fc.Arbitrary<Qualified[]> = fc
  .array(fc.tuple(serverName, fc.array(text(3, odd), { minLength: 1, maxLength: 6 })), { maxLength: 6 })
  .map((servers) => servers.flatMap(([server, names]) => names.map((name) => [server, name] as const)));

function assertSound(catalog: ToolCatalog): void {
  const { tools: all } = catalog;
  const distinct = (key: (tool: ToolInfo) => string): number => new Set(all.map(key)).size;
  assert.equal(
    distinct(({ visible }) => `${visible.namespace} ${visible.name}`),
    all.length,
  );
  assert.equal(
    distinct(({ visible }) => visible.namespace + visible.name),
    all.length,
  );
  assert.equal(
    distinct(({ visible }) => visible.flat),
    all.length,
  );
  for (const tool of all) {
    const { namespace, name, flat } = tool.visible;
    for (const part of [namespace, name, flat]) assert.match(part, /^[A-Za-z0-9_]+$/);
    assert.ok(namespace.length + 2 + name.length <= 128, `${namespace} ${name}`);
    assert.ok(flat.length <= 64, flat);
    assert.deepEqual(catalog.find({ namespace, name }), { kind: "found", tool, exact: true });
    assert.deepEqual(catalog.find({ name: flat }), { kind: "found", tool, exact: true });
    assert.equal(catalog.get(tool.qualified), tool);
  }
}

suite("ToolNames", () => {
  test("gives the names of Codex, over random catalogs in any order (N1, N2, N3, C1)", () => {
    fc.assert(
      fc.property(list, fc.integer(), (declared, turn) => {
        const catalog = offer(declared);
        assert.deepEqual(shape(catalog), secondReading(declared));
        assertSound(catalog);
        // The first of two with the same name is the one that counts, so its place matters to nobody else.
        const turned = declared.toSorted(
          (a, b) => ((a.join().length * turn) % 7) - ((b.join().length * turn) % 7),
        );
        assert.deepEqual(namesOf(offer(turned)), namesOf(catalog));
      }),
      { numRuns: exhaustive ? 20_000 : 600 },
    );
  });

  test("keeps the names of a thread, whoever joins and leaves (N2, N4)", () => {
    fc.assert(
      fc.property(fc.array(list, { minLength: 2, maxLength: 5 }), (steps) => {
        const names = new ToolNames();
        const had: Record<string, object> = {};
        for (const step of steps) {
          const catalog = offer(step, names);
          assertSound(catalog);
          for (const [tool, visible] of Object.entries(namesOf(catalog))) {
            assert.deepEqual(visible, had[tool] ?? visible);
            for (const [other, taken] of Object.entries(had))
              if (other !== tool) assert.notDeepEqual(visible, taken);
            had[tool] = visible;
          }
        }
      }),
      { numRuns: exhaustive ? 1_000 : 300 },
    );
  });

  test("renames as Codex does, when asked to match", () => {
    fc.assert(
      fc.property(list, list, (first, second) => {
        const names = new ToolNames({ match: "codex" });
        offer(first, names);
        assert.deepEqual(shape(offer([...first, ...second], names)), secondReading([...first, ...second]));
      }),
      { numRuns: 500 },
    );
  });

  test("names a newcomer as Codex does, beside names that stay", () => {
    const names = new ToolNames();
    const first = shape(offer([["my-server", "get.item"]], names));
    assert.deepEqual(first, [["mcp__my_server", ["get_item"]]]);
    const second: Qualified[] = [
      ["my-server", "get.item"],
      ["my-server", "get/item"],
      ["my_server", "get.item"],
    ];
    const [kept, newcomer] = shape(offer(second, names));
    assert.equal(kept?.[0], "mcp__my_server");
    assert.equal(kept?.[1][0], "get_item");
    assert.match(kept?.[1][1] ?? "", /^get_item_[0-9a-f]{12}$/);
    assert.deepEqual(newcomer, ["mcp__my_server_b7840dcbfd2d", ["get_item"]]);
    assert.deepEqual(secondReading(second)[1], newcomer, "Codex's name");
  });

  test("says of a tool that left which one it was, and gives its name to no other", () => {
    const names = new ToolNames();
    offer([["a", "bc"]], names);
    const catalog = offer([["ab", "c"]], names);
    const qualified = { server: "a", tool: "bc" };
    assert.deepEqual(catalog.find({ namespace: "mcp__a", name: "bc" }), { kind: "gone", qualified });
    assert.deepEqual(catalog.find({ name: "mcp__a__bc" }), { kind: "gone", qualified });
    assert.deepEqual(shape(catalog), [["mcp__ab", ["c_147906af845b"]]]);
  });

  test("forgets the oldest of too many that left", () => {
    const names = new ToolNames();
    const many = (from: number): Qualified[] =>
      Array.from({ length: 6_000 }, (_, index) => ["s", `t${from + index}`] as const);
    for (const from of [0, 6_000, 12_000]) offer(many(from), names);
    const catalog = offer([], names);
    assert.equal(catalog.find({ namespace: "mcp__s", name: "t0" }).kind, "unknown");
    assert.equal(catalog.find({ namespace: "mcp__s", name: "t17999" }).kind, "gone");
  });

  test("cuts a flat name to 64 characters, and tells two that would be one apart", () => {
    const catalog = offer([
      ["s", "t__u"],
      ["s__t", "u"],
      ["server", "t".repeat(50)],
      ["server", "t".repeat(52)],
    ]);
    const flats = catalog.tools.map(({ visible }) => visible.flat);
    const [cut, fits, one, other] = flats.toSorted((a, b) => b.length - a.length);
    assert.equal(cut?.length, 64);
    assert.match(cut ?? "", /^mcp__server__t{38}_[0-9a-f]{12}$/);
    assert.equal(fits, `mcp__server__${"t".repeat(50)}`);
    for (const flat of [one, other]) assert.match(flat ?? "", /^mcp__s__t__u_[0-9a-f]{12}$/);
    assert.notEqual(one, other);
  });
});

test("the old prefix of a server's tools is its name with both delimiters, cleaned", () => {
  assert.equal(qualifiedMcpToolNamePrefix("my-server"), "mcp__my_server__");
  assert.equal(qualifiedMcpToolNamePrefix("a.b/c"), "mcp__a_b_c__");
  assert.equal(qualifiedMcpToolNamePrefix("mcp__x"), "mcp__mcp__x__");
});
