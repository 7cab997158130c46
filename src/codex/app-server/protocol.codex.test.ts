/**
 * Our hand-written protocol against the schema the real binary writes.
 *
 *   codex app-server generate-json-schema --> JSON Schema --> TypeScript --+-- tsc --> findings, by method and member
 *                                                     protocol.ts ---------+
 *
 * Codex must accept what we send, with every member of it; it must promise what we read. So this test reports what a new
 * Codex has changed for us, and nothing else.
 *
 * Two facts about 0.169, seen on the wire, are taken as given although the schema calls both optional: a member that may
 * be null is null rather than left out, and a member with a default is always there.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { promisify } from "node:util";
import { findCodex } from "./binary.ts";
import { type Notifications, type Requests, type ServerRequests, UNUSED_NOTIFICATIONS } from "./protocol.ts";

// The compiler keeps these lists complete.
const REQUESTS: Readonly<Record<keyof Requests, true>> = {
  initialize: true,
  "account/login/start": true,
  "environment/add": true,
  "config/read": true,
  "mcpServerStatus/list": true,
  "thread/start": true,
  "thread/resume": true,
  "thread/fork": true,
  "thread/unsubscribe": true,
  "turn/start": true,
  "turn/interrupt": true,
};
const NOTIFICATIONS: Readonly<Record<keyof Notifications, true>> = {
  error: true,
  warning: true,
  configWarning: true,
  deprecationNotice: true,
  "model/rerouted": true,
  "thread/started": true,
  "thread/closed": true,
  "thread/tokenUsage/updated": true,
  "turn/started": true,
  "turn/completed": true,
  "turn/plan/updated": true,
  "item/started": true,
  "item/completed": true,
  "item/fileChange/patchUpdated": true,
  "mcpServer/startupStatus/updated": true,
  "serverRequest/resolved": true,
};
const SERVER_REQUESTS: Readonly<Record<keyof ServerRequests, true>> = {
  "item/commandExecution/requestApproval": true,
  "item/fileChange/requestApproval": true,
  "mcpServer/elicitation/request": true,
  "item/tool/requestUserInput": true,
  "item/permissions/requestApproval": true,
};

/** Variants that Codex writes only for clients that announce support for them. We do not. */
const NOT_FOR_US: readonly {
  readonly definition: string;
  readonly member: string;
  readonly value: string;
}[] = [{ definition: "McpServerElicitationRequestParams", member: "mode", value: "openai/userVerification" }];

/** The part of JSON Schema that Codex writes. */
type Schema = boolean | SchemaObject;
interface SchemaObject {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}
interface Bundle {
  readonly definitions: Readonly<Record<string, SchemaObject>> & {
    readonly v2: Readonly<Record<string, SchemaObject>>;
  };
}

/** `read`: what Codex writes and we read. `sent`: what we send and Codex accepts. */
type Direction = "read" | "sent";

/** Writes definitions of a schema as TypeScript: those that are asked for, and those they need. */
class TypeWriter {
  readonly #bundle: Bundle;
  readonly #direction: Direction;
  /** Text by identifier; empty while it is being written. */
  readonly #written = new Map<string, string>();

  constructor(bundle: Bundle, direction: Direction) {
    this.#bundle = bundle;
    this.#direction = direction;
  }

  /** The type of a schema, as an expression. */
  type(schema: Schema): string {
    const anything = this.#direction === "read" ? "JsonValue" : "unknown";
    if (schema === true) return anything;
    if (schema === false) return "never";
    const { $ref, oneOf, anyOf, allOf } = schema;
    const parts: string[] = [];
    if ($ref !== undefined) parts.push(this.#reference($ref));
    if (oneOf !== undefined) parts.push(this.#union(oneOf));
    if (anyOf !== undefined) parts.push(this.#union(anyOf));
    if (allOf !== undefined) parts.push(...allOf.map((each) => this.type(each)));
    if (schema.const !== undefined) parts.push(JSON.stringify(schema.const));
    if (schema.enum !== undefined) parts.push(schema.enum.map((each) => JSON.stringify(each)).join(" | "));
    else if (schema.type !== undefined || schema.properties !== undefined) parts.push(this.#typed(schema));
    return parts.length === 0 ? anything : parts.map((part) => `(${part})`).join(" & ");
  }

  /** All definitions written so far, as members of a namespace. */
  get text(): string {
    return [...this.#written].map(([name, text]) => `  type ${name} = ${text};`).join("\n");
  }

  #union(schemas: readonly Schema[]): string {
    return schemas.map((each) => `(${this.type(each)})`).join(" | ");
  }

  #typed(schema: SchemaObject): string {
    const types = schema.type === undefined ? ["object"] : [schema.type].flat();
    return types.map((type) => this.#plain(type, schema)).join(" | ");
  }

  #plain(type: string, schema: SchemaObject): string {
    switch (type) {
      case "string":
      case "boolean":
      case "null":
        return type;
      case "number":
      case "integer":
        return "number";
      case "array":
        return `(${this.type(schema.items ?? true)})[]`;
      case "object":
        return this.#object(schema);
      default:
        throw new Error(`Cannot write the type "${type}" of a schema`);
    }
  }

  #object({ properties = {}, required = [], additionalProperties = false }: SchemaObject): string {
    const members = Object.entries(properties).map(([name, schema]) => {
      const there = required.includes(name) || (this.#direction === "read" && isWritten(schema));
      return `${JSON.stringify(name)}${there ? "" : "?"}: ${this.type(schema)}`;
    });
    const object = `{ ${members.join("; ")} }`;
    if (additionalProperties === false) return object;
    const others = `{ [key: string]: ${this.type(additionalProperties)} }`;
    return members.length === 0 ? others : `${object} & ${others}`;
  }

  #reference($ref: string): string {
    const path = $ref.replace("#/definitions/", "").split("/");
    const name = path.join("_");
    if (!this.#written.has(name)) {
      this.#written.set(name, "");
      const found = path.reduce<unknown>(
        (at, key) => (at as Readonly<Record<string, unknown>> | undefined)?.[key],
        this.#bundle.definitions,
      );
      assert.ok(found !== undefined, `The schema has no ${$ref}`);
      const text = this.type(found as Schema);
      // Codex has kinds of items that we ignore. Those that we know must exist, and be as we know them.
      const ours = `Extract<${text}, { type: ours.WireItem["type"] }>`;
      this.#written.set(name, name === "v2_ThreadItem" && this.#direction === "read" ? ours : text);
    }
    return name;
  }
}

/** Whether Codex writes a member though its schema calls it optional: see the head of this file. */
function isWritten(schema: Schema): boolean {
  if (typeof schema === "boolean") return schema;
  const nullable = [schema.type].flat().includes("null") || schema.anyOf?.some(isNull) === true;
  return nullable || schema.default !== undefined;
}

function isNull(schema: Schema): boolean {
  return typeof schema !== "boolean" && schema.type === "null";
}

/** Types that name what is in `Ours` and not in `Schema`, as a path: `input[].path`. */
const HELPERS = `
type KeysOf<T> = T extends unknown ? keyof T : never;
type ValueOf<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;
type SameKind<Ours, Schema> = Ours extends { type: infer Kind }
  ? [Extract<Schema, { type: Kind }>] extends [never] ? Schema : Extract<Schema, { type: Kind }>
  : Schema;
type Unknown<Ours, Schema> = unknown extends Schema ? never
  : [NonNullable<JsonValue>] extends [Ours] ? never
  : UnknownIn<Ours, Schema>;
type UnknownIn<Ours, Schema> = Ours extends readonly (infer Each)[]
  ? \`[]\${Unknown<Each, Extract<Schema, readonly unknown[]>[number]>}\`
  : Ours extends object ? UnknownMember<Ours, SameKind<Ours, Schema>>
  : never;
type UnknownMember<Ours, Schema> = {
  [K in keyof Ours & string]-?: string extends K ? never
    : K extends KeysOf<Schema> ? \`.\${K}\${Unknown<NonNullable<Ours[K]>, NonNullable<ValueOf<Schema, K>>>}\`
    : \`.\${K}\`;
}[keyof Ours & string];
`;

/** One line of the file that is compiled, and what an error in it means. */
interface Check {
  readonly about: string;
  readonly line: string;
}

/** @returns the differences, as lines that begin with a method and its direction */
async function findDrift(schema: Bundle): Promise<string[]> {
  const findings: string[] = [];
  const bundle = withoutVariants(schema, findings);
  const checks: Check[] = [];
  const writers = { read: new TypeWriter(bundle, "read"), sent: new TypeWriter(bundle, "sent") };

  const compare = (about: string, direction: Direction, our: string, schema: Schema): void => {
    const theirs = writers[direction].type(schema).replaceAll(/\(([A-Za-z]\w*)\)/g, `($.$1)`);
    const type = theirs.replaceAll("$.", direction === "read" ? "Read." : "Sent.");
    const [to, from] = direction === "read" ? [our, type] : [type, our];
    checks.push({ about, line: `let $: ${to} = null! as (${from});` });
    checks.push({
      about: `${about}: unknown member`,
      line: `let $: never = null! as Unknown<${our}, ${type}>;`,
    });
  };

  /** The variants of a union of messages, by method. */
  const methodsOf = (name: string): Map<unknown, SchemaObject> => {
    const variants = (bundle.definitions[name]?.oneOf ?? []) as readonly SchemaObject[];
    return new Map(
      variants.map((variant) => {
        const method = variant.properties?.["method"] as SchemaObject;
        return [method.enum?.[0], variant];
      }),
    );
  };
  const paramsOf = (variant: SchemaObject): Schema => variant.properties?.["params"] ?? {};
  const resultOf = (variant: SchemaObject): Schema => {
    const { $ref = "" } = paramsOf(variant) as SchemaObject;
    return { $ref: $ref.replace(/Params$/, "Response") };
  };

  const requests = methodsOf("ClientRequest");
  for (const method of Object.keys(REQUESTS)) {
    const variant = requests.get(method);
    if (variant === undefined) {
      findings.push(`${method}: there is no such request any more`);
      continue;
    }
    const our = `ours.Requests["${method}"]`;
    compare(`${method}: what we send`, "sent", `${our}["params"]`, paramsOf(variant));
    compare(`${method}: what we read`, "read", `${our}["result"]`, resultOf(variant));
  }
  const notifications = methodsOf("ServerNotification");
  for (const method of Object.keys(NOTIFICATIONS)) {
    const variant = notifications.get(method);
    if (variant === undefined) findings.push(`${method}: there is no such notification any more`);
    else compare(`${method}: what we read`, "read", `ours.Notifications["${method}"]`, paramsOf(variant));
  }
  for (const method of UNUSED_NOTIFICATIONS) {
    if (!notifications.has(method)) findings.push(`${method}: there is no such notification to opt out of`);
  }
  const questions = methodsOf("ServerRequest");
  for (const method of Object.keys(SERVER_REQUESTS)) {
    const variant = questions.get(method);
    if (variant === undefined) {
      findings.push(`${method}: Codex does not ask this any more`);
      continue;
    }
    const our = `ours.ServerRequests["${method}"]`;
    compare(`${method}: what we read`, "read", `${our}["params"]`, paramsOf(variant));
    compare(`${method}: what we answer`, "sent", `${our}["result"]`, resultOf(variant));
  }
  const kinds = writers.read.type({ $ref: "#/definitions/v2/ThreadItem" }).replaceAll(/\w+/g, "Read.$&");
  checks.push({
    about: "items we read: unknown kind",
    line: `let $: never = null! as Exclude<ours.WireItem["type"], ${kinds}["type"]>;`,
  });
  return [...findings, ...(await compile(checks, writers))];
}

/** The schema without the variants that are not for us. A variant that no longer exists is a finding. */
function withoutVariants(schema: Bundle, findings: string[]): Bundle {
  const definitions: Record<string, unknown> = { ...schema.definitions };
  for (const { definition, member, value } of NOT_FOR_US) {
    const variants = (schema.definitions[definition]?.oneOf ?? []) as readonly SchemaObject[];
    const kept = variants.filter((each) => {
      const { enum: values = [] } = (each.properties?.[member] ?? {}) as SchemaObject;
      return !values.includes(value);
    });
    if (kept.length === variants.length)
      findings.push(`${definition}: there is no ${member} "${value}" any more`);
    definitions[definition] = { ...schema.definitions[definition], oneOf: kept };
  }
  return { definitions } as unknown as Bundle;
}

async function compile(
  checks: readonly Check[],
  writers: Readonly<Record<Direction, TypeWriter>>,
): Promise<string[]> {
  const dir = await mkdtemp(join(tmpdir(), "switchyard-drift-"));
  try {
    const head = [
      `import type * as ours from ${JSON.stringify(join(import.meta.dirname, "protocol.ts"))};`,
      `import type { JsonValue } from ${JSON.stringify(join(import.meta.dirname, "../../base/json.ts"))};`,
      `declare namespace Read {\n${writers.read.text}\n}`,
      `declare namespace Sent {\n${writers.sent.text}\n}`,
      HELPERS,
    ].join("\n");
    const firstLine = head.split("\n").length + 1;
    const lines = checks.map(({ line }, index) => `export ${line.replace("$", `check${index}`)}`);
    await writeFile(join(dir, "drift.ts"), `${head}\n${lines.join("\n")}\n`);
    const compilerOptions = {
      target: "es2024",
      module: "nodenext",
      types: [],
      noEmit: true,
      strict: true,
      exactOptionalPropertyTypes: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      noErrorTruncation: true,
    };
    await writeFile(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["drift.ts"] }));
    const output = await runCompiler(dir);
    return diagnostics(output).map(({ line, text }) => {
      const check = checks[line - firstLine];
      assert.ok(check !== undefined, `The generated types are wrong in line ${line}: ${text}`);
      return `${check.about}: ${text}`;
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function runCompiler(dir: string): Promise<string> {
  const tsc = join(import.meta.dirname, "../../../node_modules/typescript/bin/tsc");
  try {
    const args = [tsc, "-p", dir, "--pretty", "false"];
    return (await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    if (stdout === undefined || stdout === "") throw error;
    return stdout;
  }
}

/** The mistakes in the compiler's output, each with the explanation that is indented below it. */
function diagnostics(output: string): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = [];
  for (const row of output.split("\n")) {
    const start = /^.*\((\d+),\d+\): error (TS\d+: .*)$/.exec(row);
    const last = found.at(-1);
    if (start !== null) found.push({ line: Number(start[1]), text: start[2] ?? "" });
    else if (last !== undefined && row.startsWith(" ")) last.text += ` / ${row.trim()}`;
    else if (row.trim() !== "") throw new Error(`Cannot read the compiler's output: ${row}`);
  }
  return found.map(({ line, text }) => ({ line, text: shorten(text) }));
}

/** Types are long, and the members at fault are at the end. */
function shorten(text: string): string {
  const short = text.replaceAll(/'[^']{200,}'/g, (type) => `${type.slice(0, 60)}…'`);
  return short.length > 1_500 ? `${short.slice(0, 400)} … ${short.slice(-1_000)}` : short;
}

suite("protocol.ts and the schema of the real Codex", () => {
  let bundle: Bundle;

  before(async () => {
    const dir = await mkdtemp(join(tmpdir(), "switchyard-schema-"));
    try {
      const args = ["app-server", "generate-json-schema", "--experimental", "--out", dir];
      await promisify(execFile)(findCodex(undefined, process.env).path, args, {
        env: { PATH: process.env["PATH"], HOME: dir, CODEX_HOME: dir },
      });
      const text = await readFile(join(dir, "codex_app_server_protocol.schemas.json"), "utf8");
      bundle = JSON.parse(text) as Bundle;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  test("agree", async () => {
    assert.deepEqual(await findDrift(bundle), []);
  });

  const doctored: readonly (readonly [fact: string, doctor: (copy: Mutable) => void, finding: RegExp])[] = [
    [
      "a request that is gone",
      (copy) => removeMethod(copy, "ClientRequest", "thread/fork"),
      /^thread\/fork: there is no such request any more$/,
    ],
    [
      "a notification that is gone",
      (copy) => removeMethod(copy, "ServerNotification", "turn/plan/updated"),
      /^turn\/plan\/updated: there is no such notification any more$/,
    ],
    [
      "a notification to opt out of that is gone",
      (copy) => removeMethod(copy, "ServerNotification", "skills/changed"),
      /^skills\/changed: there is no such notification to opt out of$/,
    ],
    [
      "a question that is gone",
      (copy) => removeMethod(copy, "ServerRequest", "item/tool/requestUserInput"),
      /^item\/tool\/requestUserInput: Codex does not ask this any more$/,
    ],
    [
      "a renamed member of what we send",
      (copy) => rename(copy.definitions.v2.ThreadStartParams, "cwd", "workingDirectory"),
      /^thread\/start: what we send: unknown member: .*\.cwd/,
    ],
    [
      "a renamed member deep in what we send",
      (copy) => rename(variant(copy.definitions.v2.UserInput, "localImage"), "path", "file"),
      /^turn\/start: what we send: unknown member: .*\.input\[\]\.path/,
    ],
    [
      "a new member that must be sent",
      (copy) => {
        const { TurnInterruptParams: params } = copy.definitions.v2;
        Object.assign(params.properties, { why: { type: "string" } });
        params.required.push("why");
      },
      /^turn\/interrupt: what we send: .*why/,
    ],
    [
      "a renamed member of what we read",
      (copy) => rename(copy.definitions.v2.TurnPlanStep, "step", "title"),
      /^turn\/plan\/updated: what we read: .*step/,
    ],
    [
      "a renamed member that may be left out",
      (copy) => rename(copy.definitions.CommandExecutionRequestApprovalParams, "reason", "why"),
      /^item\/commandExecution\/requestApproval: what we read: unknown member: .*\.reason/,
    ],
    [
      "another type of a member we read",
      (copy) =>
        Object.assign(copy.definitions.v2.TokenUsageBreakdown.properties.inputTokens, { type: "string" }),
      /^thread\/tokenUsage\/updated: what we read: .*inputTokens/,
    ],
    [
      "a new value of a status",
      (copy) => copy.definitions.v2.McpServerStartupState.enum.push("napping"),
      /^mcpServer\/startupStatus\/updated: what we read: .*"napping"/,
    ],
    [
      "a value that is not accepted any more",
      (copy) => copy.definitions.CommandExecutionApprovalDecision.oneOf.splice(0, 1),
      /^item\/commandExecution\/requestApproval: what we answer: .*"accept"/,
    ],
    [
      "a kind of item that is gone",
      (copy) => {
        const { ThreadItem: items } = copy.definitions.v2;
        items.oneOf.splice(items.oneOf.indexOf(variant(items, "webSearch")), 1);
      },
      /^items we read: unknown kind: .*"webSearch"/,
    ],
    [
      "a renamed member of an item",
      (copy) => rename(variant(copy.definitions.v2.ThreadItem, "mcpToolCall"), "server", "serverName"),
      /^item\/completed: what we read: .*server/,
    ],
  ];
  for (const [fact, doctor, finding] of doctored) {
    test(`differ by ${fact}, when the schema is doctored so`, async () => {
      const copy = structuredClone(bundle);
      doctor(copy);
      const findings = await findDrift(copy);
      assert.ok(
        findings.some((each) => finding.test(each)),
        `Not found: ${finding}\n${findings.join("\n")}`,
      );
    });
  }

  test("agree when only members change that we neither send nor read", async () => {
    const copy = structuredClone(bundle) as Mutable;
    Object.assign(copy.definitions.v2.ThreadStartParams.properties, { fresh: { type: "string" } });
    Object.assign(copy.definitions.v2.Turn.properties, { fresh: { type: "string" } });
    copy.definitions.v2.Turn.required.push("fresh");
    removeMethod(copy, "ClientRequest", "thread/archive");
    assert.deepEqual(await findDrift(copy as Bundle), await findDrift(bundle));
  });
});

/** A part of the schema that a test changes. Its shape is not known here. */
type Mutable = any;

function removeMethod(copy: Mutable, union: string, method: string): void {
  const variants: Mutable[] = copy.definitions[union].oneOf;
  const at = variants.findIndex((each) => each.properties.method.enum[0] === method);
  assert.notEqual(at, -1);
  variants.splice(at, 1);
}

/** The variant of a union whose `type` has this value. */
function variant(union: Mutable, type: string): Mutable {
  return union.oneOf.find((each: Mutable) => each.properties.type.enum[0] === type);
}

function rename(schema: Mutable, from: string, to: string): void {
  schema.properties[to] = schema.properties[from];
  delete schema.properties[from];
  if (schema.required?.includes(from)) schema.required[schema.required.indexOf(from)] = to;
}
