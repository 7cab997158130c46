/** A server's question (`elicitation/create`), put to the person at the terminal. Without a terminal it is declined. */
import type { Interface } from "node:readline/promises";
import { isObject, type JsonObject } from "../../base/json.ts";
import type { Elicitation, ElicitationAnswer, ElicitationHandler } from "../../mcp/index.ts";
import { printable, tell, writeAside } from "../output.ts";

/** One question after the other, all on stdin and stderr. */
export function personAtTerminal(): ElicitationHandler {
  let before: Promise<unknown> = Promise.resolve();
  return (question, { signal }) => {
    const answer = before.then(() => answerOf(question, signal));
    before = answer.catch(() => {});
    return answer;
  };
}

async function answerOf(question: Elicitation, signal: AbortSignal): Promise<ElicitationAnswer> {
  const { server, message, mode } = question;
  const asks = `MCP server ${JSON.stringify(server)} asks: ${message}`;
  if (!process.stdin.isTTY) {
    tell(`${asks}\nnote: it is declined, because stdin is no terminal where somebody could answer`);
    return { action: "decline" };
  }
  const fields = mode === "url" ? [] : fieldsOf(question.requestedSchema);
  if (fields === undefined) {
    tell(`${asks}\nnote: it is declined, because it asks for more than text, numbers and choices`);
    return { action: "decline" };
  }
  tell(`${asks}\n(Ctrl-D cancels)`);
  if (question.url !== undefined) tell(`  ${question.url}`);
  // Not a terminal for readline: Ctrl-C has to stay a signal.
  // Most commands ask nothing, and load it for nothing.
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const over = new AbortController();
  lines.once("close", () => over.abort());
  try {
    const until = AbortSignal.any([signal, over.signal]);
    const content: [string, unknown][] = [];
    for (const field of fields) {
      const value = await valueOf(field, lines, until);
      if (value !== undefined) content.push([field.name, value]);
    }
    const last = mode === "url" ? "Opened and done there? [Y/n] " : "Send this? [Y/n] ";
    const yes = /^(?:y|yes|)$/i.test((await lines.question(last, { signal: until })).trim());
    if (!yes) return { action: "decline" };
    return {
      action: "accept",
      ...(mode === "url" ? {} : { content: Object.fromEntries(content) as JsonObject }),
    };
  } catch (error) {
    if (!over.signal.aborted && !signal.aborted) throw error;
    writeAside("\n");
    return { action: "cancel" };
  } finally {
    lines.close();
  }
}

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: "string" | "number" | "integer" | "boolean" | "choice" | "choices";
  readonly choices: readonly string[];
  readonly preset: unknown;
  readonly required: boolean;
}

/** @returns `undefined` when one of them is not simple */
function fieldsOf(schema: JsonObject = {}): readonly Field[] | undefined {
  const { properties = {}, required = [] } = schema as Readonly<Record<string, unknown>>;
  if (!isObject(properties)) return undefined;
  const fields: Field[] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (!isObject(property)) return undefined;
    const { type, title, description, default: preset } = property;
    const items = isObject(property["items"]) ? property["items"] : undefined;
    const choices = choicesOf(type === "array" ? items : property);
    const kind =
      type === "array" ? (choices.length > 0 ? "choices" : undefined) : choices.length > 0 ? "choice" : type;
    if (!isKind(kind)) return undefined;
    const isRequired = Array.isArray(required) && required.includes(name);
    const hints = [
      ...(typeof description === "string" ? [description] : []),
      ...(choices.length > 0
        ? [`${kind === "choices" ? "any, with commas, of" : "one of"} ${choices.join(", ")}`]
        : []),
      ...(kind === "boolean" ? ["y or n"] : []),
      ...(preset === undefined
        ? isRequired
          ? []
          : ["optional"]
        : [`default: ${typeof preset === "string" ? preset : JSON.stringify(preset)}`]),
    ];
    const label = `${typeof title === "string" ? title : name}${hints.length === 0 ? "" : ` (${hints.join("; ")})`}: `;
    fields.push({ name, label, type: kind, choices, preset, required: isRequired });
  }
  return fields;
}

const KINDS: readonly unknown[] = ["string", "number", "integer", "boolean", "choice", "choices"];

function isKind(kind: unknown): kind is Field["type"] {
  return KINDS.includes(kind);
}

function choicesOf(schema: Readonly<Record<string, unknown>> = {}): readonly string[] {
  const { enum: plain, oneOf, anyOf } = schema;
  const titled = [oneOf, anyOf].find(Array.isArray);
  const all = Array.isArray(plain)
    ? plain
    : (titled ?? []).map((each) => (isObject(each) ? each["const"] : undefined));
  return all.filter((each) => typeof each === "string");
}

/** Asks until the answer fits. @returns `undefined` for none */
async function valueOf(field: Field, lines: Interface, signal: AbortSignal): Promise<unknown> {
  for (;;) {
    const text = (await lines.question(`  ${printable(field.label)}`, { signal })).trim();
    if (text === "" && field.preset !== undefined) return field.preset;
    if (text === "" && !field.required) return undefined;
    const value = parse(field, text);
    if (value !== undefined) return value;
    tell("  That does not fit.");
  }
}

function parse({ type, choices }: Field, text: string): unknown {
  switch (type) {
    case "string":
      return text === "" ? undefined : text;
    case "number":
    case "integer": {
      const value = Number(text);
      return text !== "" && Number.isFinite(value) && (type === "number" || Number.isInteger(value))
        ? value
        : undefined;
    }
    case "boolean":
      return /^(?:y|yes|true)$/i.test(text) ? true : /^(?:n|no|false)$/i.test(text) ? false : undefined;
    case "choice":
      return choices.includes(text) ? text : undefined;
    case "choices": {
      const chosen = text.split(",").map((each) => each.trim());
      return chosen.every((each) => choices.includes(each)) ? chosen : undefined;
    }
  }
}
