/** Why one server does not work: from facts about its start to a verdict, and the command that mends it. */
import fs from "node:fs";
import { basename, join } from "node:path";
import { shellWord } from "../../base/shell-word.ts";
import { policyPath } from "../../config/plugins/plugin-tables.ts";
import { maskText } from "../../config/show/mask-text.ts";
import { LOCAL_ENVIRONMENT_ID, type McpServerConfig } from "../../config/server/types.ts";
import type { LoginWanted, Reason } from "../../mcp/index.ts";
import { formatKeys } from "../../toml/format.ts";
import { variable } from "../../servers/resolve.ts";
import { userHome } from "../output.ts";
import type { StartProblem } from "../mcp/start-problems.ts";
import { tellingLines } from "./clues.ts";
import { type About, aboutOf, type Finding, finding } from "./finding.ts";
import { openOf, type Patient, stdioOf, type Verdict } from "./patient.ts";
import { verdictOf } from "./why-http.ts";
import { notExecutable, ofProgram, programMissing, withoutInput } from "./why-program.ts";

/** Why it does not work; `undefined` if it works, or is not meant to. @param named whether the user asks for this one */
export function whyNot(patient: Patient, named: boolean): Finding | undefined {
  const found = findWhy(patient, named);
  const { name, plugin } = patient.server;
  // No command edits what a plugin brings.
  if (found === undefined || plugin === undefined || found.fix !== null) return found;
  const off = `To switch it off: [${formatKeys(policyPath(plugin.id, name))}] enabled = false in Codex's config.toml`;
  return { ...found, cause: found.cause === null ? off : `${found.cause}. ${off}` };
}

function findWhy(patient: Patient, named: boolean): Finding | undefined {
  const { server, snapshot, startProblem, fixes } = patient;
  const { reason = "no reason is known", definedIn, config } = server;
  const about = aboutOf(server);
  switch (server.status) {
    case "invalid":
    case "unstartable": {
      if (startProblem !== undefined) return ofStartProblem(patient, startProblem, about);
      const code = server.status === "invalid" ? "server_invalid" : "server_unstartable";
      return finding(code, reason, { ...about, fix: definedIn === undefined ? null : fixes.open(definedIn) });
    }
    case "disabled":
      if (config?.disabled_reason?.type === "requirements") {
        const cause = `Who administers this machine decides that, in ${config.disabled_reason.source}. Ask there, or take the server out`;
        return finding("server_forbidden", reason, { ...about, cause, fix: fixes.edit("remove", server) });
      }
      if (!named) return undefined;
      return finding("server_switched_off", reason, { ...about, fix: fixes.edit("enable", server) });
    case "inactive":
      if (!named) return undefined;
      return finding("server_switched_off", reason, { ...about, fix: fixes.trust() });
    case "enabled": {
      const state = snapshot?.status;
      if (state === undefined || state.state === "ready") return undefined;
      if ("reason" in state && typeof state.reason === "object")
        return ofReason(patient, state.reason, about);
      return finding("start_failed", reason, about);
    }
  }
}

function ofStartProblem(patient: Patient, { code, key, what }: StartProblem, about: About): Finding {
  const { server, program, fixes, env } = patient;
  const details = (cause: string | null, fix: string | null): Partial<Finding> => ({ ...about, cause, fix });
  switch (code) {
    case "variable": {
      const name = variableAt(server.config, key);
      const isSet = name !== undefined && (variable(env, name) ?? "") !== "";
      const cause = isSet
        ? "The value of the variable cannot be a header"
        : "A header of this server is taken from a variable that this shell does not have; Codex would leave the header out";
      return finding("variable_unset", what, details(cause, name === undefined ? null : `export ${name}=…`));
    }
    case "folder": {
      const cwd = stdioOf(server)?.cwd ?? "";
      if (cwd.startsWith("~/")) {
        const meant = join(userHome(), cwd.slice(2));
        const cause = "Nothing replaces ~ here, as a shell would";
        return finding("folder_unusable", what, details(cause, fixes.edit("set", server, "cwd", meant)));
      }
      const isMissing = program !== undefined && !fs.existsSync(program.folder);
      const fix = isMissing
        ? `mkdir -p ${shellWord(program.folder)}`
        : fixes.edit("set", server, "cwd", "/absolute/path");
      return finding("folder_unusable", what, details("The server starts in this folder (cwd)", fix));
    }
    case "program_missing":
      return programMissing(patient, what, about);
    case "program_not_executable":
      return notExecutable(patient, what, about);
    case "environment":
      return finding(
        "environment_unusable",
        what,
        details(
          "environment_id names the executor that starts this server; without it, it starts on this machine",
          fixes.edit("unset", server, "environment_id"),
        ),
      );
  }
}

/** The variable that a header is taken from. */
function variableAt(
  config: McpServerConfig | undefined,
  [key, header = ""]: readonly string[],
): string | undefined {
  const transport = config?.transport;
  if (transport?.type !== "streamable_http") return undefined;
  const name =
    key === "bearer_token_env_var" ? transport.bearer_token_env_var : transport.env_http_headers?.get(header);
  // Anything else in its place is likely a secret.
  return name !== undefined && /^[A-Za-z_]\w*$/.test(name) ? name : undefined;
}

function ofReason(patient: Patient, reason: Reason, about: About): Finding {
  const { server, stderr } = patient;
  const { config } = server;
  // A server may write a secret that nobody configured.
  const message = maskText(reason.message);
  const told = { ...about, stderr: tellingLines(stderr) };
  if (reason.http !== undefined && config?.transport.type === "streamable_http") {
    const { code, cause, fix } = verdictOf(reason.http, endpointOf(patient, config.transport, reason));
    return finding(code, message, { ...told, cause, fix });
  }
  const { code, cause, fix } = verdict(patient, reason);
  return finding(code, message, { ...told, cause, fix });
}

function verdict(patient: Patient, { code, step, wanted }: Reason): Verdict {
  const { server, fixes } = patient;
  switch (code) {
    case "start_failed":
    case "exited": {
      const id = server.config?.environment_id ?? LOCAL_ENVIRONMENT_ID;
      if (code === "exited" || id === LOCAL_ENVIRONMENT_ID) return ofProgram(patient, code);
      const cause = `The machine of environment ${JSON.stringify(id)} lacks the program or the folder, or does not let it run`;
      return { code, cause, fix: `switchyard environments check ${shellWord(id)}` };
    }
    case "timed_out":
      return step === "list" ? noList(patient) : noAnswer(patient);
    case "unreachable": {
      const id = server.config?.environment_id ?? "";
      const cause = "The executor of its environment does not answer";
      return { code: "environment_unusable", cause, fix: `switchyard environments check ${shellWord(id)}` };
    }
    case "unauthorized":
      return { code: "unauthorized", ...loginOf(patient, wanted) };
    case "catalog_failed":
      return {
        code: "catalog_failed",
        cause:
          "The server answers, but not the question for its tools: the fault is the server's. Another version of it may be better",
        fix: fixes.edit("disable", server),
      };
    case "session_lost":
      return { code: "session_lost", cause: "The server forgot the session while it began", fix: null };
    case "budget":
      return { code: "budget", cause: "A bound on processes of this host was reached", fix: "switchyard ps" };
    case "invalid_server":
      return { code: "server_unstartable", cause: null, fix: openOf(patient) };
    case "handshake_failed": {
      const cause =
        "What was started answers, but not as an MCP server: is it one, and in its stdio mode? Some need an argument for that, such as stdio";
      return { code: "handshake_failed", cause, fix: openOf(patient) };
    }
  }
}

function noAnswer(patient: Patient): Verdict {
  const { program, server, stdout, fixes } = patient;
  const raise = fixes.edit("set", server, "startup_timeout_sec", String(raised(server.config)));
  if (server.config?.transport.type === "streamable_http") {
    const cause =
      "It accepts the connection, and leaves the first request unanswered: it hangs, or is slow to start";
    return { code: "no_answer", cause, fix: raise };
  }
  if (stdout.length > 0) {
    const cause = `What it writes to stdout is not MCP (${JSON.stringify(stdout[0])}): is it an MCP server, in its stdio mode?`;
    return { code: "no_answer", cause, fix: openOf(patient) };
  }
  const closed = withoutInput(patient);
  if (closed !== undefined) return closed;
  const cause =
    program?.runs?.version === undefined && program?.runs !== undefined
      ? `${basename(program.path ?? "The runner")} may still be getting the package: the first start takes longer`
      : "It runs, and leaves the first request unanswered: it needs longer, waits for something (a login, a database), or is no stdio server";
  return { code: "no_answer", cause, fix: raise };
}

function noList({ server, fixes }: Patient): Verdict {
  const cause =
    "It answers the handshake, but not the question for its tools in time: it may wait for something of its own, such as a login or a database";
  return {
    code: "no_list",
    cause,
    fix: fixes.edit("set", server, "startup_timeout_sec", String(raised(server.config))),
  };
}

/** Codex's default is 30; with less than a moment, nothing can start. */
function raised(config: McpServerConfig | undefined): number {
  return Math.ceil((config?.startup_timeout_sec ?? 30) * 4) || 30;
}

/** @param wanted what the server said that a login has to have */
function loginOf(
  { server, env, fixes }: Patient,
  wanted: LoginWanted | undefined,
): { readonly cause: string; readonly fix: string | null } {
  const transport = server.config?.transport;
  if (transport?.type !== "streamable_http") return { cause: "It wants other credentials", fix: null };
  const token = transport.bearer_token_env_var;
  if (token !== undefined && /^[A-Za-z_]\w*$/.test(token)) {
    const cause = `It does not accept the token in ${token}: it has expired, was taken back, or is another service's`;
    return { cause, fix: `export ${token}=…` };
  }
  const headers = [...(transport.http_headers?.keys() ?? []), ...(transport.env_http_headers?.keys() ?? [])];
  if (headers.some((each) => each.toLowerCase() === "authorization")) {
    const fromVariable = [...(transport.env_http_headers ?? [])].find(
      ([name]) => name.toLowerCase() === "authorization",
    );
    const cause =
      "It does not accept the Authorization header that is configured: it has expired, or is another service's";
    if (fromVariable === undefined)
      return { cause, fix: server.definedIn === undefined ? null : fixes.open(server.definedIn) };
    const [, name] = fromVariable;
    return { cause, fix: variable(env, name) === undefined ? null : `export ${name}=…` };
  }
  const scopes = wanted?.insufficientScope === true ? wanted.scopes : [];
  const cause =
    scopes.length > 0
      ? `The login lacks rights (${scopes.join(", ")}). This logs in again, with them`
      : "It wants a login. If it takes a token instead, bearer_token_env_var names the variable that has it";
  return { cause, fix: fixes.login(server, scopes) };
}

function endpointOf(
  patient: Patient,
  { url }: McpServerConfig["transport"] & { readonly type: "streamable_http" },
  { wanted }: Reason,
): Parameters<typeof verdictOf>[1] {
  const { server, env, fixes } = patient;
  const proxies: readonly string[] = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
  return {
    url: new URL(url),
    environment: server.config?.environment_id ?? LOCAL_ENVIRONMENT_ID,
    setUrl: (to) => fixes.setUrl(server, to),
    open: openOf(patient),
    login: loginOf(patient, wanted),
    hasProxy: proxies.some((name) => (variable(env, name) ?? "") !== ""),
  };
}
