/**
 * One server of another product in Codex's words.
 *
 * Invariants
 *   I1. Everything of a server that is not carried over as it was has a note: nothing is lost silently.
 *   I2. No note holds a value of the file, only names: of keys, servers, tools and variables.
 *   I3. A tool that a product would have run without a question gets that right only if the file names the tool.
 *   I4. A server with a value that has to be filled in first is switched off, and the key is named.
 */
import { nearest } from "../../base/suggest.ts";
import type { AppToolApproval, DraftMcpServer, WrittenMcpServer } from "../server/types.ts";
import { type Dialect, URL_KEYS } from "./dialects.ts";
import type { JsonDocument, JsonNode } from "./json-document.ts";
import { type ImportNote, ServerReader } from "./server-reader.ts";
import { translateHttp } from "./translate-http.ts";
import { translateStdio } from "./translate-stdio.ts";

/** In lower case and without separators. */
const STDIO_TYPES = ["stdio", "local", "command"];
const HTTP_TYPES = ["http", "https", "streamablehttp", "streamable", "httpstream", "remote", "url"];
const ALLOW_LISTS = ["tools", "includetools", "includedtools", "enabledtools", "allowedtools", "allowtools"];
const DENY_LISTS = [
  "excludetools",
  "excludedtools",
  "disabledtools",
  "disallowedtools",
  "deniedtools",
  "denytools",
  "blockedtools",
];
const OTHER_TRANSPORT = [
  "command",
  "args",
  "env",
  "environment",
  "cwd",
  ...URL_KEYS,
  "headers",
  "headersHelper",
  "oauth",
  "auth",
];
const ADVICE_TRUST = 'to have the same, set default_tools_approval_mode = "approve"';

/** Keys without a counterpart that deserve a word of their own. */
const REMARKS: ReadonlyMap<string, string> = new Map([
  [
    "envFile",
    "a file of variables is not read: name the variables in env_vars and set them before the start",
  ],
  ["dev", "watching and debugging a server is not supported here"],
  ["gallery", "where a server came from is not kept"],
  ["version", "where a server came from is not kept"],
  ["settings", "the settings of an editor's extension are not carried over"],
  ["sandboxEnabled", "the editor's sandbox is not carried over: the server runs without it"],
  ["sandbox", "the editor's sandbox is not carried over: the server runs without it"],
  ["watchPaths", "a server is not restarted when files change"],
]);

/** @returns no server when it cannot run here; a note or a problem of the document says why */
export function translateServer(
  name: string,
  node: JsonNode,
  path: readonly string[],
  dialect: Dialect,
  document: JsonDocument,
): {
  readonly server: WrittenMcpServer | undefined;
  readonly notes: readonly ImportNote[];
  readonly unfilled: readonly string[];
} {
  const reader = new ServerReader(name, node, path, dialect, document);
  return { server: translate(reader), notes: reader.notes, unfilled: [...reader.unfilled] };
}

function translate(reader: ServerReader): WrittenMcpServer | undefined {
  // The document has a problem for it already.
  if (reader.node.type !== "object") return undefined;
  const transport = findTransport(reader);
  if (transport === "skipped") return undefined;
  const draft: DraftMcpServer = {};
  if (transport === "stdio") translateStdio(reader, draft);
  else translateHttp(reader, draft);
  translateSwitches(reader, draft);
  translateTools(reader, draft);
  translateTimeout(reader, draft);
  noteRest(reader, draft);
  if (reader.unfilled.size > 0) draft.enabled = false;
  return draft;
}

function findTransport(reader: ServerReader): "stdio" | "http" | "skipped" {
  const typeKey = ["type", "transport", "transportType"].find((key) => reader.entries.has(key)) ?? "type";
  const type = reader.take(typeKey, (node, path) => plain(reader.document.text(node, path)));
  const url = URL_KEYS.find((key) => reader.entries.has(key));
  const hasCommand = reader.entries.has("command");
  const isSse =
    type === "sse" ||
    (type === undefined && !hasCommand && url === "url" && reader.dialect.plainUrl === "sse");
  if (isSse) {
    const why = type === undefined ? ` (in ${reader.dialect.product}, "url" without a type means SSE)` : "";
    const key = type === undefined ? "url" : typeKey;
    return skip(
      reader,
      key,
      `the SSE transport is not supported${why}: use the server's streamable HTTP URL`,
    );
  }
  if (type === undefined ? hasCommand : STDIO_TYPES.includes(type)) {
    if (!hasCommand)
      reader.document.problem(reader.node, reader.path, "command is missing", misspelt(reader));
    return "stdio";
  }
  if (type !== undefined && !HTTP_TYPES.includes(type)) {
    return skip(reader, typeKey, "this transport is not supported: use stdio or streamable HTTP");
  }
  if (url !== undefined) return "http";
  if (reader.entries.has("source")) {
    return skip(
      reader,
      "source",
      "the server is part of an editor's extension; the file does not say how to start it",
    );
  }
  const missing = type === undefined ? "both command and url are missing" : "url is missing";
  reader.document.problem(reader.node, reader.path, missing, misspelt(reader));
  return "skipped";
}

function misspelt(reader: ServerReader): string | undefined {
  for (const key of reader.entries.keys()) {
    const meant = nearest(key, ["command", ...URL_KEYS]);
    if (meant !== undefined) return `${key}: did you mean ${meant}?`;
  }
  return undefined;
}

function skip(reader: ServerReader, key: string, message: string): "skipped" {
  reader.note(key, `${message}. The server is left out`);
  return "skipped";
}

function translateSwitches(reader: ServerReader, draft: DraftMcpServer): void {
  reader.take("disabled", (node, path) => {
    if (reader.document.flag(node, path) === true) draft.enabled = false;
  });
  reader.take("enabled", (node, path) => {
    if (reader.document.flag(node, path) === false) draft.enabled = false;
  });
  reader.take("trust", (node, path) => {
    if (reader.document.flag(node, path) !== true) return;
    reader.note(
      "trust",
      `it lets every tool run without a question, which is not carried over; ${ADVICE_TRUST}`,
    );
  });
}

function translateTools(reader: ServerReader, draft: DraftMcpServer): void {
  const keys = [...reader.entries.keys()];
  for (const key of keys.filter((each) => ALLOW_LISTS.includes(plain(each)))) {
    // Elsewhere, `tools` has settings of single tools.
    if (key === "tools" && reader.entries.get(key)?.type !== "array") continue;
    takeTools(reader, key, (tools) => {
      if (tools.includes("*")) return;
      const before = draft.enabled_tools;
      draft.enabled_tools = before === undefined ? tools : before.filter((tool) => tools.includes(tool));
    });
  }
  const disabled: string[] = [];
  for (const key of keys.filter((each) => DENY_LISTS.includes(plain(each)))) {
    takeTools(reader, key, (tools) => {
      if (tools.includes("*")) draft.enabled_tools = [];
      disabled.push(...tools.filter((tool) => tool !== "*"));
    });
  }
  if (disabled.length > 0) draft.disabled_tools = [...new Set(disabled)];
  const approved = new Map<string, { readonly approval_mode: AppToolApproval }>();
  for (const key of ["alwaysAllow", "autoApprove"]) {
    reader.takeList(key, (tools) => {
      for (const tool of tools) {
        if (tool !== "*") approved.set(tool, { approval_mode: "approve" });
        else reader.note(key, `it names all tools at once, which is not carried over; ${ADVICE_TRUST}`);
      }
    });
  }
  if (approved.size > 0) draft.tools = Object.fromEntries(approved);
}

function takeTools(reader: ServerReader, key: string, use: (tools: string[]) => void): void {
  reader.takeList(key, (tools) => {
    if (tools.some((tool) => tool !== "*" && tool.includes("*"))) {
      reader.note(
        key,
        "a pattern in it is taken as the name of one tool: write the names of all tools that it means",
      );
    }
    use(tools);
  });
}

function plain(word: string): string;
function plain(word: string | undefined): string | undefined;
function plain(word: string | undefined): string | undefined {
  return word?.toLowerCase().replace(/[-_]/g, "");
}

function translateTimeout(reader: ServerReader, draft: DraftMcpServer): void {
  reader.take("timeout", (node, path) => {
    const timeout = reader.document.amount(node, path);
    if (timeout === undefined) return;
    const { product, timeoutUnit, timeoutOfStart } = reader.dialect;
    if (timeoutUnit === undefined) {
      reader.note(
        "timeout",
        `it is not known whether ${product} means seconds or milliseconds: set tool_timeout_sec`,
      );
    } else if (product === "Claude Code" && timeout < 1_000) {
      reader.note(
        "timeout",
        "Claude Code ignores less than 1000 ms, and so it is left out: set tool_timeout_sec",
      );
    } else {
      const key = timeoutOfStart === true ? "startup_timeout_sec" : "tool_timeout_sec";
      draft[key] = timeoutUnit === "ms" ? timeout / 1_000 : timeout;
    }
  });
}

/** I1. */
function noteRest(reader: ServerReader, draft: DraftMcpServer): void {
  for (const key of reader.entries.keys()) {
    if (key === "source") continue;
    const isOther = OTHER_TRANSPORT.includes(key);
    const kind = draft.url === undefined ? "a server that is a command" : "a server with a URL";
    const remark = isOther ? `it means nothing for ${kind} and is left out` : REMARKS.get(key);
    reader.note(key, remark ?? "it has no counterpart here and is left out");
  }
}
