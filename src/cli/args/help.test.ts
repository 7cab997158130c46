import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Command, CommandEntry, CommandGroup } from "../command.ts";
import { COMMANDS } from "../commands.ts";
import { groupHelpText, helpText } from "./help.ts";
import type { NamedSpec } from "./spec.ts";

suite("the help of a command", () => {
  const spec: NamedSpec = {
    name: "x",
    about: "does x",
    operands: [
      { name: "NAME", about: "who" },
      { name: "MORE", optional: true },
    ],
    flags: [
      { name: "json", about: "print JSON" },
      { name: "env", short: "e", value: "K=V", many: true, about: "a variable" },
      { name: "mode", value: "MODE", choices: ["a", "b"], default: "b", about: "how" },
    ],
    notes: "Example:\n  switchyard x",
  };

  test("has the usage, what it does, arguments, options with what they take, and the notes", () => {
    assert.equal(
      helpText(spec, 80),
      [
        "Usage: switchyard x [options] NAME [MORE]",
        "",
        "Does x.",
        "",
        "Arguments:",
        "  NAME  who",
        "",
        "Options:",
        "      --json       print JSON",
        "  -e, --env K=V    a variable (repeatable)",
        "      --mode MODE  how (one of a, b; default: b)",
        "  -h, --help       show this help",
        "",
        "Example:",
        "  switchyard x",
        "",
      ].join("\n"),
    );
  });

  test("keeps to the width, except for what is to be copied", () => {
    const long: NamedSpec = {
      ...spec,
      flags: [{ name: "f", about: "word ".repeat(30).trim() }],
      notes: `${"w ".repeat(60)}\n  x`,
    };
    for (const line of helpText(long, 60).split("\n")) assert.ok(line.length <= 60, line);
  });
});

interface Entry {
  readonly path: string;
  readonly entry: CommandEntry | CommandGroup;
}

function entriesOf(group: CommandGroup, path = ""): Entry[] {
  return Object.entries(group.commands).flatMap(([name, entry]) => {
    const own = { path: `${path} ${name}`.trim(), entry };
    return "commands" in entry ? [own, ...entriesOf(entry, own.path)] : [own];
  });
}

suite("the help of every command fits 100 columns, also where lines are to be copied", () => {
  const all: readonly Entry[] = [{ path: "", entry: COMMANDS }, ...entriesOf(COMMANDS)];
  for (const { path, entry } of all) {
    test(path === "" ? "switchyard" : path, async () => {
      const { about } = entry;
      if ("commands" in entry) {
        const rows = Object.entries(entry.commands).map(([name, each]) => [name, each.about] as const);
        assert.deepEqual(tooLong(groupHelpText(path, about, rows, 100)), []);
        return;
      }
      const command: Command = await entry.load();
      const help = helpText({ ...command, name: path, about }, 100);
      assert.deepEqual(tooLong(help), []);
      for (const { name } of command.flags ?? []) assert.ok(help.includes(`--${name}`), name);
    });
  }
});

function tooLong(help: string): string[] {
  return help.split("\n").filter((line) => line.length > 100);
}
