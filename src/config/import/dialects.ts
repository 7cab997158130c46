/**
 * Where each product keeps its servers, and what it means by a word that others use differently.
 *
 * From the products' own documentation and sources, as of autumn 2026. What could not be confirmed is left open
 * (`undefined`): the user is asked to decide instead of a guess.
 */
import type { JsonDocument, JsonNode } from "./json-document.ts";

export type ImportFormat =
  | "claude_code"
  | "claude_desktop"
  | "vscode"
  | "vscode_settings"
  | "cursor"
  | "windsurf"
  | "gemini"
  | "cline"
  | "roo"
  | "zed"
  | "opencode"
  | "plugin";

/** Where a server's URL is written, in the order in which they count. */
export const URL_KEYS: readonly string[] = ["httpUrl", "serverUrl", "serverURL", "url", "baseUrl", "baseURL"];

export interface Dialect {
  readonly product: string;
  /** Where in the file the servers are: at its top level when empty. */
  readonly path: readonly string[];
  /** The unit of `timeout`. */
  readonly timeoutUnit?: "ms" | "s";
  /** Whether `timeout` is for the start, and not for one tool call. */
  readonly timeoutOfStart?: boolean;
  /** What a `url` is where no type is given. */
  readonly plainUrl: "http" | "sse";
  /** How a reference is written besides `${NAME}`. */
  readonly reference?: RegExp;
  /** The name of such a file, and of its folder. */
  readonly file?: RegExp;
}

/** In the order in which a file name decides. */
export const DIALECTS: Readonly<Record<ImportFormat, Dialect>> = {
  claude_code: {
    product: "Claude Code",
    path: ["mcpServers"],
    timeoutUnit: "ms",
    plainUrl: "http",
    file: /(?:^|\/)\.(?:mcp|claude)\.json$/,
  },
  claude_desktop: {
    product: "Claude Desktop",
    path: ["mcpServers"],
    plainUrl: "http",
    file: /(?:^|\/)claude_desktop_config\.json$/,
  },
  vscode: { product: "VS Code", path: ["servers"], plainUrl: "http", file: /(?:^|\/)\.vscode\/mcp\.json$/ },
  vscode_settings: { product: "VS Code", path: ["mcp", "servers"], plainUrl: "http" },
  cursor: { product: "Cursor", path: ["mcpServers"], plainUrl: "http", file: /(?:^|\/)\.cursor\/mcp\.json$/ },
  windsurf: {
    product: "Windsurf",
    path: ["mcpServers"],
    plainUrl: "http",
    file: /(?:^|\/)mcp_config\.json$/,
  },
  // `url` is SSE and `httpUrl` streamable HTTP, unless a type says otherwise.
  gemini: {
    product: "Gemini CLI",
    path: ["mcpServers"],
    timeoutUnit: "ms",
    plainUrl: "sse",
    reference: /\$([A-Za-z_]\w*)/,
    file: /(?:^|\/)\.gemini\/settings\.json$/,
  },
  // Its schema tries SSE first.
  cline: {
    product: "Cline",
    path: ["mcpServers"],
    timeoutUnit: "s",
    plainUrl: "sse",
    file: /(?:^|\/)cline_mcp_settings\.json$/,
  },
  roo: {
    product: "Roo Code",
    path: ["mcpServers"],
    timeoutUnit: "s",
    plainUrl: "http",
    file: /(?:^|\/)(?:mcp_settings\.json|\.roo\/mcp\.json)$/,
  },
  // Seconds in newer versions, milliseconds before.
  zed: { product: "Zed", path: ["context_servers"], plainUrl: "http", file: /(?:^|\/)zed\/settings\.json$/i },
  opencode: {
    product: "opencode",
    path: ["mcp"],
    timeoutUnit: "ms",
    timeoutOfStart: true,
    plainUrl: "http",
    reference: /\{((?:env|file):[^}]*)\}/,
    file: /(?:^|\/)opencode(?:\.jsonc?|\/config\.json)$/,
  },
  // A plugin's `.mcp.json` may have its servers at the top level.
  plugin: { product: "plugins of Claude Code", path: [], timeoutUnit: "ms", plainUrl: "http" },
};

/** What makes an object a server. */
const SERVER_KEYS = ["command", ...URL_KEYS];

/** Keys that show whose a file of `mcpServers` is. */
const MARKS: readonly (readonly [ImportFormat, readonly string[]])[] = [
  ["gemini", ["httpUrl", "includeTools", "excludeTools", "trust"]],
  ["windsurf", ["serverUrl"]],
  ["roo", ["alwaysAllow", "watchPaths"]],
  ["cline", ["autoApprove", "transportType"]],
];

const ORDER = Object.keys(DIALECTS) as ImportFormat[];

/** @returns `undefined` when there is no place in the file where any product keeps servers */
export function detectFormat(document: JsonDocument, file: string): ImportFormat | undefined {
  const path = file.replaceAll("\\", "/");
  const fits = (format: ImportFormat): boolean => findServers(document, format) !== undefined;
  const named = ORDER.find((format) => DIALECTS[format].file?.test(path) === true && fits(format));
  if (named !== undefined) return named;
  const [shaped] = ORDER.filter(fits);
  if (shaped === undefined || DIALECTS[shaped].path[0] !== "mcpServers") return shaped;
  const keys = new Set<string>();
  for (const server of children(findServers(document, shaped))) {
    for (const property of server.type === "object" ? (server.children ?? []) : []) {
      keys.add(String(property.children?.[0]?.value));
    }
  }
  return MARKS.find(([, marks]) => marks.some((mark) => keys.has(mark)))?.[0] ?? shaped;
}

export function findServers(document: JsonDocument, format: ImportFormat): JsonNode | undefined {
  const { path } = DIALECTS[format];
  let at: JsonNode | undefined = document.root;
  for (const key of path) at = child(at, key);
  return path.length === 0 && !children(at).some(isServer) ? undefined : at;
}

export function isServer(node: JsonNode): boolean {
  return SERVER_KEYS.some((key) => child(node, key) !== undefined);
}

export function child(node: JsonNode | undefined, key: string): JsonNode | undefined {
  if (node?.type !== "object") return undefined;
  return node.children?.findLast((property) => property.children?.[0]?.value === key)?.children?.[1];
}

function children(object: JsonNode | undefined): readonly JsonNode[] {
  if (object?.type !== "object") return [];
  return (object.children ?? []).flatMap((property) => property.children?.slice(1) ?? []);
}
