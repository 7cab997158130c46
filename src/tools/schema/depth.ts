/** How deeply JSON is nested. */
import type { JsonValue } from "../../base/json.ts";

/** Codex reads no JSON that is nested deeper, and drops the server; we drop the tool. */
export const DEPTH_MAX = 120;

/** Stops one level beyond `limit`. */
export function depthOf(value: JsonValue, limit: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (limit < 0) return 1;
  let deepest = 0;
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner, limit - 1));
  return deepest + 1;
}
