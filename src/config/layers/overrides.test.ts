import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseOverrides } from "./overrides.ts";
import { lineAndColumn, nodeAt, toPlain } from "../../toml/node.ts";

function plain(texts: readonly string[], threadConfig?: Record<string, unknown>): unknown {
  const { root, problems } = parseOverrides(texts, threadConfig);
  assert.deepEqual(problems, []);
  return JSON.parse(JSON.stringify(toPlain(root)));
}

suite("parseOverrides", () => {
  const values: readonly (readonly [text: string, want: unknown])[] = [
    ["a=1", 1],
    ["a= true ", true],
    ['a="x y"', "x y"],
    ["a=foo bar", "foo bar"],
    ["a=x = y", "x = y"],
    ["a=", ""],
    ['a="x', "x"],
    [`a="'x'"b'`, `x'"b`],
    ["a=[x", "[x"],
    ["a=''''x''''", "'x'"],
    ['a={b="x",c=["1"]}', { b: "x", c: ["1"] }],
    ['a="x" # c', "x"],
  ];
  for (const [text, want] of values) {
    test(`reads the value of ${JSON.stringify(text)} as Codex does`, () => {
      assert.deepEqual(plain([text]), { a: want });
    });
  }

  test("splits the key at every dot, quotes or not, and trims only the whole key", () => {
    assert.deepEqual(plain(['m."x.y". z =1']), { m: { '"x': { 'y"': { " z": 1 } } } });
    assert.deepEqual(plain(["m..a=1"]), { m: { "": { a: 1 } } });
  });

  test("a later override of the same key replaces the earlier one whole", () => {
    assert.deepEqual(plain(['s.a={command="x",args=["1"]}', 's.a={command="y"}']), {
      s: { a: { command: "y" } },
    });
  });

  test("a later override may go into an earlier one, also through a scalar", () => {
    assert.deepEqual(plain(['s.a={command="x",args=["1"]}', "s.a.command=y"]), {
      s: { a: { command: "y", args: ["1"] } },
    });
    assert.deepEqual(plain(["s.a=1", "s.a.command=y"]), { s: { a: { command: "y" } } });
  });

  test("refuses what has no key or no value, in Codex's words", () => {
    const { root, problems } = parseOverrides(["novalue", "=x", " =x", "a=1"]);
    assert.deepEqual(
      problems.map(({ message }) => message),
      ["Invalid override (missing '='): novalue", "Empty key in override: =x", "Empty key in override:  =x"],
    );
    assert.equal(root.entries.size, 1);
  });

  test("the configuration of a thread may be nested or dotted and stands above the texts", () => {
    assert.deepEqual(
      plain(["s.a.command=low", "s.a.cwd=/w"], {
        "s.a.command": "high",
        s2: { b: { args: ["1"], env: undefined } },
      }),
      { s: { a: { command: "high", cwd: "/w" } }, s2: { b: { args: ["1"] } } },
    );
  });

  test("a value that TOML cannot say is a problem with its path", () => {
    const { problems } = parseOverrides([], { "s.a": { command: null } });
    assert.deepEqual(problems, [
      {
        message: "s.a.command is null, which TOML cannot say",
        what: "is null, which TOML cannot say",
        path: ["s", "a", "command"],
      },
    ]);
    const tools: Record<string, unknown> = {};
    tools["t"] = tools;
    assert.deepEqual(parseOverrides([], { tools }).problems, [
      {
        message: "tools holds itself, or is too deep for TOML",
        what: "holds itself, or is too deep for TOML",
        path: ["tools"],
      },
    ]);
  });

  test("the name of a source has the key and not the value (O1)", () => {
    const { root } = parseOverrides(["s.a.env.TOKEN=sekret", "s.b.args=[1, 2]"]);
    const place = nodeAt(root, ["s", "a", "env", "TOKEN"])?.place;
    assert.equal(place?.source.name, "-c s.a.env.TOKEN");
    const args = nodeAt(root, ["s", "b", "args"]);
    assert.ok(args?.kind === "array" && args.items[1]?.place !== undefined);
    assert.deepEqual(lineAndColumn(args.items[1].place), { line: 1, column: 5 });
  });
});
