/** The messages of the handshake, and what an executor says about itself. */
import { boolean, Issue, map, nullish, object, type Reader, string } from "../../base/reader.ts";

export interface InitializeParams {
  readonly clientName: string;
  readonly resumeSessionId?: string;
}

export const initializeParams: Reader<InitializeParams> = object(
  { clientName: string, resumeSessionId: nullish(string) },
  "ignore",
);

export interface InitializeResult {
  readonly sessionId: string;
  readonly environmentInfo?: WireEnvironmentInfo;
}

/** Another executor may leave anything out. */
export interface WireEnvironmentInfo {
  readonly shell?: { readonly name: string; readonly path: string };
  readonly executorVersion?: string;
  /** A `file://` URI, like the other two folders. */
  readonly cwd?: string;
  readonly userHomeDir?: string;
  readonly platformOs?: string;
  readonly tempDir?: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  /** Ours alone: who answers. Codex does not look at it. */
  readonly implementation?: string;
}

/** What our executor says it is, so that our client knows that it needs no remedies for the original's faults. */
export const IMPLEMENTATION = "switchyard";

export const environmentInfo: Reader<WireEnvironmentInfo> = object(
  {
    shell: nullish(object<{ name: string; path: string }>({ name: string, path: string }, "ignore")),
    executorVersion: nullish(string),
    cwd: nullish(string),
    userHomeDir: nullish(string),
    platformOs: nullish(string),
    tempDir: nullish(string),
    capabilities: nullish(map(boolean)),
    implementation: nullish(string),
  },
  "ignore",
);

export const initializeResult: Reader<InitializeResult> = object(
  {
    sessionId: string,
    // A session works without it, so what cannot be read counts as not sent.
    environmentInfo: nullish((input) => {
      const info = environmentInfo(input);
      return info instanceof Issue ? {} : info;
    }),
  },
  "ignore",
);
