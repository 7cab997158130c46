/** Why one server does not work: from facts about its start to a verdict, and the command that mends it. */
import { basename, extname } from "node:path";
import { fs } from "../../base/builtin.ts";
import { nearest } from "../../base/suggest.ts";
import { shellWord } from "../../base/shell-word.ts";
import type { EffectiveMcpServer } from "../../config/effective/effective.ts";
import { maskServer } from "../../config/show/mask-server.ts";
import type { McpServerConfig } from "../../config/server/types.ts";
import { type Variables, variable } from "../../servers/resolve.ts";
import type { Reason, ServerSnapshot } from "../../mcp/index.ts";
import { userHome } from "../output.ts";
import { commandLine } from "../mcp/findings.ts";
import type { StartProblem } from "../mcp/start-problems.ts";
import { type About, aboutOf, type Finding, finding } from "./finding.ts";
import type { Fixes } from "./fixes.ts";
import { elsewhere, find, missingInterpreter, type Program, programsIn } from "./program.ts";
import { verdictOf } from "./why-http.ts";

/** What is known of a server. */
export interface Patient {
  readonly server: EffectiveMcpServer;
  readonly startProblem: StartProblem | undefined;
  readonly program: Program | undefined;
  /** If it was started. */
  readonly snapshot: ServerSnapshot | undefined;
  /** What it wrote, without secrets: the last lines on stderr, and the first ones on stdout that are not MCP. */
  readonly stderr: readonly string[];
  readonly stdout: readonly string[];
  readonly env: Variables;
  readonly fixes: Fixes;
}

/** Why it does not work; `undefined` if it works, or is not meant to. @param named whether the user asks for this one */
export function whyNot(patient: Patient, named: boolean): Finding | undefined {
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
      return finding("server_switched_off", reason, { ...about, fix: "switchyard trust" });
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

function programMissing({ server, program, fixes }: Patient, what: string, about: About): Finding {
  const transport = server.config?.transport;
  const command = transport?.type === "stdio" ? transport.command : "";
  const there = program === undefined ? undefined : elsewhere(command, program.folder, userHome());
  const near = nearest(command, programsIn(program?.searched));
  const [cause, word] =
    there !== undefined
      ? ["It is installed in a folder that is not in this PATH", there]
      : near !== undefined
        ? [`It is not installed, or misspelt: there is ${JSON.stringify(near)}`, near]
        : ["It is not installed, or not for this user. Install it; or let the server rest", undefined];
  const fix = word === undefined ? fixes.edit("disable", server) : fixes.edit("set", server, "command", word);
  return finding("program_missing", what, { ...about, cause, fix });
}

function notExecutable({ server, program, fixes }: Patient, what: string, about: About): Finding {
  const transport = server.config?.transport;
  const command = transport?.type === "stdio" ? transport.command : "";
  const file = fileOf(command, program);
  const isOff = file !== undefined && !mayExecute(file);
  if (isOff) {
    const cause = "The file is there, but its permissions do not allow to run it";
    return finding("program_not_executable", what, { ...about, cause, fix: `chmod +x ${shellWord(file)}` });
  }
  const interpreter = INTERPRETER_OF[extname(command)];
  const fix =
    file === undefined || interpreter === undefined
      ? fixes.edit("disable", server)
      : `perl -pi -e 'print "#!/usr/bin/env ${interpreter}\\n" if $. == 1' ${shellWord(file)}`;
  const cause =
    "It is neither a program of this machine nor a script that begins with #! and its interpreter";
  return finding("program_not_executable", what, { ...about, cause, fix });
}

const INTERPRETER_OF: Readonly<Record<string, string>> = {
  ".js": "node",
  ".mjs": "node",
  ".cjs": "node",
  ".ts": "node",
  ".py": "python3",
  ".rb": "ruby",
  ".sh": "bash",
};

/** A file of this name, whether or not it can be executed. */
function fileOf(command: string, program: Program | undefined): string | undefined {
  if (program === undefined) return undefined;
  const folders = command.includes("/")
    ? [""]
    : (program.searched ?? "").split(":").map((each) => `${each}/`);
  const files = folders.map((folder) =>
    command.startsWith("/") || folder.startsWith("/")
      ? folder + command
      : `${program.folder}/${folder}${command}`,
  );
  return files.find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

function mayExecute(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function ofReason(patient: Patient, reason: Reason, about: About): Finding {
  const { server, stderr } = patient;
  const { config } = server;
  const { message } = reason;
  const told = { ...about, stderr: stderr.slice(-STDERR_SHOWN) };
  if (reason.http !== undefined && config?.transport.type === "streamable_http") {
    const { code, cause, fix } = verdictOf(reason.http, endpointOf(patient, config.transport));
    return finding(code, message, { ...told, cause, fix });
  }
  const { code, cause, fix } = verdict(patient, reason);
  return finding(code, message, { ...told, cause, fix });
}

/** The last lines; the clue may be above. */
const STDERR_SHOWN = 5;

type Verdict = Pick<Finding, "code" | "cause" | "fix">;

function verdict(patient: Patient, { code, step }: Reason): Verdict {
  const { server, fixes } = patient;
  switch (code) {
    case "start_failed":
    case "exited":
      return ofProgram(patient, code);
    case "timed_out":
      return step === "list" ? noList(patient) : noAnswer(patient);
    case "unreachable": {
      const id = server.config?.environment_id ?? "";
      const cause = "The executor of its environment does not answer";
      return { code: "environment_unusable", cause, fix: `switchyard environments check ${shellWord(id)}` };
    }
    case "unauthorized":
      return { code: "unauthorized", ...loginOf(patient) };
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

function openOf({ server: { definedIn }, fixes }: Patient): string | null {
  return definedIn === undefined ? null : fixes.open(definedIn);
}

/** Its program did not start, or ended. */
function ofProgram(patient: Patient, code: "start_failed" | "exited"): Verdict {
  const { program, stderr } = patient;
  if (program !== undefined) {
    const missing = missingInterpreter(program);
    if (missing !== undefined && program.path !== undefined)
      return noInterpreter(program, program.path, missing);
    if (program.script !== undefined && !fs.existsSync(program.script)) {
      return { code: "script_missing", cause: `There is no file ${program.script}`, fix: openOf(patient) };
    }
  }
  const known = CLUES.find(({ says }) => says.test(stderr.join("\n")));
  const found = known?.verdict(patient, known.says.exec(stderr.join("\n")) ?? []);
  if (found !== undefined) return found;
  const cause =
    code === "start_failed"
      ? "The system does not start this program"
      : stderr.length > 0
        ? "It ends instead of waiting for requests; its last lines may say why. This runs it by hand"
        : "It ends instead of waiting for requests, and says nothing: is it an MCP server, in its stdio mode? This runs it by hand";
  return { code, cause, fix: byHand(patient) };
}

function noInterpreter(
  program: Program,
  path: string,
  { name, hasCarriageReturn }: { readonly name: string; readonly hasCarriageReturn: boolean },
): Verdict {
  const file = shellWord(path);
  if (hasCarriageReturn) {
    const cause =
      "Its first line ends as lines do on Windows, so that the system looks for an interpreter of another name";
    return { code: "interpreter_missing", cause, fix: `perl -pi -e 's/\\r$//' ${file}` };
  }
  const cause = `Its first line (#!) names ${name}, which is not there`;
  const bare = basename(name);
  const isInPath = find(bare, program.folder, program.searched) !== undefined;
  const fix = isInPath
    ? `perl -pi -e 's|^#!.*|#!/usr/bin/env ${bare}| if $. == 1' ${file}`
    : openFirstLine(file);
  return { code: "interpreter_missing", cause, fix };
}

function openFirstLine(file: string): string {
  return `"\${EDITOR:-vi}" +1 ${file}`;
}

interface Clue {
  readonly says: RegExp;
  readonly verdict: (patient: Patient, match: readonly string[]) => Verdict | undefined;
}

/** What programs write before they end, and what it means. */
const CLUES: readonly Clue[] = [
  {
    says: /npm (?:error|ERR!) code E404|is not in this registry|No solution found when resolving|was not found in the package registry/i,
    verdict: ({ program, server, fixes }) => {
      const spec = program?.runs?.spec;
      const cause = `There is no package ${spec === undefined ? "of that name" : JSON.stringify(spec)}: it is misspelt, or in a registry that needs a login`;
      const at = program?.runs?.at;
      return {
        code: "package_missing",
        cause,
        fix: at === undefined ? null : fixes.edit("set", server, `args.${at}`, "PACKAGE@VERSION"),
      };
    },
  },
  {
    says: /npm (?:error|ERR!) (?:code|errno) (?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT)|Failed to fetch: `https?:|error sending request for url/i,
    verdict: ({ program }) => ({
      code: "registry_unreachable",
      cause:
        "The package registry cannot be reached: no network, or a proxy that is not configured. A server that is installed needs none",
      fix: program?.runs === undefined ? "npm ping" : installOf(program),
    }),
  },
  {
    says: /Cannot find (?:module|package) '([^']{1,200})'|ModuleNotFoundError: No module named '([^']{1,200})'/,
    verdict: ({ program }, [, ofNode, ofPython]) => {
      const name = ofNode ?? ofPython ?? "";
      const isPackage = /^(?:@[\w.-]+\/)?[\w.-]+$/.test(name);
      const folder = program?.folder ?? ".";
      const install =
        ofPython === undefined
          ? `(cd ${shellWord(folder)} && npm install ${shellWord(name)})`
          : `python3 -m pip install ${shellWord(name)}`;
      return {
        code: "module_missing",
        cause: `It lacks ${JSON.stringify(name)}: what it needs was not installed`,
        fix: isPackage ? install : null,
      };
    },
  },
  {
    says: /\b([A-Z][A-Z0-9]*_[A-Z0-9_]{2,60})\b.{0,60}\b(?:not set|unset|required|missing|undefined|must be|not (?:defined|found|provided)|needs? to be)|(?:missing|requires?|required|set|provide|needs?)\b.{0,60}?\b([A-Z][A-Z0-9]*_[A-Z0-9_]{2,60})\b/,
    verdict: (patient, [, first, second]) => variableWanted(patient, first ?? second ?? ""),
  },
];

function installOf({ runs }: Program): string {
  const name = shellWord(runs?.name ?? "");
  return runs?.kind === "python" ? `uv tool install ${name}` : `npm install --global ${name}`;
}

function variableWanted({ server, env, fixes }: Patient, name: string): Verdict | undefined {
  const transport = server.config?.transport;
  if (transport?.type !== "stdio" || transport.env?.has(name) === true) return undefined;
  const names = transport.env_vars.map((each) => (typeof each === "string" ? each : undefined));
  if (names.includes(name) && variable(env, name) === undefined) {
    const cause = `It needs the variable ${name}, which this shell does not have`;
    return { code: "variable_wanted", cause, fix: `export ${name}=…` };
  }
  if (names.includes(name) || names.includes(undefined)) return undefined;
  const cause = `It needs the variable ${name}: servers get only the variables that env_vars names, and a few that all programs need`;
  return {
    code: "variable_wanted",
    cause,
    fix: fixes.edit("set", server, "env_vars", JSON.stringify([...names, name])),
  };
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

/** Codex's default is 30. */
function raised(config: McpServerConfig | undefined): number {
  return Math.ceil((config?.startup_timeout_sec ?? 30) * 4);
}

/** Fit to be pasted, if nothing of it is secret. */
function byHand({ server: { config }, program }: Patient): string | null {
  if (config?.transport.type !== "stdio" || program === undefined) return null;
  const line = commandLine(config);
  if (line !== commandLine(maskServer(config))) return null;
  return `(cd ${shellWord(program.folder)} && ${line} </dev/null)`;
}

function loginOf({ server, env, fixes }: Patient): { readonly cause: string; readonly fix: string | null } {
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
  return {
    cause: "It wants a login, or a token",
    fix: fixes.edit("set", server, "bearer_token_env_var", `${variableName(server.name)}_TOKEN`),
  };
}

function variableName(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .replace(/^(?=\d)/, "_");
}

function endpointOf(
  patient: Patient,
  { url }: McpServerConfig["transport"] & { readonly type: "streamable_http" },
): Parameters<typeof verdictOf>[1] {
  const { server, env, fixes } = patient;
  const proxies: readonly string[] = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
  return {
    url: new URL(url),
    setUrl: (to) => fixes.setUrl(server, to),
    open: openOf(patient),
    login: loginOf(patient),
    hasProxy: proxies.some((name) => (variable(env, name) ?? "") !== ""),
  };
}
