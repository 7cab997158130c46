/**
 * The answer to a form of an MCP server (`elicitation/create`), checked against the schema that the server asked with.
 *
 * MCP allows flat forms only: texts, numbers, yes or no, one of several, some of several. What a schema says beyond that is not
 * checked, and a `pattern` neither: an expression of a stranger can take for ever.
 */
import { isObject, type JsonObject } from "../../base/json.ts";
import { Issue } from "../../base/reader.ts";

type Schema = Readonly<Record<string, unknown>>;

/**
 * @param content what was filled in; `undefined` counts as an empty form
 * @returns what is wrong, field by field; empty when the server can take it
 */
export function checkElicitationAnswer(schema: JsonObject, content: unknown = {}): readonly Issue[] {
  if (!isObject(content)) return [wrong("an object")];
  const properties: Schema = isObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const issues: Issue[] = [];
  for (const name of required) {
    if (typeof name === "string" && (!Object.hasOwn(content, name) || content[name] === undefined))
      issues.push(new Issue("missing_field", "is missing", [name]));
  }
  for (const [name, value] of Object.entries(content)) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (isObject(property)) {
      const issue = value === undefined ? undefined : checkValue(property, value);
      if (issue !== undefined) issues.push(issue.within(name));
    } else if (property === undefined && schema["additionalProperties"] === false) {
      issues.push(new Issue("unknown_field", "is not asked for", [name]));
    }
  }
  return issues;
}

function checkValue(schema: Schema, value: unknown): Issue | undefined {
  switch (schema["type"]) {
    case "string":
      return checkText(schema, value);
    case "integer":
    case "number":
      return checkNumber(schema, value);
    case "boolean":
      return typeof value === "boolean" ? undefined : wrong("true or false");
    case "array":
      return checkList(schema, value);
    default:
      return checkChoice(schema, value);
  }
}

function checkText(schema: Schema, value: unknown): Issue | undefined {
  if (typeof value !== "string") return wrong("a string");
  // JSON Schema counts characters, not units.
  const length = value.replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g, " ").length;
  return (
    checkChoice(schema, value) ??
    checkBounds(length, schema["minLength"], schema["maxLength"], "characters") ??
    checkFormat(schema["format"], value)
  );
}

function checkNumber(schema: Schema, value: unknown): Issue | undefined {
  if (typeof value !== "number" || !Number.isFinite(value)) return wrong("a number");
  if (schema["type"] === "integer" && !Number.isInteger(value)) return wrong("a whole number");
  const { minimum, maximum } = schema;
  if (typeof minimum === "number" && value < minimum) return bad(`must be at least ${minimum}`);
  if (typeof maximum === "number" && value > maximum) return bad(`must be at most ${maximum}`);
  return undefined;
}

function checkList(schema: Schema, value: unknown): Issue | undefined {
  if (!Array.isArray(value)) return wrong("a list");
  const outside = checkBounds(value.length, schema["minItems"], schema["maxItems"], "items");
  if (outside !== undefined) return outside;
  const { items } = schema;
  if (!isObject(items)) return undefined;
  for (const [at, item] of value.entries()) {
    const issue = checkValue(items, item);
    if (issue !== undefined) return issue.within(at);
  }
  return undefined;
}

/** `enum`, or the constants of `oneOf` and `anyOf`, which have titles. */
function checkChoice(schema: Schema, value: unknown): Issue | undefined {
  const titled = [schema["oneOf"], schema["anyOf"]].find((list) => Array.isArray(list)) as
    | readonly unknown[]
    | undefined;
  const constants = titled?.map((choice) => (isObject(choice) ? choice["const"] : undefined));
  const choices = Array.isArray(schema["enum"]) ? schema["enum"] : constants;
  // A choice without a constant is a schema of its own, which we do not check.
  if (choices === undefined || choices.includes(undefined) || choices.includes(value)) return undefined;
  return bad("must be one of the choices");
}

function checkBounds(count: number, least: unknown, most: unknown, what: string): Issue | undefined {
  if (typeof least === "number" && count < least) return bad(`must have at least ${least} ${what}`);
  if (typeof most === "number" && count > most) return bad(`must have at most ${most} ${what}`);
  return undefined;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

function checkFormat(format: unknown, value: string): Issue | undefined {
  switch (format) {
    case "email":
      return /^[^\s@]+@[^\s@]+$/.test(value) ? undefined : bad("must be an email address");
    case "uri":
      return URL.canParse(value) ? undefined : bad("must be a URI");
    case "date":
      return DATE.test(value) && isDay(value) ? undefined : bad("must be a date, as 2026-01-31");
    case "date-time":
      return DATE_TIME.test(value) && isDay(value.slice(0, 10)) && !Number.isNaN(Date.parse(value))
        ? undefined
        : bad("must be a date and time with its zone, as 2026-01-31T12:00:00Z");
    default:
      return undefined;
  }
}

/** Not the 30th of February, which `Date` makes a day of March. */
function isDay(date: string): boolean {
  const day = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
}

function wrong(type: string): Issue {
  return new Issue("wrong_type", `must be ${type}`);
}

function bad(what: string): Issue {
  return new Issue("invalid_value", what);
}
