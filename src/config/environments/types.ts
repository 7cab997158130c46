/** An environment in its three shapes: as it is loaded, as it is configured, and with its token looked up. */
import type { Origin } from "../layers/origins.ts";
import type { ConfigProblem } from "../problem.ts";

/** What Codex reads where it has no `environments.toml`. */
export const URL_VARIABLE = "CODEX_EXEC_SERVER_URL";

/** Where a bearer token comes from. */
export type BearerTokenReference =
  | { readonly from: "variable"; readonly name: string }
  /** A function, because whatever prints an object or makes JSON of it follows its values. */
  | { readonly from: "file"; readonly reveal: () => string };

interface UrlEnvironment {
  readonly id: string;
  readonly kind: "url";
  /** `ws://` or `wss://`; it may hold a password. */
  readonly url: string;
  /** @default 10 000 */
  readonly connectTimeoutMs?: number;
  /** @default 10 000 */
  readonly initializeTimeoutMs?: number;
}

interface ProgramEnvironment {
  readonly id: string;
  readonly kind: "program";
  readonly program: string;
  readonly args: readonly string[];
  /** Absolute. @default the folder of this process */
  readonly cwd?: string;
  /** @default 10 000 */
  readonly initializeTimeoutMs?: number;
}

interface LocalEnvironment {
  readonly id: string;
  readonly kind: "local";
}

/** As it is configured: a token is a reference. */
export type EnvironmentConfig =
  | LocalEnvironment
  | (UrlEnvironment & { readonly bearerToken?: BearerTokenReference })
  /** `env` is given to the program on top of our own environment, as in Codex. */
  | (ProgramEnvironment & { readonly env: ReadonlyMap<string, string> });

/** As an executor's client takes it: plain data, with the token in it. */
export type EnvironmentDefinition =
  | LocalEnvironment
  /** `bearerToken` is a secret. */
  | (UrlEnvironment & { readonly bearerToken?: string })
  | (ProgramEnvironment & { readonly env: Readonly<Record<string, string>> });

/** A layer of the configuration (Codex's `environments.toml` is of the layer `user`), or the variable. */
export type EnvironmentOrigin =
  | Origin
  | { readonly layer: "variable"; readonly file: typeof URL_VARIABLE; readonly line?: never };

interface Loaded {
  readonly id: string;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  /** By the path of the key inside of it (`env.TOKEN`). */
  readonly origins: ReadonlyMap<string, EnvironmentOrigin>;
  /** Where its url or program is written, or else its first key. Absent for a `local` that is not written anywhere. */
  readonly definedIn: EnvironmentOrigin | undefined;
}

export interface UsableEnvironment extends Loaded {
  readonly status: "usable";
  /** What is written, checked. */
  readonly config: EnvironmentConfig;
}

export interface UnusableEnvironment extends Loaded {
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
export function formatEnvironmentOrigin({ file, line }: EnvironmentOrigin): string {
  return line === undefined ? (file ?? "the configuration of the thread") : `${file}:${line}`;
}
