/**
 * From a server's configuration to its transport, wherever it runs: a process here or on an executor, or HTTP from here or
 * through an executor. References are filled in here, each time anew.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { Redactor } from "../../base/redact.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../../config/server/types.ts";
import type { Executor } from "../../executor/executor.ts";
import { isHarmlessHeader, resolve, type Variables } from "../../servers/resolve.ts";
import { sentenceOf } from "../../servers/problem.ts";
import type { CredentialSource } from "../auth/credential-source.ts";
import type { Budget } from "../budget/budget.ts";
import { withHelper } from "../http/headers-helper.ts";
import type { HttpFetch } from "../http/http-fetch.ts";
import type { LoginSource } from "../http/login-token.ts";
import type { HeaderSource } from "../http/server-requests.ts";
import { ExecutorStdioLauncher } from "../launcher/executor-launcher.ts";
import { LocalStdioLauncher } from "../launcher/local-launcher.ts";
import { invalidServer } from "../launcher/start-server.ts";
import { HttpTransport } from "../transport/http-transport.ts";
import type { ServerTransport } from "../transport/server-transport.ts";
import type { HeaderResolver, HeaderValues } from "./thread-options.ts";

/** What the manager has for all threads. */
export interface TransportParts {
  readonly clock: Clock;
  readonly random: (() => number) | undefined;
  readonly log: Log;
  /** Told when a connection has changed. */
  readonly onChange: () => void;
  readonly budget: Budget;
  readonly credentials: CredentialSource | undefined;
  /** @throws {ExecutorError} when there is no such environment */
  readonly executor: (environment: string) => Executor;
  /** Of an environment: HTTP from there. @throws as `executor` */
  readonly fetch: (environment: string) => HttpFetch;
}

export interface TransportRequest {
  readonly thread: string;
  readonly server: string;
  readonly config: McpServerConfig;
  readonly principal: string | undefined;
  readonly workspace: string | undefined;
  readonly env: Variables;
  readonly headers: HeaderValues | HeaderResolver | undefined;
}

/** @throws {TransportError} {ExecutorError} {McpError} why it cannot be started */
export async function openTransport(
  parts: TransportParts,
  request: TransportRequest,
  signal: AbortSignal,
): Promise<ServerTransport> {
  return request.config.transport.type === "stdio"
    ? launch(parts, request, signal)
    : new HttpTransport(httpOptions(parts, request));
}

async function launch(
  parts: TransportParts,
  request: TransportRequest,
  signal: AbortSignal,
): Promise<ServerTransport> {
  const { clock, log, budget } = parts;
  const { thread, server, config, workspace, env } = request;
  const { transport, environment_id: environment } = config;
  if (transport.type !== "stdio") throw new TypeError(`${server} is no stdio server`);
  const giveBack = await budget.admit({ thread, server }, signal);
  try {
    const executor = parts.executor(environment);
    const launcher =
      environment === LOCAL_ENVIRONMENT_ID
        ? new LocalStdioLauncher({ executor, env, clock })
        : new ExecutorStdioLauncher({ executor, environment, env, clock });
    const started = await launcher.launch({ name: server, ...transport }, { signal, log, workspace });
    // It counts until its process is gone.
    void started.ended.then(() => started.close()).then(giveBack);
    return started;
  } catch (error) {
    giveBack();
    throw error;
  }
}

function httpOptions(
  parts: TransportParts,
  request: TransportRequest,
): ConstructorParameters<typeof HttpTransport>[0] {
  const { clock, random, log } = parts;
  const { server, config } = request;
  const { transport, environment_id: environment } = config;
  if (transport.type !== "streamable_http") throw new TypeError(`${server} is no HTTP server`);
  const redactor = new Redactor();
  return {
    server,
    environment,
    url: new URL(transport.url),
    headers: headersOf(parts, request, redactor),
    ...(parts.credentials === undefined
      ? {}
      : { login: loginOf(parts, parts.credentials, request, redactor) }),
    fetch: parts.fetch(environment),
    log,
    redactor,
    clock,
    ...(random === undefined ? {} : { random }),
  };
}

/** Those before have ended, and a connection may live for months. */
const TOKENS_HIDDEN = 16;

function loginOf(
  parts: TransportParts,
  credentials: CredentialSource,
  request: TransportRequest,
  redactor: Redactor,
): LoginSource {
  const { server, config, principal } = request;
  const { environment_id: environment } = config;
  const fetch = environment === LOCAL_ENVIRONMENT_ID ? undefined : parts.fetch(environment);
  const hidden: (() => void)[] = [];
  return async (about) => {
    const given = await credentials.token({ server, config, principal, fetch, ...about });
    const token = typeof given === "string" ? { token: given } : given;
    if (token !== undefined) hidden.push(redactor.add(token.token));
    if (hidden.length > TOKENS_HIDDEN) hidden.shift()?.();
    return token;
  };
}

/** Everything that gives a header, the later one wins: what is configured, the helper, the thread. */
function headersOf(parts: TransportParts, request: TransportRequest, redactor: Redactor): HeaderSource {
  const { server, config, workspace, env, headers: own } = request;
  const { transport } = config;
  if (transport.type !== "streamable_http") throw new TypeError(`${server} is no HTTP server`);
  const { url, http_headers_helper: command, bearer_token_env_var: bearer } = transport;
  const configured: HeaderSource = async () => {
    const resolved = resolve(config, env, [server]);
    if (!resolved.ok) {
      const [problem] = resolved.problems;
      throw invalidServer(server, `has a problem: ${sentenceOf(problem, (path) => path.slice(1).join("."))}`);
    }
    for (const secret of resolved.value.secrets) redactor.add(secret);
    return resolved.value.type === "streamable_http" ? resolved.value.headers : new Map();
  };
  const executor = parts.executor(LOCAL_ENVIRONMENT_ID);
  const helper = {
    server,
    command: command ?? "",
    cwd: workspace ?? process.cwd(),
    executor,
    env,
    redactor,
    clock: parts.clock,
  };
  const written = command === undefined ? configured : withHelper(configured, helper, bearer !== undefined);
  return async (why, signal) => {
    const headers = new Map(
      [...(await written(why, signal))].map(([name, value]) => [name.toLowerCase(), value]),
    );
    const ofThread = typeof own === "function" ? await own({ server, url, why, signal }) : (own ?? {});
    for (const [name, value] of Object.entries(ofThread)) headers.set(name.toLowerCase(), value);
    for (const [name, value] of headers) if (!isHarmlessHeader(name)) redactor.add(value);
    return headers;
  };
}
