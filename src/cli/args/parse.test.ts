import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Args, parseArgs } from "./parse.ts";
import type { NamedSpec } from "./spec.ts";

const spec: NamedSpec = {
  name: "x",
  about: "does x",
  operands: [{ name: "NAME" }, { name: "COMMAND", optional: true, many: true }],
  verbatimFrom: 2,
  flags: [
    { name: "json", about: "j" },
    { name: "verbose", short: "v", about: "v" },
    { name: "env", value: "K=V", many: true, about: "e" },
    { name: "cd", short: "C", value: "DIR", about: "c" },
    { name: "mode", value: "MODE", choices: ["a", "b", "c"], default: "b", about: "m" },
    { name: "max", value: "N", about: "n" },
  ],
};
const parse = (...argv: string[]): Args => parseArgs(spec, argv);

suite("a command line", () => {
  test("flags may stand before and after the first operand, with their value or an equals sign", () => {
    const args = parse("--env", "A=1", "name", "--env=B=2=3", "-C", "d", "--json");
    assert.deepEqual(args.operands, ["name"]);
    assert.deepEqual(args.all("env"), ["A=1", "B=2=3"]);
    assert.equal(args.one("cd"), "d");
    assert.equal(args.has("json"), true);
  });

  test("short flags may stand together, the last one with its value", () => {
    for (const word of ["-Cd", "-C=d", "-vCd"]) assert.equal(parse("name", word).one("cd"), "d", word);
    assert.equal(parse("name", "-vC", "d").has("verbose"), true);
  });

  test("what follows the command belongs to the command", () => {
    assert.deepEqual(parse("n", "cmd", "--json", "--", "-x").operands, ["n", "cmd", "--json", "--", "-x"]);
    assert.deepEqual(parse("n", "--", "cmd", "--json").operands, ["n", "cmd", "--json"]);
    assert.deepEqual(parse("n", "--", "--odd").operands, ["n", "--odd"]);
    assert.deepEqual(parse("-").operands, ["-"]);
  });

  test("a default counts when the flag is absent", () => {
    assert.equal(parse("n").one("mode"), "b");
    assert.equal(parse("n").has("mode"), false);
    assert.equal(parse("n", "--mode", "c").one("mode"), "c");
  });

  test("--help and --version count as soon as they are read", () => {
    assert.equal(parse("--help").has("help"), true);
    assert.equal(parse("-vh", "--nonsense").has("help"), true);
    assert.equal(parse("--version").has("version"), true);
    assert.equal(parse("n", "cmd", "--help").has("help"), false);
  });

  test("a flag may replace itself where a command says so", () => {
    assert.equal(parseArgs({ ...spec, overridable: true }, ["n", "--cd", "a", "-Cb"]).one("cd"), "b");
  });

  test("a whole number is digits, and not too small", () => {
    assert.equal(parse("n", "--max", "12").wholeNumber("max", 1), 12);
    assert.equal(parse("n").wholeNumber("max", 1), undefined);
    for (const wrong of ["0", "-1", "1.5", "x", "", "1e3", "1234567890"]) {
      assert.throws(() => parse("n", `--max=${wrong}`).wholeNumber("max", 1), {
        name: "UsageError",
        message: "--max takes a whole number from 1 to 999999999",
      });
    }
  });

  test("flags that exclude each other are both named", () => {
    assert.throws(() => parse("n", "--json", "-v").atMostOne("json", "cd", "verbose"), {
      name: "UsageError",
      message: "--json and --verbose cannot be given together",
    });
  });

  const usage = "Usage: switchyard x [options] NAME [COMMAND…]";
  const rejected: readonly (readonly [argv: readonly string[], message: string])[] = [
    [[], `Missing argument NAME. ${usage}`],
    [["n", "--jsn"], "Unknown option --jsn. Did you mean --json?"],
    [["n", "--jsonn=PLANTED"], "Unknown option --jsonn. Did you mean --json?"],
    [["n", "--json=PLANTED"], "--json takes no value"],
    [["n", "-v=PLANTED"], "-v takes no value"],
    [["n", "--mode", "PLANTED"], "--mode takes a, b or c"],
    [["n", "--env"], "--env needs a value: --env K=V"],
    [["n", "-C", "a", "--cd", "b"], "--cd can be given only once"],
    [["n", "-q"], "Unknown option -q"],
    [
      ["n", "-5"],
      'An argument that begins with a dash must come after "--": switchyard x [options] -- NAME [COMMAND…]',
    ],
  ];
  for (const [argv, message] of rejected) {
    test(`${argv.join(" ") || "nothing"} is rejected, without repeating a value (F1)`, () => {
      assert.throws(() => parse(...argv), { name: "UsageError", message });
      assert.ok(!message.includes("PLANTED"));
    });
  }

  test("too many operands are rejected without repeating them (F1)", () => {
    const two: NamedSpec = {
      name: "y",
      about: "does y",
      operands: [{ name: "A" }, { name: "B", optional: true }],
    };
    assert.throws(() => parseArgs(two, ["1", "2", "PLANTED"]), {
      name: "UsageError",
      message: "Too many arguments. Usage: switchyard y [options] A [B]",
    });
  });
});
