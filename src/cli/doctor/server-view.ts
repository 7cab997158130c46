/** A server in the report. The keys are always the same, in this order; docs/doctor.md lists them. */
import { formatOrigin } from "../../config/layers/origins.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import { commandLine } from "../mcp/findings.ts";
import { authStatus, inSnakeCase } from "../mcp/server-view.ts";
import type { Patient } from "./patient.ts";

export interface ServerView {
  readonly name: string;
  /** The state of one that was started: `ready`, `failed`, `needs_login`; else what `switchyard mcp list` says. */
  readonly state: string;
  readonly origin: string | null;
  readonly environment_id: string | null;
  readonly transport: "stdio" | "streamable_http" | null;
  /** The command line or the URL, secrets masked. */
  readonly where: string | null;
  /** Of a stdio server on this machine: the file that is started, and of which package in which version, where that is certain. */
  readonly program: {
    readonly path: string;
    readonly package: string | null;
    readonly version: string | null;
  } | null;
  readonly server_info: { readonly name: string; readonly version: string } | null;
  readonly era: string | null;
  readonly protocol_version: string | null;
  /** In milliseconds. */
  readonly took_ms: {
    readonly all: number;
    readonly start: number;
    readonly initialize: number;
    readonly list: number;
  } | null;
  readonly auth_status: string;
  readonly tools: number | null;
  /** What their definitions come to, estimated. */
  readonly tokens: number | null;
  /** How far its clock is ahead of ours, over HTTP. */
  readonly clock_ahead_seconds: number | null;
}

export function serverView(
  { server, program, snapshot }: Patient,
  {
    tokens,
    clockAheadMs,
  }: { readonly tokens: number | undefined; readonly clockAheadMs: number | undefined },
): ServerView {
  const { name, config, definedIn } = server;
  const status = snapshot?.status;
  const ready = status?.state === "ready" ? status : undefined;
  const info = snapshot?.serverInfo;
  const path = program?.path;
  return {
    name,
    state: status?.state ?? server.status,
    origin: definedIn === undefined ? null : formatOrigin(definedIn),
    environment_id: config?.environment_id ?? null,
    transport: config?.transport.type ?? null,
    where: config === undefined ? null : commandLine(maskServer(config)),
    program:
      path === undefined
        ? null
        : { path, package: program?.package?.name ?? null, version: program?.package?.version ?? null },
    server_info: info === undefined ? null : { name: info.name, version: info.version },
    era: snapshot?.era ?? null,
    protocol_version: snapshot?.protocolVersion ?? null,
    took_ms:
      ready === undefined
        ? null
        : {
            all: Math.round(ready.tookMs),
            start: Math.round(ready.stepsMs.start),
            initialize: Math.round(ready.stepsMs.initialize),
            list: Math.round(ready.stepsMs.list),
          },
    auth_status: inSnakeCase(snapshot?.authStatus ?? authStatus(server)),
    tools: ready === undefined ? null : (snapshot?.tools.length ?? 0),
    tokens: tokens ?? null,
    clock_ahead_seconds: clockAheadMs === undefined ? null : Math.round(clockAheadMs / 1000),
  };
}
