/** Servers as `codex mcp list --json` shows them, without the network's part. */
import assert from "node:assert/strict";
import { disabledReasonText, type EffectiveMcpServer } from "../../../src/config/effective/effective.ts";

export interface ListedServer {
  readonly name: string;
  readonly enabled: boolean;
  readonly disabled_reason: string | null;
  readonly transport: unknown;
  readonly startup_timeout_sec: number | null;
  readonly tool_timeout_sec: number | null;
}

/** What Codex printed, as far as it is the configuration's. */
export function shownByCodex(list: readonly ListedServer[]): ListedServer[] {
  return list.map(({ name, enabled, disabled_reason, transport, startup_timeout_sec, tool_timeout_sec }) => ({
    name,
    enabled,
    disabled_reason,
    transport,
    startup_timeout_sec,
    tool_timeout_sec,
  }));
}

/** A server of ours, shown the same way. */
export function listed({ name, config }: EffectiveMcpServer): ListedServer {
  assert.ok(config);
  const { transport: written } = config;
  const plain = (map: ReadonlyMap<string, string> | undefined): unknown =>
    map === undefined ? null : Object.fromEntries(map);
  const transport =
    written.type === "stdio"
      ? { ...written, env: plain(written.env), cwd: written.cwd ?? null }
      : {
          type: written.type,
          url: written.url,
          bearer_token_env_var: written.bearer_token_env_var ?? null,
          http_headers: plain(written.http_headers),
          env_http_headers: plain(written.env_http_headers),
          http_headers_helper: written.http_headers_helper === undefined ? null : "<redacted>",
        };
  return {
    name,
    enabled: config.enabled,
    disabled_reason: disabledReasonText(config.disabled_reason) ?? null,
    transport,
    startup_timeout_sec: config.startup_timeout_sec ?? null,
    tool_timeout_sec: config.tool_timeout_sec ?? null,
  };
}
