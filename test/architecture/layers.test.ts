/**
 * The layers of src/, as data, and the test that holds them.
 *
 * A new arrow or a new package in the tables below is a design decision; ask first whether the caller could
 * pass the thing in. The sources are parsed, not searched, so a word in a string or a comment is no finding.
 *
 * Invariants
 *   L1. A file imports its own layer and the layers its row names; src/index.ts counts as a layer of its own.
 *   L2. A test file may import testing besides.
 *   L3. An import of a package is one of the row's, and Node's own modules are written `node:`.
 *   L4. Only layers of the table exist in src/, and every import can be read: no computed module names.
 *   L5. Time and randomness are read in base, cli and testing; others are handed them. Tests own theirs.
 *   L6. No comment turns a check off, except `@ts-expect-error` in a test, where it is the assertion.
 *   L7. Inside of a layer with rooms, every file is in one, and imports its own room and those its row names. A test file
 *       may import any room of its layer.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { suite, test } from "node:test";
import { parseSync, visitorKeys } from "oxc-parser";

interface Layer {
  readonly mayImport: readonly string[] | "any";
  /** Packages by name, or a whole scope as `@scope/*`. */
  readonly packages: readonly string[];
}

const LAYERS: Readonly<Record<string, Layer>> = {
  base: { mayImport: [], packages: [] },
  process: { mayImport: ["base"], packages: [] },
  jsonrpc: { mayImport: ["base"], packages: [] },
  toml: { mayImport: ["base"], packages: [] },
  config: { mayImport: ["base", "process", "toml"], packages: ["diff", "jsonc-parser", "yaml"] },
  executor: { mayImport: ["base", "process", "jsonrpc"], packages: ["ws", "jose", "@lydell/node-pty"] },
  servers: { mayImport: ["base", "config"], packages: [] },
  mcp: {
    mayImport: ["base", "process", "jsonrpc", "config", "executor", "servers"],
    packages: ["@modelcontextprotocol/*", "zod"],
  },
  tools: { mayImport: ["base", "config", "servers", "mcp"], packages: [] },
  gateway: {
    mayImport: ["base", "config", "servers", "mcp", "tools"],
    packages: ["@modelcontextprotocol/*"],
  },
  thread: { mayImport: ["base", "servers"], packages: [] },
  agent: { mayImport: ["base", "config", "servers", "mcp", "tools", "thread"], packages: ["openai"] },
  codex: {
    mayImport: ["base", "process", "jsonrpc", "config", "servers", "mcp", "gateway", "thread"],
    packages: [],
  },
  runner: { mayImport: ["base", "jsonrpc", "servers", "mcp", "thread"], packages: [] },
  cli: { mayImport: "any", packages: ["string-argv"] },
  testing: { mayImport: ["base", "process", "jsonrpc"], packages: ["@modelcontextprotocol/*"] },
  // src/index.ts, the package's main export.
  index: { mayImport: ["config", "servers", "thread", "codex"], packages: [] },
};

interface Room {
  /** Folders and files (without `.ts`) of the layer. @default the one that is called like the room */
  readonly holds?: readonly string[];
  readonly mayImport: readonly string[] | "any";
}

/** The rooms of a layer, in dependency order. A path belongs to the room that names the longest part of it. */
const ROOMS: Readonly<Record<string, Readonly<Record<string, Room>>>> = {
  config: {
    problem: { mayImport: [] },
    schema: { mayImport: ["problem"] },
    server: { mayImport: ["problem", "schema"] },
    show: { mayImport: ["problem", "schema", "server"] },
    file: { mayImport: ["problem"] },
    requirements: { mayImport: ["problem", "schema", "server"] },
    plugins: { mayImport: ["problem", "schema", "server", "show", "file"] },
    layers: { mayImport: ["problem", "schema", "show", "file", "requirements", "plugins"] },
    effective: { mayImport: ["problem", "schema", "server", "show", "requirements", "plugins", "layers"] },
    environments: { mayImport: ["problem", "schema", "server", "show", "layers"] },
    skills: { mayImport: ["problem", "server", "file", "layers", "effective"] },
    edit: { mayImport: ["problem", "server", "show", "file"] },
    import: { mayImport: ["problem", "server", "show"] },
    index: { mayImport: "any" },
  },
  executor: {
    contract: { holds: ["executor", "errors"], mayImport: [] },
    local: { mayImport: ["contract"] },
    // Nothing but client and server knows the wire.
    wire: { mayImport: ["contract"] },
    client: { mayImport: ["contract", "local", "wire"] },
    access: { holds: ["server/access"], mayImport: ["contract", "local"] },
    method: {
      holds: ["server/method", "server/file-uri", "server/system-rpc-error"],
      mayImport: ["contract", "local", "wire"],
    },
    fs: { holds: ["server/fs"], mayImport: ["local", "wire", "method"] },
    http: { holds: ["server/http"], mayImport: ["contract", "wire", "method"] },
    server: { mayImport: ["contract", "local", "wire", "access", "method", "fs", "http"] },
    index: { mayImport: "any" },
  },
  mcp: {
    errors: { mayImport: [] },
    environments: { mayImport: ["errors"] },
    http: { mayImport: ["errors"] },
    transport: { mayImport: ["errors", "http"] },
    launcher: { mayImport: ["errors", "transport"] },
    session: { mayImport: ["errors", "http", "transport"] },
    cache: { mayImport: [] },
    connection: { mayImport: ["errors", "http", "transport", "session"] },
    budget: { mayImport: ["errors"] },
    run: { mayImport: [] },
    auth: { mayImport: ["errors", "http"] },
    lease: { mayImport: ["connection"] },
    manager: {
      mayImport: [
        "errors",
        "environments",
        "http",
        "transport",
        "launcher",
        "session",
        "connection",
        "budget",
        "lease",
        "cache",
        "run",
        "auth",
      ],
    },
    apps: { mayImport: ["errors", "manager"] },
    index: { mayImport: "any" },
  },
  tools: {
    // What one tool is.
    info: { holds: ["tool-info", "connector"], mayImport: [] },
    names: { mayImport: ["info"] },
    schema: { mayImport: ["info"] },
    gate: { mayImport: [] },
    search: { mayImport: [] },
    contract: { holds: ["router/contract"], mayImport: [] },
    output: { mayImport: ["contract"] },
    resources: { mayImport: ["contract"] },
    approval: { mayImport: [] },
    router: { mayImport: ["info", "names", "gate", "search", "contract", "output"] },
    index: { mayImport: "any" },
  },
  gateway: {
    errors: { mayImport: [] },
    backend: { mayImport: [] },
    protocol: { mayImport: ["backend"] },
    http: { mayImport: ["errors", "backend", "protocol"] },
    relay: { mayImport: ["http"] },
    stdio: { mayImport: ["backend", "protocol"] },
    gateway: { mayImport: ["errors", "backend", "protocol", "http"] },
    index: { mayImport: "any" },
  },
  codex: {
    options: { holds: ["options", "errors", "config-values", "providers"], mayImport: [] },
    "app-server": { mayImport: ["options"] },
    direct: { mayImport: ["options", "app-server"] },
    relayed: { mayImport: ["options"] },
    managed: { mayImport: ["options", "direct", "relayed"] },
    thread: { mayImport: ["options", "app-server", "direct", "relayed", "managed"] },
    codex: {
      holds: ["codex", "read-options"],
      mayImport: ["options", "app-server", "direct", "relayed", "managed", "thread"],
    },
    index: { mayImport: "any" },
  },
  cli: {
    args: { mayImport: [] },
    // What every command is made of.
    command: {
      holds: ["command", "failure", "input", "output", "signals", "table", "text-width", "turn-renderer"],
      mayImport: ["args"],
    },
    mcp: { mayImport: ["args", "command"] },
    environments: { mayImport: ["args", "command", "mcp"] },
    executor: { mayImport: ["args", "command"] },
    ps: { mayImport: ["args", "command"] },
    gateway: { mayImport: ["args", "command", "mcp"] },
    engine: { mayImport: [] },
    demo: { mayImport: ["command", "engine"] },
    run: {
      holds: ["run", "run-environments", "runner", "server-flags"],
      mayImport: ["args", "command", "mcp", "engine"],
    },
    trust: { mayImport: ["args", "command", "mcp", "environments"] },
    doctor: { mayImport: ["args", "command", "mcp", "ps", "engine"] },
    completion: { mayImport: ["args", "command", "mcp", "environments"] },
    main: { holds: ["main", "command-line", "commands", "run-command"], mayImport: "any" },
  },
  testing: {
    parts: {
      holds: ["call-record", "leaks", "manual-clock", "mcp-server", "mcp-tools", "pick", "watch"],
      mayImport: [],
    },
    "http-server": { mayImport: ["parts"] },
    "authorization-server": { mayImport: ["parts", "http-server"] },
    "stdio-server": { mayImport: ["parts"] },
    model: { mayImport: ["parts", "http-server"] },
    index: { mayImport: "any" },
  },
};

const TEST_PACKAGES = ["fast-check", "@openai/codex-sdk", "@modelcontextprotocol/*"];
const MAY_READ_TIME = ["base", "cli", "testing"];
const CLOCKS: Readonly<Record<string, readonly string[]>> = {
  Date: ["now"],
  Math: ["random"],
  AbortSignal: ["timeout"],
  performance: ["now"],
  globalThis: ["setTimeout", "setInterval"],
};
const TIMERS = ["setTimeout", "setInterval"];
const TIMER_MODULES = ["node:timers", "node:timers/promises"];
const DISABLING = /(?:oxlint|eslint|tslint)-disable|biome-ignore|@ts-ignore|@ts-nocheck|@ts-expect-error/;

interface Reference {
  readonly module: string;
  readonly line: number;
}

interface Source {
  readonly imports: readonly Reference[];
  readonly computedImports: readonly number[];
  readonly clocks: readonly { readonly name: string; readonly line: number }[];
  readonly comments: readonly { readonly text: string; readonly line: number }[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function child(node: Node, key: string): Node | undefined {
  const value = node[key];
  return isNode(value) ? value : undefined;
}

/** The text of a string, also of a template without holes. */
function literalText(node: Node | undefined): string | undefined {
  if (node?.type === "Literal" && typeof node["value"] === "string") return node["value"];
  if (node?.type !== "TemplateLiteral") return undefined;
  const quasis = node["quasis"];
  if (!Array.isArray(quasis) || quasis.length !== 1) return undefined;
  const [only] = quasis as [{ readonly value: { readonly cooked: string } }];
  return only.value.cooked;
}

function readSource(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text, { lang: "ts", sourceType: "module" });
  assert.deepEqual(
    errors.map((error) => error.message),
    [],
    `Cannot read ${path}`,
  );
  const lineOf = (offset: number): number => text.slice(0, offset).split("\n").length;
  const imports: Reference[] = [];
  const computedImports: number[] = [];
  const clocks: { name: string; line: number }[] = [];

  const addImport = (node: Node, from: Node | undefined): void => {
    const module = literalText(from);
    const line = lineOf(node.start);
    if (module === undefined) computedImports.push(line);
    else imports.push({ module, line });
    if (module !== undefined && TIMER_MODULES.includes(module)) clocks.push({ name: module, line });
  };

  const visit = (node: Node): void => {
    let skipped: string | undefined;
    switch (node.type) {
      case "ImportDeclaration":
      case "ExportAllDeclaration":
      case "ImportExpression":
      case "TSImportType":
        addImport(node, child(node, "source"));
        break;
      case "ExportNamedDeclaration":
        if (child(node, "source") !== undefined) addImport(node, child(node, "source"));
        break;
      case "TSExternalModuleReference":
        addImport(node, child(node, "expression"));
        break;
      case "TSTypeQuery":
        // `typeof setTimeout` in a type reads no clock, but `typeof import("x")` is an import.
        if (child(node, "exprName")?.type !== "TSImportType") return;
        break;
      case "MemberExpression": {
        const property = child(node, "property");
        const name = node["computed"] === true ? literalText(property) : property?.["name"];
        const object = child(node, "object")?.["name"];
        if (
          typeof object === "string" &&
          typeof name === "string" &&
          CLOCKS[object]?.includes(name) === true
        ) {
          clocks.push({ name: `${object}.${name}`, line: lineOf(node.start) });
        }
        if (node["computed"] !== true) skipped = "property";
        break;
      }
      case "Identifier":
        if (TIMERS.includes(String(node["name"]))) {
          clocks.push({ name: String(node["name"]), line: lineOf(node.start) });
        }
        break;
      default:
        // A key is a name, not a use: `{ setTimeout: fake }`. Shorthand has the use in its value.
        if (node["computed"] !== true) skipped = "key";
    }
    for (const key of visitorKeys[node.type] ?? []) {
      if (key === skipped) continue;
      const value = node[key];
      for (const part of Array.isArray(value) ? value : [value]) if (isNode(part)) visit(part);
    }
  };
  const start: unknown = program;
  assert.ok(isNode(start));
  visit(start);

  return {
    imports,
    computedImports,
    clocks,
    comments: comments.map(({ value, start: offset }) => ({ text: value, line: lineOf(offset) })),
  };
}

/** The package an import names: `@scope/name/part` is `@scope/name`. */
function packageOf(module: string): string {
  return module
    .split("/")
    .slice(0, module.startsWith("@") ? 2 : 1)
    .join("/");
}

function isListed(list: readonly string[], name: string): boolean {
  return list.some((entry) => (entry.endsWith("/*") ? name.startsWith(entry.slice(0, -1)) : entry === name));
}

/** The layer of a path below src/, or undefined where there can be none. */
function layerOf(path: string): string | undefined {
  const [, first, ...rest] = path.split("/");
  if (rest.length > 0) return first;
  return first === "index.ts" || first === "index.test.ts" ? "index" : undefined;
}

/** The room of a path below src/, or undefined where the layer has rooms and the path is in none. */
function roomOf(path: string, rooms: Readonly<Record<string, Room>>): string | undefined {
  const inLayer = path.split("/").slice(2).join("/");
  const stem = inLayer.replace(/(?:\.codex)?(?:\.test)?\.ts$/, "");
  const held = Object.entries(rooms).flatMap(([name, { holds = [name] }]) =>
    holds
      .filter((place) => stem === place || stem.startsWith(`${place}/`))
      .map((place) => ({ name, length: place.length })),
  );
  return held.toSorted((a, b) => b.length - a.length)[0]?.name;
}

/** What a file outside src/ must keep too: nobody turns a check off (L6). */
function findDisablingComments(path: string, source: Source): string[] {
  const isTest = path.endsWith(".test.ts");
  const found = [];
  for (const { text, line } of source.comments) {
    const word = DISABLING.exec(text)?.[0];
    if (word === undefined || (isTest && word === "@ts-expect-error")) continue;
    found.push(`${path}:${line}: comment "${word}" turns a check off (L6)`);
  }
  return found;
}

/** Every breach of the rules in one file of src/, as lines that name file, import and rule. */
function findViolations(path: string, text: string): string[] {
  const source = readSource(path, text);
  const found = findDisablingComments(path, source);
  const isTest = path.endsWith(".test.ts");
  const name = layerOf(path);
  const layer = name === undefined ? undefined : LAYERS[name];
  if (name === undefined || layer === undefined) {
    return [...found, `${path}: belongs to no layer of the table (L4)`];
  }
  const rooms = ROOMS[name];
  if (rooms !== undefined && roomOf(path, rooms) === undefined) {
    found.push(`${path}: belongs to no room of ${name} (L7)`);
  }
  for (const line of source.computedImports) {
    found.push(`${path}:${line}: imports a module whose name is computed (L4)`);
  }
  for (const { module, line } of source.imports) {
    const breach = module.startsWith(".")
      ? checkLayerImport(path, name, layer, module, isTest)
      : checkPackageImport(name, layer, module, isTest);
    if (breach !== undefined) found.push(`${path}:${line}: imports "${module}", ${breach}`);
  }
  if (!isTest && !MAY_READ_TIME.includes(name)) {
    for (const clock of source.clocks) {
      found.push(`${path}:${clock.line}: uses ${clock.name}, which ${name} must be handed instead (L5)`);
    }
  }
  return found;
}

function checkLayerImport(
  path: string,
  name: string,
  { mayImport }: Layer,
  module: string,
  isTest: boolean,
): string | undefined {
  const target = posix.join(posix.dirname(path), module);
  if (!target.startsWith("src/")) return "which lies outside src/ (L1)";
  const to = layerOf(target);
  if (to === undefined || LAYERS[to] === undefined) return "which belongs to no layer of the table (L4)";
  if (to === name) return isTest ? undefined : checkRoomImport(path, target, name);
  if (mayImport === "any" || mayImport.includes(to)) return undefined;
  if (isTest && to === "testing") return undefined;
  const allowed = mayImport.length === 0 ? "no other layer" : mayImport.join(", ");
  return `but ${name} may import ${allowed}, not ${to} (${isTest ? "L1, L2" : "L1"})`;
}

function checkRoomImport(path: string, target: string, layer: string): string | undefined {
  const rooms = ROOMS[layer];
  if (rooms === undefined) return undefined;
  const [from, to] = [roomOf(path, rooms), roomOf(target, rooms)];
  if (from === undefined || from === to) return undefined;
  const mayImport = rooms[from]?.mayImport ?? [];
  if (to !== undefined && (mayImport === "any" || mayImport.includes(to))) return undefined;
  const allowed = mayImport === "any" || mayImport.length === 0 ? "no other room" : mayImport.join(", ");
  return `but room ${from} of ${layer} may import ${allowed}, not ${to ?? "what is in none"} (L7)`;
}

function checkPackageImport(
  name: string,
  { packages }: Layer,
  module: string,
  isTest: boolean,
): string | undefined {
  if (module.startsWith("node:")) return undefined;
  const wanted = packageOf(module);
  if (isListed(packages, wanted) || (isTest && isListed(TEST_PACKAGES, wanted))) return undefined;
  return `but ${name} may use ${packages.length === 0 ? "no package" : packages.join(", ")} (L3)`;
}

const root = join(import.meta.dirname, "..", "..");

function readAll(...patterns: readonly string[]): { readonly path: string; readonly text: string }[] {
  return globSync(patterns, { cwd: root, exclude: ["**/node_modules/**"] })
    .map((path) => ({ path: path.replaceAll("\\", "/"), text: readFileSync(join(root, path), "utf8") }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

suite("src/ keeps its layers", () => {
  test("the table's arrows point upward, so that no two layers can need each other", () => {
    const order = Object.keys(LAYERS).filter((name) => name !== "index" && name !== "testing");
    for (const [at, name] of order.entries()) {
      const { mayImport } = LAYERS[name] as Layer;
      if (mayImport === "any") continue;
      for (const to of mayImport) assert.ok(order.slice(0, at).includes(to), `${name} may import ${to}`);
    }
  });

  test("the arrows between the rooms of a layer point upward, too, and every room is there (L7)", () => {
    const paths = readAll("src/**/*.ts").map(({ path }) => path);
    for (const [layer, rooms] of Object.entries(ROOMS)) {
      const order = Object.keys(rooms);
      for (const [at, name] of order.entries()) {
        const mayImport = rooms[name]?.mayImport ?? [];
        for (const to of mayImport === "any" ? [] : mayImport) {
          assert.ok(order.slice(0, at).includes(to), `room ${name} of ${layer} may import ${to}`);
        }
        const isThere = paths.some((path) => layerOf(path) === layer && roomOf(path, rooms) === name);
        assert.ok(isThere, `${layer} has no room ${name}`);
      }
    }
  });

  test("every file of src/ keeps the rules", () => {
    const found = readAll("src/**/*.ts").flatMap(({ path, text }) => findViolations(path, text));
    assert.equal(found.length, 0, `\n${found.join("\n")}\n`);
  });

  test("no file outside src/ turns a check off", () => {
    const found = readAll("{test,tools,bench,examples}/**/*.ts").flatMap(({ path, text }) =>
      findDisablingComments(path, readSource(path, text)),
    );
    assert.equal(found.length, 0, `\n${found.join("\n")}\n`);
  });
});

suite("the layer rules can fail", () => {
  const clean: readonly (readonly [path: string, text: string])[] = [
    ["src/base/a.ts", 'import { b } from "./b.ts"; import { readFileSync } from "node:fs";'],
    ["src/base/a.ts", "export const now = (): number => performance.now(); setTimeout(() => {}, 1);"],
    ["src/jsonrpc/a.ts", 'import type { Clock } from "../base/clock.ts";'],
    ["src/config/edit/a.ts", 'import { createPatch } from "diff";'],
    [
      "src/codex/thread/b.ts",
      'import { x } from "../../jsonrpc/index.ts"; import { y } from "../errors.ts";',
    ],
    [
      "src/codex/codex.ts",
      'const note = "setTimeout, // @ts-ignore, import(\\"../cli/main.ts\\")"; // Date.now',
    ],
    [
      "src/codex/codex.ts",
      "type T = ReturnType<typeof setTimeout>; const o = { setTimeout: 1 }; o.setTimeout;",
    ],
    ["src/codex/codex.test.ts", 'import { m } from "../testing/index.ts"; setTimeout(() => {}, Date.now());'],
    ["src/codex/codex.test.ts", 'import fc from "fast-check"; // @ts-expect-error: wrong on purpose'],
    ["src/testing/model/a.ts", 'import { S } from "@modelcontextprotocol/server/deep"; Date.now();'],
    [
      "src/cli/demo/a.ts",
      'const demo = await import("../../testing/index.ts"); import { parse } from "string-argv";',
    ],
    ["src/config/schema/a.ts", 'import { problem } from "../problem.ts"; import { b } from "./b.ts";'],
    ["src/config/edit/a.ts", 'const { lock } = await import("../file/file-lock.ts");'],
    ["src/config/schema/a.test.ts", 'import { checkConfig } from "../effective/check-root.ts";'],
    ["src/executor/server/fs/a.ts", 'import { m } from "../method.ts"; import { w } from "../../wire/w.ts";'],
    ["src/executor/index.ts", 'export { listen } from "./server/listen.ts";'],
    ["src/index.ts", 'export { Codex } from "./codex/index.ts"; export type { T } from "./codex/t.ts";'],
  ];
  for (const [path, text] of clean) {
    test(`accepts in ${path}: ${text}`, () => assert.deepEqual(findViolations(path, text), []));
  }

  const broken: readonly (readonly [rule: string, path: string, text: string])[] = [
    ["L1", "src/base/a.ts", 'import { p } from "../jsonrpc/index.ts";'],
    ["L1", "src/jsonrpc/a.ts", 'import type { C } from "../codex/index.ts";'],
    ["L1", "src/mcp/a.ts", 'export { t } from "../tools/index.ts";'],
    ["L1", "src/agent/a.ts", 'export * from "../codex/index.ts";'],
    ["L1", "src/codex/codex.ts", 'const r = await import("../runner/index.ts");'],
    ["L1", "src/codex/codex.ts", "const r = await import(`../runner/index.ts`);"],
    ["L1", "src/codex/codex.ts", 'type R = import("../runner/index.ts").Runner;'],
    ["L1", "src/codex/codex.ts", 'type R = typeof import("../runner/index.ts");'],
    ["L1", "src/codex/codex.ts", 'import cli = require("../cli/main.ts");'],
    ["L1", "src/codex/codex.ts", 'import { m } from "../testing/index.ts";'],
    ["L1", "src/codex/codex.ts", 'import { s } from "../../test/support.ts";'],
    ["L1", "src/base/a.ts", 'import "../index.ts";'],
    ["L1", "src/index.ts", 'export { Runner } from "./runner/index.ts";'],
    ["L1, L2", "src/base/a.test.ts", 'import { p } from "../jsonrpc/index.ts";'],
    ["L3", "src/jsonrpc/a.ts", 'import { z } from "zod";'],
    ["L3", "src/runner/a.ts", 'import { parse } from "string-argv";'],
    ["L3", "src/codex/codex.ts", 'import { S } from "@modelcontextprotocol/server";'],
    ["L3", "src/codex/codex.ts", 'import fc from "fast-check";'],
    ["L3", "src/codex/codex.ts", 'import { readFileSync } from "fs";'],
    ["L3", "src/codex/codex.test.ts", 'import { z } from "left-pad";'],
    ["L4", "src/helpers/a.ts", "export const a = 1;"],
    ["L4", "src/stray.ts", "export const a = 1;"],
    ["L4", "src/runner/a.ts", 'import { h } from "../helpers/a.ts";'],
    ["L4", "src/codex/codex.ts", "declare const name: string; await import(name);"],
    ["L5", "src/codex/codex.ts", "const t = Date.now();"],
    ["L5", "src/codex/codex.ts", 'const t = Date["now"]();'],
    ["L5", "src/jsonrpc/a.ts", "const r = Math.random();"],
    ["L5", "src/runner/a.ts", "setTimeout(() => {}, 5);"],
    ["L5", "src/runner/a.ts", "globalThis.setInterval(() => {}, 5);"],
    ["L5", "src/runner/a.ts", "const timers = { setTimeout };"],
    ["L5", "src/runner/a.ts", 'import { setTimeout as sleep } from "node:timers/promises";'],
    ["L5", "src/runner/a.ts", "const s = AbortSignal.timeout(5);"],
    ["L5", "src/index.ts", "const t = performance.now();"],
    ["L7", "src/config/schema/a.ts", 'import { checkConfig } from "../effective/check-root.ts";'],
    ["L7", "src/config/problem.ts", 'import type { Struct } from "./schema/server-keys.ts";'],
    ["L7", "src/config/edit/a.ts", 'import type { Layers } from "../layers/layers.ts";'],
    ["L7", "src/config/edit/a.ts", 'import "../index.ts";'],
    ["L7", "src/config/stray.ts", "export const a = 1;"],
    ["L7", "src/config/helpers/a.test.ts", "export const a = 1;"],
    ["L7", "src/config/index.ts", 'export { a } from "./helpers/a.ts";'],
    ["L7", "src/codex/app-server/a.ts", 'import { answer } from "../thread/questions.ts";'],
    ["L7", "src/cli/mcp/a.ts", 'import { run } from "../run.ts";'],
    ["L7", "src/executor/local/a.ts", 'import { METHODS } from "../wire/protocol.ts";'],
    ["L7", "src/executor/client/a.ts", 'import { m } from "../server/method.ts";'],
    ["L7", "src/executor/server/http/a.ts", 'import { Fs } from "../fs/methods.ts";'],
    ["L6", "src/base/a.ts", "// oxlint-disable-next-line no-console"],
    ["L6", "src/base/a.ts", "/* eslint-disable */"],
    ["L6", "src/base/a.ts", "// biome-ignore format: mine"],
    ["L6", "src/base/a.ts", "// @ts-ignore"],
    ["L6", "src/base/a.test.ts", "// @ts-nocheck"],
    ["L6", "src/base/a.ts", "// @ts-expect-error"],
  ];
  for (const [rule, path, text] of broken) {
    test(`refuses in ${path}, by ${rule}: ${text}`, () => {
      const found = findViolations(path, text);
      assert.ok(
        found.some((line) => line.startsWith(path) && line.endsWith(`(${rule})`)),
        `found only: ${JSON.stringify(found)}`,
      );
    });
  }
});
