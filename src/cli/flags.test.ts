import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type CommandSpec, helpText, parseArgs } from "./flags.ts";

const spec: CommandSpec = {
  name: "x",
  operands: "NAME [COMMAND…]",
  about: "does x",
  count: [1, 9],
  verbatimFrom: 2,
  flags: [
    { name: "json", about: "j" },
    { name: "env", value: "K=V", many: true, about: "e" },
    { name: "cd", short: "C", value: "DIR", about: "c" },
  ],
};

suite("a command line", () => {
  test("flags may stand before and behind the first operand, with their value or an equals sign", () => {
    const args = parseArgs(spec, ["--env", "A=1", "name", "--env=B=2=3", "-C", "d", "--json"]);
    assert.deepEqual(args.operands, ["name"]);
    assert.deepEqual(args.all("env"), ["A=1", "B=2=3"]);
    assert.equal(args.one("cd"), "d");
    assert.equal(args.has("json"), true);
    assert.equal(parseArgs(spec, ["name", "-Cd"]).one("cd"), "d");
  });

  test("what follows the command is the command's", () => {
    assert.deepEqual(parseArgs(spec, ["n", "cmd", "--json", "--", "-x"]).operands, [
      "n",
      "cmd",
      "--json",
      "--",
      "-x",
    ]);
    assert.deepEqual(parseArgs(spec, ["n", "--", "cmd", "--json"]).operands, ["n", "cmd", "--json"]);
    assert.deepEqual(parseArgs(spec, ["n", "--", "--odd"]).operands, ["n", "--odd"]);
    assert.deepEqual(parseArgs(spec, ["-"]).operands, ["-"]);
  });

  const refused: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
    [[], /something is missing; usage: switchyard x NAME/],
    [["n", "--jsn"], /unknown option --jsn \(did you mean --json\?\)/],
    [["n", "--jsonn=PLANTED"], /unknown option --jsonn \(did you mean --json\?\)/],
    [["n", "--json=PLANTED"], /--json takes no value/],
    [["n", "--env"], /--env needs a value/],
    [["n", "-C", "a", "--cd", "b"], /--cd is given twice/],
    [["n", "-q"], /unknown option -q$/],
    [["n", "-5"], /a value only behind "--": switchyard x -- NAME/],
  ];
  for (const [argv, message] of refused) {
    test(`${argv.join(" ")} is refused`, () => {
      assert.throws(
        () => parseArgs(spec, argv),
        (error: Error) =>
          error.name === "UsageError" && message.test(error.message) && !error.message.includes("PLANTED"),
      );
    });
  }

  test("the help names every flag; --help needs no operands", () => {
    assert.equal(parseArgs(spec, ["--help"]).has("help"), true);
    const help = helpText(spec);
    for (const { name } of spec.flags) assert.ok(help.includes(`--${name}`), name);
  });

  test("the help keeps to the width, but for what is to be copied", () => {
    const long = {
      ...spec,
      flags: [{ name: "f", about: "word ".repeat(30).trim() }],
      notes: `${"w ".repeat(60)}\n  x`,
    };
    for (const line of helpText(long, 60).split("\n")) assert.ok(line.length <= 60, line);
  });
});
