/**
 * What we need of a Codex that is newer than those we are tested with: every message of `protocol.ts`, looked up in the
 * schema that the binary itself writes (`codex app-server generate-json-schema --experimental`, 70 ms).
 *
 * Only names are compared, here at run time. `protocol.codex.test.ts` compares the types as well, for the versions that
 * the tests run on.
 *
 * Invariants
 *   N1. A method, a member that we send or read, or a kind of item that the schema does not have is named.
 *   N2. What cannot be looked up, because the schema is laid out in another way, does not count as missing.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Notifications, Requests, ServerRequests, WireItem } from "./protocol.ts";

type KeysOf<T> = T extends unknown ? keyof T : never;
/** The compiler keeps these tables complete. */
type Members<T> = Readonly<Record<KeysOf<T>, true>>;
type Needs = Readonly<Record<string, Readonly<Record<string, true>>>>;

export const REQUESTS: { readonly [Method in keyof Requests]: Members<Requests[Method]["params"]> } = {
  initialize: { clientInfo: true, capabilities: true },
  "account/login/start": { type: true, apiKey: true },
  "environment/add": {
    environmentId: true,
    execServerUrl: true,
    authBearerToken: true,
    connectTimeoutMs: true,
  },
  "config/read": { includeLayers: true, cwd: true },
  "mcpServerStatus/list": { threadId: true, serverName: true, detail: true },
  "mcpServer/resource/read": { threadId: true, server: true, uri: true },
  "thread/start": {
    model: true,
    modelProvider: true,
    cwd: true,
    approvalPolicy: true,
    sandbox: true,
    config: true,
    ephemeral: true,
    threadSource: true,
  },
  "thread/resume": {
    threadId: true,
    model: true,
    modelProvider: true,
    cwd: true,
    approvalPolicy: true,
    sandbox: true,
    config: true,
    excludeTurns: true,
  },
  "thread/fork": {
    threadId: true,
    model: true,
    modelProvider: true,
    cwd: true,
    approvalPolicy: true,
    sandbox: true,
    config: true,
    excludeTurns: true,
    ephemeral: true,
    threadSource: true,
  },
  "thread/unsubscribe": { threadId: true },
  "turn/start": { threadId: true, input: true, outputSchema: true, cyberAccessProgram: true },
  "turn/interrupt": { threadId: true, turnId: true },
};

export const NOTIFICATIONS: { readonly [Method in keyof Notifications]: Members<Notifications[Method]> } = {
  error: { threadId: true, turnId: true, willRetry: true, error: true },
  warning: { threadId: true, message: true },
  configWarning: { summary: true, details: true },
  deprecationNotice: { summary: true, details: true },
  "model/rerouted": { threadId: true, turnId: true, fromModel: true, toModel: true, reason: true },
  "thread/started": { thread: true },
  "thread/closed": { threadId: true },
  "thread/tokenUsage/updated": { threadId: true, turnId: true, tokenUsage: true },
  "turn/started": { threadId: true, turn: true },
  "turn/completed": { threadId: true, turn: true },
  "turn/plan/updated": { threadId: true, turnId: true, plan: true },
  "item/started": { threadId: true, turnId: true, item: true },
  "item/completed": { threadId: true, turnId: true, item: true },
  "item/fileChange/patchUpdated": { threadId: true, turnId: true, itemId: true, changes: true },
  "mcpServer/startupStatus/updated": { threadId: true, name: true, status: true, error: true },
  "serverRequest/resolved": { threadId: true, requestId: true },
};

export const QUESTIONS: {
  readonly [Method in keyof ServerRequests]: Members<ServerRequests[Method]["params"]>;
} = {
  "item/commandExecution/requestApproval": {
    threadId: true,
    turnId: true,
    itemId: true,
    reason: true,
    command: true,
    cwd: true,
  },
  "item/fileChange/requestApproval": {
    threadId: true,
    turnId: true,
    itemId: true,
    reason: true,
    grantRoot: true,
  },
  "mcpServer/elicitation/request": {
    threadId: true,
    turnId: true,
    serverName: true,
    mode: true,
    message: true,
    requestedSchema: true,
    url: true,
    _meta: true,
  },
  "item/tool/requestUserInput": { threadId: true, turnId: true, itemId: true, questions: true },
  "item/permissions/requestApproval": { threadId: true, turnId: true, itemId: true, reason: true },
};

export const ITEMS: {
  readonly [Type in WireItem["type"]]: Members<Extract<WireItem, { type: Type }>>;
} = {
  agentMessage: { type: true, id: true, text: true },
  reasoning: { type: true, id: true, summary: true },
  commandExecution: {
    type: true,
    id: true,
    command: true,
    status: true,
    aggregatedOutput: true,
    exitCode: true,
  },
  fileChange: { type: true, id: true, changes: true, status: true },
  mcpToolCall: {
    type: true,
    id: true,
    server: true,
    tool: true,
    status: true,
    arguments: true,
    result: true,
    error: true,
  },
  subAgentActivity: { type: true, id: true, agentThreadId: true },
  webSearch: { type: true, id: true, query: true, action: true },
  collabAgentToolCall: {
    type: true,
    id: true,
    tool: true,
    status: true,
    senderThreadId: true,
    receiverThreadIds: true,
    prompt: true,
    agentsStates: true,
  },
};

const LIMITS = { timeout: 30_000, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 } as const;

/**
 * The binary's own schema of the app-server's messages.
 *
 * @throws {Error} the binary does not write one
 */
export async function readSchema(path: string): Promise<unknown> {
  // In a home and a working directory of its own, no configuration decides whether it answers.
  const dir = await mkdtemp(join(tmpdir(), "switchyard-schema-"));
  try {
    const args = ["app-server", "generate-json-schema", "--experimental", "--out", dir];
    const env = { ...process.env, CODEX_HOME: dir };
    await promisify(execFile)(path, args, { ...LIMITS, cwd: dir, env });
    return JSON.parse(await readFile(join(dir, "codex_app_server_protocol.schemas.json"), "utf8"));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/**
 * What we use and the schema lacks, in words (N1); `undefined` when it is no schema that we can read.
 */
export function missingFrom(schema: unknown): string[] | undefined {
  const definitions = member(schema, "definitions");
  const groups = [
    { what: "the request", union: "ClientRequest", needs: REQUESTS },
    { what: "the notification", union: "ServerNotification", needs: NOTIFICATIONS },
    { what: "the question", union: "ServerRequest", needs: QUESTIONS },
  ];
  const missing: string[] = [];
  for (const { what, union, needs } of groups) {
    const params = new Map<unknown, unknown>();
    for (const variant of variantsOf(definitions, member(definitions, union)))
      params.set(tagOf(variant, "method"), member(member(variant, "properties"), "params"));
    if (params.size === 0) return undefined;
    missing.push(...compare(definitions, what, params, needs));
  }
  const items = new Map<unknown, unknown>();
  for (const variant of variantsOf(definitions, member(member(definitions, "v2"), "ThreadItem")))
    items.set(tagOf(variant, "type"), variant);
  // Without a union of items, none of them can be judged (N2).
  return [...missing, ...(items.size === 0 ? [] : compare(definitions, "the item", items, ITEMS))];
}

function compare(
  definitions: unknown,
  what: string,
  found: ReadonlyMap<unknown, unknown>,
  needs: Needs,
): string[] {
  return Object.entries(needs).flatMap(([name, members]) => {
    if (!found.has(name)) return [`${what} ${name}`];
    const known = new Set<string>();
    collectMembers(definitions, found.get(name), known);
    if (known.size === 0) return [];
    return Object.keys(members).flatMap((each) => (known.has(each) ? [] : [`${each} of ${what} ${name}`]));
  });
}

/** Adds the members that an object of this schema may have, in any of its variants. */
function collectMembers(definitions: unknown, schema: unknown, into: Set<string>, depth = 0): void {
  const at = resolved(definitions, schema);
  for (const name of Object.keys(objectOf(member(at, "properties")))) into.add(name);
  if (depth === DEPTH_MAX) return;
  for (const part of partsOf(at)) collectMembers(definitions, part, into, depth + 1);
}

/** A reference to itself must not be followed for ever. */
const DEPTH_MAX = 8;

function partsOf(schema: unknown): unknown[] {
  return ["oneOf", "anyOf", "allOf"].flatMap((key) => {
    const parts = member(schema, key);
    return Array.isArray(parts) ? (parts as unknown[]) : [];
  });
}

function variantsOf(definitions: unknown, union: unknown): unknown[] {
  return partsOf(union).map((variant) => resolved(definitions, variant));
}

/** The value that names a variant: `{ properties: { method: { enum: ["turn/start"] } } }`. */
function tagOf(variant: unknown, name: string): unknown {
  const tag = member(member(variant, "properties"), name);
  return member(tag, "const") ?? member(member(tag, "enum"), "0");
}

function resolved(definitions: unknown, schema: unknown): unknown {
  const reference = member(schema, "$ref");
  if (typeof reference !== "string") return schema;
  return reference.replace("#/definitions/", "").split("/").reduce(member, definitions);
}

function member(of: unknown, name: string): unknown {
  const object = objectOf(of);
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
