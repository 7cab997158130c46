/** What an environment is, once it is read. */
import type { Origin } from "../layers/origins.ts";
import type { ConfigProblem } from "../problem.ts";

/** What Codex reads where it has no `environments.toml`. */
export const URL_VARIABLE = "CODEX_EXEC_SERVER_URL";

/** Where a bearer token comes from. */
export type BearerTokenReference =
  | { readonly from: "variable"; readonly name: string }
  /** A function, because whatever prints an object or makes JSON of it follows its values. */
  | { readonly from: "file"; readonly reveal: () => string };

export type EnvironmentConfig =
  | { readonly id: string; readonly kind: "local" }
  | {
      readonly id: string;
      readonly kind: "url";
      /** Something that can be connected to. It may hold a password. */
      readonly url: string;
      readonly bearerToken?: BearerTokenReference;
      readonly connectTimeoutMs?: number;
      readonly initializeTimeoutMs?: number;
    }
  | {
      readonly id: string;
      readonly kind: "program";
      readonly program: string;
      readonly args: readonly string[];
      /** Given to the program on top of our own environment, as in Codex. */
      readonly env: ReadonlyMap<string, string>;
      /** Absolute. Absent: our own. */
      readonly cwd?: string;
      readonly initializeTimeoutMs?: number;
    };

/** A layer of the configuration (Codex's `environments.toml` is of the layer `user`), or the variable. */
export type EnvironmentOrigin =
  | Origin
  | { readonly layer: "variable"; readonly file: typeof URL_VARIABLE; readonly line?: never };

interface Asked {
  readonly id: string;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  /** By the path of the key inside of it (`env.TOKEN`). */
  readonly origins: ReadonlyMap<string, EnvironmentOrigin>;
  /** Where it is said what it is, or, without that, anything of it. Absent for a `local` that nobody wrote about. */
  readonly definedIn: EnvironmentOrigin | undefined;
}

export interface UsableEnvironment extends Asked {
  readonly status: "usable";
  readonly config: EnvironmentConfig;
}

export interface UnusableEnvironment extends Asked {
  /**
   * - `invalid`: what is written makes no environment
   * - `inactive`: only a project that is not trusted asks for it
   * - `disabled`: `local`, where Codex's settings switch it off
   */
  readonly status: "invalid" | "inactive" | "disabled";
  /** In a sentence, with what to do about it. No secret is in it. */
  readonly reason: string;
}

export type LoadedEnvironment = UsableEnvironment | UnusableEnvironment;

/** For people: `file:line`, or what else it is. */
export function environmentOriginText({ file, line }: EnvironmentOrigin): string {
  return line === undefined ? (file ?? "the configuration of the thread") : `${file}:${line}`;
}
