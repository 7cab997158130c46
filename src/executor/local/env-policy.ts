/**
 * The environment of a process that is about to be started.
 *
 *   inherit ─> default excludes ─> exclude ─> set ─> includeOnly ─> env
 *
 * Measured on `codex exec-server` 0.169; `test/executor/env-policy-differential.test.ts` holds us to it.
 *
 * Invariants
 *   V1. Without a policy the process gets `env` and nothing else: nothing of the executor's own environment leaks.
 *   V2. Excludes remove inherited variables, never those that are set. `includeOnly` removes those that are set too.
 *   V3. `env` is added last, as it is.
 *   V4. A pattern costs at most its length times that of the name, even a hostile one.
 */
import { CORE_VARIABLES } from "../../base/variables.ts";
import type { EnvironmentPolicy } from "../executor.ts";

export interface ChildEnvironmentOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly policy?: EnvironmentPolicy | undefined;
  /** What there is to inherit: the executor's own environment. */
  readonly own: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_EXCLUDES: readonly string[] = ["*KEY*", "*SECRET*", "*TOKEN*"];

export function childEnvironment({ env, policy, own }: ChildEnvironmentOptions): Record<string, string> {
  return Object.fromEntries([
    ...(policy === undefined ? [] : inherited(policy, own)),
    ...Object.entries(env),
  ]);
}

function inherited(
  { inherit, ignoreDefaultExcludes, exclude, set, includeOnly }: EnvironmentPolicy,
  own: Readonly<Record<string, string | undefined>>,
): [name: string, value: string][] {
  const excludes = [...(ignoreDefaultExcludes ? [] : DEFAULT_EXCLUDES), ...exclude];
  const isInherited = (name: string): boolean =>
    inherit !== "none" &&
    (inherit === "all" || CORE_VARIABLES.some((core) => matches(core, name))) &&
    !excludes.some((pattern) => matches(pattern, name));
  const entries = Object.entries(own).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && isInherited(entry[0]),
  );
  entries.push(...Object.entries(set));
  if (includeOnly.length === 0) return entries;
  return entries.filter(([name]) => includeOnly.some((pattern) => matches(pattern, name)));
}

/**
 * Whether a name is what a pattern says: `*` is any text, `?` is any one character, everything else itself, in any
 * case. There is no escape and there are no brackets.
 */
function matches(pattern: string, name: string): boolean {
  const wanted = foldCase(pattern);
  const given = foldCase(name);
  let at = 0;
  let next = 0;
  // The last star, and how far the name was when it was met. Stars before it need no second try (V4).
  let star = -1;
  let afterStar = 0;
  while (next < given.length) {
    if (wanted[at] === "*") {
      star = at++;
      afterStar = next;
    } else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === given[next])) {
      at++;
      next++;
    } else if (star !== -1) {
      at = star + 1;
      next = ++afterStar;
    } else return false;
  }
  while (wanted[at] === "*") at++;
  return at === wanted.length;
}

/** By characters, each for itself: a small letter may be more than one of them. */
function foldCase(text: string): readonly string[] {
  return Array.from(text, (character) => character.toLowerCase());
}
