/**
 * `Mcp-Param-*` of the modern era (SEP-2243): a tool's schema may say (`x-mcp-header`) that an argument is repeated in a header, so
 * that what stands in between can decide by it. A call whose header says another thing than its body is rejected.
 *
 * Invariants
 *   V1. For each annotated argument that the body has, its header is there and says the same; without it in the body, the header
 *       does not count.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Tool } from "@modelcontextprotocol/client";
import { isObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { HEADER_MISMATCH, type RpcError } from "../protocol/messages.ts";
import { decodeHeader, header } from "./modern-headers.ts";

interface Repeated {
  readonly path: readonly string[];
  /** Of the header, without its prefix. */
  readonly name: string;
}

const known = new WeakMap<Tool, readonly Repeated[]>();

/** @returns what is wrong (V1) */
export function paramHeaderProblem(
  headers: IncomingHttpHeaders,
  tool: Tool,
  args: JsonValue | undefined,
): RpcError | undefined {
  let repeated = known.get(tool);
  if (repeated === undefined) known.set(tool, (repeated = repeatedIn(tool.inputSchema as JsonObject)));
  for (const { path, name } of repeated) {
    const value = path.reduce<JsonValue | undefined>(
      (node, key) => (isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined),
      args,
    );
    if (typeof value !== "string" && typeof value !== "boolean" && typeof value !== "number") continue;
    const written = header(headers, `mcp-param-${name.toLowerCase()}`);
    const said = written === undefined ? undefined : decodeHeader(written);
    if (said === undefined || !isSame(said, value)) {
      const what = written === undefined ? "is missing" : "does not say what the body says";
      return {
        code: HEADER_MISMATCH,
        message: `Bad Request: the header Mcp-Param-${name} ${what}`,
        data: { mismatch: { header: written ?? "(missing)", body: String(value) } },
      };
    }
  }
  return undefined;
}

/** `42.0` and `42` are the same number. */
function isSame(said: string, value: string | boolean | number): boolean {
  if (typeof value !== "number") return said === String(value);
  return /^-?\d+(?:\.\d+)?$/.test(said) && Number(said) === value;
}

/** Only properties of properties may be annotated; a tool with another annotation is the server's mistake, and not its client's. */
function repeatedIn(schema: JsonValue | undefined, path: readonly string[] = []): readonly Repeated[] {
  if (!isObject(schema)) return [];
  const { "x-mcp-header": name, properties } = schema;
  const own = typeof name === "string" && path.length > 0 ? [{ path, name }] : [];
  if (!isObject(properties)) return own;
  return [...own, ...Object.entries(properties).flatMap(([key, each]) => repeatedIn(each, [...path, key]))];
}
