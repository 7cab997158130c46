/**
 * What the commands and other layers take from the `codex` engine. The package's own entry point (`src/index.ts`) names
 * what users import.
 */
export { checkCodexVersion, type CodexBinary, findCodex } from "./app-server/binary.ts";
export { hasUserLogin, lacksLogin } from "./app-server/home.ts";
export { codexConfig } from "./config-values.ts";
export { lastThread } from "./app-server/last-thread.ts";
export { Codex, Thread } from "./codex.ts";
export { CodexError, type CodexErrorCode } from "./errors.ts";
export type {
  CodexEnvironment,
  CodexOptions,
  CodexProgramEnvironment,
  CodexUrlEnvironment,
} from "./options.ts";
