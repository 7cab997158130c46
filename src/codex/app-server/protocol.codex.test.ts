/**
 * Our hand-written protocol against the types that the real binary writes.
 *
 *   codex app-server generate-ts ──> its types ──+── tsc ──> findings, by method and member
 *                                  protocol.ts ──+
 *
 * Codex must accept what we send, with every member of it; it must promise what we read. So this test reports what a
 * new Codex has changed for us, and nothing else.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { promisify } from "node:util";
import { findCodex } from "./binary.ts";
import { missingFrom, NOTIFICATIONS, QUESTIONS, readSchema, REQUESTS } from "./needs.ts";
import { UNUSED_NOTIFICATIONS } from "./protocol.ts";

const OURS = join(import.meta.dirname, "protocol.ts");
const JSON_TYPES = join(import.meta.dirname, "../../base/json.ts");

/** Types that name what is in `Ours` and not in `Theirs`, as a path: `.input[].path`. */
const HELPERS = `
type KeysOf<T> = T extends unknown ? keyof T : never;
type ValueOf<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;
type SameKind<Ours, Theirs> = Ours extends { type: infer Kind }
  ? [Extract<Theirs, { type: Kind }>] extends [never] ? Theirs : Extract<Theirs, { type: Kind }>
  : Theirs;
type Unknown<Ours, Theirs> = unknown extends Theirs ? never
  : [NonNullable<JsonValue>] extends [Ours] ? never
  : UnknownIn<Ours, Theirs>;
type UnknownIn<Ours, Theirs> = Ours extends readonly (infer Each)[]
  ? \`[]\${Unknown<Each, Extract<Theirs, readonly unknown[]>[number]>}\`
  : Ours extends object ? UnknownMember<Ours, SameKind<Ours, Theirs>>
  : never;
type UnknownMember<Ours, Theirs> = {
  [K in keyof Ours & string]-?: string extends K ? never
    : K extends KeysOf<Theirs> ? \`.\${K}\${Unknown<NonNullable<Ours[K]>, NonNullable<ValueOf<Theirs, K>>>}\`
    : \`.\${K}\`;
}[keyof Ours & string];
`;

/** The types of the binary, in a folder. */
class CodexTypes {
  readonly dir: string = mkdtempSync(join(tmpdir(), "switchyard-drift-"));

  async generate(): Promise<void> {
    const { dir } = this;
    await promisify(execFile)(
      findCodex(undefined, process.env).path,
      ["app-server", "generate-ts", "--experimental", "--out", dir],
      { env: { PATH: process.env["PATH"], HOME: dir, CODEX_HOME: dir } },
    );
    // On the wire, a big integer is a number, and a member of a map is never undefined.
    for (const file of globSync("**/*.ts", { cwd: dir })) {
      const text = this.read(file);
      const plain = text.replaceAll("bigint", "number").replaceAll("[key in string]?:", "[key: string]:");
      if (plain !== text) this.write(file, plain);
    }
    this.write("serde_json/JsonValue.ts", `export type { JsonValue } from "${JSON_TYPES}";`);
    // Has a default, which the types do not say.
    const capabilities = this.read("InitializeCapabilities.ts");
    this.write(
      "InitializeCapabilities.ts",
      capabilities.replace("requestAttestation:", "requestAttestation?:"),
    );
    // Codex has kinds of items that we ignore. Those that we know must exist, and be as we know them.
    this.#narrow("ThreadItem", `Extract<All, { type: import("${OURS}").WireItem["type"] }>`);
    // Codex sends this only to clients that announce support for it. We do not.
    this.#narrow("McpServerElicitationRequestParams", 'Exclude<All, { mode: "openai/userVerification" }>');
  }

  read(file: string): string {
    return readFileSync(join(this.dir, file), "utf8");
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.dir, file), text);
  }

  #narrow(name: string, type: string): void {
    const text = this.read(`v2/${name}.ts`).replace(`export type ${name} =`, "export type All =");
    this.write(`v2/${name}.ts`, `${text}\nexport type ${name} = ${type};\n`);
  }

  /** The methods of a union of messages, with the names of their parameters' types. */
  #methodsOf(union: string): Map<string, string> {
    const variants = this.read(`${union}.ts`).matchAll(/"method": "([^"]+)"[^}]*?"?params"?: (\w+)/g);
    return new Map([...variants].map(([, method = "", params = ""]) => [method, params]));
  }

  /** @returns the differences, as lines that begin with a method and its direction */
  async findDrift(): Promise<string[]> {
    const findings: string[] = [];
    const checks: { readonly about: string; readonly line: string }[] = [];
    const compare = (about: string, direction: "read" | "sent", our: string, name: string): void => {
      const theirs = `import("./index.ts").v2.${name}`;
      const type = this.read("index.ts").includes(`{ ${name} }`) ? theirs.replace(".v2", "") : theirs;
      const [to, from] = direction === "read" ? [our, type] : [type, our];
      checks.push({ about, line: `let $: ${to} = null! as (${from});` });
      checks.push({
        about: `${about}: unknown member`,
        line: `let $: never = null! as Unknown<${our}, ${type}>;`,
      });
    };
    const each = (
      union: string,
      methods: Iterable<string>,
      gone: string,
      check: (method: string, params: string) => void,
    ): void => {
      const known = this.#methodsOf(union);
      for (const method of methods) {
        const params = known.get(method);
        if (params === undefined) findings.push(`${method}: ${gone}`);
        else check(method, params);
      }
    };
    const resultOf = (params: string): string => params.replace(/Params$/, "Response");
    each("ClientRequest", Object.keys(REQUESTS), "there is no such request any more", (method, params) => {
      const our = `ours.Requests["${method}"]`;
      compare(`${method}: what we send`, "sent", `${our}["params"]`, params);
      compare(`${method}: what we read`, "read", `${our}["result"]`, resultOf(params));
    });
    const noNews = "there is no such notification any more";
    each("ServerNotification", Object.keys(NOTIFICATIONS), noNews, (method, params) =>
      compare(`${method}: what we read`, "read", `ours.Notifications["${method}"]`, params),
    );
    const noOptOut = "there is no such notification to opt out of";
    each("ServerNotification", UNUSED_NOTIFICATIONS, noOptOut, () => {});
    const noQuestion = "Codex does not ask this any more";
    each("ServerRequest", Object.keys(QUESTIONS), noQuestion, (method, params) => {
      const our = `ours.ServerRequests["${method}"]`;
      compare(`${method}: what we read`, "read", `${our}["params"]`, params);
      compare(`${method}: what we answer`, "sent", `${our}["result"]`, resultOf(params));
    });
    checks.push({
      about: "items we read: unknown kind",
      line: `let $: never = null! as Exclude<ours.WireItem["type"], import("./index.ts").v2.ThreadItem["type"]>;`,
    });
    const head = [
      `import type * as ours from "${OURS}";`,
      `import type { JsonValue } from "${JSON_TYPES}";`,
      HELPERS,
    ].join("\n");
    const firstLine = head.split("\n").length + 1;
    const lines = checks.map(({ line }, index) => `export ${line.replace("$", `check${index}`)}`);
    this.write("drift.ts", `${head}\n${lines.join("\n")}\n`);
    return [
      ...findings,
      ...(await this.#compile()).map(({ line, text }) => {
        const check = checks[line - firstLine];
        assert.ok(check !== undefined, `The generated types are wrong in line ${line}: ${text}`);
        return `${check.about}: ${text}`;
      }),
    ];
  }

  async #compile(): Promise<{ line: number; text: string }[]> {
    const compilerOptions = {
      target: "es2024",
      module: "esnext",
      moduleResolution: "bundler",
      types: [],
      noEmit: true,
      strict: true,
      exactOptionalPropertyTypes: true,
      allowImportingTsExtensions: true,
      noErrorTruncation: true,
    };
    this.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["drift.ts"] }));
    const tsc = join(import.meta.dirname, "../../../node_modules/typescript/bin/tsc");
    const args = [tsc, "-p", this.dir, "--pretty", "false"];
    const options = { cwd: this.dir, maxBuffer: 64 * 1024 * 1024 };
    const output = await promisify(execFile)(process.execPath, args, options).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        const { stdout } = error as { stdout?: string };
        if (stdout === undefined || stdout === "") throw error;
        return stdout;
      },
    );
    const found: { line: number; text: string }[] = [];
    for (const row of output.split("\n")) {
      const start = /^drift\.ts\((\d+),\d+\): error (TS\d+: .*)$/.exec(row);
      const last = found.at(-1);
      if (start !== null) found.push({ line: Number(start[1]), text: start[2] ?? "" });
      else if (last !== undefined && row.startsWith(" ")) last.text += ` / ${row.trim()}`;
      else if (row.trim() !== "") throw new Error(`Cannot read the compiler's output: ${row}`);
    }
    return found.map(({ line, text }) => ({ line, text: shorten(text) }));
  }
}

/** Types are long, and the members at fault are at the end. */
function shorten(text: string): string {
  const short = text.replaceAll(/'[^']{200,}'/g, (type) => `${type.slice(0, 60)}…'`);
  return short.length > 1_500 ? `${short.slice(0, 400)} … ${short.slice(-1_000)}` : short;
}

suite("protocol.ts and the types of the real Codex", () => {
  const types = new CodexTypes();

  before(() => types.generate());
  after(() => rmSync(types.dir, { recursive: true, force: true }));

  test("agree", async () => {
    assert.deepEqual(await types.findDrift(), []);
  });

  test("have the same names, which is what a Codex of another version is asked for", async () => {
    assert.deepEqual(missingFrom(await readSchema(findCodex(undefined, process.env).path)), []);
  });

  /** A part of a file of the binary's types, and what takes its place. */
  type Change = readonly [file: string, from: string | RegExp, to: string];

  async function withChanges(changes: readonly Change[]): Promise<string[]> {
    const before = changes.map(([file]) => [file, types.read(file)] as const);
    try {
      for (const [file, from, to] of changes) {
        const text = types.read(file);
        const changed = text.replace(from, to);
        assert.notEqual(changed, text, `${file} does not contain ${from}`);
        types.write(file, changed);
      }
      return await types.findDrift();
    } finally {
      for (const [file, text] of before) types.write(file, text);
    }
  }

  /** The compiler looks at a whole list at once. What would hide another difference is in the second one. */
  type Changed = readonly (readonly [fact: string, change: Change, finding: RegExp])[];
  const differing: Changed = [
    [
      "a request that is gone",
      ["ClientRequest.ts", '"thread/fork"', '"thread/split"'],
      /^thread\/fork: there is no such request any more$/,
    ],
    [
      "a notification to opt out of that is gone",
      ["ServerNotification.ts", '"skills/changed"', '"skills/news"'],
      /^skills\/changed: there is no such notification to opt out of$/,
    ],
    [
      "a question that is gone",
      ["ServerRequest.ts", '"item/tool/requestUserInput"', '"item/tool/ask"'],
      /^item\/tool\/requestUserInput: Codex does not ask this any more$/,
    ],
    [
      "a renamed member of what we send",
      ["v2/ThreadStartParams.ts", "cwd?:", "workingDirectory?:"],
      /^thread\/start: what we send: unknown member: .*\.cwd/,
    ],
    [
      "a renamed member deep in what we send",
      ["v2/UserInput.ts", /("localImage",[^}]*)path:/, "$1file:"],
      /^turn\/start: what we send: unknown member: .*\.input\[\]\.path/,
    ],
    [
      "a new member that must be sent",
      ["v2/TurnInterruptParams.ts", "turnId:", "why: string, turnId:"],
      /^turn\/interrupt: what we send: .*why/,
    ],
    [
      "a renamed member of what we read",
      ["v2/TurnPlanStep.ts", "step:", "title:"],
      /^turn\/plan\/updated: what we read: .*step/,
    ],
    [
      "a renamed member that may be left out",
      ["v2/CommandExecutionRequestApprovalParams.ts", "reason?:", "why?:"],
      /^item\/commandExecution\/requestApproval: what we read: unknown member: .*\.reason/,
    ],
    [
      "another type of a member we read",
      ["v2/TokenUsageBreakdown.ts", "inputTokens: number", "inputTokens: string"],
      /^thread\/tokenUsage\/updated: what we read: .*inputTokens/,
    ],
    [
      "a new value of a status",
      ["v2/McpServerStartupState.ts", '"starting"', '"starting" | "napping"'],
      /^mcpServer\/startupStatus\/updated: what we read: .*"napping"/,
    ],
    [
      "a value that is not accepted any more",
      ["v2/CommandExecutionApprovalDecision.ts", '"accept" | ', ""],
      /^item\/commandExecution\/requestApproval: what we answer: .*"accept"/,
    ],
    [
      "a renamed member of an item",
      ["v2/ThreadItem.ts", /("mcpToolCall",[^}]*?)server:/, "$1serverName:"],
      /^item\/completed: what we read: .*server/,
    ],
  ];
  const goneWithThem: Changed = [
    [
      "a notification that is gone",
      ["ServerNotification.ts", '"turn/plan/updated"', '"turn/plan/news"'],
      /^turn\/plan\/updated: there is no such notification any more$/,
    ],
    [
      "a kind of item that is gone",
      ["v2/ThreadItem.ts", '"type": "webSearch"', '"type": "search"'],
      /^items we read: unknown kind: .*"webSearch"/,
    ],
  ];
  for (const changed of [differing, goneWithThem]) {
    let found: Promise<string[]> | undefined;
    for (const [fact, , finding] of changed) {
      test(`differ by ${fact}`, async () => {
        found ??= withChanges(changed.map(([, each]) => each));
        const findings = await found;
        const message = `Not found: ${finding}\n${findings.join("\n")}`;
        assert.ok(
          findings.some((each) => finding.test(each)),
          message,
        );
      });
    }
  }

  test("agree when only members change that we neither send nor read", async () => {
    const findings = await withChanges([
      ["v2/ThreadStartParams.ts", "cwd?:", "fresh?: string, cwd?:"],
      ["v2/Turn.ts", "id: string", "fresh: string, id: string"],
      ["ClientRequest.ts", '"thread/archive"', '"thread/shelve"'],
    ]);
    assert.deepEqual(findings, []);
  });
});
