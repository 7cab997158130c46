/** `mcp-switchyard`: code written for `@openai/codex-sdk` works by changing the import. */
export * from "./codex/index.ts";
