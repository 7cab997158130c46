/**
 * Rejects what is too large to be started before anything is done with it: the kernel would reject it anyway, and
 * looking through it all would hold up everybody else.
 */
import type { ProcessSpec } from "../executor.ts";
import { systemError } from "./system-error.ts";

/** Of one argument or variable (Linux: MAX_ARG_STRLEN). */
export const TEXT_BYTES_MAX: number = 128 * 1024;
/**
 * Of all of them together, with a pointer to each (Linux: a quarter of the usual stack). A little is kept for what is
 * started around the program. The kernel's own check is not enough: node-pty reports its error as an exit.
 */
const TEXTS_BYTES_MAX: number = 2 * 1024 * 1024 - 16 * 1024;
const POINTER_BYTES = 8;
/** Every variable is matched with every pattern, and searched for in the arguments. */
const VARIABLES_MAX = 4096;
const PATTERNS_MAX = 256;

/** @throws an error of the system: `E2BIG` */
export function checkSize({ argv, arg0 = "", cwd, env, envPolicy }: ProcessSpec): void {
  const { set = {}, exclude = [], includeOnly = [] } = envPolicy ?? {};
  const variables = [...Object.entries(env), ...Object.entries(set)];
  const texts = [
    ...argv,
    arg0,
    cwd,
    ...variables.map(([name, value]) => `${name}=${value}`),
    ...exclude,
    ...includeOnly,
  ];
  const sizes = texts.map((text) => Buffer.byteLength(text) + 1);
  const isTooMuch =
    sizes.some((size) => size > TEXT_BYTES_MAX) ||
    sizes.reduce((sum, size) => sum + size + POINTER_BYTES, 0) > TEXTS_BYTES_MAX ||
    variables.length > VARIABLES_MAX ||
    exclude.length > PATTERNS_MAX ||
    includeOnly.length > PATTERNS_MAX;
  if (isTooMuch) throw systemError("E2BIG");
}
