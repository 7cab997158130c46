/** Scripted servers in a configuration file. */
import { type Script, scriptedServer } from "../../mcp/support/scripted.ts";

interface Options {
  readonly script?: Script & { readonly record?: string };
  /** `disabled_tools`. */
  readonly disabled?: readonly string[];
  /** More arguments, which the server ignores. */
  readonly more?: readonly string[];
}

/** The table of one; more keys may follow. */
export function configOf(name: string, { script = {}, disabled = [], more = [] }: Options = {}): string {
  const { command, args } = scriptedServer(script);
  const lines = [
    `[mcp_servers.${name}]`,
    `command = ${JSON.stringify(command)}`,
    `args = ${JSON.stringify([...args, ...more])}`,
    ...(disabled.length === 0 ? [] : [`disabled_tools = ${JSON.stringify(disabled)}`]),
  ];
  return `${lines.join("\n")}\n`;
}
