/** Help texts, made from what a command takes. They fit the terminal, and never take more than 100 columns. */
import { type Flag, HELP_FLAG, type NamedSpec, usageText, VERSION_FLAG } from "./spec.ts";

/** Beyond this, lines are hard to read. */
const WIDEST = 100;
/** Where the text about a flag begins at the latest; a longer flag gets a line of its own. */
const COLUMN = 34;

function terminalWidth(): number {
  return Math.min(process.stdout.columns || 80, WIDEST);
}

export function helpText(spec: NamedSpec, width: number = terminalWidth()): string {
  const { operands = [], flags = [], description, notes, table } = spec;
  const described = operands.filter(({ about }) => about !== undefined);
  return [
    ...wrap(`Usage: ${usageText(spec)}`, width),
    "",
    ...paragraphs(description ?? sentence(spec.about), width),
    ...section(
      "Arguments:",
      described.map(({ name, about = "" }) => [name, about]),
      width,
    ),
    ...section("Options:", [...flags, HELP_FLAG].map(flagRow), width),
    ...(notes === undefined ? [] : ["", ...paragraphs(notes, width)]),
    ...(table === undefined ? [] : section(table.title, table.rows, width)),
    "",
  ].join("\n");
}

/** @param name of the group as it is typed; empty for the program itself */
export function groupHelpText(
  name: string,
  about: string,
  commands: readonly (readonly [name: string, about: string])[],
  width: number = terminalWidth(),
): string {
  const command = `switchyard ${name}`.trimEnd();
  return [
    `Usage: ${command} COMMAND [options]`,
    "",
    ...paragraphs(sentence(about), width),
    ...section("Commands:", commands, width),
    ...section("Options:", (name === "" ? [VERSION_FLAG, HELP_FLAG] : [HELP_FLAG]).map(flagRow), width),
    "",
    `${command} COMMAND --help describes a command.`,
    "",
  ].join("\n");
}

function flagRow({ short, name, value, about, many, choices, default: preset }: Flag): [string, string] {
  const left = `${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
  const more = [
    ...(choices === undefined ? [] : [`one of ${choices.join(", ")}`]),
    ...(preset === undefined ? [] : [`default: ${preset}`]),
    ...(many === undefined ? [] : ["repeatable"]),
  ].join("; ");
  return [left, more === "" ? about : `${about} (${more})`];
}

/** Two columns below a title; nothing for no rows. */
function section(
  title: string,
  rows: readonly (readonly [left: string, right: string])[],
  width: number,
): string[] {
  if (rows.length === 0) return [];
  const column = Math.min(COLUMN, Math.max(...rows.map(([left]) => left.length)) + 2);
  const indent = " ".repeat(column + 2);
  const lines = rows.map(([left, right]) => {
    const text = wrap(right, width - column - 2).join(`\n${indent}`);
    return left.length < column ? `  ${left.padEnd(column)}${text}` : `  ${left}\n${indent}${text}`;
  });
  return ["", title, ...lines];
}

function paragraphs(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => wrap(line, width));
}

/** Lines of whole words. A line that begins with a blank is to be copied, and stays. */
function wrap(text: string, width: number): string[] {
  if (text.startsWith(" ")) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function sentence(about: string): string {
  return `${about[0]?.toUpperCase()}${about.slice(1)}.`;
}
