/** How many runs may be in progress at once by default. */
import { availableMemory } from "node:process";

const MEGABYTE = 1024 * 1024;
const RUN_BYTES = 64 * MEGABYTE;
const LEAST = 4;
const MOST = 256;

/**
 * Half of the memory that is available to this process (its container's limit counts), 64 MB for each run:
 * a thread in Codex takes about 3 MB, the rest is for the MCP servers and commands it starts. At least 4, at most
 * 256.
 *
 * @param availableBytes @default what the system says now
 */
export function defaultMaxConcurrent(availableBytes: number = availableMemory()): number {
  const fitting = Math.floor(availableBytes / 2 / RUN_BYTES);
  return Math.min(Math.max(fitting, LEAST), MOST);
}
